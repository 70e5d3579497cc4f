"""`telephony.*` and call statistics, with what the server really does."""

import base64
import binascii
import secrets
from typing import Any

from . import clock, php
from .crm import Item, normal_phone
from .crm_fields import CONTACT, DEAL, LEAD, TYPE_IDS, TYPE_NAMES
from .errors import RestError
from .methods_activity import add_activity
from .registry import Context, Params, method
from .telephony import Call

MISSED = "304"
ANSWERED = "200"
INCOMING = (2, 3)


@method("telephony.externalCall.register")
def register(ctx: Context, params: Params) -> dict[str, Any]:
    """Register a call, or recognise it; bind it to a client; show the card.

    1. The same user, number, type (and line, external id) begun within 30 minutes: the first CALL_ID comes back.
    2. CRM_ENTITY_* binds; else the number is searched; else CRM_CREATE makes a lead (contact and deal without leads).
    3. SHOW (default 1) opens the card of the user.
    """
    telephony = ctx.portal.telephony
    call = _wanted_call(ctx, params)
    known = telephony.find_duplicate(call)
    if known is None:
        known = call
        telephony.calls[call.call_id] = call
        _bind(ctx, call, params)
        if call.line and call.line not in telephony.lines:
            telephony.add_line(call.line)
    if php.is_true(params.get("SHOW", 1)):
        telephony.show(known.call_id, known.user_id)
    return _registered(known)


@method("telephony.externalCall.show")
def show(ctx: Context, params: Params) -> bool:
    """Open the card for users; false when the call is over."""
    return _for_users(ctx, params, ctx.portal.telephony.show)


@method("telephony.externalCall.hide")
def hide(ctx: Context, params: Params) -> bool:
    """Close the card for users; false when the call is over."""
    return _for_users(ctx, params, ctx.portal.telephony.hide)


@method("telephony.externalCall.finish")
def finish(ctx: Context, params: Params) -> dict[str, Any]:
    """End a call: statistics, one activity if it is bound, objects the call made go to the user, row deleted."""
    telephony = ctx.portal.telephony
    call = telephony.calls.get(str(params["CALL_ID"]))
    if call is None:
        raise RestError("ERROR_CORE", "Call is not found (call should be registered prior to finishing)")
    user_id = _user(ctx, params)
    row = _statistics(ctx, call, user_id, params)
    for type_id, item_id in call.created:
        item = ctx.portal.crm.items[type_id].get(item_id)
        if item is not None:
            ctx.portal.crm.update(item, {"assignedById": user_id}, user_id=ctx.user_id)
    if call.entity is None or call.entity[1] not in ctx.portal.crm.items[call.entity[0]]:
        row["ERRORS"] = {"ACTIVITY_CREATION": "CRM entity is not found"}
    else:
        row["CRM_ACTIVITY_ID"] = int(_call_activity(ctx, call, row)["ID"])
    _close_missed(ctx, call, row)
    telephony.hide(call.call_id, user_id)
    telephony.statistics[call.call_id] = row
    del telephony.calls[call.call_id]
    return dict(row)


@method("telephony.externalCall.attachRecord")
def attach_record(ctx: Context, params: Params) -> dict[str, Any]:
    """Attach a record after finish: by link, inline, or announce an upload. Again = replace."""
    call_id, name, link = str(params["CALL_ID"]), params.get("FILENAME"), params.get("RECORD_URL")
    if not link and name is None:
        text = "Required parameters are not set. Request should contain either URL or FILENAME parameter"
        raise RestError("ERROR_CORE", text)
    if call_id not in ctx.portal.telephony.statistics:
        text = "Call is not found in the statistic table. It looks like it is not finished yet."
        raise RestError("ERROR_CORE", text)
    if not link and not name:
        raise RestError("ERROR_CORE", "File name is empty")
    file_name = str(name or str(link).split("?")[0].rstrip("/").rsplit("/", 1)[-1])
    if not file_name.lower().endswith((".mp3", ".wav")):
        raise RestError("ERROR_CORE", "Wrong file extension. Only wav and mp3 are allowed")
    if link:
        return store_record(ctx.portal, call_id, file_name, _downloaded(ctx, str(link)), via="link", source=str(link))
    if "FILE_CONTENT" in params:
        return store_record(ctx.portal, call_id, file_name, _decoded(params["FILE_CONTENT"]), via="inline")
    if ctx.in_batch:
        raise RestError("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage", status=405)
    token = secrets.token_hex(16)
    ctx.portal.uploads[token] = {"call_id": call_id, "name": file_name}
    return {"uploadUrl": f"{ctx.portal.url}/portal/{ctx.portal.slug}/upload/{token}/", "fieldName": "file"}


