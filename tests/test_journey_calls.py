"""Journeys of calls: notification in → exact effect in the portal out."""

from typing import Any

import pytest

from integration.models import InboxEvent, State
from telephony.models import Record
from tests.conftest import Product, set_filter, set_title
from tests.sandbox.defaults import JUNK_PHONE, KNOWN_NO_DEAL_PHONE, KNOWN_PHONE, LEAD_PHONE

pytestmark = pytest.mark.django_db(transaction=True)
NEW_PHONE = "79001112233"
ANNA, PETR = 700102, 700101


def grown(product: Product, before: dict[str, int]) -> dict[str, int]:
    """What the portal has more of than before."""
    after = product.sandbox.portal.counts()
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def sent(product: Product, method: str) -> list[dict[str, Any]]:
    return [record.params for record in product.sandbox.portal.commands(method, ok=True)]


@pytest.mark.smoke
def test_an_answered_call_of_an_unknown_number_becomes_card_lead_activity_record_and_notice(product: Product):
    set_title(product.stream(), "answered", "Звонок: {{contact_phone_number}}")
    before = product.sandbox.portal.counts()

    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time()

    assert (product.call(story).state, product.call(story).reason) == (State.DONE, "создан лид")
    assert grown(product, before) == {"leads": 1, "calls": 1, "activities": 1, "notifications": 1, "records": 1}
    [lead] = sent(product, "crm.item.add")
    assert lead["fields"]["title"] == "Звонок: +7 900 111-22-33"
    assert lead["fields"]["sourceId"] == "CALL"
    assert str(lead["fields"]["assignedById"]) == "1"
    [registered] = sent(product, "telephony.externalCall.register")
    assert (str(registered["USER_ID"]), str(registered["SHOW"]), registered["LINE_NUMBER"]) == (
        "12",
        "1",
        "74950000010",
    )
    [finished] = sent(product, "telephony.externalCall.finish")
    assert (finished["STATUS_CODE"], str(finished["USER_ID"])) == ("200", "12")
    assert int(finished["DURATION"]) > 0
    assert product.sandbox.portal.cost(story.id)["requests"] <= 4 + 2


