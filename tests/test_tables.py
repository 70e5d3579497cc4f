"""What a journey leaves behind in the database: nothing, and the tables' own rows as they were."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.test import TransactionTestCase
from django_q.models import OrmQ

from integration.models import Portal
from tests import tables
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)


def end_of_journey() -> None:
    TransactionTestCase()._post_teardown()


def kept_rows() -> dict[str, list[Any]]:
    kept = [model for model in apps.get_models() if model._meta.db_table in tables.KEPT]
    return {model._meta.db_table: sorted(model.objects.values_list()) for model in kept}


def test_a_journey_leaves_no_row_behind(product: Product):
    product.play("answered_call", client_phone="79001112233")
    OrmQ.objects.create(key="key", payload="", lock=None)
    person = User.objects.create_superuser("maria")
    person.user_permissions.add(Permission.objects.first())
    end_of_journey()
    models = [one for one in apps.get_models(include_auto_created=True) if one._meta.db_table not in tables.KEPT]
    assert len(models) > 40
    assert not [model.__name__ for model in models if model._base_manager.exists()]


def test_the_rows_that_belong_to_the_tables_stay_and_are_whole(product: Product):
    before = kept_rows()
    assert all(before.values())
    end_of_journey()
    emit_post_migrate_signal(verbosity=0, interactive=False, db=connection.alias)
    assert kept_rows() == before


def test_ids_go_on_and_the_tables_have_no_gaps_that_would_mix_up_the_next_rows(product: Product):
    before = product.portal.id
    end_of_journey()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_relation_size(%s)", [Portal._meta.db_table])
            assert cursor.fetchone() == (0,)
    assert Portal.objects.create(member_id="next", domain="next.example").id > before


def test_a_connection_that_works_is_kept_and_a_broken_one_replaced(transactional_db: None):
    kept = connection.connection
    end_of_journey()
    assert connection.connection is kept
    if connection.vendor == "postgresql":
        kept.close()  # as a test may that ends the server's process
        connection.errors_occurred = True
        end_of_journey()
        Portal.objects.create(member_id="next", domain="next.example")
        assert connection.connection is not kept
