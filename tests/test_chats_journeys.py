"""Journeys of chats and offline requests: notification in → exact effect in the portal out."""

import time
from typing import Any

import pytest
from django.utils import timezone

from crm_bitrix import synchronise
from crm_bitrix.models import SyncRun
from integration.models import Communication, ResponsibleRule, State
from tests.chat_stories import (
    NEW_PHONE,
    PETR,
    activities,
    comments,
    grown,
    report,
    report_chat,
    sent,
    set_options,
    set_up,
    tell,
    told,
)
from tests.conftest import Product, set_title
from tests.sandbox.defaults import KNOWN_NO_DEAL_PHONE, KNOWN_PHONE

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.smoke
def test_a_finished_chat_of_a_new_client_is_lead_activity_notice_and_its_conversation(product: Product):
    set_title(product.stream("chat"), "answered", "Чат {{chat_channel_name}}: {{visitor_name}}")
    before = product.sandbox.portal.counts()

    story = product.play("chat_finished", client_phone=NEW_PHONE, employees=[PETR])
    assert (told(product).state, told(product).reason) == (State.WAITING, "ждёт отчёта UIS о чате")
    report_chat(product, story)

    assert (told(product).state, told(product).reason) == (State.DONE, "создан лид")
    assert grown(product, before) == {"leads": 1, "activities": 1, "notifications": 1, "comments": 1}
    [lead] = sent(product, "crm.item.add")
    assert lead["fields"]["title"] == "Чат Чат на сайте: Сергей"
    assert (lead["fields"]["sourceId"], lead["fields"]["originId"]) == ("WEB", f"chat:{story.id}")
    assert lead["fields"]["fm"] == [{"typeId": "PHONE", "valueType": "WORK", "value": "+79001112233"}]
    [activity] = sent(product, "crm.activity.configurable.add")
    assert activity["fields"]["originId"] == f"chat:{story.id}"
    [said] = comments(product)
    lines = said.split("\n")
    assert lines[0] == "[B]16.03.2026[/B]"
    assert [line.partition(" ")[2] for line in lines[1:-1]] == [
        "Система:[/B] Чат начат посетителем",
        "Сергей:[/B] Здравствуйте, есть в наличии?",
        "Иванов Пётр:[/B] Добрый день! Да, есть.",
    ]
    assert lines[-1] == f"Чат № {story.id}"
    assert product.sandbox.portal.cost(story.id)["requests"] <= 4


# --- channels ---------------------------------------------------------------------------------------------------------


def test_a_chat_of_a_channel_that_nobody_watches_is_left_alone_as_soon_as_the_report_names_it(product: Product):
    set_options(product, "chat", channels=[28002])
    story = product.play("chat_finished", client_phone=NEW_PHONE)
    assert (told(product).state, told(product).reason) == (State.WAITING, "ждёт отчёта UIS: из какого канала чат")
    report_chat(product, story)
    assert (told(product).state, told(product).reason) == (
        State.IGNORED,
        "канал не выбран в настройках: Чат на сайте",
    )
    assert not product.sandbox.portal.requests


def test_a_chat_of_a_watched_channel_goes_through_once_the_report_has_named_it(product: Product):
    set_options(product, "chat", channels=[28001])
    report_chat(product, product.play("chat_finished", client_phone=NEW_PHONE))
    assert told(product).state == State.DONE


def _account_has_channels(product: Product, *names: str) -> SyncRun:
    """What UIS tells of its channels from now on, read by a synchronisation."""
    channels = product.sandbox.uis.directories["chat_channels"]
    pattern = channels[0]
    channels[:] = [{**pattern, "id": 28001 + number, "name": name} for number, name in enumerate(names)]
    return synchronise.run(synchronise.start(product.portal, by="Мария Орлова"))


@pytest.mark.parametrize(("channels", "state"), [("all", State.DONE), ([28001, 28002], State.IGNORED)])
def test_a_channel_that_is_new_is_among_all_and_in_no_list(product: Product, channels: Any, state: str):
    _account_has_channels(product, "Чат на сайте", "WhatsApp")
    set_options(product, "chat", channels=channels)
    _account_has_channels(product, "Чат на сайте", "WhatsApp", "Новый бот")
    report_chat(product, product.play("chat_finished", client_phone=NEW_PHONE, channel_id=28003))
    assert told(product).state == state