@method("telephony.call.attachTranscription")
def attach_transcription(ctx: Context, params: Params) -> dict[str, int]:
    """Attach a transcript after finish."""
    call_id = str(params["CALL_ID"])
    for number, row in enumerate(php.rows(params["MESSAGES"])):
        if row.get("SIDE") not in ("User", "Client"):
            raise RestError("ERROR_CORE", f"MESSAGES[{number}][SIDE] should be either Client or User")
        if int(row.get("START_TIME", -1)) < 0:
            raise RestError("ERROR_CORE", f"MESSAGES[{number}][START_TIME] should be greater or equal to zero")
        if int(row.get("STOP_TIME", 0)) < 1:
            raise RestError("ERROR_CORE", f"MESSAGES[{number}][STOP_TIME] should be greater than zero")
        if not row.get("MESSAGE"):
            raise RestError("ERROR_CORE", f"MESSAGES[{number}][MESSAGE] is empty")
    if call_id not in ctx.portal.telephony.statistics:
        raise RestError("ERROR_CORE", f"Call {call_id} is not found. Is it finished?")
    ctx.portal.telephony.transcripts[call_id] = php.rows(params["MESSAGES"])
    number = ctx.portal.next_id("transcript")
    ctx.portal.telephony.statistics[call_id]["TRANSCRIPT_ID"] = number
    return {"TRANSCRIPT_ID": number}


def store_record(portal: Any, call_id: str, name: str, content: bytes, *, via: str, source: str = "") -> dict[str, int]:
    """Keep a record of a finished call; the answer's FILE_ID."""
    file_id = portal.next_id("file", start=5001)
    row = {"file_id": file_id, "name": name, "size": len(content), "content": content, "via": via, "source": source}
    portal.telephony.records[call_id] = row | {"at": clock.now()}
    portal.telephony.statistics[call_id] |= {"RECORD_FILE_ID": file_id}
    return {"FILE_ID": file_id}


# --- parts of register and finish


def _wanted_call(ctx: Context, params: Params) -> Call:
    phone = str(params["PHONE_NUMBER"])
    if not any(sign.isdigit() for sign in phone):
        raise RestError("ERROR_CORE", "Unsupported phone number format")
    user_id = _user(ctx, params)
    type_ = int(params["TYPE"])
    if type_ not in range(1, 6):
        raise RestError("ERROR_CORE", "Unknown TYPE")
    now = clock.now()
    try:
        started = clock.parse_iso(str(params["CALL_START_DATE"])) if params.get("CALL_START_DATE") else now
    except ValueError:
        raise RestError("ERROR_CORE", "CALL_START_DATE should be in the ISO-8601 format") from None
    line, external = str(params.get("LINE_NUMBER") or "")[:50], params.get("EXTERNAL_CALL_ID")
    external = str(external) if external else None
    call_id = ctx.portal.telephony.new_call_id()
    digits = ("+" if phone.strip().startswith("+") else "") + "".join(sign for sign in phone if sign.isdigit())
    return Call(call_id, user_id, digits, type_, line, external, started, now)