@pytest.mark.smoke
def test_a_missed_call_of_an_unknown_number_is_one_missed_activity_with_its_own_title(product: Product):
    set_title(product.stream(), "missed", "Пропущенный: {{contact_phone_number}}")
    before = product.sandbox.portal.counts()

    story = product.play("missed_call", client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time()

    assert grown(product, before) == {"leads": 1, "calls": 1, "activities": 1, "notifications": 1}
    [finished] = sent(product, "telephony.externalCall.finish")
    assert (finished["STATUS_CODE"], finished["DURATION"]) == ("304", "0")
    [notice] = sent(product, "im.notify.system.add")
    assert notice["MESSAGE"].startswith("Пропущенный звонок: +7 900 111-22-33")
    lead_id = product.call(story).crm_object.partition(":")[2]
    assert notice["MESSAGE"].endswith(f"[URL=/crm/lead/details/{lead_id}/]лид[/URL]")
    assert product.sandbox.portal.crm.items[1][int(lead_id)]["title"] == "Пропущенный: +7 900 111-22-33"
    assert product.sandbox.portal.cost(story.id)["requests"] <= 5


@pytest.mark.parametrize("phone", [KNOWN_PHONE, KNOWN_NO_DEAL_PHONE, LEAD_PHONE])
def test_a_known_clients_call_lands_on_him_and_makes_nothing_new(product: Product, phone: str):
    before = product.sandbox.portal.counts()

    story = product.play("answered_call", client_phone=phone.lstrip("+"), employees=[PETR])
    product.pass_time()

    assert grown(product, before) == {"calls": 1, "activities": 1, "records": 1}
    has_open_deal = phone == KNOWN_PHONE
    assert product.sandbox.portal.cost(story.id)["requests"] <= 3 + has_open_deal + 2
    assert bool(sent(product, "crm.activity.binding.add")) == has_open_deal


def test_of_two_contacts_with_one_number_the_one_with_the_newest_activity_has_the_call(product: Product):
    crm = product.sandbox.portal.crm
    fields = {"name": "Ольга", "fm": [{"typeId": "PHONE", "valueType": "WORK", "value": f"+{NEW_PHONE}"}]}
    older, newer = (crm.add(3, fields) for _ in range(2))
    older["lastActivityTime"], newer["lastActivityTime"] = "2026-03-15T10:00:00+03:00", "2026-03-14T10:00:00+03:00"
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    assert product.call(story).crm_object == f"contact:{older['id']}"


def test_a_client_whose_lead_was_junk_is_not_new(product: Product):
    before = product.sandbox.portal.counts()
    product.play("answered_call", client_phone=JUNK_PHONE.lstrip("+"))
    assert "leads" not in grown(product, before)


def test_a_portal_without_leads_gets_a_contact_and_a_deal(product: Product):
    product.sandbox.portal.leads_on = False
    product.portal.crm_mode = "deals"
    product.portal.save()
    before = product.sandbox.portal.counts()

    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time()

    assert grown(product, before) == {
        "contacts": 1,
        "deals": 1,
        "calls": 1,
        "activities": 1,
        "notifications": 1,
        "records": 1,
    }
    assert sent(product, "crm.activity.binding.add")
    assert product.sandbox.portal.cost(story.id)["requests"] <= 5 + 2


def test_of_two_phones_that_ring_the_one_not_taken_loses_its_card(product: Product):
    product.play("group_call", client_phone=NEW_PHONE, employees=[PETR, ANNA])
    shown = sent(product, "telephony.externalCall.show")
    hidden = sent(product, "telephony.externalCall.hide")
    users = {str(sent(product, "telephony.externalCall.register")[0]["USER_ID"])} | {
        str(user) for params in shown for user in params["USER_ID"]
    }
    assert users == {"12", "15"}
    assert len(hidden) == 1
    assert not product.sandbox.portal.telephony.cards


def test_after_a_transfer_the_card_is_with_the_second_employee_and_there_is_one_activity(product: Product):
    before = product.sandbox.portal.counts()
    product.play("transfer", client_phone=NEW_PHONE, employees=[PETR, ANNA])
    product.pass_time(100)  # who talked after a transfer is a matter for the report
    assert grown(product, before)["activities"] == 1
    [finished] = sent(product, "telephony.externalCall.finish")
    assert str(finished["USER_ID"]) == "15"
    assert not product.sandbox.portal.telephony.cards


@pytest.mark.fault(26)
@pytest.mark.parametrize("kind", ["answered_call", "missed_call", "group_call", "transfer", "voice_mail"])
@pytest.mark.parametrize("defaults", [False, True])
def test_the_end_is_the_same_in_reverse_order_and_twenty_times(product: Product, kind: str, defaults: bool):
    product.play(kind, client_phone=NEW_PHONE, default_bodies=defaults)
    product.pass_time(100)
    product.pass_time()
    straight = product.sandbox.portal.counts()
    product.sandbox.reset()
    InboxEvent.objects.all().delete()
    product.portal.communications.all().delete()
    product.portal.client_links.all().delete()
    product.sandbox.uis.events_url = product.notify
    told = product.sandbox.connection()
    product.portal.access_token, product.portal.refresh_token = told["access_token"], told["refresh_token"]
    product.portal.client_endpoint = told["client_endpoint"]
    product.portal.save()

    story = product.sandbox.tell(kind, client_phone=NEW_PHONE, default_bodies=defaults)
    for number in reversed(range(len(story.steps))):
        for _ in range(20):
            story.post([number])
        product.work()
    product.pass_time(100)
    product.pass_time()

    assert product.sandbox.portal.counts() == straight


@pytest.mark.smoke
def test_a_filtered_call_makes_nothing_and_says_which_condition_failed(product: Product):
    set_filter(product.stream(), {"all": [{"fact": "virtual_phone_number", "op": "eq", "value": "+74957777777"}]})
    before = product.sandbox.portal.counts()
    story = product.play("answered_call", client_phone=NEW_PHONE)
    call = product.call(story)
    assert (call.state, grown(product, before)) == (State.IGNORED, {})
    assert "virtual_phone_number eq +74957777777" in call.reason


def test_a_filter_on_the_end_shows_the_card_and_creates_afterwards(product: Product):
    set_filter(product.stream(), {"all": [{"fact": "talk_duration", "op": "ge", "value": 1}]})
    before = product.sandbox.portal.counts()
    product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time()
    card, real = sent(product, "telephony.externalCall.register")
    assert (card["EXTERNAL_CALL_ID"], str(card["SHOW"])) == (f"{real['EXTERNAL_CALL_ID']}:card", "1")
    assert str(real["SHOW"]) == "0"
    assert grown(product, before) == {"leads": 1, "calls": 1, "activities": 1, "notifications": 1, "records": 1}
    assert not product.sandbox.portal.telephony.cards


def test_a_call_that_is_filtered_out_at_its_end_leaves_no_line_in_the_crm(product: Product):
    set_filter(product.stream(), {"all": [{"fact": "result", "op": "eq", "value": "answered"}]})
    before = product.sandbox.portal.counts()
    story = product.play("missed_call", client_phone=NEW_PHONE)
    assert (product.call(story).state, grown(product, before)) == (State.IGNORED, {})
    assert not product.sandbox.portal.telephony.cards
    assert not sent(product, "telephony.externalCall.finish")


def test_an_inactive_tab_withholds_and_says_so(product: Product):
    product.credential.tabs.filter(tab="telephony").update(is_active=False)
    story = product.play("answered_call", client_phone=NEW_PHONE)
    assert product.call(story).state == State.WITHHELD
    assert not product.sandbox.portal.requests


def test_a_record_that_uis_has_not_got_ready_is_fetched_later(product: Product):
    product.sandbox.faults.media = "html"
    story = product.play("answered_call", client_phone=NEW_PHONE)
    product.pass_time()
    [record] = Record.objects.filter(communication=product.call(story))
    assert (record.state, record.attempts) == (Record.State.WAITING, 1)
    product.sandbox.faults.media = ""
    product.pass_time(60)
    record.refresh_from_db()
    assert record.state == Record.State.DONE
