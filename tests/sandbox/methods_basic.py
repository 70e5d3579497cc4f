"""Methods every application may call: time, rights, people, events, placements."""

import threading
from bisect import bisect_left, bisect_right
from typing import Any

from . import clock, php
from .errors import RestError
from .filters import Row, first_rows, order_rows, select_rows, split_key
from .outbox import event_form, handlers_of, post_event
from .registry import METHODS, PAGE, Context, Params, Rows, method, page
from .spec import SPEC

EVENTS = (
    "ONAPPINSTALL",
    "ONAPPUNINSTALL",
    "ONAPPUPDATE",
    "ONAPPPAYMENT",
    "ONAPPTEST",
    "ONEXTERNALCALLSTART",
    "ONEXTERNALCALLBACKSTART",
    "ONUSERADD",
    "ONCRMLEADADD",
    "ONCRMLEADUPDATE",
    "ONCRMLEADDELETE",
    "ONCRMDEALADD",
    "ONCRMDEALUPDATE",
    "ONCRMDEALDELETE",
    "ONCRMCONTACTADD",
    "ONCRMCONTACTUPDATE",
    "ONCRMCONTACTDELETE",
    "ONCRMCOMPANYADD",
    "ONCRMCOMPANYUPDATE",
    "ONCRMCOMPANYDELETE",
)
PLACEMENTS = (
    "DEFAULT",
    "LEFT_MENU",
    "REST_APP_URI",
    "CALL_CARD",
    "PAGE_BACKGROUND_WORKER",
    "TELEPHONY_ANALYTICS_MENU",
    "CRM_LEAD_DETAIL_TAB",
    "CRM_DEAL_DETAIL_TAB",
    "CRM_CONTACT_DETAIL_TAB",
    "CRM_COMPANY_DETAIL_TAB",
    "SETTING_CONNECTOR",
)
ONCE_ONLY = ("PAGE_BACKGROUND_WORKER", "REST_APP_URI")
HIDDEN = ("ADMIN", "TIMEMAN_STATUS")


@method("server.time")
def server_time(ctx: Context, params: Params) -> str:
    """The portal's clock."""
    return clock.iso(clock.now())


@method("app.info")
def app_info(ctx: Context, params: Params) -> dict[str, Any]:
    """The portal's view of the application (the authorisation server answers the same name differently)."""
    return {
        "ID": 1,
        "CODE": ctx.portal.client_id,
        "VERSION": 1,
        "STATUS": "L",
        "INSTALLED": ctx.portal.installed,
        "PAYMENT_EXPIRED": "N" if ctx.portal.is_paid else "Y",
        "DAYS": None,
        "LANGUAGE_ID": "ru",
        "LICENSE": "ru_basic",
        "LICENSE_TYPE": "basic",
        "LICENSE_FAMILY": "basic",
    }


@method("profile")
def profile(ctx: Context, params: Params) -> dict[str, Any]:
    """Who the token's user is, and whether an administrator."""
    user = ctx.portal.users[ctx.user_id]
    return {
        "ID": user["ID"],
        "ADMIN": user["ADMIN"],
        "NAME": user["NAME"],
        "LAST_NAME": user["LAST_NAME"],
        "PERSONAL_GENDER": "",
        "TIME_ZONE": user["TIME_ZONE"],
    }


@method("user.admin")
def user_admin(ctx: Context, params: Params) -> bool:
    """True for an administrator's token."""
    return bool(ctx.portal.users[ctx.user_id]["ADMIN"])


@method("user.access")
def user_access(ctx: Context, params: Params) -> bool:
    """Rights codes: `U<id>` and `DR<department>` of the token's user."""
    user = ctx.portal.users[ctx.user_id]
    own = {f"U{user['ID']}"} | {f"DR{one}" for one in user["UF_DEPARTMENT"]}
    return bool(own & set(php.rows(params["ACCESS"])))


@method("user.current")
def user_current(ctx: Context, params: Params) -> dict[str, Any]:
    """Profile of the token's user."""
    return _shown(ctx.portal.users[ctx.user_id], ["*"])


