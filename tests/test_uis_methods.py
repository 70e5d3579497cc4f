"""The directories, the reports and the calls of a UIS account, against the sample answers."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import requests
import responses

from integration import uis_calls, uis_methods
from integration.remote import Outcome, RemoteError
from integration.uis import Uis, UisError
from tests.uis_answers import CALL, DATA, KEY, SINCE, TILL, answer, click, lane, refusal, sample, sent, uis

__all__ = ["lane", "uis"]

DIRECTORIES = ("employees", "groups", "virtual_numbers", "sites", "campaigns", "scenarios", "tags")
DIRECTORIES += ("chat_channels", "sip_lines")
METHODS = {"groups": "get.group_employees"}


@responses.activate
@pytest.mark.parametrize("name", DIRECTORIES)
def test_directory_asks_its_method(uis, name):
    responses.post(DATA, json=answer([{"id": 1}], total=1))
    assert getattr(uis_methods, name)(uis) == ({"id": 1},)
    assert sent()["method"] == METHODS.get(name, f"get.{name}")


@responses.activate
@pytest.mark.parametrize("name", DIRECTORIES)
def test_directory_the_account_does_not_have_is_no_failure(uis, name):
    responses.post(DATA, json=refusal("method_component_disabled", -32008))
    assert getattr(uis_methods, name)(uis) is None


@responses.activate
def test_directory_without_the_right_is_a_failure(uis):
    responses.post(DATA, json=refusal("forbidden", -32003))
    with pytest.raises(UisError, match="forbidden"):
        uis_methods.tags(uis)


@responses.activate
def test_employees_are_asked_with_the_columns_of_the_sample(uis):
    responses.post(DATA, json=sample("get_employees.response"))
    assert [row["id"] for row in uis_methods.employees(uis)] == [700101, 700102]
    assert sent()["params"] == sample("get_employees.request")["params"]


@responses.activate
def test_calls_report_asks_for_a_window_on_the_account_s_clock(uis):
    responses.post(DATA, json=sample("get_calls_report.response"))
    assert len(uis_methods.calls_report(uis, since=SINCE, till=TILL)) == 5
    params, expected = sent()["params"], sample("get_calls_report.request")["params"]
    fields, wanted = set(params.pop("fields")), set(expected.pop("fields"))
    assert params == expected
    assert wanted - fields <= {"first_answered_employee_id", "last_answered_employee_id", "ext_id"}


@responses.activate
@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda uis, ids: uis_methods.calls_report(uis, since=SINCE, till=TILL, ids=ids), "id"),
        (lambda uis, ids: uis_methods.chats_report(uis, since=SINCE, till=TILL, ids=ids), "id"),
        (lambda uis, ids: uis_methods.offline_messages_report(uis, since=SINCE, till=TILL, ids=ids), "id"),
        (
            lambda uis, ids: uis_methods.call_legs_report(uis, since=SINCE, till=TILL, session_ids=ids),
            "call_session_id",
        ),
    ],
)
def test_report_of_some_ids(uis, ask, field):
    responses.post(DATA, json=answer([{"id": 1}], total=1))
    assert ask(uis, ()) == ()
    assert len(responses.calls) == 0
    assert ask(uis, [1, 2]) == ({"id": 1},)
    assert sent()["params"]["filter"] == {"field": field, "operator": "in", "value": [1, 2]}


@responses.activate
@pytest.mark.parametrize("mnemonic", ["parameter_component_disabled", "unexpected_parameters"])
def test_calls_are_read_without_advertising_where_the_account_has_none(uis, mnemonic):
    responses.post(DATA, json=refusal(mnemonic, -32008))
    responses.post(DATA, json=answer([{"id": 1}], total=1))
    assert uis_methods.calls_report(uis, since=SINCE, till=TILL) == ({"id": 1},)
    assert sent()["params"]["fields"] == list(uis_methods.CALL_BASE_FIELDS)


@responses.activate
@pytest.mark.parametrize(
    "ask",
    [
        lambda uis: uis_methods.chats_report(uis, since=SINCE, till=TILL),
        lambda uis: uis_methods.chat_messages_report(uis, chat_ids=[1]),
        lambda uis: uis_methods.offline_messages_report(uis, since=SINCE, till=TILL),
    ],
)
def test_reports_of_an_account_without_chats_are_none(uis, ask):
    responses.post(DATA, json=refusal("method_component_disabled", -32008))
    assert ask(uis) is None


@responses.activate
def test_chats_messages_and_requests_of_the_samples_are_read(uis):
    for name, ask in {
        "get_chats_report": lambda: uis_methods.chats_report(uis, since=SINCE, till=TILL),
        "get_chat_messages_report": lambda: uis_methods.chat_messages_report(uis, chat_ids=[300000501]),
        "get_offline_messages_report": lambda: uis_methods.offline_messages_report(uis, since=SINCE, till=TILL),
        "get_call_legs_report": lambda: uis_methods.call_legs_report(uis, since=SINCE, till=TILL),
        "get_virtual_numbers": lambda: uis_methods.virtual_numbers(uis),
        "get_chat_channels": lambda: uis_methods.chat_channels(uis),
    }.items():
        responses.upsert("POST", DATA, json=sample(f"{name}.response"))
        assert list(ask()) == sample(f"{name}.response")["result"]["data"]


@responses.activate
def test_messages_of_no_chat_ask_nothing(uis):
    assert uis_methods.chat_messages_report(uis, chat_ids=[]) == ()


@responses.activate
@pytest.mark.parametrize(
    ("since", "till", "expected"),
    [
        ("2026-07-01T10:00:00.9+00:00", "2026-07-01T10:00:00.1+00:00", ("2026-07-01 12:00:00", "2026-07-01 12:00:01")),
        ("2026-10-25T00:50:00+00:00", "2026-10-25T01:10:00+00:00", ("2026-10-25 01:50:00", "2026-10-25 03:10:00")),
    ],
)
def test_window_covers_its_moments_in_the_hour_that_comes_twice(since, till, expected):
    responses.post(DATA, json=answer([], total=0))
    access = Uis("uis", KEY, ZoneInfo("Europe/Berlin"))
    uis_methods.calls_report(access, since=datetime.fromisoformat(since), till=datetime.fromisoformat(till))
    assert (sent()["params"]["date_from"], sent()["params"]["date_till"]) == expected


@responses.activate
def test_click_sends_the_sample_request_and_returns_the_session(uis):
    responses.post(CALL, json=sample("start_employee_call.response"))
    assert click(uis) == 5000000107
    assert sent()["params"] == sample("start_employee_call.request")["params"]


@responses.activate
def test_callback_by_scenario_sends_the_sample_request(uis):
    responses.post(CALL, json=sample("start_employee_call.response"))
    uis_calls.start_scenario_call(
        uis,
        contact="79000000002",
        virtual_phone_number="74950000010",
        external_id="b24:demo-portal:callback-form:7",
        scenario_id=300400,
        employee_message="Обратный звонок с сайта",
    )
    assert sent()["params"] == sample("start_scenario_call.request")["params"]


@responses.activate
def test_callback_to_a_plain_number_sends_the_sample_request(uis):
    responses.post(CALL, json=sample("start_employee_call.response"))
    uis_calls.start_simple_call(
        uis,
        contact="79000000002",
        virtual_phone_number="74950000010",
        external_id="b24:demo-portal:callback-form:8",
        operator="+79000000011",
    )
    assert sent()["params"] == sample("start_simple_call.request")["params"]


@responses.activate
def test_callback_by_the_number_s_scenario(uis):
    responses.post(CALL, json=answer({"success": "true"}))
    session = uis_calls.start_vnumber_call(
        uis, contact="79000000002", virtual_phone_number="74950000010", external_id="x"
    )
    assert session is None
    assert sent()["method"] == "start.vnumber_call"
    assert sent()["params"]["first_call"] == "employee"


@responses.activate
def test_a_refused_click_tells_the_administrator_what_to_do(uis):
    responses.post(CALL, json=sample("start_employee_call.error"))
    with pytest.raises(UisError) as caught:
        click(uis)
    assert "нет активного телефона" in str(caught.value.instruction)
    assert (caught.value.outcome, caught.value.is_permanent) == (Outcome.NOT_SENT, True)


@responses.activate
@pytest.mark.parametrize(
    "failure",
    [{"body": requests.exceptions.ReadTimeout()}, {"body": "<html>"}, {"json": refusal("internal_error", -32603)}],
)
def test_a_click_with_an_unknown_outcome_is_told_and_sent_once(uis, failure):
    responses.post(CALL, **failure)
    with pytest.raises(UisError) as caught:
        click(uis)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert "начат ли звонок, неизвестно" in str(caught.value.instruction)
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize(
    "failure", [{"body": RemoteError("no connection", Outcome.NOT_SENT)}, {"json": sample("error.limit_exceeded")}]
)
def test_a_click_that_did_not_start_says_so(uis, failure):
    responses.post(CALL, **failure)
    with pytest.raises(UisError) as caught:
        click(uis)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert str(caught.value.instruction).startswith("Звонок не начат")


@responses.activate
def test_calls_that_go_on(uis):
    responses.post(CALL, json=sample("list_calls.response"))
    assert [row["call_session_id"] for row in uis_calls.list_calls(uis, direction="in")] == [5000000101]
    assert sent()["params"] == {"access_token": KEY, "direction": "in"}
    responses.replace("POST", CALL, json=refusal("component_disabled", -32008))
    assert uis_calls.list_calls(uis) is None