def test_a_channel_that_has_vanished_stays_chosen_and_is_told_of(product: Product):
    _account_has_channels(product, "Чат на сайте", "WhatsApp")
    set_options(product, "chat", channels=[28002])
    story = product.play("chat_finished", client_phone=NEW_PHONE, channel_id=28002)
    run = _account_has_channels(product, "Чат на сайте")
    assert [(one["path"], one["what"]) for one in run.changes["affected"] if "channels" in one["path"]] == [
        ("chats.chat.channels[0]", "gone"),
    ]
    report_chat(product, story)
    assert (product.stream("chat").options["channels"], told(product).state) == ([28002], State.DONE)


# --- the life of a chat -----------------------------------------------------------------------------------------------


def test_a_chat_that_nobody_took_is_a_missed_chat_of_the_default_responsible(product: Product):
    ResponsibleRule.objects.create(stream=product.stream("chat"), position=0, name="О", assign={"to": "operator"})
    set_title(product.stream("chat"), "missed", "Пропущен: {{visitor_name}}")
    story = product.play("lost_chat", client_phone=NEW_PHONE)
    report_chat(product, story)
    [lead] = sent(product, "crm.item.add")
    assert (lead["fields"]["title"], str(lead["fields"]["assignedById"])) == ("Пропущен: Сергей", "1")
    [notice] = sent(product, "im.notify.system.add")
    assert notice["MESSAGE"].startswith("Пропущенный чат: Сергей – [URL=/crm/lead/details/")
    assert len(comments(product)) == 1
    assert product.sandbox.portal.cost(story.id)["requests"] <= 4


@pytest.mark.parametrize(("kind", "result"), [("chat", "answered"), ("request", "received")])
def test_a_title_names_the_responsible(product: Product, kind: str, result: str):
    synchronise.run(synchronise.start(product.portal, by="Мария Орлова"))
    set_title(product.stream(kind), result, "{{responsible_name}}: {{visitor_name}}")
    product.play({"chat": "chat_finished", "request": "offline_request"}[kind], client_phone=NEW_PHONE)
    [lead] = sent(product, "crm.item.add")
    assert lead["fields"]["title"].startswith("Мария Орлова: ")


def test_nothing_is_made_before_an_operator_takes_the_chat(product: Product):
    story = product.sandbox.tell("chat_finished", client_phone=NEW_PHONE)
    story.post([0])
    product.work()
    assert (told(product).state, told(product).reason) == (State.WAITING, "ждёт, что оператор возьмёт чат")
    assert not product.sandbox.portal.requests
    story.post([1])
    product.work()
    assert len(sent(product, "crm.item.add")) == 1


@pytest.mark.parametrize("channels", ["all", [28001]])
def test_what_the_notifications_leave_out_the_report_tells_some_seconds_after_the_chat_was_taken(
    product: Product, channels: str | list[int]
):
    set_options(product, "chat", channels=channels)
    story = product.sandbox.tell("chat_taken", client_phone=NEW_PHONE, default_bodies=True, start_at=time.time() - 60)
    story.post([1])
    product.work()
    assert told(product).state == State.WAITING
    assert not product.sandbox.portal.requests
    for _ in range(2):
        product.pass_time(6)
    assert (told(product).state, told(product).reason) == (State.WAITING, "идёт чат")
    [lead] = sent(product, "crm.item.add")
    assert lead["fields"]["fm"][0]["value"] == "+79001112233"
    product.sandbox.uis.requests.clear()
    product.pass_time(60)
    assert not product.sandbox.uis.requests  # it is asked for once, until the chat is over


def test_with_the_moment_end_everything_is_made_at_the_end(product: Product):
    set_up(product, "chat", moment="end")
    story = product.sandbox.tell("chat_finished", client_phone=NEW_PHONE)
    story.post([0, 1])
    product.work()
    assert not product.sandbox.portal.requests
    story.post([2])
    report_chat(product, story)
    assert (len(sent(product, "crm.item.add")), len(comments(product))) == (1, 1)