@method("user.get")
def user_get(ctx: Context, params: Params) -> Rows:
    """People by filter; keys of the parameters are accepted in either case, as the vendor does."""
    lower = {key.lower(): value for key, value in params.items()}
    filter_ = lower.get("filter") or {
        key: params[key] for key in ("ID", "ACTIVE", "EMAIL", "UF_PHONE_INNER") if key in params
    }
    filter_ = {key: _truth(value) if key.lstrip("=") == "ACTIVE" else value for key, value in filter_.items()}
    order = lower.get("order")
    direction = order if isinstance(order, str) else "ASC"
    people = _with_ids(ctx.portal.users, filter_)
    if (lower.get("sort") or "ID") == "ID" and direction.upper() == "ASC" and int(lower.get("start") or 0) < 0:
        rows = first_rows(people, filter_, PAGE)
    else:
        rows = order_rows(select_rows(people, filter_), {lower.get("sort") or "ID": direction})
    cut = page(rows, lower)
    select = php.rows(lower["select"]) if lower.get("select") else ["*"]
    return Rows([_shown(user, select) for user in cut.result], cut.total, cut.next)


def _with_ids(users: dict[int, Row], filter_: Row) -> list[Row]:
    """The users in the range of ids that a filter names, by id: a portal has an index there."""
    ids = sorted(users)
    low, high = 0, len(ids)
    for key, value in filter_.items():
        sign, name = split_key(key)
        if name == "ID" and str(value).isdecimal():
            cut = (bisect_right if sign in (">", "<=") else bisect_left)(ids, int(value))
            low = max(low, cut) if sign in (">", ">=") else low
            high = min(high, cut) if sign in ("<", "<=") else high
    return [users[id_] for id_ in ids[low:high]]


@method("department.get")
def department_get(ctx: Context, params: Params) -> Rows:
    """Departments, filtered by any of their fields."""
    keys = ("ID", "NAME", "PARENT", "UF_HEAD")
    wanted = {key: params[key] for key in keys if params.get(key) not in (None, "")}
    rows = select_rows(ctx.portal.departments, wanted)
    return page(rows, params, key="START")


@method("timeman.status")
def timeman_status(ctx: Context, params: Params) -> dict[str, Any]:
    """The working day of a user; a stranger is refused with an empty code."""
    user = ctx.portal.users.get(int(params.get("USER_ID") or ctx.user_id))
    if user is None:
        raise RestError("", "User not found")
    started = clock.iso(clock.now()) if user["TIMEMAN_STATUS"] == "OPENED" else None
    return {"STATUS": user["TIMEMAN_STATUS"], "TIME_START": started, "TIME_FINISH": None, "ACTIVE": True}


@method("scope")
def scope(ctx: Context, params: Params) -> list[str]:
    """Scopes granted; with `full` all that exist here."""
    every = {one for row in SPEC.values() for one in row["scope"] if one != "basic"}
    return sorted(every if php.is_true(params.get("full")) else ctx.scopes)


@method("methods")
def methods(ctx: Context, params: Params) -> list[str]:
    """Names of the methods this token may call."""
    wanted = params.get("scope")
    granted = ctx.scopes | {"basic"}
    return sorted(
        name for name in METHODS if set(SPEC[name]["scope"]) & granted and wanted in (None, *SPEC[name]["scope"])
    )


@method("method.get")
def method_get(ctx: Context, params: Params) -> dict[str, bool]:
    """Whether a method exists and may be called."""
    names = {name.lower(): name for name in METHODS}
    name = names.get(str(params["name"]).lower())
    return {"isExisting": name is not None, "isAvailable": name in methods(ctx, {})}


@method("feature.get")
def feature_get(ctx: Context, params: Params) -> dict[str, str]:
    """No paid features here."""
    return {"value": "N"}


@method("events")
def events(ctx: Context, params: Params) -> list[str]:
    """Events that can be bound."""
    return list(EVENTS)


