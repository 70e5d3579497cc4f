"""Faults of the product that the crash test has found, each in the smallest form that shows it."""

from datetime import timedelta

import pytest

from integration.models import Communication, State
from tests.conftest import Product, set_filter
from tests.test_lane import NEW_PHONE, survive

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kinds", [("missed_call", "answered_call"), ("offline_request", "answered_call")])
def test_a_client_who_was_new_when_nothing_could_be_made_is_looked_for_again(product: Product, kinds: tuple[str, str]):
    portal = product.sandbox.portal
    portal.charge("crm.item.add", portal.operating_limit)
    for kind in kinds:
        product.play(kind, step_by_step=False, client_phone=NEW_PHONE)
        product.pass_time(2)
    assert not [item for item in portal.crm.items[1].values() if item["originId"]]
    # The second one rang last, so its turn comes first when the method may be used again.
    now = Communication.objects.earliest("started_at").started_at
    Communication.objects.filter(pk=Communication.objects.latest("pk").pk).update(rank_at=now - timedelta(days=1))
    product.pass_time(600)
    survive(product)
    assert set(Communication.objects.values_list("state", flat=True)) == {State.DONE}
    assert len([item for item in portal.crm.items[1].values() if item["originId"]]) == 1


@pytest.mark.parametrize("method", ["crm.item.get", "crm.item.list"])
def test_a_known_client_whose_object_cannot_be_read_just_now_is_not_taken_for_a_new_one(product: Product, method: str):
    sandbox = product.sandbox
    product.play("missed_call", client_phone=NEW_PHONE)
    sandbox.faults.crm_search_lag_seconds = 3600  # only we know the lead that we have made
    sandbox.portal.charge(method, sandbox.portal.operating_limit)
    story = product.play("missed_call", client_phone=NEW_PHONE)
    assert product.call(story).state == (State.RETRY if method == "crm.item.get" else State.DONE)
    product.pass_time(600)
    survive(product)
    assert product.call(story).state == State.DONE
    assert len([item for item in sandbox.portal.crm.items[1].values() if item["originId"]]) == 1


def test_a_card_is_closed_although_nobody_knows_whether_it_was_opened(product: Product):
    """Its registration was carried out, the answer lost, and when it could be repeated the call was filtered out."""
    set_filter(product.stream(), {"all": [{"fact": "result", "op": "eq", "value": "answered"}]})
    product.sandbox.faults.fail_next(1, "drop_after", match="telephony.externalCall.register")
    story = product.play("missed_call", client_phone=NEW_PHONE)
    assert product.sandbox.portal.telephony.cards
    survive(product)
    assert product.call(story).state == State.IGNORED
    assert not product.sandbox.portal.telephony.cards


def test_a_card_whose_answer_was_lost_is_closed_when_the_call_passes_the_filter_too(product: Product):
    set_filter(product.stream(), {"all": [{"fact": "result", "op": "eq", "value": "answered"}]})
    product.sandbox.faults.fail_next(1, "drop_after", match="telephony.externalCall.register")
    story = product.play("answered_call", client_phone=NEW_PHONE)
    survive(product)
    assert product.call(story).state == State.DONE
    assert not product.sandbox.portal.telephony.cards
    assert len(product.sandbox.portal.commands("telephony.externalCall.finish", ok=True)) == 1