def _user(ctx: Context, params: Params) -> int:
    if params.get("USER_ID"):
        user_id: int | None = int(params["USER_ID"])
    elif params.get("USER_PHONE_INNER"):
        user_id = ctx.portal.user_by_extension(str(params["USER_PHONE_INNER"]))
    else:
        user_id = None
    if user_id is None:
        raise RestError("ERROR_CORE", "USER_ID or USER_PHONE_INNER should be set")
    if not ctx.portal.is_active(user_id):
        raise RestError("ERROR_CORE", "User is not found or is not active")
    return user_id


def _bind(ctx: Context, call: Call, params: Params) -> None:
    crm, given = ctx.portal.crm, str(params.get("CRM_ENTITY_TYPE") or "").upper()
    if given and params.get("CRM_ENTITY_ID"):
        if given in ("CONTACT", "COMPANY", "LEAD") and int(params["CRM_ENTITY_ID"]) in crm.items[TYPE_IDS[given]]:
            call.entity = (TYPE_IDS[given], int(params["CRM_ENTITY_ID"]))
        return
    if ctx.portal.user_by_extension(call.phone.lstrip("+")):
        return
    client = crm.find_client(call.phone, lag=ctx.search_lag)
    if client is not None:
        call.entity = (client["_type"], client["id"])
    elif php.is_true(params.get("CRM_CREATE")):
        if _is_employee_phone(ctx, call.phone):
            call.lead_error = "Lead creation is disabled for local users"
        else:
            create_for_call(ctx.portal, call, source=str(params.get("CRM_SOURCE") or "CALL"), user_id=ctx.user_id)


def create_for_call(portal: Any, call: Call, *, source: str, user_id: int = 1) -> None:
    """Make what Bitrix24 makes for an unknown number: a lead, or with leads off a contact and a deal."""
    crm = portal.crm
    title = f"{call.phone} - {'Исходящий' if call.type == 1 else 'Входящий'} звонок"
    sources = crm.directory("SOURCE")
    fields = {
        "title": title,
        "assignedById": call.user_id,
        "sourceId": source if source in sources else "CALL" if "CALL" in sources else "OTHER",
        "sourceDescription": f"Звонок на номер {call.line}",
    }
    phone = {"fm": [{"typeId": "PHONE", "valueType": "WORK", "value": call.phone}]}
    if portal.leads_on:
        call.entity = (LEAD, crm.add(LEAD, fields | phone, user_id=user_id)["id"])
        call.created.append(call.entity)
        return
    person = {"name": call.phone, "assignedById": call.user_id, "sourceId": fields["sourceId"]}
    contact = crm.add(CONTACT, person | phone, user_id=user_id)
    deal = crm.add(DEAL, fields | {"contactId": contact["id"]}, user_id=user_id)
    call.entity = (CONTACT, contact["id"])
    call.created += [(CONTACT, contact["id"]), (DEAL, deal["id"])]


def created_for(call: Call) -> dict[str, Any]:
    """What was made for a call, as answers and events tell it."""
    lead = next((item_id for type_id, item_id in call.created if type_id == LEAD), None)
    entities = [{"ENTITY_TYPE": TYPE_NAMES[type_id], "ENTITY_ID": item_id} for type_id, item_id in call.created]
    return {"CRM_CREATED_LEAD": lead, "CRM_CREATED_ENTITIES": entities}


def _registered(call: Call) -> dict[str, Any]:
    answer = {
        "CALL_ID": call.call_id,
        **created_for(call),
        "CRM_ENTITY_TYPE": TYPE_NAMES[call.entity[0]] if call.entity else None,
        "CRM_ENTITY_ID": call.entity[1] if call.entity else None,
    }
    return answer | ({"LEAD_CREATION_ERROR": call.lead_error} if call.lead_error else {})


