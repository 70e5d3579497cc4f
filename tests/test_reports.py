"""Reports of UIS: their rows as facts, the polls of calls that wait for theirs, and what happens when UIS refuses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_bitrix import lane
from crm_bitrix.clients import Client
from integration import lanes, reports, uis_points
from integration.events import BadPayload, RawEvent
from integration.models import InboxEvent, Lane, ReportCursor, State
from integration.rules.facts import FACTS, Moment, StreamKind
from integration.rules.observations import Rank, merge
from integration.rules.responsible import Assign, AssignTo, Rule
from integration.rules.ruleset import Employee, make_ruleset, make_stream
from telephony.case import choose, read_case
from telephony.events import parse_call, urgency
from telephony.facts import read_call
from telephony.known import missed_reason, rule_facts
from tests.conftest import Product

PAYLOADS = Path(__file__).parent / "payloads"
ZONE = ZoneInfo("Europe/Moscow")
SEEN = datetime(2026, 3, 16, 12, tzinfo=UTC)
NEW_PHONE = "79001112233"
ANNA, PETR = 700102, 700101

in_database = pytest.mark.django_db(transaction=True)


# --- rows → facts, pure -----------------------------------------------------------------------------------------------


def sample_rows(report):
    return json.loads((PAYLOADS / f"api.get_{report}_report.response.json").read_text())["result"]["data"]


def make_row(number=0, **changes):
    return {**sample_rows("calls")[number], "media_url": "https://app.uiscom.ru", **changes}


def observe(name, payload, *, seen_at=SEEN):
    return parse_call(RawEvent(name, payload), zone=ZONE, country="RU", received_at=seen_at)


def gather(*observations):
    facts, ranks = {}, {}
    for one in observations:
        facts, ranks = merge(facts, ranks, one)
    return facts


def read_report(seen_at=SEEN, **changes):
    return read_call(gather(observe("calls_report", make_row(**changes), seen_at=seen_at)))


def known(call, client_state="new"):
    return rule_facts(call, zone=ZONE, client_state=client_state, client_name="")


def test_a_row_of_the_report_tells_parties_times_and_result():
    observed = observe("calls_report", make_row())
    assert (observed.kind, observed.uis_id, observed.rank) == ("call", "5000000101", Rank.REPORT)
    assert (observed.at, observed.direction) == (datetime(2026, 3, 16, 7, 15, 2, tzinfo=UTC), "in")
    assert (observed.client_phone, observed.client_keys) == ("+79000000001", ("phone:+79000000001",))
    call = read_call(gather(observed))
    assert call.is_over
    assert call.is_reported
    assert call.ended_at == datetime(2026, 3, 16, 7, 17, 27, tzinfo=UTC)
    assert (call.result, call.talk_seconds, call.line_number) == ("answered", 130, "+74950000010")
    assert [leg.employee_id for leg in call.rings] == [700101]
    assert [talk.employee_id for talk in call.talks] == [700101]


@pytest.mark.parametrize(
    ("number", "stream", "result"),
    [
        (0, StreamKind.INCOMING, "answered"),
        (1, StreamKind.INCOMING, "missed"),
        (2, StreamKind.OUTGOING, "answered"),
        (3, StreamKind.OUTGOING, "unanswered"),
        (4, StreamKind.INCOMING, "answered"),
    ],
)
def test_direction_and_result_come_from_the_row(number, stream, result):
    call = read_report(number=number)
    assert (call.stream, call.result) == (stream, result)


def test_a_call_that_was_taken_at_once_has_waited_for_no_second():
    row = make_row(wait_duration=0)
    assert known(read_call(gather(observe("calls_report", row))))["wait_duration"] == 0
    ended = {"call_session_id": row["id"], "wait_time_duration": 0, "talk_time_duration": 5}
    assert known(read_call(gather(observe("call_session_finished", ended))))["wait_duration"] == 0


def test_without_legs_the_row_tells_who_talked_first_and_last():
    call = read_report(number=4)
    assert [talk.employee_id for talk in call.talks] == [700101, 700102]
    assert call.raw["end"]["employee_id"] == 700102


@pytest.mark.parametrize(("which", "user_id"), [("first", 11), ("last", 12)])
def test_without_legs_who_talked_becomes_responsible(which, user_id):
    stream = make_stream(StreamKind.INCOMING, rules=(Rule("Г", Assign(AssignTo.TALKED, which=which)),))
    ruleset = make_ruleset(stream, employees={700101: Employee(11), 700102: Employee(12)})
    case = read_case(gather(observe("calls_report", make_row(number=4))), {}, ruleset, SEEN)
    with pytest.raises(StopIteration) as chosen:
        next(choose(case, Client(), known(case.call)))
    assert chosen.value.value[0].user_id == user_id


def test_legs_tell_who_was_rung_who_talked_for_how_long_and_of_which_group():
    legs = [
        {"id": 1, "employee_id": 700101, "start_time": "2026-03-16 10:15:07", "total_duration": 9, "duration": 0}
        | {"connect_time": None, "group_name": "Продажи"},
        {"id": 2, "employee_id": 700102, "start_time": "2026-03-16 10:15:08", "total_duration": 139, "duration": 130}
        | {"connect_time": "2026-03-16 10:15:17", "group_name": "Продажи"},
        {"id": 3, "employee_id": None, "start_time": "2026-03-16 10:15:02", "connect_time": "2026-03-16 10:15:02"},
    ]
    payload = {"call_session_id": 5000000101, "legs": legs}
    call = read_call(gather(observe("calls_report", make_row()), observe("call_legs_report", payload)))
    assert [leg.employee_id for leg in call.rings] == [700101, 700102]
    assert [leg.employee_id for leg in call.answers] == [700102]
    assert [(talk.employee_id, talk.seconds) for talk in call.talks] == [(700102, 130)]
    assert call.groups == ("Продажи",)


def test_every_fact_of_a_call_that_uis_knows_is_filled():
    texts = {
        name: f"<{name}>"
        for name, fact in FACTS.items()
        if fact.moments.get(StreamKind.INCOMING) is Moment.END and fact.type == "text"
    }
    texts["properties"] = [{"property_name": "Комментарий", "property_value": "жду"}]
    row = make_row(
        **texts,
        communication_number=3,
        contact_full_name="Пётр",
        is_transfer=True,
        visits_count=4,
        last_answered_employee_rating=5,
        segments=[{"segment_id": 1, "segment_name": "VIP"}],
        tags=[{"tag_id": 1, "tag_name": "Целевой"}],
    )
    leg = {"id": 2, "employee_id": 700101, "start_time": "2026-03-16 10:15:08", "group_name": "Продажи"}
    payload = {"call_session_id": 5000000101, "legs": [leg]}
    ai = json.loads((PAYLOADS / "ai_result_ready.json").read_text())
    told = (observe("calls_report", row), observe("call_legs_report", payload), observe("ai_result_ready", ai))
    facts = known(read_call(gather(*told)))
    ours = {"responsible_name", "client_name", "virtual_number_name", "missed_reason"}
    offered = {name for name, fact in FACTS.items() if StreamKind.INCOMING in fact.moments} - ours
    assert {name for name in offered if facts.get(name) in (None, "", ())} == set()
    assert facts["properties"] == "Комментарий: жду"
    assert facts["talked_employees"] == facts["rung_employees"] == ("Иванова Анна",)
    assert facts["first_talked_employee_full_name"] == "<first_talked_employee_full_name>"
    assert (facts["sa_scenario_score"], facts["sa_call_summary"]) == (75, "Клиент спросил о доставке.")
    assert (facts["segments"], facts["tags"], facts["attributes"]) == (("VIP",), ("Целевой",), ("primary",))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"finish_reason": "no_success_operator_call"}, "no_answer"),
        ({"finish_reason": "subscriber_disconnects"}, "no_answer"),
        ({"finish_reason": "subscriber_disconnects", "employees": []}, "in_menu"),
        ({"finish_reason": "call_enqueued", "employees": []}, "in_queue"),
        ({"finish_reason": "employee_busy"}, "busy"),
        ({"finish_reason": "operator_disconnects"}, "declined"),
        ({"finish_reason": "group_inactive_by_schedule", "employees": []}, "after_hours"),
        ({"finish_reason": "a_code_of_next_year"}, "no_answer"),
        ({"voice_mail_records": ["aa"]}, "voice_mail"),
    ],
)
def test_why_a_call_was_missed(changes, reason):
    assert missed_reason(read_report(number=1, **changes)) == reason


def test_an_answered_and_an_outgoing_call_were_not_missed():
    assert missed_reason(read_report()) is missed_reason(read_report(number=3)) is None


@pytest.mark.parametrize(
    ("number", "virtual_number", "is_internal"),
    [
        ("101", None, True),
        ("0000002", None, True),
        ("79000000001", None, False),
        ("101", "74950000010", False),
        (None, None, False),
    ],
)
def test_a_call_between_employees_is_recognised(number, virtual_number, is_internal):
    call = read_report(contact_phone_number=number, virtual_phone_number=virtual_number)
    assert call.is_internal is is_internal


def test_records_have_the_link_of_the_report_or_the_usual_form():
    call = read_report(number=4, voice_mail_records=["cc"])
    base = "https://app.uiscom.ru/system/media"
    assert [file.link for file in call.records] == [
        f"{base}/talk/5000000105/{'a' * 32}/",
        f"{base}/talk/5000000105/{'b' * 32}/",
    ]
    assert [file.link for file in call.voice_mails] == [f"{base}/voice_mail/5000000105/cc/"]
    [whole] = read_report().records
    assert (whole.link, whole.seconds) == (make_row()["full_record_file_link"], 130)


def test_of_a_call_that_goes_on_only_the_beginning_is_taken():
    observed = observe("calls_report", make_row(finish_time=None, finish_reason=None))
    assert observed.rank == Rank.START
    assert not read_call(gather(observed)).is_over


@pytest.mark.parametrize("name", ["calls_report", "call_legs_report"])
def test_a_row_without_its_call_is_refused(name):
    with pytest.raises(BadPayload):
        observe(name, {"id": None})


def test_the_row_seen_last_counts_whole():
    first = observe("calls_report", make_row(tags=[{"tag_name": "Целевой"}, {"tag_name": "Спам"}]))
    second = observe("calls_report", make_row(tags=[{"tag_name": "Целевой"}]), seen_at=SEEN + timedelta(minutes=5))
    for facts in (gather(first, second), gather(second, first)):
        assert known(read_call(facts))["tags"] == ("Целевой",)


def test_a_tag_taken_off_after_the_report_was_seen_is_off():
    row = observe("calls_report", make_row(tags=[{"tag_name": "Целевой"}]))
    mark = {"call_session_id": 5000000101, "tag_id": 1, "tag_name": "Целевой"}
    before = observe("set_mark", {**mark, "tag_name": "Спам", "tag_id": 2, "notification_time": "2026-03-16 10:20:00"})
    after = observe("unset_mark", {**mark, "notification_time": "2026-03-16 18:20:00"})
    assert known(read_call(gather(row, before)))["tags"] == ("Целевой",)
    assert known(read_call(gather(row, before, after)))["tags"] == ()


def test_a_call_that_only_the_report_has_told_of_lets_the_others_pass():
    reported = gather(observe("calls_report", make_row()))
    finished = gather(
        observe("call_session_finished", json.loads((PAYLOADS / "call_session_finished.json").read_text()))
    )
    assert urgency(reported) < 0 < urgency(finished)


NOTIFICATIONS = (
    *("in_call_session", "call_proceeding", "call_connected", "talk_started", "talk_finished"),
    *("call_session_finished", "talk_record_file"),
)


def story():
    """Notifications of one call, its row in two versions and its legs."""
    told = [
        observe(name, json.loads((PAYLOADS / f"{name}.json").read_text()) | {"call_session_id": 5000000101})
        for name in NOTIFICATIONS
    ]
    later = make_row(tags=[{"tag_name": "Целевой"}], full_record_file_link=None, call_records=["ab", "cd"])
    legs = {"call_session_id": 5000000101, "legs": sample_rows("call_legs")}
    return [
        *told,
        observe("calls_report", make_row()),
        observe("calls_report", later, seen_at=SEEN + timedelta(minutes=7)),
        observe("call_legs_report", legs),
    ]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine at work is no fault of ours
@given(st.data())
def test_in_whatever_order_and_however_often_rows_and_notifications_come_the_facts_are_the_same(data):
    told = story()
    chosen = data.draw(st.lists(st.sampled_from(range(len(told))), unique=True, min_size=1))
    shuffled = data.draw(st.permutations(chosen + data.draw(st.lists(st.sampled_from(chosen)))))
    straight = gather(*(told[number] for number in sorted(chosen)))
    mixed = gather(*(told[number] for number in shuffled))
    assert mixed == straight
    assert known(read_call(mixed)) == known(read_call(straight))


@settings(deadline=None)
@given(st.permutations(range(10)))
def test_with_the_report_the_end_does_not_depend_on_which_notifications_were_lost(order):
    told = story()
    whole = known(read_call(gather(*told)))
    some = known(read_call(gather(*(told[number] for number in order[:4] if number < 7), *told[7:])))
    heard = {"communication_number", "contact_full_name", "scenario_name"}  # not in the sample row
    assert {name: value for name, value in some.items() if name not in heard} == {
        name: value for name, value in whole.items() if name not in heard
    }


# --- the lane of the account ------------------------------------------------------------------------------------------


def asked(product, method="get.calls_report"):
    return [one["params"] for one in product.sandbox.uis.requests if one["method"] == method]


def by_id(product):
    return [one for one in asked(product) if "filter" in one]


def uis_lane(product):
    return Lane.objects.get(name=product.credential.channel)


def settle(product):
    """Let the first polls of the credential pass and forget them."""
    product.pass_time()
    product.sandbox.uis.requests.clear()


@in_database
def test_a_call_gets_its_report_seconds_after_its_end(product: Product):
    settle(product)
    story = product.play("answered_call", client_phone=NEW_PHONE)
    product.pass_time(2)
    assert by_id(product) == []
    product.pass_time(4)

    call = product.call(story)
    assert len(by_id(product)) == 1
    assert call.facts["report"]
    assert call.report_at is None
    [row] = InboxEvent.objects.filter(communication=call, name="calls_report")
    assert row.source == InboxEvent.Source.REPORT
    for _ in range(20):
        product.pass_time(10)
    assert len(by_id(product)) == 1


@in_database
def test_one_request_serves_forty_waiting_calls(product: Product):
    settle(product)
    stories = [product.play("missed_call", step_by_step=False) for _ in range(40)]
    product.pass_time(6)
    assert len(by_id(product)) == 1
    assert len(asked(product, "get.call_legs_report")) == 1
    assert all("report" in product.call(story).facts for story in stories)


@in_database
def test_a_late_report_completes_and_never_reopens(product: Product):
    settle(product)
    story = product.play("answered_call", client_phone=NEW_PHONE)
    [row] = product.sandbox.uis.calls
    row["_till"] += 3600  # UIS still counts the call
    product.pass_time(10)
    before, actions = product.sandbox.portal.counts(), product.call(story).actions.count()
    assert product.call(story).state == State.DONE
    assert "report" not in product.call(story).facts

    for _ in range(10):
        product.pass_time(600)
    call = product.call(story)
    assert call.facts["report"]
    assert (call.state, call.actions.count(), product.sandbox.portal.counts()) == (State.DONE, actions, before)
    assert not product.sandbox.portal.telephony.cards
    assert len(by_id(product)) < 15


@in_database
def test_a_report_that_never_comes_is_asked_for_ever_more_rarely_and_at_last_given_up(product: Product):
    settle(product)
    product.sandbox.uis.calls.clear()
    product.play("answered_call", client_phone=NEW_PHONE)
    product.sandbox.uis.calls.clear()
    for _ in range(60):
        product.pass_time(5)
    assert 4 <= len(by_id(product)) <= 7
    for _ in range(30):
        product.pass_time(3600)
    assert len(by_id(product)) < 50
    product.sandbox.uis.requests.clear()
    product.pass_time(7200)
    assert by_id(product) == []


@in_database
@pytest.mark.parametrize("kind", ["answered_call", "missed_call", "transfer", "outgoing_call", "voice_mail"])
def test_notification_and_report_in_any_order_give_the_same_end(product: Product, kind: str):
    settle(product)
    straight = product.play(kind, client_phone=NEW_PHONE)
    product.pass_time(6)
    ends, states = [product.sandbox.portal.counts()], [product.call(straight).state]
    end = known(read_call(product.call(straight).facts))

    product.clock.shift(timedelta(minutes=10))
    late = product.sandbox.tell(kind, client_phone=NEW_PHONE)
    product.credential.report_cursors.filter(kind="calls").update(next_at=reports.timezone.now())
    product.pass_time(1)
    assert "report" in product.call(late).facts
    between = product.sandbox.portal.counts()
    late.post(reversed(range(len(late.steps))))
    product.work()
    product.pass_time(6)
    assert product.call(late).state == states[0]
    assert grown(between, product.sandbox.portal.counts()).keys() <= {"records"}
    differs = {"start_time", "time_of_day", "communication_id", "full_record_file_link"}
    assert {
        name: value for name, value in known(read_call(product.call(late).facts)).items() if name not in differs
    } == {name: value for name, value in end.items() if name not in differs}
    assert len(ends) == 1
    assert not product.sandbox.portal.telephony.cards


def grown(before, after):
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


@in_database
def test_points_that_are_gone_pause_the_lane_and_it_resumes(product: Product):
    settle(product)
    product.sandbox.uis.minute_limit = len(product.sandbox.uis.points)
    story = product.play("answered_call", client_phone=NEW_PHONE)
    product.pass_time(6)

    assert product.call(story).state == State.DONE
    lane_ = uis_lane(product)
    assert lane_.paused_until > reports.timezone.now()
    assert "Баллы API UIS исчерпаны" in lane_.pause_reason
    seen = len(product.sandbox.uis.requests)
    product.pass_time(5)
    assert len(product.sandbox.uis.requests) == seen
    product.sandbox.uis.minute_limit = 100
    product.pass_time(70)
    assert product.call(story).facts["report"]
    assert uis_lane(product).pause_reason == ""
    assert reports.troubles(product.credential) == []


@in_database
def test_an_address_that_is_not_on_the_white_list_is_told_with_what_to_do(product: Product):
    settle(product)
    product.sandbox.uis.faults.fail_always("ip_not_whitelisted")
    story = product.play("answered_call", client_phone=NEW_PHONE)
    product.pass_time(6)

    [trouble] = reports.troubles(product.credential)
    assert "127.0.0.1" in trouble
    assert "«Правила и настройки безопасности» → «API»" in trouble
    assert uis_lane(product).pause_reason == trouble[:200]
    assert product.call(story).state == State.DONE  # the portal's lane goes on

    product.sandbox.uis.faults.clear()
    product.pass_time(301)
    assert product.call(story).facts["report"]
    assert reports.troubles(product.credential) == []
    assert uis_lane(product).pause_reason == ""


@in_database
@pytest.mark.parametrize("fault", ["html", "truncated", "drop_before", "drop_after", "internal_error"])
def test_an_answer_that_is_lost_or_broken_is_asked_for_again(product: Product, fault: str):
    settle(product)
    product.sandbox.uis.faults.fail_next(1, fault)
    story = product.play("answered_call", client_phone=NEW_PHONE)
    product.pass_time(6)
    assert "report" not in product.call(story).facts
    assert uis_lane(product).paused_until is not None
    product.pass_time(30)
    assert product.call(story).facts["report"]
    assert InboxEvent.objects.filter(communication=product.call(story), name="calls_report").count() == 1


@in_database
def test_a_poll_that_uis_refuses_rests_alone(product: Product, monkeypatch: pytest.MonkeyPatch):
    settle(product)
    product.sandbox.uis.chats = [{"id": 1, "_from": 0, "_till": 0}]
    monkeypatch.setattr("integration.uis_methods.CHAT_FIELDS", ("colour",))
    monkeypatch.setattr("integration.uis_methods.CHAT_BASE_FIELDS", ("colour",))
    product.pass_time(16 * 60)
    assert ReportCursor.objects.get(kind="chats").error.startswith("UIS отклонил запрос «get.chats_report»")
    assert uis_lane(product).paused_until is None
    read = {cursor.kind: cursor.read_at for cursor in ReportCursor.objects.all()}
    assert read["calls"] == read["requests"] == reports.timezone.now() > read["chats"]


@in_database
def test_a_quiet_account_is_asked_four_times_an_hour_per_report_and_hourly_for_its_counts(product: Product):
    settle(product)
    product.sandbox.uis.requests.clear()
    for _ in range(6 * 4):
        product.clock.shift(timedelta(minutes=15))
        lane.drain(product.credential.channel)
    asked_for_columns_it_has_not = 2
    assert len(product.sandbox.uis.requests) <= 6 * (3 * 4 + 3) + asked_for_columns_it_has_not


@in_database
def test_the_polls_of_a_quiet_account_share_one_drain_and_few_statements(
    product: Product, django_assert_max_num_queries: Any
):
    settle(product)
    product.clock.shift(timedelta(minutes=15))
    with django_assert_max_num_queries(30):
        lane.drain(product.credential.channel)
    methods = [one["method"] for one in product.sandbox.uis.requests]
    assert methods == ["get.calls_report", "get.chats_report", "get.offline_messages_report"]


@in_database
def test_each_request_prolongs_the_lease(product: Product):
    settle(product)
    taken = lanes.acquire(product.credential.channel)
    product.clock.shift(timedelta(seconds=40))
    assert uis_points.take(taken.name, taken.lease_token) is None
    assert uis_lane(product).lease_until == reports.timezone.now() + lanes.LEASE
    lanes.release(taken)
    with pytest.raises(lanes.LeaseLost):
        uis_points.take(taken.name, taken.lease_token)


@in_database
def test_a_drain_whose_lease_was_taken_stores_nothing_and_asks_nothing(product: Product):
    settle(product)
    product.clock.shift(timedelta(minutes=16))
    name = product.credential.channel
    taken = lanes.acquire(name)
    taken.lease_token = "somebody else's"
    with pytest.raises(lanes.LeaseLost):
        reports.uis_round(taken)
    assert product.sandbox.uis.requests == []
    lanes.release(uis_lane(product))
    product.pass_time(120)
    assert asked(product)


@in_database
def test_every_credential_with_a_key_gets_its_lane_however_it_was_made(product: Product):
    assert not Lane.objects.filter(name=product.credential.channel).exists()
    product.credential.uis_key = ""
    product.credential.save()
    lane.tick()
    assert not Lane.objects.filter(name=product.credential.channel).exists()
    product.credential.uis_key = product.sandbox.uis.key
    product.credential.save()
    lane.tick()
    assert product.credential.channel in product.bells
    assert ReportCursor.objects.filter(credential=product.credential).count() == len(ReportCursor.Kind)


@in_database
def test_a_portal_that_was_left_is_not_polled_for(product: Product):
    product.portal.uninstalled_at = reports.timezone.now()
    product.portal.save()
    product.pass_time(60)
    assert product.sandbox.uis.requests == []
