"""The scenarios that the vendor's market asks of telephony, each by its name.

Source: market/preparing-to-publish/requirements-telephony.md of the vendor's documentation: five required scenarios
and two recommended ones.
"""

from typing import Any

import pytest

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
    before = product.sandbox.portal.counts()
    product.play(kind, client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time(100)
    [registered] = sent(product, "telephony.externalCall.register")
    assert str(registered["TYPE"]) == call_type
    assert len(sent(product, "telephony.externalCall.finish")) == 1
    assert product.sandbox.portal.counts()["leads"] - before["leads"] == (kind == "answered_call")


def test_required_2_the_line_number_of_an_incoming_call_is_passed(product: Product):
    product.play("answered_call", client_phone=NEW_PHONE, virtual_number="74950000020")
    assert [params["LINE_NUMBER"] for params in sent(product, "telephony.externalCall.register")] == ["74950000020"]


def test_required_3_the_recording_is_attached_after_a_successful_call(product: Product):
    product.play("answered_call", client_phone=NEW_PHONE)
    product.pass_time()
    call_id = next(iter(product.sandbox.portal.telephony.statistics))
    assert call_id in product.sandbox.portal.telephony.records


def test_required_4_a_click_on_a_number_starts_a_call(desk: Desk):
    call_id = desk.click()
    desk.dial()
    [dial] = desk.dials
    assert dial["method"] == "start.employee_call"
    assert call_id in [params["CALL_ID"] for params in desk.sent("telephony.externalCall.show")]
    assert not desk.sent("telephony.externalCall.register")


def test_required_5_a_callback_form_starts_a_call(desk: Desk):
    desk.call_back("number")
    desk.leave_number()
    desk.dial()
    assert len(desk.dials) == 1
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
    assert answer.json().get("phones")


def test_recommended_2_the_card_moves_with_a_transferred_call(product: Product):
    product.play("transfer", client_phone=NEW_PHONE, employees=[PETR, ANNA])
    shown = [params["USER_ID"] for params in sent(product, "telephony.externalCall.show")]
    hidden = [params["USER_ID"] for params in sent(product, "telephony.externalCall.hide")]
    assert ["15"] in shown
    assert ["12"] in hidden
