"""Journeys of who the client is, who is responsible for him, and that he is one whatever he comes by."""

from typing import Any

import pytest

from integration.models import ClientLink, Communication, ResponsibleRule, State
from tests.chat_stories import (
    ANNA,
    NEW_PHONE,
    PETR,
    activities,
    comments,
    grown,
    report_chat,
    said_by,
    sent,
    set_options,
    set_up,
    tell,
    told,
)
from tests.conftest import Product, set_filter

pytestmark = pytest.mark.django_db(transaction=True)


# --- chats without contacts, and who is who ---------------------------------------------------------------------------


def test_a_chat_without_contacts_waits_and_goes_on_when_they_come(product: Product):
    story = product.play("chat_finished", client_phone="")
    assert (told(product).state, told(product).reason) == (State.WAITING, "ждёт контактов")
    assert not product.sandbox.portal.requests
    report_chat(product, story, visitor_phone_number=int(NEW_PHONE))
    assert told(product).state == State.DONE
    assert len(sent(product, "crm.item.add")) == 1


def test_a_chat_without_contacts_is_given_up_after_a_week(product: Product):
    product.play("chat_finished", client_phone="")
    product.pass_time(7 * 24 * 3600 + 5)
    assert (told(product).state, told(product).reason) == (
        State.IGNORED,
        "за 7 дней клиент не оставил контактов",
    )


def test_a_messenger_is_a_contact_that_the_portal_keeps(product: Product):
    story = product.play("chat_finished", client_phone="")
    report_chat(product, story, chat_channel_type="telegram", chat_user_id="77001", chat_username="sergey")
    [lead] = sent(product, "crm.item.add")
    assert lead["fields"]["fm"] == [{"typeId": "IM", "valueType": "TELEGRAM", "value": "77001"}]
    assert ClientLink.objects.filter(key="telegram:77001", object_type="lead").exists()


def test_a_client_who_gives_his_phone_later_is_the_same_client_in_chat_call_and_request(product: Product):
    set_options(product, "chat", without_contacts=True)
    story = product.sandbox.tell("chat_finished", client_phone="")
    story.post([0, 1])
    product.work()
    [lead] = sent(product, "crm.item.add")
    assert "fm" not in lead["fields"]
    tell(product, story.bodies[2] | {"visitor_phone_number": NEW_PHONE})
    report_chat(product, story)
    assert told(product).state == State.DONE
    [corrected] = sent(product, "crm.item.update")
    assert corrected["fields"]["fm"] == [{"typeId": "PHONE", "valueType": "WORK", "value": "+79001112233"}]

    product.sandbox.faults.crm_search_lag_seconds = 3600  # the portal's search knows nothing of it yet
    product.play("answered_call", client_phone=NEW_PHONE)
    product.play("offline_request", client_phone=NEW_PHONE)
    assert len(sent(product, "crm.item.add")) == 1


KEYS = {
    "phone": {"visitor_phone_number": NEW_PHONE},
    "email": {"visitor_email": "sergey@example.com"},
    "visitor": {"visitor_id": 7200099999},
}


@pytest.mark.parametrize(("first", "then"), [(first, then) for first in KEYS for then in KEYS if first != then])
def test_what_a_client_is_known_by_leads_from_one_to_the_other(product: Product, first: str, then: str):
    """A request tells two of what he is known by, the next one the first only, the last one the second only."""
    for kind in ("chat", "request"):
        set_options(product, kind, without_contacts=True)
    product.sandbox.faults.crm_search_lag_seconds = 3600
    nobody = {"visitor_phone_number": "", "visitor_email": "", "visitor_id": None}
    for number, known in enumerate((KEYS[first] | KEYS[then], KEYS[first], KEYS[then])):
        body = {"event": "offline_message", "offline_message_id": 450009000 + number, "visitor_message": "Жду"}
        tell(product, body | nobody | known | {"notification_time": f"2026-03-16 10:1{number}:00"})
        product.pass_time(6)
    assert set(Communication.objects.values_list("state", flat=True)) == {State.DONE}
    assert len(sent(product, "crm.item.add")) == 1


def test_a_client_of_a_messenger_who_calls_after_he_has_given_his_phone_is_the_same(product: Product):
    product.sandbox.faults.crm_search_lag_seconds = 3600
    wishes: dict[str, Any] = {"channel_id": 28002, "messenger_user": "wa-77"}
    report_chat(product, product.play("chat_finished", client_phone="", **wishes))
    again = product.sandbox.tell("chat_finished", client_phone=NEW_PHONE, default_bodies=True, **wishes)
    again.post([1, 2])
    report_chat(product, again)
    product.play("answered_call", client_phone=NEW_PHONE)
    product.play("offline_request", client_phone=NEW_PHONE)
    assert len(sent(product, "crm.item.add")) == 1
    assert set(Communication.objects.values_list("state", flat=True)) == {State.DONE}


def test_a_client_who_has_called_is_the_same_in_a_chat_that_gives_his_phone(product: Product):
    product.sandbox.faults.crm_search_lag_seconds = 3600
    product.play("answered_call", client_phone=NEW_PHONE)
    report_chat(product, product.play("chat_finished", client_phone=NEW_PHONE))
    assert len(sent(product, "crm.item.add")) == 1
    assert told(product).state == State.DONE


