"""How the two interfaces of UIS are spoken to, and what their errors mean; the network is faked at its edge."""

import logging
from zoneinfo import ZoneInfo

import pytest
import requests
import responses
from django.utils.translation import override

from integration import uis_calls, uis_methods
from integration.models import Credential
from integration.remote import Outcome, RemoteError
from integration.uis import Api, Effect, Uis, UisError
from integration.uis_errors import MEANINGS
from tests.uis_answers import CALL, DATA, KEY, answer, lane, refusal, sample, sent, uis

__all__ = ["lane", "uis"]


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
        (RemoteError("no connection", Outcome.NOT_SENT), Outcome.NOT_SENT),
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
    assert error.retry_at is None
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
