"""The scenarios that the vendor's market asks of telephony, each by its name.

Source: market/preparing-to-publish/requirements-telephony.md of the vendor's documentation: five required scenarios
and two recommended ones.
"""

from typing import Any

import pytest

from crm_bitrix.events import BOUND, CALL_START, CALLBACK_START
from tests.conftest import Product
from tests.sandbox.defaults import KNOWN_PHONE
from tests.test_clicks import Desk, desk

__all__ = ["desk"]

pytestmark = pytest.mark.django_db(transaction=True)
NEW_PHONE = "79001112233"
ANNA, PETR = 700102, 700101


def sent(product: Product, method: str) -> list[dict[str, Any]]:
    return [record.params for record in product.sandbox.portal.commands(method, ok=True)]


@pytest.mark.parametrize(("kind", "call_type"), [("answered_call", "2"), ("outgoing_call", "1")])
def test_required_1_incoming_and_outgoing_calls_are_registered(product: Product, kind: str, call_type: str):
    product.credential.streams.filter(kind="outgoing").update(create_for="new")
    before = product.sandbox.portal.counts()
    product.play(kind, client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time(100)
    [registered] = sent(product, "telephony.externalCall.register")
    assert str(registered["TYPE"]) == call_type
    assert len(sent(product, "telephony.externalCall.finish")) == 1
    after = product.sandbox.portal.counts()
    assert {name: after[name] - before[name] for name in ("leads", "calls", "activities")} == dict.fromkeys(
        ("leads", "calls", "activities"), 1
    )
    lead_id = max(product.sandbox.portal.crm.items[1])
    assert (registered["CRM_ENTITY_TYPE"], str(registered["CRM_ENTITY_ID"])) == ("LEAD", str(lead_id))


def test_required_2_the_line_number_of_an_incoming_call_is_passed(product: Product):
    product.play("answered_call", client_phone=NEW_PHONE, virtual_number="74950000020")
    assert [params["LINE_NUMBER"] for params in sent(product, "telephony.externalCall.register")] == ["74950000020"]


def test_required_3_the_recording_is_attached_after_a_successful_call(product: Product):
    product.play("answered_call", client_phone=NEW_PHONE)
    product.pass_time()
    [call_id] = product.sandbox.portal.telephony.statistics
    [attached] = sent(product, "telephony.externalCall.attachRecord")
    assert (attached["CALL_ID"], attached["FILENAME"].endswith(".mp3")) == (call_id, True)
    assert product.sandbox.portal.telephony.records.keys() == {call_id}


def test_required_4_a_click_on_a_number_starts_a_call(desk: Desk):
    assert CALL_START in BOUND
    call_id = desk.click()
    desk.dial()
    [dial] = desk.dials
    assert (dial["method"], dial["contact"], dial["employee_id"]) == (
        "start.employee_call",
        KNOWN_PHONE.lstrip("+"),
        PETR,
    )
    assert call_id in [params["CALL_ID"] for params in desk.sent("telephony.externalCall.show")]
    assert not desk.sent("telephony.externalCall.register")


def test_required_5_a_callback_form_starts_a_call(desk: Desk):
    assert CALLBACK_START in BOUND
    desk.call_back("number")
    desk.leave_number("+79001112233")
    desk.dial()
    [dial] = desk.dials
    assert (dial["contact"], dial["direction"]) == (NEW_PHONE, "in")
    assert [str(params["TYPE"]) for params in desk.sent("telephony.externalCall.register")] == ["4"]


def test_recommended_1_a_clients_call_goes_to_his_manager(product: Product):
    stream = product.stream()
    stream.options = {"personal_manager": {"active": True, "only_at_work": False}}
    stream.save()
    answer = product.client.get(
        product.events_path.replace("/events/", "/route/"),
        {"numa": KNOWN_PHONE.lstrip("+"), "numb": "74950000010", "call_session_id": "1"},
    )
    assert answer.status_code == 200
    portal = product.sandbox.portal
    [found] = portal.commands("telephony.externalCall.searchCrmEntities", ok=True)
    assert found.params["PHONE_NUMBER"] == KNOWN_PHONE
    manager = found.answer[0]["ASSIGNED_BY"]
    assert answer.json()["phones"] == [manager["USER_PHONE_INNER"] or manager["WORK_PHONE"]]


def test_recommended_2_the_card_moves_with_a_transferred_call(product: Product):
    product.play("transfer", client_phone=NEW_PHONE, employees=[PETR, ANNA])
    log = [(what, user_id) for _at, what, _call_id, user_id in product.sandbox.portal.telephony.card_log]
    assert log == [("show", 12), ("show", 15), ("hide", 12), ("hide", 15)]
