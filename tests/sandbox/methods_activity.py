"""Activities and the timeline."""

import json
from typing import Any

from . import clock, php
from .crm import Item
from .crm_fields import TYPE_IDS, TYPE_NAMES
from .errors import RestError, not_found
from .filters import order_rows, select_rows
from .registry import Context, Params, Rows, method, page

LAYOUT_KEYS = frozenset({"icon", "header", "body", "footer"})
CODES = ("call", "comment", "info", "mail", "task")
MAX_BLOCKS, MAX_BUTTONS, MAX_TAGS = 20, 2, 2


def add_activity(crm: Any, owner: tuple[int, int], **fields: Any) -> Item:
    """Store an activity of an item; `fields` in the portal's spelling. `_bindings` lists all its items."""
    now = clock.iso(clock.now())
    row = {
        "ID": str(crm.next_id("activity")),
        "OWNER_ID": str(owner[1]),
        "OWNER_TYPE_ID": str(owner[0]),
        "TYPE_ID": "6",
        "PROVIDER_ID": "",
        "PROVIDER_TYPE_ID": "",
        "SUBJECT": "",
        "CREATED": now,
        "LAST_UPDATED": now,
        "START_TIME": now,
        "END_TIME": now,
        "DEADLINE": None,
        "COMPLETED": "N",
        "STATUS": "1",
        "RESPONSIBLE_ID": "1",
        "PRIORITY": "2",
        "DESCRIPTION": "",
        "DIRECTION": "0",
        "ORIGINATOR_ID": None,
        "ORIGIN_ID": None,
        "AUTHOR_ID": "1",
        "SETTINGS": [],
    }
    row |= fields | {"_bindings": [owner], "_created": clock.now()}
    crm.activities[int(row["ID"])] = row
    return row


@method("crm.activity.list")
def activity_list(ctx: Context, params: Params) -> Rows:
    """Activities by any field; BINDINGS takes `[{OWNER_TYPE_ID, OWNER_ID}]`."""
    filter_ = dict(params.get("filter") or {})
    bindings = {
        (int(one["OWNER_TYPE_ID"]), int(one["OWNER_ID"])) for one in php.rows(filter_.pop("BINDINGS", []) or [])
    }
    rows = select_rows(ctx.portal.crm.activities.values(), filter_)
    if bindings:
        rows = [row for row in rows if bindings & set(row["_bindings"])]
    rows = order_rows(rows, params.get("order") or {"ID": "ASC"})
    cut = page(rows, params)
    select = set(php.rows(params["select"])) if params.get("select") else {"*"}
    return Rows([_shown(row, select) for row in cut.result], cut.total, cut.next)


@method("crm.activity.get")
def activity_get(ctx: Context, params: Params) -> Item:
    """One activity."""
    row = ctx.portal.crm.activities.get(int(params["id"]))
    if row is None:
        raise RestError("", "Activity is not found")
    return _shown(row, {"*"})


@method("crm.activity.todo.add")
def todo_add(ctx: Context, params: Params) -> dict[str, int]:
    """A task for a person: call back, answer the request."""
    owner = _owner(ctx, params["ownerTypeId"], params["ownerId"])
    responsible = int(params.get("responsibleId") or ctx.user_id)
    if not ctx.portal.is_active(responsible):
        raise RestError("100", "Responsible user is not found")
    row = add_activity(
        ctx.portal.crm,
        owner,
        PROVIDER_ID="CRM_TODO",
        PROVIDER_TYPE_ID="TODO",
        SUBJECT=params.get("title") or "Дело",
        DESCRIPTION=params.get("description") or "",
        DEADLINE=params["deadline"],
        RESPONSIBLE_ID=str(responsible),
    )
    return {"id": int(row["ID"])}


@method("crm.activity.configurable.add")
def configurable_add(ctx: Context, params: Params) -> dict[str, Any]:
    """An activity of our own look."""
    owner = _owner(ctx, params["ownerTypeId"], params["ownerId"])
    fields, layout = params["fields"], params["layout"]
    fields = fields if isinstance(fields, dict) else {}
    if fields.get("isIncomingChannel") == "Y" and fields.get("deadline"):
        raise RestError("INCOMING_ACTIVITY_CAN_NOT_BE_WITH_DEADLINE", "Incoming activity can not be with deadline")
    responsible = int(fields.get("responsibleId") or ctx.user_id)
    if not ctx.portal.is_active(responsible):
        raise RestError("WRONG_FIELD_VALUE", "Wrong value of field responsibleId")
    check_layout(layout)
    row = add_activity(
        ctx.portal.crm,
        owner,
        PROVIDER_ID="CONFIGURABLE_REST_APP",
        PROVIDER_TYPE_ID=fields.get("typeId") or "CONFIGURABLE",
        SUBJECT=layout["header"]["title"],
        COMPLETED="Y" if fields.get("completed") in (True, "Y") else "N",
        DEADLINE=fields.get("deadline"),
        RESPONSIBLE_ID=str(responsible),
        ORIGINATOR_ID=fields.get("originatorId"),
        ORIGIN_ID=fields.get("originId"),
        _layout=layout,
    )
    return {"activity": {"id": int(row["ID"])}}


