"""The invariants of the lane, on whatever database the suite runs on."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm_bitrix import lane, rounds, sending
from crm_bitrix.models import CrmAction, SyncRun
from integration import lanes
from integration.models import ClientLink, Communication, Credential, InboxEvent, Lane, State
from telephony import records
from telephony.models import Record
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)
NEW_PHONE = "79001112233"
STORIES = ["answered_call", "missed_call", "transfer"]
SHARES = 4
"""The places of a story to be killed at are so many, that as many tests share them, side by side."""


class Killed(BaseException):
    """What SIGKILL is to a process, a BaseException is to a test: nothing of ours may catch it."""


def survive(product: Product) -> None:
    """Let time pass, tick by tick in growing steps, until there is nothing left to do."""
    for step in (1, 5, 5, 10, 30, 60, 60, 120, 300, 600, 600, 1800, 1800):
        if is_settled():
            return
        product.pass_time(step)


def is_settled() -> bool:
    """Nothing is unread, due later, uncertain or waiting to be transferred."""
    return not (
        InboxEvent.objects.filter(folded_at__isnull=True).exists()
        or Communication.objects.filter(due_at__isnull=False).exists()
        or CrmAction.objects.filter(state=CrmAction.State.SENT).exists()
        or Record.objects.filter(due_at__isnull=False).exists()
    )


def assert_one_of_each(product: Product, *, calls: int = 1) -> None:
    """One object per client, one activity, one notice and one record per call; nothing open, nothing due."""
    portal = product.sandbox.portal
    leads = [item for item in portal.crm.items[1].values() if item["originId"]]
    assert len({lead["originId"] for lead in leads}) == len(leads) == calls
    finished = portal.commands("telephony.externalCall.finish", ok=True)
    assert len(finished) == calls
    assert portal.counts()["activities"] - 0 >= calls
    assert len([call for call in portal.telephony.statistics.values() if call["EXTERNAL_CALL_ID"]]) == calls
    assert portal.counts()["notifications"] == calls
    assert portal.max_concurrent == 1
    assert not portal.telephony.cards
    assert not CrmAction.objects.exclude(state=CrmAction.State.DONE).exists()
    assert not lane.has_due(product.portal.live_lane)
    assert set(Communication.objects.values_list("state", flat=True)) == {State.DONE}


# --- 1. Once: whatever dies


class TestKillPoints:
    """Die at the n-th database write or HTTP request of the work, for every n; come back; the end is the same."""

    def count_places(self, product: Product, monkeypatch: pytest.MonkeyPatch, kind: str, step_by_step: bool) -> int:
        counter = itertools.count()
        self.patch(monkeypatch, lambda: next(counter))
        product.play(kind, client_phone=NEW_PHONE, step_by_step=step_by_step)
        return next(counter)

    @staticmethod
    def patch(monkeypatch: pytest.MonkeyPatch, at_place: Any) -> None:
        """Call `at_place` before and after every request, and before every step that writes."""
        from crm_bitrix import fold, sending
        from integration import remote

        def around(module: Any, name: str, *, after: bool) -> None:
            real = getattr(module, name)

            def wrapped(*args: Any, **kwargs: Any) -> Any:
                at_place()
                result = real(*args, **kwargs)
                if after:
                    at_place()
                return result

            monkeypatch.setattr(module, name, wrapped)

        around(remote, "request", after=True)
        around(fold, "_fold_together", after=True)
        around(fold, "absorb", after=True)
        around(fold, "_close_together", after=True)
        around(rounds, "write", after=True)
        around(rounds, "close", after=True)
        around(sending, "_mark", after=True)
        around(sending, "note", after=True)
        around(sending, "save", after=True)

    @pytest.mark.slow
    @pytest.mark.fault(29)
    @pytest.mark.fault(49)
    @pytest.mark.parametrize(
        ("kind", "step_by_step"), [("answered_call", True), ("missed_call", False), ("transfer", False)]
    )
    @pytest.mark.parametrize("share", range(SHARES))
    def test_killed_at_each_place_the_end_is_the_same(
        self, product: Product, monkeypatch: pytest.MonkeyPatch, kind: str, step_by_step: bool, share: int
    ):
        with monkeypatch.context() as patched:
            places = self.count_places(product, patched, kind, step_by_step)
        survive(product)
        assert places > 20
        for place in range(share, places, SHARES):
            reset(product)
            self.run_killed_at(product, monkeypatch, kind, place, step_by_step)
            survive(product)
            assert_one_of_each(product)

    def run_killed_at(
        self, product: Product, monkeypatch: pytest.MonkeyPatch, kind: str, place: int, step_by_step: bool
    ) -> None:
        counter = itertools.count()

        def die_once() -> None:
            if next(counter) == place:
                raise Killed

        with monkeypatch.context() as patched:
            self.patch(patched, die_once)
            # A killed process runs no `finally`: its lease stays until it runs out.
            patched.setattr(lanes, "release", lambda *_: None if next(counter) > place else real_release(*_))
            story = product.sandbox.tell(kind, client_phone=NEW_PHONE)
            numbers = range(len(story.steps))
            for part in [[number] for number in numbers] if step_by_step else [numbers]:
                story.post(part)
                try:
                    product.work()
                except Killed:
                    product.bells.clear()


real_release = lanes.release


def reset(product: Product) -> None:
    """An empty portal and an empty product, still connected."""
    Communication.objects.all().delete()
    InboxEvent.objects.all().delete()
    ClientLink.objects.all().delete()
    product.bells.clear()
    product.sandbox.reset()
    product.sandbox.uis.events_url = product.notify
    told = product.sandbox.connection()
    product.portal.refresh_from_db()
    product.portal.access_token, product.portal.refresh_token = told["access_token"], told["refresh_token"]
    product.portal.hold_reason, product.portal.paused_methods = "", {}
    product.portal.client_endpoint = told["client_endpoint"]
    product.portal.save()
    Lane.objects.update(
        lease_token="", lease_until=None, rung_at=None, paused_until=None, failures=0, is_single=False, bucket_level=0
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", STORIES)
@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "503", "html", "truncated", "429", "wrong_type"])
def test_an_answer_lost_at_each_request_changes_nothing_at_the_end(product: Product, kind: str, fault: str):
    product.play(kind, client_phone=NEW_PHONE)
    survive(product)
    requests = len(product.sandbox.portal.requests)
    for lost in range(requests):
        reset(product)
        faults = product.sandbox.faults
        story = product.sandbox.tell(kind, client_phone=NEW_PHONE)
        for number in range(len(story.steps)):
            story.post([number])
            left = lost - len(product.sandbox.portal.requests)
            faults.clear()
            if left == 0:
                faults.fail_next(1, fault)
            product.work()
        faults.clear()
        survive(product)
        assert_one_of_each(product)


@pytest.mark.fault(34)
@pytest.mark.parametrize("match", ["crm.item.add", "telephony.externalCall.register", "telephony.externalCall.finish"])
def test_an_answer_lost_after_the_portal_has_acted_is_looked_up_not_repeated(product: Product, match: str):
    product.sandbox.faults.fail_next(1, "drop_after", match=match)
    product.play("answered_call", client_phone=NEW_PHONE)
    survive(product)
    assert_one_of_each(product)


@pytest.mark.fault(45)
def test_a_search_that_lags_makes_no_second_client(product: Product):
    product.sandbox.faults.crm_search_lag_seconds = 4
    product.play("answered_call", client_phone=NEW_PHONE)
    product.play("missed_call", client_phone=NEW_PHONE)
    survive(product)
    assert len([item for item in product.sandbox.portal.crm.items[1].values() if item["originId"]]) == 1
    assert set(Communication.objects.values_list("state", flat=True)) == {State.DONE}


def test_two_calls_of_one_new_client_in_the_same_second_make_one_lead(product: Product):
    stories = [product.sandbox.tell("answered_call", client_phone=NEW_PHONE) for _ in range(2)]
    product.sandbox.faults.crm_search_lag_seconds = 4
    for story in stories:
        story.post()
    product.work()
    survive(product)
    portal = product.sandbox.portal
    assert len([item for item in portal.crm.items[1].values() if item["originId"]]) == 1
    assert len(portal.commands("telephony.externalCall.finish", ok=True)) == 2


# --- 3. Awake


def test_an_event_that_comes_just_as_the_drain_ends_is_not_left_behind(
    product: Product, monkeypatch: pytest.MonkeyPatch
):
    story = product.sandbox.tell("missed_call", client_phone=NEW_PHONE)
    late = len(story.steps) - 1
    real = lanes.release
    told = []

    def release_as_the_last_event_comes(taken: Lane) -> None:
        if not told:
            told.append(story.post([late]))  # the lane is taken: this rings no bell
        real(taken)

    story.post(range(late))
    monkeypatch.setattr(lanes, "release", release_as_the_last_event_comes)
    lane.drain(product.bells.pop(0))
    assert told
    assert not lane.has_due(product.portal.live_lane)
    assert not InboxEvent.objects.filter(folded_at__isnull=True).exists()


@pytest.mark.smoke
def test_a_bell_that_was_lost_is_rung_again_by_the_tick(product: Product):
    product.sandbox.tell("missed_call", client_phone=NEW_PHONE).post()
    product.bells.clear()
    lane.tick()
    assert product.portal.live_lane not in product.bells  # rung a moment ago: perhaps the queue is only slow
    product.pass_time(6)
    assert_one_of_each(product)


def test_twenty_bells_for_one_lane_are_one(product: Product):
    for _ in range(20):
        lanes.ring(product.portal.live_lane)
    assert len(product.bells) == 1


# --- 2. Alone


def make_side_lanes(product: Product, number: int) -> list[str]:
    """So many credentials whose reports are due at once."""
    for index in range(number):
        Credential.objects.create(portal=product.portal, name=f"Аккаунт {index}", uis_key=product.sandbox.uis.key)
    product.bells.clear()
    lane.tick()
    return [name for name in product.bells if name.startswith("uis:")]


def test_side_work_is_rung_as_far_as_it_leaves_a_worker_for_calls(product: Product, settings: Any):
    settings.Q_WORKERS = 4
    rung = make_side_lanes(product, 9)
    assert len(rung) == 3
    lane.tick()
    assert len([name for name in product.bells if name.startswith("uis:")]) == 3


def test_each_side_lane_that_ends_hands_on_to_the_next_until_none_is_due(product: Product, settings: Any):
    settings.Q_WORKERS = 2
    make_side_lanes(product, 5)
    product.work()
    assert not set(lane.due_lanes(side=True))


def test_a_side_lane_too_many_steps_back_and_asks_nothing(product: Product, settings: Any):
    settings.Q_WORKERS = 3
    [first, second] = make_side_lanes(product, 9)
    third = next(name for name in lane.due_lanes(side=True) if name not in (first, second))
    assert lanes.acquire(first)
    assert lanes.acquire(second)
    lane.drain(third)
    assert product.sandbox.uis.requests == []
    assert lanes.acquire(third)


def test_a_synchronisation_counts_as_side_work_and_calls_never_wait_for_it(product: Product, settings: Any):
    settings.Q_WORKERS = 2
    busy = timezone.now() + timedelta(seconds=45)
    SyncRun.objects.create(portal=product.portal, lease_token="x", lease_until=busy)
    assert make_side_lanes(product, 3) == []
    product.sandbox.tell("missed_call", client_phone=NEW_PHONE).post()
    product.work()
    assert_one_of_each(product)


def test_only_one_drain_has_a_lane_and_a_lost_lease_stops_its_owner(product: Product):
    name = product.portal.live_lane
    first = lanes.acquire(name)
    assert first
    assert lanes.acquire(name) is None
    product.clock.shift(timedelta(seconds=46))
    second = lanes.acquire(name)
    assert second
    with pytest.raises(lanes.LeaseLost):
        lanes.hold(first)
    lanes.hold(second)
    lanes.release(first)
    assert lanes.acquire(name) is None


def test_a_drain_that_was_frozen_sends_nothing_after_its_lease_was_taken(
    product: Product, monkeypatch: pytest.MonkeyPatch
):
    product.sandbox.tell("missed_call", client_phone=NEW_PHONE).post()
    real = rounds.write

    def write_and_freeze(works: Any) -> None:
        real(works)
        product.clock.shift(timedelta(seconds=46))
        assert lanes.acquire(product.portal.live_lane)

    monkeypatch.setattr(rounds, "write", write_and_freeze)
    lane.drain(product.bells.pop(0))
    assert not product.sandbox.portal.commands("crm.item.add")


def test_a_drain_does_not_spin_while_an_outcome_is_too_young_to_be_looked_up(
    product: Product, monkeypatch: pytest.MonkeyPatch
):
    product.sandbox.tell("missed_call", client_phone=NEW_PHONE).post()
    with monkeypatch.context() as patched:
        patched.setattr(sending, "note", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            lane.drain(product.bells.pop(0))  # this one's lease was given back, unlike after a real kill
    assert CrmAction.objects.filter(state=CrmAction.State.SENT).exists()
    lane.drain(product.portal.live_lane)
    assert not lane.has_due(product.portal.live_lane)
    survive(product)
    assert_one_of_each(product)


# --- 4. Isolated


@pytest.mark.smoke
def test_a_decision_that_raises_fails_alone(product: Product, monkeypatch: pytest.MonkeyPatch):
    from integration.inbox import KINDS

    bad = product.sandbox.tell("missed_call", client_phone="79000009999")
    good = product.sandbox.tell("missed_call", client_phone=NEW_PHONE)
    real = KINDS["call"].decide

    def decide(facts: Any, *rest: Any) -> Any:
        if facts["contact_phone_number"] == "+79000009999":
            raise ZeroDivisionError("a rule gone wrong")
        return real(facts, *rest)

    monkeypatch.setitem(KINDS["call"].__dict__, "decide", decide)
    bad.post()
    good.post()
    product.work()
    assert product.call(bad).state == State.FAILED
    assert "ZeroDivisionError" in product.call(bad).reason
    assert product.call(good).state == State.DONE


def test_a_plan_that_cannot_be_saved_fails_alone(product: Product, monkeypatch: pytest.MonkeyPatch):
    from integration.inbox import KINDS

    bad = product.sandbox.tell("missed_call", client_phone="79000009999")
    good = product.sandbox.tell("missed_call", client_phone=NEW_PHONE)
    real = KINDS["call"].keep

    def keep(planned: list[tuple[Communication, Any]]) -> None:
        if any(communication.client_phone == "+79000009999" for communication, _plan in planned):
            raise ZeroDivisionError("a row gone wrong")
        real(planned)

    monkeypatch.setitem(KINDS["call"].__dict__, "keep", keep)
    bad.post()
    good.post()
    product.work()
    assert product.call(bad).state == State.FAILED
    assert "план не сохранён: ZeroDivisionError" in product.call(bad).reason
    assert product.call(good).state == State.DONE


def test_a_recording_that_goes_wrong_leaves_the_next_one_its_turn(product: Product, monkeypatch: pytest.MonkeyPatch):
    stories = [product.play("answered_call", client_phone=f"7900111000{number}") for number in range(2)]
    real, seen = records.transfer, []

    def transfer(*arguments: Any, **more: Any) -> str:
        seen.append(1)
        if len(seen) == 1:
            raise ZeroDivisionError("a record gone wrong")
        return real(*arguments, **more)

    monkeypatch.setattr(records, "transfer", transfer)
    product.pass_time()
    states = sorted(Record.objects.values_list("state", flat=True))
    assert (len(stories), states) == (2, [Record.State.DONE, Record.State.WAITING])


# --- 6. Right of way


def test_a_ring_during_a_backlog_is_shown_after_at_most_one_running_request(
    product: Product, monkeypatch: pytest.MonkeyPatch
):
    backlog = [product.sandbox.tell("missed_call", client_phone=f"7903{number:07d}") for number in range(60)]
    for story in backlog:
        story.post()
    ring = product.sandbox.tell("answered_call", client_phone=NEW_PHONE, employees=[700101])
    events = [body["event"] for body in ring.bodies]
    real, waves = sending.send_wave, []

    def send_wave(client: Any, wave: Any) -> None:
        waves.append([action.key for action in wave.actions.values()])
        real(client, wave)
        if len(waves) == 2:
            ring.post(range(events.index("call_proceeding") + 1))  # while the second wave was on its way

    monkeypatch.setattr(sending, "send_wave", send_wave)
    lane.drain(product.bells.pop(0))

    # Nothing but the wave that was on its way when the phone rang stands between the ring and its own requests.
    assert waves[2] == ["lead", "register"]
    assert product.sandbox.portal.telephony.card_log[0][1] == "show"
    assert len(waves) > 4


@pytest.mark.fault(46)
def test_a_command_that_kills_every_batch_fails_alone_and_the_others_are_delivered(product: Product):
    product.sandbox.faults.poison("79000009999")
    bad = product.sandbox.tell("missed_call", client_phone="79000009999")
    good = [product.sandbox.tell("missed_call", client_phone=f"7900555000{number}") for number in range(5)]
    for story in (bad, *good):
        story.post()
    product.work()
    for _ in range(12):
        survive(product)
    assert product.call(bad).state == State.FAILED
    assert [product.call(story).state for story in good] == [State.DONE] * 5


def test_a_call_whose_credential_has_left_the_portal_holds_up_nobody(product: Product):
    product.sandbox.tell("missed_call", client_phone="79000009999").post()
    left = Credential.objects.create(portal=product.portal, name="Ушедший")
    call = Communication.objects.create(portal=product.portal, credential=left, kind="call", uis_id="1")
    Communication.objects.filter(pk=call.pk).update(due_at=timezone.now())
    Credential.objects.filter(pk=left.pk).update(portal=None)
    product.work()
    assert Communication.objects.exclude(pk=call.pk).get().state == State.DONE
    assert Communication.objects.get(pk=call.pk).state == State.FAILED


@pytest.mark.fault(47)
def test_a_leftover_action_of_an_earlier_plan_gives_way(product: Product):
    story = product.sandbox.tell("missed_call", client_phone=NEW_PHONE)
    story.post([0])
    product.work()
    call = product.call(story)
    CrmAction.objects.create(
        communication=call, key="lead", seq=0, method="crm.item.add", params={}, needs=["nobody makes this"]
    )
    story.post()
    product.work()
    survive(product)
    assert_one_of_each(product)


# --- 5. Patient


@pytest.mark.fault(48)
@pytest.mark.parametrize("fault", ["503", "html", "drop_before"])
def test_a_portal_that_is_down_for_a_week_costs_nothing(product: Product, fault: str):
    product.sandbox.faults.fail_always(fault)
    stories = [product.sandbox.tell("missed_call", client_phone=f"7900555000{number}") for number in range(3)]
    for story in stories:
        story.post()
    product.work()
    for _ in range(30):
        product.pass_time(6 * 3600)
    assert set(Communication.objects.values_list("attempts", flat=True)) == {0}
    assert not product.sandbox.portal.counts()["calls"]
    product.sandbox.faults.clear()
    survive(product)
    for story in stories:
        assert product.call(story).state == State.DONE
    assert product.sandbox.portal.counts()["calls"] == 3
    assert not product.sandbox.portal.telephony.card_log


# --- 7. No HTTP in a transaction


def test_no_request_is_made_inside_a_transaction(product: Product):
    from django.db import transaction

    from integration import remote

    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a database transaction"):
        remote.request("GET", product.sandbox.url)


# --- 8. Convergent


@pytest.mark.parametrize("kind", [*STORIES, "group_call", "voice_mail", "outgoing_call", "outgoing_unanswered"])
def test_deciding_again_with_nothing_new_plans_nothing(product: Product, kind: str):
    product.play(kind, client_phone=NEW_PHONE)
    survive(product)
    before = len(product.sandbox.portal.requests)
    trace = Communication.objects.get().trace
    Communication.objects.update(due_at=timezone.now())
    product.pass_time()
    assert len(product.sandbox.portal.requests) == before
    assert Communication.objects.get().trace == trace