def test_a_chat_that_falls_silent_is_taken_to_be_over_after_a_day(product: Product):
    story = product.sandbox.tell("chat_finished", client_phone=NEW_PHONE)
    story.post([0, 1])
    product.work()
    assert told(product).state == State.WAITING
    product.pass_time(24 * 3600 + 5)
    assert told(product).state == State.DONE


def test_after_a_reopening_only_what_was_said_since_is_carried_over(product: Product):
    story = product.play("chat_finished", client_phone=NEW_PHONE, employees=[PETR])
    report_chat(product, story)
    product.clock.shift(3600)
    again, end = dict(story.bodies[1]), dict(story.bodies[2])
    tell(product, again | {"notification_time": "2026-03-16 11:10:00.000"})
    assert told(product).state == State.WAITING
    tell(product, end | {"notification_time": "2026-03-16 11:15:00.000"})
    rows = [one for one in product.sandbox.uis.chat_messages if str(one["chat_id"]) == story.id]
    late = rows[-1] | {"id": 900000001, "text": "И ещё вопрос", "date_time": "2026-03-16 11:11:00"}
    report_chat(product, story, [*rows, late], duration="4000")
    assert told(product).state == State.DONE
    first, second = comments(product)
    assert "Здравствуйте" in first
    assert "Здравствуйте" not in second
    assert "И ещё вопрос" in second
    assert second.endswith(f"Чат № {story.id}, продолжение 1")
    assert len(sent(product, "crm.item.add")) == 1


@pytest.mark.parametrize("kind", ["chat_finished", "chat_moved", "chat_reopened", "lost_chat", "offline_request"])
@pytest.mark.parametrize("defaults", [False, True])
def test_the_end_is_the_same_in_reverse_order_and_twenty_times(product: Product, kind: str, defaults: bool):
    set_options(product, "chat", without_contacts=True)
    story = product.sandbox.tell(kind, client_phone=NEW_PHONE, default_bodies=defaults)
    for number in reversed(range(len(story.steps))):
        for _ in range(20):
            story.post([number])
        product.work()
    if kind != "offline_request":
        for _ in range(3):
            report_chat(product, story)
    product.pass_time(1)  # the reports of all kinds are read
    asked = len(product.sandbox.portal.requests)
    counts = product.sandbox.portal.counts()
    Communication.objects.update(due_at=timezone.now())
    product.pass_time(1)

    assert (len(sent(product, "crm.item.add")), len(sent(product, "crm.activity.configurable.add"))) == (1, 1)
    assert len(sent(product, "im.notify.system.add")) == 1
    assert len(comments(product)) == (0 if kind == "offline_request" else 1)
    assert told(product, "request" if kind == "offline_request" else "chat").state == State.DONE
    assert len(product.sandbox.portal.requests) == asked  # deciding again plans nothing
    assert product.sandbox.portal.counts() == counts


# --- first and repeated, kinds of objects, both modes of the CRM ------------------------------------------------------


def test_a_client_with_an_open_deal_gets_an_activity_on_it_and_no_second_item(product: Product):
    before = product.sandbox.portal.counts()
    report_chat(product, product.play("chat_finished", client_phone=KNOWN_PHONE.lstrip("+")))
    assert grown(product, before) == {"activities": 1, "notifications": 1, "comments": 1}
    [activity] = sent(product, "crm.activity.configurable.add")
    assert str(activity["ownerTypeId"]) == "2"
    [comment] = sent(product, "crm.timeline.comment.add")
    assert comment["fields"]["ENTITY_TYPE"] == "deal"


def test_a_client_without_anything_open_gets_a_new_item_linked_to_him(product: Product):
    before = product.sandbox.portal.counts()
    report_chat(product, product.play("chat_finished", client_phone=KNOWN_NO_DEAL_PHONE.lstrip("+")))
    assert grown(product, before) == {"leads": 1, "activities": 1, "notifications": 1, "comments": 1}
    [lead] = sent(product, "crm.item.add")
    assert lead["fields"]["contactId"] or lead["fields"]["companyId"]


