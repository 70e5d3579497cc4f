"""Reconciliation: what notifications did not bring comes from the reports, once, in order, without pop-ups."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integration import completeness
from integration.models import Communication, DayCount, InboxEvent, ReportCursor, State
from tests.conftest import Product
from tests.sandbox.stories import CHATS

pytestmark = pytest.mark.django_db(transaction=True)
CALLS = ("answered_call", "missed_call", "group_call", "transfer", "voice_mail", "outgoing_call", "outgoing_unanswered")


def live_through_downtime(product: Product, *, hours: int = 24, calls: int = 14, begin: int = 0) -> list[Any]:
    """Stories of a day of which nobody was told; the clock stands at its end."""
    product.pass_time()
    start = timezone.now()
    product.clock.shift(timedelta(hours=hours))
    told = []
    for number in range(calls):
        at = (start + timedelta(hours=hours * (number + 0.5) / calls)).timestamp()
        kind = CALLS[(begin + number) % len(CALLS)]
        told.append(product.sandbox.tell(kind, start_at=at, client_phone=f"7900222{number:04d}"))
    return told


def sent(product: Product, method: str) -> list[dict[str, Any]]:
    return [record.params for record in product.sandbox.portal.commands(method, ok=True)]


def test_a_day_of_downtime_is_healed_whole_in_order_and_without_pop_ups(product: Product):
    told = live_through_downtime(product)
    product.sandbox.uis.requests.clear()
    product.pass_time()
    for _ in range(6):
        product.pass_time(5)

    assert {product.call(story).state for story in told} == {State.DONE}
    registered = sent(product, "telephony.externalCall.register")
    for kinds in (set(CALLS[:5]), set(CALLS[5:])):  # an incoming call registers one wave after its lead is made
        in_order = [story.id for story in told if story.kind in kinds]
        assert [one["EXTERNAL_CALL_ID"] for one in registered if one["EXTERNAL_CALL_ID"] in in_order] == in_order
    assert len(registered) == len(told)
    assert {str(one["SHOW"]) for one in registered} == {"0"}
    assert not sent(product, "telephony.externalCall.show")
    assert not product.sandbox.portal.telephony.cards
    assert len(sent(product, "telephony.externalCall.finish")) == len(told)
    assert len(asked(product, "get.calls_report")) <= 3  # the window, and today and yesterday by number
    figures = [one for one in completeness.figures(product.credential, **two_days(product)) if one.kind == "call"]
    assert all(one.is_complete for one in figures)
    assert sum(one.in_uis or 0 for one in figures) == sum(one.delivered for one in figures) == len(told)


def asked(product: Product, method: str) -> list[Any]:
    return [one["params"] for one in product.sandbox.uis.requests if one["method"] == method]


def two_days(product: Product) -> dict[str, Any]:
    today = timezone.now().astimezone(product.credential.zone).date()
    return {"since": today - timedelta(days=2), "till": today}


def test_what_is_healed_stays_once_however_often_it_is_read(product: Product):
    told = live_through_downtime(product, hours=1, calls=7)
    for _ in range(6):
        product.pass_time(5)
    counts, events = product.sandbox.portal.counts(), InboxEvent.objects.count()
    for _ in range(12):
        product.pass_time(15 * 60)
    assert product.sandbox.portal.counts() == counts
    assert InboxEvent.objects.count() == events
    for story in told:
        story.post()
    product.work()
    after = product.sandbox.portal.counts()
    assert {name: after[name] - counts[name] for name in after if after[name] != counts[name]}.keys() <= {"records"}


def test_a_call_whose_first_notifications_came_before_the_downtime_is_ended(product: Product):
    product.pass_time()
    story = product.sandbox.tell("answered_call", client_phone="79001112233", start_at=timezone.now().timestamp())
    story.post(range(4))
    product.work()
    assert product.call(story).state == State.WAITING
    assert product.sandbox.portal.telephony.cards
    product.pass_time(16 * 60)
    assert product.call(story).state == State.DONE
    assert not product.sandbox.portal.telephony.cards


def test_a_call_that_goes_on_is_left_alone_until_it_is_over(product: Product):
    product.pass_time()
    story = product.sandbox.tell("answered_call", start_at=timezone.now().timestamp(), talk_seconds=3 * 3600)
    for _ in range(8):
        product.pass_time(15 * 60)
    assert not Communication.objects.exists()
    for _ in range(6):
        product.pass_time(15 * 60)
    assert product.call(story).state == State.DONE


def test_more_calls_than_a_page_holds_are_read_page_by_page(product: Product, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("integration.report_rows.PAGE_CALLS", 5)
    told = live_through_downtime(product, hours=10, calls=23)
    product.pass_time()
    assert Communication.objects.filter(kind="call").count() == len(told)


def test_killed_between_two_pages_it_goes_on_where_it_stood(product: Product, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("integration.report_rows.PAGE_CALLS", 5)
    told = live_through_downtime(product, hours=10, calls=23)
    product.sandbox.uis.faults.fail_next(1, "drop_after", match="get.call_legs_report")
    product.pass_time()
    for _ in range(4):
        product.pass_time(30)
    assert Communication.objects.filter(kind="call").count() == len(told)
    assert len(sent(product, "telephony.externalCall.register")) == len(told)


def test_two_weeks_without_the_portal_cost_nothing_but_time(product: Product):
    told = live_through_downtime(product, hours=14 * 24, calls=14)
    product.sandbox.faults.fail_always("503")
    for _ in range(6):
        product.pass_time(15 * 60)
    assert not sent(product, "telephony.externalCall.register")
    product.sandbox.faults.clear()
    for _ in range(4):
        product.pass_time(15 * 60)
    assert {product.call(story).state for story in told} == {State.DONE}


def test_chats_and_requests_enter_the_inbox_with_their_messages(product: Product):
    product.pass_time()
    product.clock.shift(timedelta(hours=1))
    at = (timezone.now() - timedelta(minutes=30)).timestamp()
    for kind in CHATS:
        product.sandbox.tell(kind, start_at=at)
    product.pass_time()
    names = list(InboxEvent.objects.filter(source="report").order_by("id").values_list("name", flat=True))
    assert set(names) == {"chats_report", "chat_messages_report", "offline_messages_report"}
    assert names.index("chat_messages_report") < names.index("chats_report")
    assert len(asked(product, "get.chat_messages_report")) == 1
    body = json.loads(bytes(InboxEvent.objects.filter(name="chat_messages_report")[0].body))
    assert body["messages"]


def test_what_was_before_the_credential_is_not_fetched(product: Product):
    product.sandbox.tell("answered_call", start_at=(timezone.now() - timedelta(hours=1)).timestamp())
    product.pass_time()
    assert not Communication.objects.exists()
    assert all(one.in_uis == 0 for one in DayCount.objects.all())


def test_polls_are_few_on_quiet_hours(product: Product):
    product.pass_time()
    product.sandbox.uis.requests.clear()
    for _ in range(24):
        product.pass_time(15 * 60)
    per_method = {one["method"] for one in product.sandbox.uis.requests}
    assert per_method == {"get.calls_report", "get.chats_report", "get.offline_messages_report"}
    polls = [one for one in product.sandbox.uis.requests if one["params"]["limit"] > 1]
    assert len(polls) <= 5 * 24  # chats and requests twice: this account does not have every column of advertising
    assert len(product.sandbox.uis.requests) - len(polls) <= 3 * 6


def test_a_click_that_uis_never_began_makes_up_for_no_missing_call(product: Product):
    lost, kept = live_through_downtime(product, hours=1, calls=2)
    product.pass_time()
    InboxEvent.objects.filter(communication__uis_id=lost.id).update(communication=None)
    Communication.objects.filter(uis_id=lost.id).delete()
    told = Communication.objects.get(uis_id=kept.id)
    Communication.objects.create(
        portal=told.portal,
        credential=told.credential,
        kind="call",
        external_id="b24:1:click:1",
        started_at=told.started_at,
        state=State.FAILED,
    )
    [figures] = [one for one in completeness.figures(product.credential, **two_days(product)) if one.kind == "call"]
    assert (figures.in_uis, figures.received, figures.told, figures.missing) == (2, 2, 1, 1)


def test_the_figures_of_a_day_tell_what_became_of_it(product: Product):
    told = live_through_downtime(product, hours=1, calls=4)
    product.pass_time()
    Communication.objects.filter(uis_id=told[0].id).update(state=State.IGNORED)
    Communication.objects.filter(uis_id=told[1].id).update(state=State.FAILED)
    Communication.objects.filter(uis_id=told[2].id).update(state=State.WITHHELD)
    InboxEvent.objects.filter(communication__uis_id=told[3].id).update(communication=None)
    Communication.objects.filter(uis_id=told[3].id).delete()
    [figures] = [one for one in completeness.figures(product.credential, **two_days(product)) if one.kind == "call"]
    assert (figures.in_uis, figures.received, figures.missing, figures.is_complete) == (4, 3, 1, False)
    assert (figures.delivered, figures.filtered, figures.waiting, figures.withheld, figures.failed) == (0, 1, 0, 1, 1)


def test_a_day_is_counted_until_late_rows_can_no_longer_come(product: Product):
    live_through_downtime(product, hours=30, calls=3)
    product.pass_time()
    first = {count.day: count.counted_at for count in DayCount.objects.filter(kind="call")}
    product.pass_time(3600 * 2)
    again = {count.day: count.counted_at for count in DayCount.objects.filter(kind="call")}
    assert [day for day in first if first[day] != again[day]] == [max(first)]


# --- the command ------------------------------------------------------------------------------------------------------


def run(*args: str) -> dict[str, Any]:
    out = StringIO()
    call_command("reconcile", *args, stdout=out)
    return json.loads(out.getvalue())


def test_the_command_stores_what_is_missing_and_says_how_much(product: Product):
    told = live_through_downtime(product, hours=60 * 24, calls=10)
    ReportCursor.objects.all().delete()
    answer = run(product.credential.name, "--from", "2026-03-16", "--to", "2026-05-20")
    assert answer["credential"] == str(product.credential.uuid)
    assert (answer["from"], answer["missing"]) == ("2026-03-16T00:00:00+03:00", len(told))
    assert answer["calls"] == {"in_uis": len(told), "missing": len(told), "new_rows": len(told)}
    assert InboxEvent.objects.filter(source="report").exists()
    product.work()
    assert {product.call(story).state for story in told} == {State.DONE}
    assert run(str(product.credential.uuid), "--from", "2026-03-16")["missing"] == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["Нет такого", "--from", "2026-03-16"], "no credential"),
        (["Основной портал", "--from", "yesterday"], "neither a date"),
        (["Основной портал", "--from", "2026-03-20"], "in the future"),
        (["Основной портал", "--from", "2026-03-16", "--to", "2026-03-15"], "after --to"),
        (["Основной портал", "--from", "2025-11-01"], "longer than"),
    ],
)
def test_wrong_usage_of_the_command_is_told(product: Product, args: list[str], said: str):
    with pytest.raises(CommandError, match=said) as caught:
        call_command("reconcile", *args)
    assert caught.value.returncode == 2
    assert product.sandbox.uis.requests == []


def test_the_command_says_what_to_do_when_uis_refuses(product: Product):
    product.sandbox.uis.faults.fail_always("access_token_expired")
    with pytest.raises(CommandError, match="срок ключа истёк") as caught:
        call_command("reconcile", product.credential.name, "--from", "2026-03-16")
    assert caught.value.returncode == 1


def test_the_command_waits_for_points_of_the_minute(product: Product, monkeypatch: pytest.MonkeyPatch):
    told = live_through_downtime(product, hours=1, calls=3)
    monkeypatch.setattr("time.sleep", lambda seconds: product.clock.shift(timedelta(seconds=seconds + 1)))
    product.sandbox.uis.minute_limit = 2
    assert run(product.credential.name, "--from", "2026-03-16")["missing"] == len(told)