@method("crm.activity.configurable.update")
def configurable_update(ctx: Context, params: Params) -> dict[str, Any]:
    """Change fields or layout of an activity of ours."""
    row = _activity(ctx, params["id"])
    if params.get("layout"):
        check_layout(params["layout"])
        row["_layout"] = params["layout"]
        row["SUBJECT"] = params["layout"]["header"]["title"]
    fields = params.get("fields") or {}
    if "completed" in fields:
        row["COMPLETED"] = "Y" if fields["completed"] in (True, "Y") else "N"
    if "responsibleId" in fields:
        row["RESPONSIBLE_ID"] = str(fields["responsibleId"])
    return {"activity": {"id": int(row["ID"])}}


@method("crm.activity.configurable.get")
def configurable_get(ctx: Context, params: Params) -> dict[str, Any]:
    """One activity of ours, as it stands."""
    row = _activity(ctx, params["id"])
    fields = {
        "typeId": row["PROVIDER_TYPE_ID"],
        "completed": row["COMPLETED"] == "Y",
        "responsibleId": int(row["RESPONSIBLE_ID"]),
        "originatorId": row["ORIGINATOR_ID"],
        "originId": row["ORIGIN_ID"],
    }
    owner = {"ownerTypeId": int(row["OWNER_TYPE_ID"]), "ownerId": int(row["OWNER_ID"])}
    return {"activity": {"id": int(row["ID"]), **owner, "fields": fields, "layout": row["_layout"]}}


@method("crm.activity.binding.add")
def binding_add(ctx: Context, params: Params) -> bool:
    """Show one activity on another item too."""
    row = _activity(ctx, params["activityId"])
    owner = _owner(ctx, params["entityTypeId"], params["entityId"])
    if owner in row["_bindings"]:
        raise RestError("ACTIVITY_IS_ALREADY_BOUND", "Activity is already bound to this entity")
    row["_bindings"].append(owner)
    return True


@method("crm.activity.binding.list")
def binding_list(ctx: Context, params: Params) -> list[dict[str, int]]:
    """Items of an activity."""
    row = _activity(ctx, params["activityId"])
    return [{"entityTypeId": type_id, "entityId": item_id} for type_id, item_id in row["_bindings"]]


@method("crm.activity.layout.blocks.set")
def blocks_set(ctx: Context, params: Params) -> dict[str, bool]:
    """Put blocks of ours under an existing activity."""
    owner = _owner(ctx, params["entityTypeId"], params["entityId"])
    row = _activity(ctx, params["activityId"])
    if owner not in row["_bindings"]:
        raise not_found("Activity not found")
    layout = params["layout"]
    if not isinstance(layout, dict) or not layout.get("blocks"):
        raise RestError("FIELD_IS_REQUIRED", "Field blocks is required")
    row["_blocks"] = layout["blocks"]
    return {"success": True}


@method("crm.timeline.comment.add")
def comment_add(ctx: Context, params: Params) -> int:
    """A comment on an item."""
    fields = params["fields"]
    type_name = str(fields["ENTITY_TYPE"])
    if type_name != type_name.lower() or type_name.upper() not in TYPE_IDS:
        raise RestError("OWNER_NOT_FOUND", "Owner not found")
    owner = _owner(ctx, TYPE_IDS[type_name.upper()], fields["ENTITY_ID"])
    if not str(fields["COMMENT"]).strip():
        raise RestError("INVALID_ARG_VALUE", "Empty comment message")
    return _entry(ctx, owner, "comment", text=str(fields["COMMENT"]))["id"]


@method("crm.timeline.comment.update")
def comment_update(ctx: Context, params: Params) -> int:
    """Replace the text of a comment."""
    row = ctx.portal.crm.timeline.get(int(params["id"]))
    if row is None or row["kind"] != "comment":
        raise not_found("Element not found")
    text = params["fields"].get("COMMENT")
    if text is not None and not str(text).strip():
        raise RestError("INVALID_ARG_VALUE", "Empty comment message")
    row["text"] = str(text) if text is not None else row["text"]
    return row["id"]


