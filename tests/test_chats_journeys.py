"""Journeys of chats and offline requests: notification in → exact effect in the portal out."""

import json
import time
from typing import Any

import pytest
from django.utils import timezone

from crm_bitrix import synchronise
from crm_bitrix.models import BitrixItem, SyncRun
from integration.inbox import receive
from integration.models import ClientLink, Communication, FieldMapping, InboxEvent, ResponsibleRule, State
from tests.conftest import Product, set_filter, set_title
from tests.sandbox.defaults import KNOWN_NO_DEAL_PHONE, KNOWN_PHONE

pytestmark = pytest.mark.django_db(transaction=True)
NEW_PHONE = "79001112233"
ANNA, PETR = 700102, 700101


def grown(product: Product, before: dict[str, int]) -> dict[str, int]:
    """What the portal has more of than before."""
    after = product.sandbox.portal.counts()
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def sent(product: Product, method: str) -> list[dict[str, Any]]:
    return [record.params for record in product.sandbox.portal.commands(method, ok=True)]


def comments(product: Product) -> list[str]:
    return [params["fields"]["COMMENT"] for params in sent(product, "crm.timeline.comment.add")]


def activities(product: Product) -> list[dict[str, Any]]:
    """The activities of ours as the portal has them now."""
    rows = product.sandbox.portal.crm.activities.values()
    return [row for row in rows if row["ORIGINATOR_ID"] == "uis"]


def said_by(activity: dict[str, Any]) -> list[str]:
    """The texts of an activity of ours."""
    return [block["properties"]["value"] for block in activity["_layout"]["body"]["blocks"].values()]


def told(product: Product, kind: str = "chat") -> Communication:
    """The newest communication of a kind."""
    return Communication.objects.filter(kind=kind).order_by("-pk")[0]


def tell(product: Product, body: dict[str, Any]) -> None:
    product.notify(body)
    product.work()


def set_up(product: Product, kind: str, **options: Any) -> None:
    product.credential.streams.filter(kind=kind).update(**options)


def set_options(product: Product, kind: str, **options: Any) -> None:
    stream = product.stream(kind)
    stream.options = {**stream.options, **options}
    stream.save()


def report(product: Product, event: str, row: dict[str, Any]) -> None:
    """What the reading of UIS's reports puts into the inbox."""
    body = {"event": event, **{name: value for name, value in row.items() if name[0] != "_"}}
    receive(
        channel=product.credential.channel,
        source=InboxEvent.Source.REPORT,
        lane=product.portal.live_lane,
        query=f"event={event}",
        body=json.dumps(body, ensure_ascii=False, sort_keys=True).encode(),
    )


def report_chat(product: Product, story: Any, messages: list[dict[str, Any]] | None = None, **columns: Any) -> None:
    """The report on a chat of a story: its messages, then its row."""
    uis = product.sandbox.uis
    row = next(row for row in uis.chats if str(row["id"]) == story.id) | columns
    rows = [one for one in uis.chat_messages if str(one["chat_id"]) == story.id] if messages is None else messages
    if rows:
        told_rows = [{name: value for name, value in one.items() if name[0] != "_"} for one in rows]
        report(product, "chat_messages_report", {"id": row["id"], "chat_id": row["id"], "messages": told_rows})
    report(product, "chats_report", row)
    product.work()


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


# --- 1. channels ----------------------------------------------------------------------------------------------------


