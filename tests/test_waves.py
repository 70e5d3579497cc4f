"""What shares a request: actions of many communications, or one's with those that follow them."""

from datetime import timedelta
from itertools import chain, repeat

import pytest
from django.utils import timezone

from crm_bitrix.models import CrmAction
from integration.models import State
from tests.conftest import Product, set_title

pytestmark = pytest.mark.django_db(transaction=True)
NEW_PHONE, PETR = "79001112233", 700101


def asked(product: Product) -> list[list[str]]:
    """The methods of each request so far."""
    return [list(request.methods) for request in product.sandbox.portal.requests]


def test_the_card_of_a_new_client_waits_for_two_answers_and_is_bound_to_his_lead(product: Product):
    story = product.sandbox.tell("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    ringing = [body["event"] for body in story.bodies].index("call_proceeding")
    product.sandbox.portal.requests.clear()
    story.post(range(ringing + 1))
    product.work()
    search, made = asked(product)
    assert (search[0], made) == ("crm.duplicate.findbycomm", ["crm.item.add", "telephony.externalCall.register"])
    [lead] = [item for item in product.sandbox.portal.crm.items[1].values() if item["originId"]]
    [registered] = product.sandbox.portal.commands("telephony.externalCall.register", ok=True)
    assert (registered.params["CRM_ENTITY_TYPE"], registered.params["CRM_ENTITY_ID"]) == ("LEAD", lead["id"])
    assert product.sandbox.portal.telephony.cards


def test_what_follows_a_refused_creation_is_not_sent_and_not_uncertain(product: Product):
    portal = product.sandbox.portal
    portal.charge("crm.item.add", portal.operating_limit)
    story = product.play("missed_call", client_phone=NEW_PHONE)
    assert ["crm.item.add", "telephony.externalCall.register"] in asked(product)
    assert not portal.commands("telephony.externalCall.register")
    states = dict(product.call(story).actions.values_list("key", "state"))
    assert (states["lead"], states["register"]) == (CrmAction.State.PLANNED, CrmAction.State.PLANNED)
    assert product.call(story).state == State.RETRY
    product.pass_time(601)
    assert product.call(story).state == State.DONE
    assert len(portal.commands("crm.item.add", ok=True)) == len(portal.telephony.statistics) == 1


def test_an_action_whose_method_wakes_up_just_after_the_last_request_is_sent_in_the_next_round(
    product: Product, monkeypatch: pytest.MonkeyPatch
):
    portal = product.sandbox.portal
    portal.charge("telephony.externalCall.finish", portal.operating_limit)
    looks = chain([None], repeat(timezone.now() + timedelta(minutes=10)))
    monkeypatch.setattr("crm_bitrix.closing.resting", lambda _portal, _method: next(looks))
    story = product.play("missed_call", step_by_step=False, client_phone=NEW_PHONE)
    assert product.call(story).state == State.RETRY
    product.pass_time(601)
    assert product.call(story).state == State.DONE
    assert len(portal.telephony.statistics) == 1


def test_where_many_share_a_request_everybody_waits_for_the_answer(product: Product):
    for phone in ("79001112233", "79001112244"):
        product.sandbox.tell("missed_call", client_phone=phone).post()
    product.work()
    making = [methods for methods in asked(product) if "crm.item.add" in methods]
    assert [set(methods) for methods in making] == [{"crm.item.add"}]
    assert len(product.sandbox.portal.telephony.statistics) == 2


def test_a_text_that_looks_like_a_reference_goes_alone_with_nothing_behind_it(product: Product):
    set_title(product.stream(), "missed", "$result[lead] {{contact_phone_number}}")
    story = product.play("missed_call", step_by_step=False, client_phone=NEW_PHONE)
    assert product.call(story).state == State.DONE
    assert ["crm.item.add"] in asked(product)