def _statistics(ctx: Context, call: Call, user_id: int, params: Params) -> Item:
    duration = int(params.get("DURATION") or 0)
    code = str(params.get("STATUS_CODE") or (ANSWERED if duration > 0 else MISSED))
    return {
        "ID": ctx.portal.next_id("statistics"),
        "CALL_ID": call.call_id,
        "EXTERNAL_CALL_ID": call.external_id,
        "PORTAL_USER_ID": user_id,
        "PHONE_NUMBER": call.phone,
        "PORTAL_NUMBER": call.line or f"REST_APP:{ctx.portal.client_id}",
        "INCOMING": str(call.type),
        "CALL_TYPE": str(call.type),
        "CALL_CATEGORY": "external",
        "CALL_DURATION": duration,
        "CALL_START_DATE": clock.iso(call.started_at),
        "CALL_STATUS": 1 if code == ANSWERED else 0,
        "CALL_VOTE": params.get("VOTE"),
        "COST": params.get("COST") or 0,
        "COST_CURRENCY": params.get("COST_CURRENCY") or "RUB",
        "CALL_FAILED_CODE": code,
        "CALL_FAILED_REASON": params.get("FAILED_REASON") or "",
        "REST_APP_ID": "1",
        "REST_APP_NAME": ctx.portal.client_id,
        "CRM_ACTIVITY_ID": None,
        "CRM_ENTITY_TYPE": TYPE_NAMES[call.entity[0]] if call.entity else None,
        "CRM_ENTITY_ID": call.entity[1] if call.entity else None,
        "COMMENT": None,
        "TRANSCRIPT_ID": None,
    }


def _call_activity(ctx: Context, call: Call, row: Item) -> Item:
    assert call.entity is not None
    missed = row["CALL_FAILED_CODE"] == MISSED and call.type in INCOMING
    words = "Пропущенный от" if missed else "Исходящий на" if call.type == 1 else "Входящий от"
    return add_activity(
        ctx.portal.crm,
        call.entity,
        TYPE_ID="2",
        PROVIDER_ID="VOXIMPLANT_CALL",
        PROVIDER_TYPE_ID="CALL",
        SUBJECT=f"{words} {call.phone}",
        COMPLETED="N" if missed else "Y",
        RESPONSIBLE_ID=str(row["PORTAL_USER_ID"]),
        DIRECTION="2" if call.type == 1 else "1",
        ORIGIN_ID=f"VI_{call.call_id}",
        START_TIME=clock.iso(call.started_at),
        SETTINGS={"MISSED_CALL": missed},
        _call_id=call.call_id,
    )


def _close_missed(ctx: Context, call: Call, row: Item) -> None:
    if call.type != 1 or row["CALL_FAILED_CODE"] != ANSWERED:
        return
    ids = {old["CRM_ACTIVITY_ID"] for old in ctx.portal.telephony.finished_calls_of(call.phone)}
    for activity_id in ids & set(ctx.portal.crm.activities):
        ctx.portal.crm.activities[activity_id]["COMPLETED"] = "Y"


def _is_employee_phone(ctx: Context, phone: str) -> bool:
    keys = ("WORK_PHONE", "PERSONAL_PHONE", "PERSONAL_MOBILE")
    own = {normal_phone(user[key]) for user in ctx.portal.users.values() if user["ACTIVE"] for key in keys if user[key]}
    return normal_phone(phone) in own


def _for_users(ctx: Context, params: Params, act: Any) -> bool:
    call = ctx.portal.telephony.calls.get(str(params["CALL_ID"]))
    if call is None:
        return False
    users = php.rows(params["USER_ID"]) if params.get("USER_ID") else [call.user_id]
    for user_id in users:
        act(call.call_id, int(user_id))
    return True


def _downloaded(ctx: Context, link: str) -> bytes:
    status, content = ctx.fetched.get(link, (0, b""))
    if status == 0:
        raise RestError("ERROR_CORE", "Server is not available")
    if status != 200:
        raise RestError("ERROR_CORE", f"Server returns HTTP error code {status}")
    return content


def _decoded(text: Any) -> bytes:
    if not text:
        raise RestError("ERROR_CORE", "File content is empty.")
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        raise RestError("ERROR_CORE", "File content is not properly encoded. Base64 encoding is expected.") from None