@method("crm.timeline.comment.list")
def comment_list(ctx: Context, params: Params) -> Rows:
    """Comments of one item; the filter needs ENTITY_ID and ENTITY_TYPE."""
    filter_ = params["filter"]
    if not isinstance(filter_, dict) or not filter_.get("ENTITY_ID") or not filter_.get("ENTITY_TYPE"):
        raise RestError("100", "Could not find value for parameter {filter}")
    owner = (TYPE_IDS.get(str(filter_["ENTITY_TYPE"]).upper(), 0), int(filter_["ENTITY_ID"]))
    rows = [
        {
            "ID": str(row["id"]),
            "ENTITY_ID": str(row["owner"][1]),
            "ENTITY_TYPE": TYPE_NAMES[row["owner"][0]].lower(),
            "CREATED": clock.iso(row["at"]),
            "COMMENT": row["text"],
            "AUTHOR_ID": str(row["author"]),
            "FILES": [],
        }
        for row in ctx.portal.crm.timeline.values()
        if row["owner"] == owner and row["kind"] == "comment"
    ]
    return page(order_rows(rows, params.get("order") or {"ID": "ASC"}), params)


@method("crm.timeline.logmessage.add")
def logmessage_add(ctx: Context, params: Params) -> dict[str, Any]:
    """A quiet line in the log of an item."""
    fields = params["fields"]
    owner = _owner(ctx, fields["entityTypeId"], fields["entityId"])
    row = _entry(ctx, owner, "log", text=str(fields["text"]), title=str(fields["title"]))
    shown = {"id": row["id"], "created": clock.iso(row["at"]), "authorId": ctx.user_id}
    return {"logMessage": {**shown, "title": fields["title"], "text": fields["text"], "iconCode": fields["iconCode"]}}


@method("crm.timeline.icon.list")
def icon_list(ctx: Context, params: Params) -> dict[str, Any]:
    """The icons that an activity may have."""
    return {"icons": [{"code": code, "isSystem": True, "fileUri": ""} for code in CODES]}


@method("crm.timeline.logo.list")
def logo_list(ctx: Context, params: Params) -> dict[str, Any]:
    """The pictures that an activity may have."""
    return {"logos": [{"code": code, "isSystem": True, "fileUri": ""} for code in CODES]}


@method("crm.timeline.note.save")
def note_save(ctx: Context, params: Params) -> bool:
    """One note per item of the timeline, overwritten."""
    _owner(ctx, params["ownerTypeId"], params["ownerId"])
    kind = int(params["itemType"])
    known = ctx.portal.crm.activities if kind == 2 else ctx.portal.crm.timeline
    if kind not in (1, 2) or int(params["itemId"]) not in known:
        raise not_found("Element not found")
    ctx.portal.crm.notes[f"{kind}:{params['itemId']}"] = str(params["text"])
    return True


def check_layout(layout: Any) -> None:
    """Refuse a layout the way the portal does: keys of the first level, title, numbers of blocks, tags, buttons."""
    if not isinstance(layout, dict) or not layout:
        raise RestError("ERROR_EMPTY_LAYOUT", "Layout must be filled")
    for key in layout:
        if key not in LAYOUT_KEYS:
            raise RestError("FIELD_IS_REDUNDANT", f'Field "{key}" is redundant')
    for path in (("icon", "code"), ("header", "title"), ("body", "logo")):
        part = layout.get(path[0])
        if path[0] in ("icon", "header") and not (isinstance(part, dict) and part.get(path[1])):
            raise RestError("FIELD_IS_REQUIRED", f'Field "{".".join(path)}" is required')
    blocks = (layout.get("body") or {}).get("blocks") or {}
    if len(blocks) > MAX_BLOCKS or len((layout["header"].get("tags")) or {}) > MAX_TAGS:
        raise RestError("TOO_MANY_ITEMS", "Too many items")
    if len((layout.get("footer") or {}).get("buttons") or {}) > MAX_BUTTONS:
        raise RestError("TOO_MANY_ITEMS", "Too many items")
    if any(not str(key).replace("-", "").replace("_", "").isalnum() or not str(key).isascii() for key in blocks):
        raise RestError("KEY_CONTAIN_WRONG_SYMBOLS", "Key contains wrong symbols")


def _owner(ctx: Context, type_id: Any, item_id: Any) -> tuple[int, int]:
    try:
        owner = int(type_id), int(item_id)
    except (TypeError, ValueError):
        raise RestError("OWNER_NOT_FOUND", "Owner was not found") from None
    if owner[1] not in ctx.portal.crm.items.get(owner[0], {}):
        raise RestError("OWNER_NOT_FOUND", "Owner was not found")
    return owner


def _activity(ctx: Context, activity_id: Any) -> Item:
    row = ctx.portal.crm.activities.get(int(activity_id))
    if row is None:
        raise not_found("Activity not found")
    return row


def _entry(ctx: Context, owner: tuple[int, int], kind: str, *, text: str, title: str = "") -> dict[str, Any]:
    number = ctx.portal.crm.next_id("timeline")
    row = {"id": number, "owner": owner, "kind": kind, "text": text, "title": title, "author": ctx.user_id}
    ctx.portal.crm.timeline[number] = row | {"at": clock.now()}
    return ctx.portal.crm.timeline[number]


def _shown(row: Item, select: set[str]) -> Item:
    return json.loads(
        json.dumps({key: value for key, value in row.items() if key[0] != "_" and (key in select or "*" in select)})
    )
