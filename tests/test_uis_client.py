"""The clients of the two UIS interfaces against the sample answers; the network is faked at its edge."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests
import responses
import time_machine
from django.utils import timezone
from django.utils.translation import override

from integration import lanes, uis_calls, uis_methods, uis_points
from integration.models import Credential, Lane
from integration.remote import Outcome
from integration.uis import Api, Effect, ShortRead, Uis, UisError, pages
from integration.uis_errors import MEANINGS

PAYLOADS = Path(__file__).parent / "payloads"
DATA, CALL = "https://dataapi.uiscom.ru/v2.0", "https://callapi.uiscom.ru/v4.0"
KEY = "test-access-token"
NOW = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)
SINCE, TILL = datetime(2026, 3, 16, 7, tzinfo=UTC), datetime(2026, 3, 16, 10, 30, tzinfo=UTC)

in_database = pytest.mark.django_db(transaction=True)


def sample(name):
    return json.loads((PAYLOADS / f"api.{name}.json").read_text())


def answer(data, *, total=None, **limits):
    metadata = {"limits": limits, **({} if total is None else {"total_items": total})}
    return {"jsonrpc": "2.0", "id": "1", "result": {"data": data, "metadata": metadata}}


def refusal(mnemonic, code=-32602, **data):
    return {
        "jsonrpc": "2.0",
        "id": "1",
        "error": {"code": code, "message": "…", "data": {"mnemonic": mnemonic, **data}},
    }


def sent(index=-1):
    """The body of a request that was sent."""
    return json.loads(responses.calls[index].request.body)


@pytest.fixture
def uis():
    return Uis("uis", KEY)


@pytest.fixture
def lane():
    return Lane.objects.create(name="uis:7").name


# --- transport ------------------------------------------------------------------------------------------------------


@responses.activate
def test_request_is_json_rpc_with_the_key_inside(uis):
    responses.post(DATA, json=sample("get_account.response"))
    uis_methods.account(uis)
    request = responses.calls[0].request
    assert request.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert sent() == {"jsonrpc": "2.0", "id": "1", "method": "get.account", "params": {"access_token": KEY}}


@pytest.mark.parametrize(
    ("brand", "host"),
    [
        ("uis", "api.uiscom.ru"),
        ("comagic", "api.comagic.ru"),
        ("callgear", "api.callgear.com"),
        ("other", "api.uiscom.ru"),
    ],
)
def test_brand_chooses_the_host(brand, host):
    access = Uis(brand, KEY)
    assert access.address(Api.DATA) == f"https://data{host}/v2.0"
    assert access.address(Api.CALL) == f"https://call{host}/v4.0"


def test_settings_override_the_hosts_of_every_brand(settings):
    settings.UIS_DATA_API_URL, settings.UIS_CALL_API_URL = "http://127.0.0.1:1/d", "http://127.0.0.1:1/c"
    assert [Uis("callgear", KEY).address(api) for api in Api] == ["http://127.0.0.1:1/d", "http://127.0.0.1:1/c"]


def test_access_by_a_credential_knows_its_zone_and_lane():
    credential = Credential(pk=7, brand="comagic", uis_key=KEY, uis_time_zone="Asia/Omsk")
    assert Uis.of(credential) == Uis("comagic", KEY, ZoneInfo("Asia/Omsk"), "uis:7")
    assert Uis.of(Credential(brand="uis", uis_key=KEY)).lane == ""


def test_the_key_is_not_in_the_repr(uis):
    assert KEY not in repr(uis)


@responses.activate
@pytest.mark.parametrize("status", [200, 400, 403, 500])
def test_error_is_read_whatever_the_status(uis, status):
    responses.post(DATA, json=sample("error.ip_not_whitelisted"), status=status)
    with pytest.raises(UisError) as caught:
        uis_methods.account(uis)
    assert caught.value.mnemonic == "ip_not_whitelisted"


@responses.activate
@pytest.mark.parametrize(
    "body",
    [
        "<html><h1>502 Bad Gateway</h1></html>",
        "",
        "[]",
        "null",
        '"text"',
        "{}",
        '{"result": []}',
        '{"result": {"data": "x"}}',
        '{"result": {"data": [1]}}',
        '{"error": "x"}',
        '{"error": null, "result": null}',
        "[" * 5000,
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_answer_is_an_unknown_outcome(uis, body):
    responses.post(DATA, body=body, status=502)
    with pytest.raises(UisError) as caught:
        uis.ask("get.sites", {})
    error = caught.value
    assert (error.mnemonic, error.outcome, error.is_permanent) == ("unreadable_answer", Outcome.UNKNOWN, False)


@responses.activate
@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (requests.exceptions.ReadTimeout(), Outcome.UNKNOWN),
        (requests.exceptions.ConnectionError("reset"), Outcome.UNKNOWN),
        (requests.exceptions.ConnectTimeout(), Outcome.NOT_SENT),
        (requests.exceptions.ConnectionError("Failed to resolve"), Outcome.NOT_SENT),
    ],
)
def test_no_answer_tells_whether_uis_may_have_acted(uis, failure, outcome):
    responses.post(CALL, body=failure)
    with pytest.raises(UisError) as caught:
        uis_calls.list_calls(uis)
    assert (caught.value.mnemonic, caught.value.outcome) == ("no_answer", outcome)


@responses.activate
def test_a_huge_answer_is_refused(uis):
    responses.post(DATA, body=b" " * (33 * 1024 * 1024))
    with pytest.raises(UisError) as caught:
        uis.ask("get.sites", {})
    assert caught.value.mnemonic == "no_answer"


@responses.activate
def test_data_may_be_an_object_or_null(uis):
    responses.post(DATA, json=answer({"app_id": "5", "name": "A", "timezone": "Asia/Omsk"}))
    assert uis_methods.account(uis) == uis_methods.Account(5, "A", "Asia/Omsk")
    responses.replace("POST", DATA, json=answer(None, total=0))
    assert uis_methods.sites(uis) == ()


@responses.activate
@pytest.mark.parametrize("zone", ["Mars/Base", "", None, "../etc/passwd", "Europe"])
def test_a_zone_that_does_not_exist_is_none(uis, zone):
    responses.post(DATA, json=answer([{"app_id": 5, "name": "A", "timezone": zone}]))
    assert uis_methods.account(uis).zone_name == ""


@responses.activate
def test_an_account_without_an_id_is_unreadable(uis):
    responses.post(DATA, json=answer([]))
    with pytest.raises(UisError, match="no app_id"):
        uis_methods.account(uis)


# --- errors ---------------------------------------------------------------------------------------------------------

MNEMONICS = """
parse_error invalid_request method_not_found data_type_error required_parameter_missed invalid_parameter_value
unexpected_parameters invalid_parameters_combination error sort_prohibited filter_prohibited
date_interval_limit_reached entity_not_found dependency_error forbidden duplicate_entity campaign_is_inactive
invalid_date_time data_limit_exceeded tariff_restrictions already_in_use internal_error access_token_expired
access_token_blocked access_token_invalid auth_error contact_in_blacklist ip_not_whitelisted invalid_state
virtual_phone_number_not_found method_component_disabled parameter_component_disabled component_disabled
account_inactive limit_exceeded batch_opreations_not_supported notifications_not_supported employee_not_found
no_active_phone_number own_virtual_phone_number_not_allowed scenario_not_found media_file_not_found
tts_text_exceeded character_encoding_not_allowed call_session_not_found
"""
DOCUMENTED = MNEMONICS.split()
HOLDS = {"access_token_expired", "access_token_blocked", "access_token_invalid", "auth_error"}
HOLDS |= {"ip_not_whitelisted", "account_inactive", "limit_exceeded"}
PASSING = {"internal_error", "limit_exceeded"}


@responses.activate
@pytest.mark.parametrize("mnemonic", DOCUMENTED)
def test_every_documented_error_has_an_effect_and_an_instruction(uis, mnemonic):
    responses.post(DATA, json=refusal(mnemonic, field="virtual_phone_number", value=KEY))
    with pytest.raises(UisError) as caught:
        uis.ask("get.sites", {})
    error = caught.value
    assert error.mnemonic == mnemonic
    assert error.is_hold is (mnemonic in HOLDS)
    assert error.is_permanent is (mnemonic not in PASSING)
    assert (error.retry_at is not None) is (mnemonic == "limit_exceeded")
    assert error.outcome is (Outcome.UNKNOWN if mnemonic == "internal_error" else Outcome.NOT_SENT)
    instruction = str(error.instruction)
    assert len(instruction) > 60
    assert not {"{", "}"} & set(instruction)
    assert KEY not in f"{error} {error!r} {instruction}"


def test_the_table_has_no_row_without_a_test():
    ours = {"no_answer", "unreadable_answer", "short_read", "too_many_rows", "direction_forbidden"}
    assert set(MEANINGS) == set(DOCUMENTED) | ours


@responses.activate
@pytest.mark.parametrize(
    ("code", "effect"),
    [
        (-32001, Effect.HOLD),
        (-32002, Effect.REFUSED),
        (-32003, Effect.REFUSED),
        (-32004, Effect.REFUSED),
        (-32007, Effect.REFUSED),
        (-32008, Effect.UNAVAILABLE),
        (-32009, Effect.HOLD),
        (-32029, Effect.LIMIT),
        (-32099, Effect.REFUSED),
        (-32602, Effect.REFUSED),
        (-32603, Effect.RETRY),
        (-1, Effect.RETRY),
        ("x", Effect.RETRY),
        (None, Effect.RETRY),
    ],
)
@pytest.mark.parametrize("mnemonic", ["new_in_2027", None, 5])
def test_an_unknown_mnemonic_is_taken_by_its_code(uis, code, effect, mnemonic):
    responses.post(DATA, json=refusal(mnemonic, code))
    with pytest.raises(UisError) as caught:
        uis.ask("get.sites", {})
    assert caught.value.effect is effect
    assert mnemonic != "new_in_2027" or caught.value.mnemonic == mnemonic


@responses.activate
@pytest.mark.parametrize(
    "data", [None, [], "x", {"params": []}, {"params": {"ip": "<b>"}}, {"metadata": {"limits": 5}}]
)
def test_an_error_with_odd_details_is_read(uis, data):
    responses.post(DATA, json={"error": {"code": -32029, "message": None, "data": data}})
    with pytest.raises(UisError) as caught:
        uis.ask("get.sites", {})
    assert caught.value.effect is Effect.LIMIT


@responses.activate
@pytest.mark.fault(37)
def test_white_list_error_names_the_address_to_copy(uis):
    responses.post(DATA, json=sample("error.ip_not_whitelisted"))
    with pytest.raises(UisError) as caught:
        uis_methods.employees(uis)
    assert "Добавьте адрес 192.0.2.10" in str(caught.value.instruction)
    assert caught.value.is_hold


@responses.activate
def test_instruction_is_made_in_the_language_of_its_reader(uis):
    responses.post(DATA, json=sample("error.access_token_expired"))
    with override("en"), pytest.raises(UisError) as caught:
        uis_methods.employees(uis)
    with override("ru"):
        assert str(caught.value.instruction).startswith("UIS не принимает ключ API: срок ключа истёк.")


@responses.activate
def test_the_key_reaches_no_log(uis, caplog):
    caplog.set_level(logging.DEBUG)
    responses.post(DATA, json=sample("error.access_token_expired"))
    with pytest.raises(UisError) as caught:
        uis_methods.account(uis)
    assert KEY not in caplog.text
    assert KEY not in str(caught.value)


# --- points ---------------------------------------------------------------------------------------------------------

LIMITS = {"minute_limit": 100, "minute_remaining": 99, "minute_reset": 42}
LIMITS |= {"day_limit": 5000, "day_remaining": 4990, "day_reset": 40000}


@in_database
@responses.activate
@time_machine.travel(NOW, tick=False)
def test_points_of_an_answer_are_kept_in_the_lane_less_the_reserve(lane):
    responses.post(DATA, json=sample("get_account.response"))
    uis_methods.account(Uis("uis", KEY, lane=lane))
    row = Lane.objects.get(name=lane)
    assert (row.bucket_level, row.bucket_at, row.paused_until) == (89, NOW + timedelta(seconds=42), None)


@in_database
@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("changes", "level", "seconds"),
    [
        ({}, 89, 42),
        ({"minute_remaining": 10}, 0, 42),
        ({"minute_remaining": 0}, 0, 42),
        ({"day_remaining": 505}, 5, 42),
        ({"day_remaining": 500}, 0, 40000),
        ({"day_remaining": 0, "minute_remaining": 99}, 0, 40000),
        ({"day_remaining": None}, 89, 42),
        ({"minute_reset": -5}, 89, 1),
        ({"minute_reset": 10**9}, 89, 90000),
    ],
)
def test_what_may_be_spent_and_until_when(lane, changes, level, seconds):
    uis_points.note(lane, {**LIMITS, **changes})
    row = Lane.objects.get(name=lane)
    until = NOW + timedelta(seconds=seconds)
    assert (row.bucket_level, row.bucket_at) == (level, until)
    assert row.paused_until == (until if level == 0 else None)


@in_database
@pytest.mark.parametrize(
    "limits", [{}, {"minute_limit": "x"}, {"minute_limit": 5}, {"day_limit": 5, "day_remaining": 4}]
)
def test_limits_that_say_nothing_change_nothing(lane, limits):
    uis_points.note(lane, limits)
    assert Lane.objects.get(name=lane).bucket_at is None


@in_database
def test_points_make_the_row_of_a_lane_that_has_none():
    uis_points.note("uis:8", LIMITS)
    assert Lane.objects.get(name="uis:8").bucket_level == 89


@in_database
@responses.activate
def test_a_poll_is_not_sent_when_points_are_known_to_be_gone(lane):
    with time_machine.travel(NOW, tick=False) as clock:
        uis_points.note(lane, {**LIMITS, "minute_remaining": 11})
        responses.post(DATA, json=answer([], total=0))
        access = Uis("uis", KEY, lane=lane)
        assert uis_methods.sites(access) == ()  # the last point above the reserve
        with pytest.raises(UisError) as caught:
            uis_methods.sites(access)
        assert (caught.value.retry_at, caught.value.outcome) == (NOW + timedelta(seconds=42), Outcome.NOT_SENT)
        assert len(responses.calls) == 1
        clock.shift(42)
        assert uis_methods.sites(access) == ()


@in_database
@responses.activate
@time_machine.travel(NOW, tick=False)
def test_urgent_questions_and_calls_use_the_reserve(lane):
    uis_points.exhausted(lane, NOW + timedelta(hours=1))
    responses.post(DATA, json=sample("get_account.response"))
    responses.post(CALL, json=sample("start_employee_call.response"))
    access = Uis("uis", KEY, lane=lane)
    assert uis_methods.account(access).app_id == 100200
    assert click(access) == 5000000107


@in_database
@responses.activate
@pytest.mark.fault(37)
@pytest.mark.parametrize(("changes", "seconds"), [({}, 17), ({"limit_type": "day"}, 40000)])
@time_machine.travel(NOW, tick=False)
def test_exhausted_points_put_the_lane_to_sleep_until_they_are_back(lane, changes, seconds):
    body = sample("error.limit_exceeded")
    body["error"]["data"]["params"].update(changes)
    responses.post(DATA, json=body)
    with pytest.raises(UisError) as caught:
        uis_methods.employees(Uis("uis", KEY, lane=lane))
    until = NOW + timedelta(seconds=seconds)
    assert (caught.value.retry_at, caught.value.is_hold, caught.value.is_permanent) == (until, True, False)
    row = Lane.objects.get(name=lane)
    assert (row.paused_until, row.bucket_level, row.bucket_at) == (until, 0, until)
    assert lanes.acquire(lane) is None


@in_database
def test_a_longer_pause_is_not_cut_short(lane):
    later = timezone.now() + timedelta(days=1)
    Lane.objects.filter(name=lane).update(paused_until=later, pause_reason="x")
    uis_points.exhausted(lane, timezone.now() + timedelta(seconds=5))
    row = Lane.objects.get(name=lane)
    assert (row.paused_until, row.pause_reason) == (later, "x")


@in_database
@responses.activate
def test_limits_of_the_call_api_are_another_bucket(lane):
    responses.post(CALL, json=sample("start_employee_call.response"))
    click(Uis("uis", KEY, lane=lane))
    assert Lane.objects.get(name=lane).bucket_at is None


# --- paging ---------------------------------------------------------------------------------------------------------


def serve_rows(count, *, total=None, limits=None, lose=0):
    """A vendor with so many rows; `total` is what it says, `lose` rows are missing in every page."""

    def reply(request):
        params = json.loads(request.body)["params"]
        begin = params["offset"]
        rows = [{"id": i} for i in range(begin, min(count, begin + params["limit"] - lose))]
        return 200, {}, json.dumps(answer(rows, total=total, **(limits or {})))

    responses.add_callback("POST", DATA, reply)


@responses.activate
@pytest.mark.parametrize(("count", "requests_sent"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (2500, 3)])
def test_pages_read_everything(uis, count, requests_sent):
    serve_rows(count, total=count)
    assert [row["id"] for page in pages(uis, "get.tags", {}) for row in page] == list(range(count))
    assert len(responses.calls) == requests_sent


@responses.activate
@pytest.mark.parametrize(("count", "requests_sent"), [(0, 1), (999, 1), (1000, 2), (1001, 2)])
def test_pages_without_a_total_read_until_a_page_is_not_full(uis, count, requests_sent):
    serve_rows(count)
    assert sum(len(page) for page in pages(uis, "get.tags", {})) == count
    assert len(responses.calls) == requests_sent


@responses.activate
@pytest.mark.parametrize(("count", "total", "lose"), [(0, 5, 0), (5, 6, 0), (1500, 2000, 0), (2500, 2500, 1)])
def test_a_short_read_is_an_error(uis, count, total, lose):
    serve_rows(count, total=total, lose=lose)
    with pytest.raises(ShortRead) as caught:
        list(pages(uis, "get.tags", {}))
    assert not caught.value.is_permanent


@responses.activate
def test_more_rows_than_uis_can_page_through_is_an_error(uis):
    serve_rows(200_000, total=200_000)
    with pytest.raises(ShortRead, match="narrow the window") as caught:
        list(pages(uis, "get.tags", {}))
    assert caught.value.is_permanent
    assert sent()["params"]["offset"] == 100_000


@responses.activate
def test_pages_ask_for_the_fields(uis):
    serve_rows(0, total=0)
    list(pages(uis, "get.employees", {"filter": {}}, ("id", "email")))
    expected = {"access_token": KEY, "filter": {}, "fields": ["id", "email"], "limit": 1000, "offset": 0}
    assert sent()["params"] == expected


# --- directories and reports ----------------------------------------------------------------------------------------

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


# --- starting calls -------------------------------------------------------------------------------------------------


def click(uis):
    return uis_calls.start_employee_call(
        uis,
        contact="+79000000001",
        virtual_phone_number="+74950000010",
        external_id="b24:demo-portal:call-request:42",
        employee_id=700101,
    )


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
    "failure", [{"body": requests.exceptions.ConnectTimeout()}, {"json": sample("error.limit_exceeded")}]
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
