"""The ringer: who is woken after a notification was stored, how often is looked, and what a broken database costs."""

import threading
from queue import SimpleQueue
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from integration import ringer
from integration.models import Credential, Lane, Portal
from tests.conftest import Product

PATIENCE_SECONDS = 10


class Bells:
    """What a ringer's thread was given, look by look; it may be held up within one, or be told that it fails."""

    def __init__(self) -> None:
        self.looks: SimpleQueue[set[UUID]] = SimpleQueue()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.error: Exception | None = None

    def __call__(self, credentials: set[UUID]) -> None:
        self.thread = threading.current_thread()
        self.looks.put(credentials)
        assert self.may_go_on.wait(PATIENCE_SECONDS)
        error, self.error = self.error, None
        if error:
            raise error

    def next(self) -> set[UUID]:
        return self.looks.get(timeout=PATIENCE_SECONDS)


def another_portal(number: int, *, hold_reason: str = "") -> Credential:
    portal = Portal.objects.create(member_id=f"m{number}", domain=f"p{number}.bitrix24.ru", hold_reason=hold_reason)
    Lane.objects.create(name=portal.live_lane)
    return Credential.objects.create(portal=portal, name=f"account {number}")


@pytest.mark.django_db
def test_one_look_rings_every_lane_that_sleeps_and_no_other(bells: list[str]):
    awake, asleep, also_asleep, held = [
        *(another_portal(number) for number in range(3)),
        another_portal(3, hold_reason="PAYMENT_REQUIRED"),
    ]
    ringer.ring({awake.uuid})
    bells.clear()
    with CaptureQueriesContext(connection) as captured:
        ringer.ring({awake.uuid, asleep.uuid, also_asleep.uuid, held.uuid, uuid4()})
    assert sorted(bells) == sorted(one.portal.live_lane for one in (asleep, also_asleep) if one.portal)
    assert [query["sql"][:6] for query in captured] == ["SELECT", "UPDATE", "UPDATE"]


@pytest.mark.django_db
def test_two_accounts_of_a_portal_ring_its_lane_once(bells: list[str]):
    first = another_portal(1)
    second = Credential.objects.create(portal=first.portal, name="another account")
    ringer.ring({first.uuid, second.uuid})
    assert len(bells) == 1


def test_what_is_left_during_a_look_shares_the_next_one():
    bells, numbers = Bells(), [uuid4() for _ in range(3)]
    beside = ringer.Ringer(bells, rest_seconds=0)
    bells.may_go_on.clear()
    beside.leave(numbers[0])
    assert bells.next() == {numbers[0]}
    for number in (*numbers[1:], *numbers[1:]):
        beside.leave(number)
    bells.may_go_on.set()
    assert bells.next() == set(numbers[1:])


def test_a_database_that_is_away_does_not_end_the_ringing():
    bells, number = Bells(), uuid4()
    beside = ringer.Ringer(bells, rest_seconds=0)
    bells.error = DatabaseError("away")
    beside.leave(number)
    assert bells.next() == {number}
    beside.leave(number)
    assert bells.next() == {number}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_has_ended_as_after_a_fork_is_begun_anew():
    bells, number = Bells(), uuid4()
    beside = ringer.Ringer(bells, rest_seconds=0)
    bells.error = RuntimeError("unheard of")
    beside.leave(number)
    assert bells.next() == {number}
    bells.thread.join(PATIENCE_SECONDS)
    beside.leave(number)
    assert bells.next() == {number}


def test_only_a_notification_that_is_new_is_left_to_the_ringer(product: Product, monkeypatch: pytest.MonkeyPatch):
    left: list[UUID] = []
    monkeypatch.setattr("integration.ringer.leave", left.append)
    for number in (1, 1, 2):
        assert product.notify({"event": "in_call_session", "number": number}) == 200
    assert left == [product.credential.uuid] * 2