@method("event.bind")
def event_bind(ctx: Context, params: Params) -> bool:
    """Bind a handler; a second time is the error that means success."""
    name = str(params["event"]).upper()
    handler = str(params["handler"])
    if name not in EVENTS:
        raise RestError("ERROR_EVENT_NOT_FOUND", "Event not found")
    if not handler.startswith(("http://", "https://")):
        raise RestError("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
    if any((row["event"], row["handler"]) == (name, handler) for row in ctx.portal.handlers):
        raise RestError("ERROR_CORE", "Unable to set event handler: Handler already binded")
    offline = 1 if params.get("event_type") == "offline" else 0
    row = {"event": name, "handler": handler, "auth_type": str(params.get("auth_type") or 0), "offline": offline}
    ctx.portal.handlers.append({**row, "id": ctx.portal.next_id("handler", start=1001)})
    return True


@method("event.unbind")
def event_unbind(ctx: Context, params: Params) -> dict[str, int]:
    """Remove a handler; the answer counts what was removed."""
    key = (str(params["event"]).upper(), params["handler"])
    kept = [row for row in ctx.portal.handlers if (row["event"], row["handler"]) != key]
    count = len(ctx.portal.handlers) - len(kept)
    ctx.portal.handlers[:] = kept
    return {"count": count}


@method("event.get")
def event_get(ctx: Context, params: Params) -> list[dict[str, Any]]:
    """Our bindings."""
    return [{key: row[key] for key in ("event", "handler", "auth_type", "offline")} for row in ctx.portal.handlers]


@method("event.test")
def event_test(ctx: Context, params: Params) -> bool:
    """Send ONAPPTEST with what was given to every handler of it, as soon as this request is answered."""
    form = [
        (url, event_form(ctx.portal, "ONAPPTEST", {"QUERY": params, "LANGUAGE_ID": "ru"}, handler_id=handler_id))
        for url, handler_id in handlers_of(ctx.portal, "ONAPPTEST")
    ]
    threading.Thread(target=lambda: [post_event(ctx.portal, *each) for each in form], daemon=True).start()
    return True


@method("placement.bind")
def placement_bind(ctx: Context, params: Params) -> bool:
    """Bind a placement; administrator only."""
    if not ctx.portal.users[ctx.user_id]["ADMIN"]:
        raise RestError("ACCESS_DENIED", "Access denied!", status=403)
    name = str(params["PLACEMENT"]).upper()
    if name not in PLACEMENTS:
        raise RestError("ERROR_PLACEMENT_NOT_FOUND", "Placement not found")
    rows = [row for row in ctx.portal.placements if row["placement"] == name]
    if name in ONCE_ONLY and rows:
        raise RestError("ERROR_PLACEMENT_MAX_COUNT", "Placement max count", status=200)
    if name == "PAGE_BACKGROUND_WORKER" and not (params.get("OPTIONS") or {}).get("errorHandlerUrl"):
        raise RestError("EMPTY_ERROR_HANDLER_URL", "errorHandlerUrl is required", status=200)
    if any(row["handler"] == params["HANDLER"] for row in rows):
        raise RestError("ERROR_CORE", "Unable to set placement handler: Handler already binded")
    texts = {"title": params.get("TITLE", ""), "description": params.get("DESCRIPTION", "")}
    row = {"placement": name, "userId": int(params.get("USER_ID") or 0), "handler": params["HANDLER"]}
    ctx.portal.placements.append(
        {**row, **texts, "options": params.get("OPTIONS") or [], "langAll": params.get("LANG_ALL") or {}}
    )
    return True


@method("placement.unbind")
def placement_unbind(ctx: Context, params: Params) -> dict[str, int]:
    """Remove bindings of a placement, or only the one of HANDLER."""
    name, handler = str(params["PLACEMENT"]).upper(), params.get("HANDLER")
    kept = [
        row
        for row in ctx.portal.placements
        if row["placement"] != name or (handler is not None and row["handler"] != handler)
    ]
    count = len(ctx.portal.placements) - len(kept)
    ctx.portal.placements[:] = kept
    return {"count": count}


@method("placement.get")
def placement_get(ctx: Context, params: Params) -> list[dict[str, Any]]:
    """Our placements."""
    return [dict(row) for row in ctx.portal.placements]


@method("placement.list")
def placement_list(ctx: Context, params: Params) -> list[str]:
    """Placements that can be bound."""
    return list(PLACEMENTS)


def _shown(user: dict[str, Any], select: list[str]) -> dict[str, Any]:
    visible = {key: value for key, value in user.items() if key not in HIDDEN}
    if "*" in select:
        return visible
    return {
        key: value
        for key, value in visible.items()
        if key in {"ID", *select} or ("UF_*" in select and key[:3] == "UF_")
    }


def _truth(value: Any) -> Any:
    return value in (True, "true", "Y", "1", 1) if isinstance(value, bool | str | int) else value
