"""Journeys of chats and offline requests: notification in → exact effect in the portal out."""

import json
from typing import Any

import pytest

from integration.inbox import receive
from integration.models import Communication, InboxEvent, State
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


def told(product: Product, kind: str = "chat") -> Communication:
    """The newest communication of a kind."""
    return Communication.objects.filter(kind=kind).order_by("-pk")[0]


def tell(product: Product, body: dict[str, Any]) -> None:
    product.notify(body)
    product.work()


def set_up(product: Product, kind: str, **options: Any) -> None:
    product.credential.streams.filter(kind=kind).update(**options)


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
