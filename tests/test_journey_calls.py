"""Journeys of calls: notification in → exact effect in the portal out."""

import pytest

from integration.models import State
from tests.conftest import Product, set_title

pytestmark = pytest.mark.django_db(transaction=True)
NEW_PHONE = "79001112233"


def test_an_answered_call_of_an_unknown_number_becomes_card_lead_activity_record_and_notice(product: Product):
    set_title(product.stream(), "answered", "Звонок: {{contact_phone_number}}")
    before = product.sandbox.portal.counts()

    story = product.play("answered_call", client_phone=NEW_PHONE)

    call = product.call(story)
    assert (call.state, call.reason) == (State.DONE, "создан лид")
    counts = product.sandbox.portal.counts()
    assert counts["leads"] == before["leads"] + 1
    assert counts["activities"] == before["activities"] + 1
    assert counts["notifications"] == before["notifications"] + 1
    assert counts["records"] == before["records"] + 1
