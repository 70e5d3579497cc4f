"""Many rows at once: the same as one by one, and in the order of their ids."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integration import lanes
from integration.many import AT_ONCE, insert_all, update_alike, update_each, update_ids
from integration.models import Communication, Credential, Lane, Portal

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls() -> list[Communication]:
    portal = Portal.objects.create(member_id="m", domain="acme.bitrix24.ru")
    credential = Credential.objects.create(portal=portal, name="Основной")
    now = timezone.now()
    rows = [
        Communication(portal=portal, credential=credential, kind="call", uis_id=str(n), due_at=now) for n in range(3)
    ]
    return Communication.objects.bulk_create(rows)


@pytest.fixture
def flushing() -> Iterator[None]:
    """Commits are waited for, as everywhere but in the suite's own server."""
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL lets a commit go unflushed")
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
        yield
        cursor.execute("RESET synchronous_commit")


def test_every_kind_of_value_is_stored_as_by_saving_it(calls: list[Communication]):
    moment = timezone.now() + timedelta(hours=1)
    values: dict[str, Any] = {
        "facts": {"contact": {"name": "Анна"}},
        "client_keys": ["phone:+79001112233"],
        "due_at": None,
        "finished_at": moment,
        "reason": "100 %s",
        "responsible_id": 12,
    }
    update_each(Communication, [({"id": one.pk}, values | {"attempts": one.pk}) for one in calls])
    for one in Communication.objects.all():
        assert {name: getattr(one, name) for name in values} == values
        assert one.attempts == one.pk
    with connection.cursor() as cursor:
        cursor.execute("SELECT facts FROM integration_communication")
        assert "Анна" not in str(cursor.fetchall())


def test_inserted_rows_are_as_saved_ones_and_have_their_ids(calls: list[Communication]):
    like = calls[0]
    told = {"facts": {"contact": {"name": "Анна %s"}}, "client_keys": ["phone:+79001112233"], "trace": [{"step": "x"}]}
    rows = [
        Communication(portal=like.portal, credential=like.credential, kind="call", uis_id=f"new-{n}", **told)
        for n in range(AT_ONCE + 1)
    ]
    insert_all(rows)
    for row in rows[:1] + rows[-1:]:
        stored = Communication.objects.get(pk=row.pk)
        assert stored.uis_id == row.uis_id
        assert {name: getattr(stored, name) for name in told} == told
        row.reason = "it is known as a stored row"
        row.save(update_fields=["reason"])
    assert Communication.objects.count() == len(calls) + len(rows)
    insert_all([])


def test_rows_are_updated_by_their_ids_and_no_others(calls: list[Communication]):
    moment = timezone.now()
    update_ids(Communication, [calls[0].pk, calls[2].pk], {"state": "retry", "due_at": moment})
    found = Communication.objects.filter(state="retry", due_at=moment)
    assert set(found) == {calls[0], calls[2]}


def test_values_are_told_apart_by_their_names_not_by_their_order(calls: list[Communication]):
    first, second, _third = calls
    update_each(
        Communication,
        [
            ({"id": first.pk}, {"reason": "a", "crm_object": "b"}),
            ({"id": second.pk}, {"crm_object": "b", "reason": "a"}),
        ],
    )
    found = Communication.objects.filter(pk__in=[first.pk, second.pk])
    assert set(found.values_list("reason", "crm_object")) == {("a", "b")}


def test_a_row_that_has_changed_meanwhile_is_passed_over(calls: list[Communication]):
    first, *_others = calls
    Communication.objects.filter(pk=first.pk).update(due_at=timezone.now() + timedelta(hours=1))
    update_each(Communication, [({"id": one.pk, "due_at": one.due_at}, {"due_at": None}) for one in calls])
    assert list(Communication.objects.filter(due_at__isnull=False)) == [first]


def test_rows_are_taken_in_the_order_of_their_ids(calls: list[Communication]):
    taken: list[int] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if many:
            taken.extend(row[-1] for row in params)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        update_each(Communication, [({"id": one.pk}, {"reason": "x"}) for one in reversed(calls)])
    assert taken == sorted(one.pk for one in calls)
    assert update_alike(Communication.objects.order_by("-pk"), reason="y") == len(calls)
    assert set(Communication.objects.values_list("reason", flat=True)) == {"y"}


@pytest.mark.django_db(transaction=True)
def test_a_lazy_commit_is_not_waited_for_and_the_next_one_is(flushing: None, calls: list[Communication]):
    waits = []
    for lazy in (True, False):
        with transaction.atomic():
            update_each(Communication, [({"id": one.pk}, {"reason": f"{lazy}"}) for one in calls], lazy=lazy)
            waits.append(is_waited_for())
    assert waits == [False, True]
    assert set(Communication.objects.values_list("reason", flat=True)) == {"False"}


@pytest.mark.django_db(transaction=True)
def test_the_ledger_leaves_a_transaction_that_it_is_called_in_as_it_is(flushing: None):
    Lane.objects.create(name="b24:1:live")
    with transaction.atomic():
        lanes.release(lanes.acquire("b24:1:live"))
        assert is_waited_for()


def is_waited_for() -> bool:
    """Whether PostgreSQL will wait for the disk at the end of this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        return bool(cursor.fetchone() == ("on",))
