"""The page a newcomer sees first: the portal's CRM, pop-ups, request log, and buttons that make things happen."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, jsonify, render_template, request

from . import clock, media
from .crm import Item
from .crm_fields import TYPE_NAMES
from .defaults import COMPANY_PHONE, JUNK_PHONE, KNOWN_NO_DEAL_PHONE, KNOWN_PHONE, LEAD_PHONE
from .faults import KINDS as FAULT_KINDS
from .portal import NO_COST, Portal
from .stories import KINDS, SERIES

if TYPE_CHECKING:
    from .world import Sandbox

SHOWN_ITEMS, SHOWN_REQUESTS, SHOWN_STORIES = 40, 80, 40
COSTED_REQUESTS = 3000
EXAMPLES = {
    "known": KNOWN_PHONE,
    "known_no_deal": KNOWN_NO_DEAL_PHONE,
    "company": COMPANY_PHONE,
    "lead": LEAD_PHONE,
    "junk": JUNK_PHONE,
}
UIS_KINDS = ("ip_not_whitelisted", "limit_exceeded", "internal_error", "access_token_expired")


def make_blueprint(sandbox: "Sandbox") -> Blueprint:
    """Routes of the page."""
    blueprint = Blueprint("page", __name__)

    @blueprint.get("/")
    def index() -> str:
        lang = "en" if request.args.get("lang") == "en" else "ru"
        return render_template("page.html", lang=lang, portal=sandbox.portal)

    @blueprint.get("/page/data")
    def data() -> Response:
        if request.args.get("since") == str(sandbox.version):
            return jsonify({"version": sandbox.version, "bucket": sandbox.portal.bucket_level()})
        with sandbox.lock:
            return jsonify(snapshot(sandbox))

    @blueprint.get("/page/record/<call_id>")
    def record(call_id: str) -> Response:
        found = sandbox.portal.telephony.records.get(call_id)
        if found is None:
            abort(404)
        content = found["content"]
        kind = "audio/wav" if content[:4] == b"RIFF" else "audio/mpeg"
        return Response(content, mimetype=kind, headers={"Accept-Ranges": "none"})

    @blueprint.get("/page/tone.wav")
    def tone() -> Response:
        return Response(media.tone(), mimetype="audio/wav")

    @blueprint.get("/page/frame")
    def frame() -> str:
        user_id = int(request.args.get("user_id", 1))
        target = request.args.get("url") or sandbox.portal.app_url
        asked = sandbox.frame(user_id=user_id, language=request.args.get("lang", "ru"))
        action = f"{target}{'&' if '?' in target else '?'}{urlencode(asked['query'])}" if target else ""
        name = f"{asked['query']['DOMAIN']}|{asked['query']['PROTOCOL']}|{asked['query']['APP_SID']}"
        return render_template("frame.html", action=action, body=asked["body"], name=name, user_id=user_id)

    return blueprint


def snapshot(sandbox: "Sandbox") -> dict[str, Any]:
    """Everything the page draws."""
    portal = sandbox.portal
    costs = portal.costs(portal.requests[-COSTED_REQUESTS:])
    return {
        "version": sandbox.version,
        "portal": {"title": portal.title, "leads_on": portal.leads_on, "installed": portal.installed},
        "links": {
            "product": sandbox.product_url,
            "app": portal.app_url,
            "is_connected": bool(sandbox.uis.events_url),
            "endpoint": portal.client_endpoint,
        },
        "counts": portal.counts(),
        "users": [_user(user) for user in list(portal.users.values())[:20]],
        "employees": [{"id": row["id"], "name": row["full_name"]} for row in sandbox.uis.employees[:20]],
        "examples": EXAMPLES,
        "story_kinds": (*KINDS, *SERIES),
        "fault_kinds": {"portal": [kind for kind in FAULT_KINDS if kind not in UIS_KINDS], "uis": UIS_KINDS},
        "stories": [_story(story, costs.get(story.id, NO_COST)) for story in sandbox.stories[-SHOWN_STORIES:][::-1]],
        "items": {name: _items(portal, type_id) for type_id, name in TYPE_NAMES.items()},
        "cards": [_card(portal, call_id, user_id, at) for (call_id, user_id), at in portal.telephony.cards.items()],
        "notifications": [
            {"user": _name(portal, row["user_id"]), "text": row["text"], "at": _clock(row["at"])}
            for row in portal.notifications[-20:][::-1]
        ],
        "requests": [
            record.row() | {"at": _clock(record.at)} for record in list(portal.requests)[-SHOWN_REQUESTS:][::-1]
        ],
        "totals": {
            "requests": len(portal.requests),
            "commands": sum(one.commands for one in portal.requests),
            "max_concurrent": portal.max_concurrent,
        },
        "bucket": portal.bucket_level(),
        "bucket_size": portal.bucket_size,
        "faults": {"portal": sandbox.faults.state(), "uis": sandbox.uis.faults.state()},
    }


def _items(portal: Portal, type_id: int) -> list[dict[str, Any]]:
    newest = sorted(portal.crm.items[type_id].values(), key=lambda item: -item["id"])
    return [_item(portal, item) for item in newest[:SHOWN_ITEMS]]


def _item(portal: Portal, item: Item) -> dict[str, Any]:
    crm, type_id = portal.crm, item["_type"]
    stages = crm.stages(type_id, item.get("categoryId") or 0) if "stageId" in item else {}
    pipeline = next((row["name"] for row in crm.categories if type_id == 2 and row["id"] == item["categoryId"]), None)
    source = crm.directory("SOURCE").get(item.get("sourceId") or "", {}).get("NAME")
    contact = crm.items[3].get(item.get("contactId") or 0)
    return {
        "id": item["id"],
        "title": crm.name_of(item),
        "phones": [row["value"] for row in item.get("fm") or []],
        "stage": stages.get(item.get("stageId"), {}).get("NAME"),
        "semantics": crm.semantics(item),
        "pipeline": pipeline,
        "source": source,
        "contact": crm.name_of(contact) if contact and type_id != 3 else None,
        "responsible": _name(portal, item["assignedById"]),
        "created": _clock(item["_created"]) if item["_created"] else None,
        "origin": item.get("originId"),
        "fields": {
            crm.custom[type_id][key]["title"]: value
            for key, value in item.items()
            if key.startswith("UF_") and value not in (None, "", [])
        },
        "timeline": _timeline(portal, (type_id, item["id"])),
    }


def _timeline(portal: Portal, owner: tuple[int, int]) -> list[dict[str, Any]]:
    rows = [
        (row["_created"], _activity(portal, row)) for row in portal.crm.activities.values() if owner in row["_bindings"]
    ]
    rows += [
        (row["at"], {"kind": row["kind"], "title": row["title"], "text": row["text"], "at": _clock(row["at"])})
        for row in portal.crm.timeline.values()
        if row["owner"] == owner
    ]
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def _activity(portal: Portal, row: Item) -> dict[str, Any]:
    call_id = row.get("_call_id")
    statistics = portal.telephony.statistics.get(call_id or "", {})
    record = portal.telephony.records.get(call_id or "")
    texts = [row["DESCRIPTION"], portal.crm.notes.get(f"2:{row['ID']}", ""), *_block_texts(row)]
    return {
        "kind": "call" if call_id else "todo" if row["PROVIDER_ID"] == "CRM_TODO" else "activity",
        "title": row["SUBJECT"],
        "text": "\n".join(text for text in texts if text),
        "at": _clock(row["_created"]),
        "who": _name(portal, int(row["RESPONSIBLE_ID"])),
        "is_missed": bool(isinstance(row["SETTINGS"], dict) and row["SETTINGS"].get("MISSED_CALL")),
        "is_done": row["COMPLETED"] == "Y",
        "deadline": row["DEADLINE"],
        "seconds": statistics.get("CALL_DURATION"),
        "record": f"/page/record/{call_id}" if record else None,
    }


def _block_texts(row: Item) -> list[str]:
    layout = row.get("_layout") or {}
    blocks = {**((layout.get("body") or {}).get("blocks") or {}), **(row.get("_blocks") or {})}
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            words = [node[key] for key in ("title", "value", "text") if isinstance(node.get(key), str)]
            if words:
                found.append(" ".join(words))
            for value in node.values():
                walk(value)

    walk(blocks)
    return found


def _card(portal: Portal, call_id: str, user_id: int, at: float) -> dict[str, Any]:
    call = portal.telephony.calls.get(call_id)
    item = portal.crm.items[call.entity[0]].get(call.entity[1]) if call and call.entity else None
    return {
        "call_id": call_id,
        "user": _name(portal, user_id),
        "phone": call.phone if call else "",
        "is_out": bool(call and call.type == 1),
        "is_over": call is None,
        "line": call.line if call else "",
        "client": portal.crm.name_of(item) if item else None,
        "client_type": TYPE_NAMES[item["_type"]] if item else None,
        "at": _clock(at),
    }


def _story(story: Any, cost: dict[str, int]) -> dict[str, Any]:
    names = ("kind", "id", "phone", "is_over")
    good = sum(1 for status in story.statuses if 200 <= status < 300)
    counts = {"sent": len(story.statuses), "good": good, "steps": len(story.steps), "at": _clock(story.played_at)}
    return {name: getattr(story, name) for name in names} | counts | {"cost": cost}


def _user(user: dict[str, Any]) -> dict[str, Any]:
    return {"id": int(user["ID"]), "name": f"{user['NAME']} {user['LAST_NAME']}", "extension": user["UF_PHONE_INNER"]}


def _name(portal: Portal, user_id: int) -> str:
    user = portal.users.get(user_id)
    return f"{user['NAME']} {user['LAST_NAME']}" if user else f"#{user_id}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, clock.MOSCOW).strftime("%H:%M:%S")
