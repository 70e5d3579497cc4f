"""What the portal sends to the application: events, and the body with which it opens a frame."""

import json
from typing import Any

import requests

from . import clock
from .methods_telephony import create_for_call, created_for
from .oauth import pair
from .portal import Portal
from .telephony import Call

TIMEOUT_SECONDS = 15
WITH_REFRESH = frozenset({"ONAPPINSTALL", "ONAPPUPDATE", "ONAPPTEST"})
WITHOUT_TOKENS = frozenset({"ONAPPUNINSTALL"})


def event_form(
    portal: Portal, name: str, data: dict[str, Any], *, user_id: int = 1, handler_id: int | None = None
) -> dict[str, str]:
    """One event as form fields with bracketed keys; every value a string."""
    auth: dict[str, Any] = {
        "domain": portal.domain,
        "client_endpoint": portal.client_endpoint,
        "server_endpoint": f"{portal.url}/oauth/rest/",
        "member_id": portal.member_id,
        "application_token": portal.application_token,
        "status": "L",
        "scope": ",".join(portal.scopes),
    }
    if name not in WITHOUT_TOKENS:
        issued = portal.issue_tokens(user_id)
        keys = ["access_token", "expires", "expires_in", "user_id"] + ["refresh_token"] * (name in WITH_REFRESH)
        auth |= {key: pair(portal, issued)[key] for key in keys} | {"client_id": portal.client_id}
    form = {"event": name, "ts": str(int(clock.now()))}
    if handler_id is not None:
        form["event_handler_id"] = str(handler_id)
    return form | _flat("data", data) | _flat("auth", auth)


def handlers_of(portal: Portal, name: str) -> list[tuple[str, int | None]]:
    """Addresses bound to an event, with the ids of the bindings."""
    return [(row["handler"], row["id"]) for row in portal.handlers if row["event"] == name and not row["offline"]]


def post_event(portal: Portal, url: str, form: dict[str, str]) -> int:
    """Send one event; the HTTP status, 0 when nobody answers. The portal never repeats an event."""
    try:
        status = requests.post(url, data=form, timeout=TIMEOUT_SECONDS, allow_redirects=False).status_code
    except requests.RequestException:
        status = 0
    portal.events_sent.append({"at": clock.now(), "event": form["event"], "url": url, "status": status, "form": form})
    return status


def frame(
    portal: Portal, *, user_id: int = 1, placement: str = "DEFAULT", options: Any = None, language: str = "ru"
) -> dict[str, Any]:
    """Query and body with which the portal opens the application: `{"query": {...}, "body": {...}}`."""
    issued = portal.issue_tokens(user_id)
    query = {"DOMAIN": portal.domain, "PROTOCOL": "0", "LANG": language, "APP_SID": portal.member_id[:16]}
    return {
        "query": query,
        "body": {
            "AUTH_ID": issued.access,
            "AUTH_EXPIRES": "3600",
            "REFRESH_ID": issued.refresh,
            "SERVER_ENDPOINT": f"{portal.url}/oauth/rest/",
            "APPLICATION_TOKEN": portal.application_token,
            "APPLICATION_SCOPE": ",".join(portal.scopes),
            "member_id": portal.member_id,
            "status": "L",
            "PLACEMENT": placement,
            "PLACEMENT_OPTIONS": json.dumps({"URI": "", **(options or {})}),
        },
    }


def click(portal: Portal, *, phone: str, user_id: int, line: str, entity: tuple[str, int] | None) -> dict[str, Any]:
    """Register the call of a click in the CRM and give the data of ONEXTERNALCALLSTART."""
    telephony, now = portal.telephony, clock.now()
    call = Call(telephony.new_call_id(), user_id, phone, 1, line, None, now, now)
    client = portal.crm.find_client(phone)
    if client is not None:
        call.entity = (client["_type"], client["id"])
    elif entity is None and telephony.lines.get(line, {}).get("CRM_AUTO_CREATE") == "Y":
        create_for_call(portal, call, source="CALL", user_id=user_id)
    telephony.calls[call.call_id] = call
    found = entity or (
        ("", 0) if client is None else ({1: "LEAD", 3: "CONTACT", 4: "COMPANY"}[client["_type"]], client["id"])
    )
    return {
        "PHONE_NUMBER": phone,
        "PHONE_NUMBER_INTERNATIONAL": phone,
        "EXTENSION": "",
        "USER_ID": user_id,
        "CALL_LIST_ID": 0,
        "LINE_NUMBER": line,
        "IS_MOBILE": 0,
        "CALL_ID": call.call_id,
        "CRM_ENTITY_TYPE": found[0],
        "CRM_ENTITY_ID": found[1] or "",
        **created_for(call),
    }


def _flat(prefix: str, tree: dict[str, Any]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{prefix}[{key}]"
        inner = dict(enumerate(value)) if isinstance(value, list) else value
        flat |= _flat(name, inner) if isinstance(inner, dict) else {name: "" if value is None else str(value)}
    return flat
