"""What the journeys of chats and requests share: how they are set up, told, reported, and what came of it."""

import json
from typing import Any

from integration.inbox import receive
from integration.models import Communication, InboxEvent
from tests.conftest import Product

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
