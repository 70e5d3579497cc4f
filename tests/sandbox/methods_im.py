"""Notifications, chats and open lines."""

from typing import Any

from . import clock, php
from .crm_fields import TYPE_IDS
from .errors import RestError
from .registry import Context, Params, method

MAX_ATTACH = 60_000
LINE_KEYS = frozenset({"select", "filter", "order", "limit", "offset"})


@method("im.notify.system.add")
def notify_system(ctx: Context, params: Params) -> Any:
    """A notification of the application."""
    return _notify(ctx, params, "system")


@method("im.notify.personal.add")
def notify_personal(ctx: Context, params: Params) -> Any:
    """A notification that looks like written by the token's user."""
    return _notify(ctx, params, "personal")


@method("im.notify.delete")
def notify_delete(ctx: Context, params: Params) -> bool:
    """Remove by ID, TAG or SUB_TAG."""
    rows = ctx.portal.notifications
    keys = [(key.lower(), str(params[key])) for key in ("ID", "TAG", "SUB_TAG") if params.get(key)]
    rows[:] = [row for row in rows if not any(str(row[key]) == value for key, value in keys)]
    return True


@method("im.message.add")
def message_add(ctx: Context, params: Params) -> int:
    """A message into a chat the token's user belongs to; SYSTEM=Y stays with the operators."""
    text = params.get("MESSAGE")
    if not text and not params.get("ATTACH"):
        raise RestError("MESSAGE_EMPTY", "Message can't be empty")
    dialog = str(params["DIALOG_ID"])
    if not dialog.startswith("chat"):
        return ctx.portal.next_id("message")
    chat = ctx.portal.chats.get(int(dialog[4:] or 0)) if dialog[4:].isdigit() else None
    if chat is None:
        raise RestError("CHAT_ID", "Error creating message")
    if ctx.user_id not in chat["members"]:
        raise RestError("ACCESS_ERROR", "Action unavailable")
    to_client = params.get("SYSTEM") != "Y"
    return _post(ctx, chat, text=str(text), author=ctx.user_id, to_client=to_client)


@method("imopenlines.crm.chat.get")
def crm_chat_get(ctx: Context, params: Params) -> list[dict[str, str]]:
    """Chats of a CRM object, active ones by default."""
    only_active = params.get("ACTIVE_ONLY", "Y") != "N"
    return [
        {"CHAT_ID": str(chat["id"]), "CONNECTOR_ID": chat["connector"], "CONNECTOR_TITLE": chat["title"]}
        for chat in _chats(ctx, params)
        if chat["active"] or not only_active
    ]


@method("imopenlines.crm.chat.getLastId")
def crm_chat_last(ctx: Context, params: Params) -> int:
    """Newest chat of a CRM object, closed ones too; none is an error."""
    chats = _chats(ctx, params)
    if not chats:
        raise RestError("CRM_CHAT_EMPTY_CRM_DATA", "Could not find CRM object")
    return max(chat["id"] for chat in chats)


@method("imopenlines.crm.chat.user.add")
def crm_chat_user_add(ctx: Context, params: Params) -> int:
    """Let a user into the chat; WRONG_REQUEST when he is in already."""
    user_id = int(params["USER_ID"])
    if not ctx.portal.is_active(user_id):
        raise RestError("CRM_CHAT_USER_NOT_ACTIVE", "User not active")
    chat = _chat(ctx, params)
    if chat is None:
        return 0
    if user_id in chat["members"]:
        raise RestError("WRONG_REQUEST", "You don't have access or user already member in chat")
    chat["members"].append(user_id)
    return chat["id"]


@method("imopenlines.crm.chat.user.delete")
def crm_chat_user_delete(ctx: Context, params: Params) -> int:
    """Take a user out of the chat."""
    chat = _chat(ctx, params)
    if chat is None:
        return 0
    chat["members"] = [one for one in chat["members"] if one != int(params["USER_ID"])]
    return chat["id"]


@method("imopenlines.crm.message.add")
def crm_message_add(ctx: Context, params: Params) -> int:
    """A message of an operator: it is delivered to the client."""
    chat = _chat(ctx, params)
    if chat is None:
        raise RestError("CHAT_NOT_IN_CRM", "Chat does not belong to the CRM entity being checked")
    if int(params["USER_ID"]) not in chat["members"]:
        raise RestError("CANCELED", "You cannot send messages to the specified chat")
    return _post(ctx, chat, text=str(params["MESSAGE"]), author=int(params["USER_ID"]), to_client=True)


@method("imopenlines.config.list.get")
def config_list(ctx: Context, params: Params) -> list[dict[str, Any]]:
    """Open lines of the portal."""
    wanted = params.get("PARAMS") or {}
    strange = set(wanted) - LINE_KEYS if isinstance(wanted, dict) else set()
    if strange:
        raise RestError("INVALID_FORMAT", f"Unsupported PARAMS fields are passed: {', '.join(sorted(strange))}")
    select = set(php.rows(wanted.get("select"))) if isinstance(wanted, dict) and wanted.get("select") else None
    return [{key: row[key] for key in row if select is None or key in select} for row in ctx.portal.open_lines]


def add_chat(portal: Any, *bindings: tuple[int, int], active: bool = True, members: tuple[int, ...] = ()) -> int:
    """Open an open-line chat of CRM objects `(type id, id)`; returns its CHAT_ID."""
    number = portal.next_id("chat", start=701)
    chat = {"id": number, "bindings": list(bindings), "active": active, "members": list(members), "messages": []}
    portal.chats[number] = chat | {"connector": "telegrambot", "title": "Telegram"}
    return number


def _notify(ctx: Context, params: Params, kind: str) -> Any:
    user_id = int(params["USER_ID"])
    if user_id <= 0:
        raise RestError("USER_ID_EMPTY", "User ID can't be empty")
    if len(str(params.get("ATTACH") or "")) > MAX_ATTACH:
        raise RestError("ATTACH_OVERSIZE", "You have exceeded the maximum allowable size of attach")
    if not ctx.portal.is_active(user_id):
        return False
    tag = str(params.get("TAG") or "")
    if tag:
        kept = [row for row in ctx.portal.notifications if (row["tag"], row["user_id"]) != (tag, user_id)]
        ctx.portal.notifications[:] = kept
    row = {"id": ctx.portal.next_id("notification"), "user_id": user_id, "text": str(params["MESSAGE"]), "tag": tag}
    row |= {"sub_tag": str(params.get("SUB_TAG") or ""), "kind": kind, "at": clock.now()}
    ctx.portal.notifications.append(row)
    return row["id"]


def _post(ctx: Context, chat: dict[str, Any], *, text: str, author: int, to_client: bool) -> int:
    number = ctx.portal.next_id("message")
    row = {"id": number, "text": text, "author": author, "to_client": to_client, "at": clock.now()}
    chat["messages"].append(row)
    return number


def _chats(ctx: Context, params: Params) -> list[dict[str, Any]]:
    owner = (TYPE_IDS.get(str(params["CRM_ENTITY_TYPE"]).upper(), 0), int(params["CRM_ENTITY"]))
    return [chat for chat in ctx.portal.chats.values() if owner in chat["bindings"]]


def _chat(ctx: Context, params: Params) -> dict[str, Any] | None:
    chats = _chats(ctx, params)
    if params.get("CHAT_ID"):
        chat = next((one for one in chats if one["id"] == int(params["CHAT_ID"])), None)
        if chat is None:
            raise RestError("CHAT_NOT_IN_CRM", "Chat does not belong to the CRM object being checked")
        return chat
    return max(chats, key=lambda one: one["id"], default=None)