def test_a_chat_of_a_channel_that_nobody_watches_is_left_alone_as_soon_as_the_report_names_it(product: Product):
    set_options(product, "chat", channels=[28002])
    story = product.play("chat_finished", client_phone=NEW_PHONE)
    assert (told(product).state, told(product).reason) == (State.WAITING, "ждёт отчёта UIS: из какого канала чат")
    report_chat(product, story)
    assert (told(product).state, told(product).reason) == (
        State.IGNORED,
        "канал «Чат на сайте» не выбран в настройках",
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


# --- 2. the life of a chat ------------------------------------------------------------------------------------------


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


# --- 3. first and repeated, kinds of objects, both modes of the CRM -------------------------------------------------


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


# --- 4. the conversation --------------------------------------------------------------------------------------------


def test_without_a_report_the_notification_tells_the_conversation_after_a_while(product: Product):
    product.play("chat_finished", client_phone=NEW_PHONE, employees=[PETR])
    assert not comments(product)
    product.pass_time(21 * 60)
    [said] = comments(product)
    assert "Сергей:[/B] Здравствуйте, есть в наличии?" in said
    assert told(product).state == State.DONE


def test_the_conversation_is_asked_for_at_once_and_for_many_chats_together(product: Product):
    stories = [product.sandbox.tell("chat_finished", client_phone=f"7901000000{number}") for number in range(5)]
    for story in stories:
        story.post()
    product.work()
    for _ in range(3):
        product.pass_time(6)
    assert set(Communication.objects.values_list("state", flat=True)) == {State.DONE}
    assert len(comments(product)) == 5
    asked = [one["method"] for one in product.sandbox.uis.requests]
    assert asked.count("get.chat_messages_report") == 1


def test_what_a_client_writes_is_neither_markup_nor_a_reference(product: Product):
    text = "$result[find0] [URL=https://evil.example]жми[/URL] [B]и всё[/B]"
    story = product.play("chat_finished", client_phone=NEW_PHONE, text=text)
    file = {"file_url": "https://files.example/1 [2].jpg", "file_name": "фото [1].jpg", "type": "photo"}
    rows = [one for one in product.sandbox.uis.chat_messages if str(one["chat_id"]) == story.id]
    report_chat(product, story, [*rows, rows[-1] | {"id": 900000002, "text": None, "resource": file}])
    [said] = comments(product)
    assert "$result[\u200bfind0] [\u200bURL=https://evil.example]жми[\u200b/URL]" in said
    assert "[URL=https://files.example/1%20%5B2%5D.jpg]фото [\u200b1].jpg[/URL]" in said


def test_a_long_conversation_is_split_and_stays_whole_and_in_order(product: Product):
    story = product.play("chat_finished", client_phone=NEW_PHONE)
    rows = [one for one in product.sandbox.uis.chat_messages if str(one["chat_id"]) == story.id]
    long = [rows[1] | {"id": 910000000 + number, "text": f"№{number} " + "щ" * 1000} for number in range(100)]
    report_chat(product, story, long)
    texts = comments(product)
    assert len(texts) == 4
    assert all(len(text.encode()) <= 60_000 for text in texts)
    numbers = [int(part.split(" ")[0]) for text in texts for part in text.split(":[/B] №")[1:]]
    assert numbers == list(range(100))
    assert [text.rpartition("\n")[2] for text in texts] == [f"Чат № {story.id}, часть {n}/4" for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("method", ["crm.timeline.comment.add", "crm.activity.configurable.add", "crm.item.add"])
@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_a_lost_answer_makes_nothing_twice(product: Product, method: str, kind: str):
    product.sandbox.faults.fail_next(1, kind, match=method)
    before = product.sandbox.portal.counts()
    story = product.play("chat_finished", client_phone=NEW_PHONE)
    report_chat(product, story)
    for _ in range(8):
        product.pass_time(30)
    assert told(product).state == State.DONE
    assert grown(product, before) == {"leads": 1, "activities": 1, "notifications": 1, "comments": 1}


# --- 5. chats without contacts, and who is who ----------------------------------------------------------------------


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


# --- 6. the responsible ---------------------------------------------------------------------------------------------


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


# --- 7. offline requests --------------------------------------------------------------------------------------------


def test_a_request_is_an_item_and_an_activity_that_says_what_it_says(product: Product):
    before = product.sandbox.portal.counts()
    story = product.play("offline_request", client_phone=NEW_PHONE, text="Перезвоните завтра")
    assert grown(product, before) == {"leads": 1, "activities": 1, "notifications": 1}
    [activity] = sent(product, "crm.activity.configurable.add")
    texts = [block["properties"]["value"] for block in activity["layout"]["body"]["blocks"].values()]
    assert texts[:3] == ["Перезвоните завтра", "Телефон: +79001112233", "E-mail: maria@example.com"]
    [lead] = sent(product, "crm.item.add")
    assert {row["typeId"]: row["value"] for row in lead["fields"]["fm"]} == {
        "PHONE": "+79001112233",
        "EMAIL": "maria@example.com",
    }
    assert product.sandbox.portal.cost(story.id)["requests"] <= 4


def test_a_request_without_an_activity_is_told_in_one_comment(product: Product):
    set_up(product, "request", create_what="item")
    story = product.play("offline_request", client_phone=NEW_PHONE, text="[B]Перезвоните[/B]")
    [said] = comments(product)
    assert said.startswith("[\u200bB]Перезвоните[\u200b/B]\nТелефон: +79001112233")
    assert said.endswith(f"Заявка с сайта № {story.id}")
    assert not sent(product, "crm.activity.configurable.add")


def test_a_request_can_wait_until_an_operator_has_processed_it(product: Product):
    set_up(product, "request", moment="end")
    story = product.play("offline_request", client_phone=NEW_PHONE)
    assert (told(product, "request").state, told(product, "request").reason) == (
        State.WAITING,
        "ждёт обработки оператором",
    )
    row = next(row for row in product.sandbox.uis.offline_messages if str(row["id"]) == story.id)
    report(product, "offline_messages_report", row | {"status": "processed", "employee_id": ANNA})
    product.work()
    assert told(product, "request").state == State.DONE
    assert len(sent(product, "crm.item.add")) == 1


def test_a_request_that_an_operator_processes_after_hours_is_carried_over_then(product: Product):
    set_up(product, "request", moment="end")
    story = product.play("offline_request", client_phone=NEW_PHONE)
    row = next(row for row in product.sandbox.uis.offline_messages if str(row["id"]) == story.id)
    for _ in range(50):
        product.pass_time(600)
    assert told(product, "request").reason == "ждёт обработки оператором"
    by_id = [one for one in product.sandbox.uis.requests if "filter" in (one["params"] or {})]
    assert len(by_id) <= 2 * 16  # twice as often at first as the hours go by, the columns it has not included
    row["status"], row["employee_id"] = "processed", ANNA
    for _ in range(7):
        product.pass_time(600)
    assert told(product, "request").state == State.DONE
    product.sandbox.uis.requests.clear()
    product.pass_time(60)
    assert not product.sandbox.uis.requests


def test_the_form_of_a_request_is_asked_for_at_once_when_a_rule_speaks_of_it(product: Product):
    when = {"all": [{"fact": "form_name", "op": "eq", "value": "Заявка с сайта"}]}
    ResponsibleRule.objects.create(
        stream=product.stream("request"), position=0, name="Ф", conditions=when, assign={"to": "user", "user": 15}
    )
    product.play("offline_request", client_phone=NEW_PHONE, default_bodies=True)
    assert told(product, "request").reason == "ждёт отчёта UIS"
    for _ in range(2):
        product.pass_time(6)
    [lead] = sent(product, "crm.item.add")
    assert (str(lead["fields"]["assignedById"]), told(product, "request").state) == ("15", State.DONE)


def test_what_only_the_report_tells_of_a_request_is_written_when_it_comes(product: Product):
    code = "lead.UF_CRM_FORM"
    BitrixItem.objects.create(portal=product.portal, kind="field", code=code, name=code, data={"type": "string"})
    FieldMapping.objects.create(
        stream=product.stream("request"), position=0, fact="utm_campaign", object="lead", field="UF_CRM_FORM"
    )
    story = product.play("offline_request", client_phone=NEW_PHONE)
    [born] = sent(product, "crm.item.add")
    assert "UF_CRM_FORM" not in born["fields"]
    row = next(row for row in product.sandbox.uis.offline_messages if str(row["id"]) == story.id)
    for status in ("not_processed", "processing", "processed", "processed"):
        report(product, "offline_messages_report", row | {"status": status, "employee_id": ANNA})
        product.work()
    [corrected] = sent(product, "crm.item.update")
    assert corrected["fields"] == {"UF_CRM_FORM": "spring"}


def test_what_only_the_report_tells_of_a_request_is_said_by_its_activity_too(product: Product):
    story = product.play("offline_request", client_phone=NEW_PHONE, default_bodies=True)
    assert not [line for line in said_by(activities(product)[0]) if "spring" in line or "партнёр" in line]
    row = next(row for row in product.sandbox.uis.offline_messages if str(row["id"]) == story.id)
    filled_in = [{"property_name": "Компания", "property_value": "ООО [B]Ромашка[/B]"}, {"property_name": ""}]
    report(product, "offline_messages_report", row | {"form_name": "Для партнёров", "properties": filled_in})
    product.work()
    texts = said_by(activities(product)[0])
    assert texts[3:5] == ["Форма: Для партнёров", "Компания: ООО [B]Ромашка[/B]"]
    assert texts[-1] == "Метки: utm_source=yandex, utm_medium=cpc, utm_campaign=spring, utm_term=купить"
    assert product.sandbox.portal.cost(story.id)["requests"] <= 4


def test_a_filter_on_what_only_the_report_tells_of_a_request_waits_for_it(product: Product):
    set_filter(product.stream("request"), {"all": [{"fact": "utm_campaign", "op": "eq", "value": "spring"}]})
    story = product.play("offline_request", client_phone=NEW_PHONE)
    assert (told(product, "request").state, told(product, "request").reason) == (State.WAITING, "ждёт отчёта UIS")
    row = next(row for row in product.sandbox.uis.offline_messages if str(row["id"]) == story.id)
    report(product, "offline_messages_report", row)
    product.work()
    assert told(product, "request").state == State.DONE
    assert len(sent(product, "crm.item.add")) == 1


# --- 8. two events of one client in the same second -----------------------------------------------------------------


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


# --- 9. many at once ------------------------------------------------------------------------------------------------


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
