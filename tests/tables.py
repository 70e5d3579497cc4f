"""The tables after a journey: emptied as Django's flush does it, for a twentieth of its time.

Flush truncates every table and makes the permissions anew: a tenth of a second on PostgreSQL, often more than the
journey itself took.
"""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import TransactionTestCase

KEPT = {model._meta.db_table for model in (Permission, ContentType)}  # made once, with the tables


@pytest.fixture(autouse=True, scope="session")
def quick_journeys() -> Iterator[None]:
    """Empty only what has rows, and go on with a connection that still works: a new one begins with cold caches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _case: leave_nothing())
        patch.setattr(TransactionTestCase, "_should_reload_connections", lambda _case: False)
        yield


def leave_nothing() -> None:
    """Delete all rows but those that `migrate` makes; as with flush, ids are not used again."""
    connection.close_if_unusable_or_obsolete()
    with transaction.atomic(), connection.cursor() as cursor:
        names = filled_tables()
        for name in names:
            cursor.execute(f"DELETE FROM {name}")
    if names and connection.vendor == "postgresql":
        # As good as new: the next test's rows lie in the order it writes them in, whatever has been here before.
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM {', '.join(names)}")


def filled_tables() -> list[str]:
    """The tables that have rows and should have none, by their quoted names."""
    names = connection.introspection.django_table_names(only_existing=False, include_views=False)
    quoted = [connection.ops.quote_name(name) for name in names if name not in KEPT]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in quoted))
        return [row[0] for row in cursor.fetchall()]