@pytest.mark.parametrize(
    ("what", "made"),
    [
        ("item", {"leads": 1}),
        ("activity", {"contacts": 1, "activities": 1}),
        ("item_and_activity", {"leads": 1, "activities": 1}),
    ],
)
@pytest.mark.parametrize("has_leads", [True, False])
def test_the_kinds_of_objects_in_both_modes_of_the_crm(
    product: Product, what: str, made: dict[str, int], has_leads: bool
):
    set_up(product, "chat", create_what=what)
    if not has_leads:
        product.sandbox.portal.leads_on = False
        product.portal.crm_mode = "deals"
        product.portal.save()
        made = {"contacts": 1, "deals": 1, **made} if "leads" in made else made
        made = {name: count for name, count in made.items() if name != "leads"}
    before = product.sandbox.portal.counts()
    story = product.play("chat_finished", client_phone=NEW_PHONE)
    report_chat(product, story)
    assert grown(product, before) == {**made, "notifications": 1, "comments": 1}
    assert told(product).state == State.DONE
    assert product.sandbox.portal.cost(story.id)["requests"] <= 4


def test_in_a_portal_without_leads_the_activity_is_seen_on_the_contact_at_once_and_on_the_deal_in_the_end(
    product: Product,
):
    product.sandbox.portal.leads_on = False
    product.portal.crm_mode = "deals"
    product.portal.save()
    story = product.sandbox.tell("chat_finished", client_phone=NEW_PHONE)
    story.post([0, 1])
    product.work()
    contact, deal = (max(product.sandbox.portal.crm.items[kind]) for kind in (3, 2))
    assert [row["_bindings"] for row in activities(product)] == [[(3, contact)]]
    [notice] = sent(product, "im.notify.system.add")
    assert f"/crm/contact/details/{contact}/" in notice["MESSAGE"]
    story.post([2])
    report_chat(product, story)
    assert [row["_bindings"] for row in activities(product)] == [[(3, contact), (2, deal)]]
    [comment] = sent(product, "crm.timeline.comment.add")
    assert (comment["fields"]["ENTITY_TYPE"], str(comment["fields"]["ENTITY_ID"])) == ("deal", str(deal))


@pytest.mark.parametrize(
    ("create_for", "phone", "state"),
    [
        ("repeat", NEW_PHONE, State.IGNORED),
        ("none", NEW_PHONE, State.IGNORED),
        ("new", KNOWN_NO_DEAL_PHONE.lstrip("+"), State.DONE),
    ],
)
def test_nothing_is_created_for_whom_nothing_should_be(product: Product, create_for: str, phone: str, state: str):
    set_up(product, "chat", create_for=create_for)
    report_chat(product, product.play("chat_finished", client_phone=phone))
    assert told(product).state == state
    assert not sent(product, "crm.item.add")
    assert len(sent(product, "crm.activity.configurable.add")) == (state == State.DONE)


# --- many at once -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_hundred_chats_at_once_cost_at_most_three_requests_for_ten(product: Product):
    stories = [product.sandbox.tell("chat_finished", client_phone=f"7901{number:07d}") for number in range(200)]
    for story in stories:
        story.post()
    for story in stories:
        rows = [one for one in product.sandbox.uis.chat_messages if str(one["chat_id"]) == story.id]
        told_rows = [{name: value for name, value in one.items() if name[0] != "_"} for one in rows]
        row = next(row for row in product.sandbox.uis.chats if str(row["id"]) == story.id)
        number = row["id"]
        report(product, "chat_messages_report", {"id": number, "chat_id": number, "messages": told_rows})
        report(product, "chats_report", row)
    product.work()
    for _ in range(120):
        if set(Communication.objects.values_list("state", flat=True)) == {State.DONE}:
            break
        product.pass_time(1)
    portal = product.sandbox.portal
    assert set(Communication.objects.values_list("state", flat=True)) == {State.DONE}
    assert (len(sent(product, "crm.item.add")), len(comments(product))) == (200, 200)
    assert len(portal.requests) <= 0.3 * 200
    assert portal.max_concurrent == 1