def test_an_object_that_was_deleted_is_nobody_any_more(product: Product):
    set_options(product, "chat", without_contacts=True)
    wishes: dict[str, Any] = {"client_phone": "", "channel_id": 28002, "messenger_user": "wa-77"}
    report_chat(product, product.play("chat_finished", **wishes))
    crm = product.sandbox.portal.crm
    del crm.items[1][max(crm.items[1])]
    report_chat(product, product.play("chat_finished", **wishes))
    assert (len(sent(product, "crm.item.add")), told(product).state) == (2, State.DONE)


# --- the responsible --------------------------------------------------------------------------------------------------


def test_the_operator_becomes_responsible_by_a_rule_and_is_told(product: Product):
    ResponsibleRule.objects.create(stream=product.stream("chat"), position=0, name="О", assign={"to": "operator"})
    report_chat(product, product.play("chat_finished", client_phone=NEW_PHONE, employees=[ANNA]))
    [lead] = sent(product, "crm.item.add")
    [activity] = sent(product, "crm.activity.configurable.add")
    [notice] = sent(product, "im.notify.system.add")
    assert {str(lead["fields"]["assignedById"]), activity["fields"]["responsibleId"], notice["USER_ID"]} == {"15"}


def test_the_notification_can_be_switched_off(product: Product):
    set_up(product, "chat", notify=False)
    report_chat(product, product.play("chat_finished", client_phone=NEW_PHONE))
    assert not sent(product, "im.notify.system.add")


def test_a_chat_handed_over_belongs_to_the_second_operator_with_its_activity(product: Product):
    ResponsibleRule.objects.create(stream=product.stream("chat"), position=0, name="О", assign={"to": "operator"})
    story = product.sandbox.tell("chat_moved", client_phone=NEW_PHONE)
    story.post([0, 1])
    product.work()
    assert [row["RESPONSIBLE_ID"] for row in activities(product)] == ["12"]
    story.post([2, 3])
    report_chat(product, story)
    [corrected] = sent(product, "crm.item.update")
    assert str(corrected["fields"]["assignedById"]) == "15"
    [activity] = activities(product)
    assert (activity["RESPONSIBLE_ID"], "Оператор: Смирнова Анна" in said_by(activity)) == ("15", True)


def test_what_somebody_has_given_to_another_person_meanwhile_stays_his(product: Product):
    ResponsibleRule.objects.create(stream=product.stream("chat"), position=0, name="О", assign={"to": "operator"})
    story = product.sandbox.tell("chat_moved", client_phone=NEW_PHONE)
    story.post([0, 1])
    product.work()
    crm = product.sandbox.portal.crm
    crm.items[1][max(crm.items[1])]["assignedById"] = 1
    activities(product)[0]["RESPONSIBLE_ID"] = "1"
    story.post([2, 3])
    report_chat(product, story)
    assert (crm.items[1][max(crm.items[1])]["assignedById"], activities(product)[0]["RESPONSIBLE_ID"]) == (1, "1")
    assert told(product).state == State.DONE


def test_an_activity_that_was_deleted_meanwhile_does_not_fail_the_chat(product: Product):
    story = product.sandbox.tell("chat_finished", client_phone=NEW_PHONE)
    story.post([0, 1])
    product.work()
    product.sandbox.portal.crm.activities.clear()
    story.post([2])
    report_chat(product, story)
    assert (told(product).state, len(comments(product))) == (State.DONE, 1)


def test_a_story_of_a_chat_in_a_messenger_handed_over_is_one_lead_of_who_ended_it(product: Product):
    ResponsibleRule.objects.create(stream=product.stream("chat"), position=0, name="О", assign={"to": "operator"})
    story = product.play("chat_moved", client_phone="", channel_id=28002, messenger_user="wa-77")
    product.pass_time(6)
    product.pass_time(6)
    [lead] = sent(product, "crm.item.add")
    assert lead["fields"]["fm"] == [{"typeId": "IM", "valueType": "OTHER", "value": "wa-77"}]
    assert (str(lead["fields"]["assignedById"]), told(product).uis_id) == ("15", story.id)
    assert len(comments(product)) == 1


def test_a_filtered_chat_makes_nothing_and_says_which_condition_failed(product: Product):
    set_filter(product.stream("chat"), {"all": [{"fact": "chat_channel_type", "op": "eq", "value": "telegram"}]})
    story = product.play("chat_finished", client_phone=NEW_PHONE)
    assert (told(product).state, told(product).reason) == (State.WAITING, "ждёт отчёта UIS")
    report_chat(product, story)
    assert (told(product).state, told(product).reason) == (
        State.IGNORED,
        "не прошёл фильтр: chat_channel_type eq telegram",
    )
    assert not sent(product, "crm.item.add")


# --- two events of one client in the same second ----------------------------------------------------------------------


@pytest.mark.parametrize("order", ["call chat request", "request chat call", "chat call request"])
def test_chat_request_and_call_of_one_client_in_the_same_second_make_one_client(product: Product, order: str):
    product.sandbox.faults.crm_search_lag_seconds = 60
    kinds = {"call": "answered_call", "chat": "chat_finished", "request": "offline_request"}
    stories = [product.sandbox.tell(kinds[kind], client_phone=NEW_PHONE, employees=[PETR]) for kind in order.split()]
    before = product.sandbox.portal.counts()
    for story in stories:
        story.post()
    product.work()
    for story in stories:
        if story.kind == "chat_finished":
            report_chat(product, story)
    for _ in range(3):
        product.pass_time(40)
    more = grown(product, before)
    assert (more["leads"], more.get("contacts", 0), more["calls"]) == (1, 0, 1)
    assert set(Communication.objects.values_list("state", flat=True)) == {State.DONE}
