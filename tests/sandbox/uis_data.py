"""UIS Data API: JSON-RPC, directories and reports, strict about parameters and fields."""

import re
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, request

from . import clock
from .edge import act
from .uis_columns import DEFAULT_COLUMNS, REPORTS, known_columns

if TYPE_CHECKING:
    from .uis_account import UisAccount
    from .world import Sandbox

Row = dict[str, Any]
COMMON = frozenset({"access_token", "user_id"})
PAGED = frozenset({"limit", "offset", "filter", "sort", "fields"})
DATED = frozenset({"date_from", "date_till"})
MAX_LIMIT = 10_000
MAX_DAYS = 93
DATE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
FAULTS = {
    "ip_not_whitelisted": (-32003, "IP is not whitelisted", "ip_not_whitelisted"),
    "limit_exceeded": (-32029, "Limit per minute has been exceeded", "limit_exceeded"),
    "access_token_expired": (-32001, "Access token has been expired", "access_token_expired"),
    "internal_error": (-32603, "Internal error", "internal_error"),
}


class RpcError(Exception):
    """A refusal in the vendor's form; decided by `mnemonic`."""

    def __init__(
        self, code: int, message: str, mnemonic: str, *, field: str | None = None, value: Any = None, **params: Any
    ) -> None:
        super().__init__(f"{mnemonic}: {message}")
        self.code, self.message, self.mnemonic = code, message, mnemonic
        self.field, self.value, self.params = field, value, params

    def body(self, metadata: Row) -> Row:
        """The `error` object."""
        data = {"mnemonic": self.mnemonic, "field": self.field, "value": self.value, "params": self.params}
        return {
            "code": self.code,
            "message": self.message,
            "data": {**data, "extended_helper": None, "metadata": metadata},
        }


def asked(sandbox: "Sandbox") -> "UisAccount":
    """The account that the key of this request opens; a key that opens none is the first account's to refuse."""
    call = request.get_json(silent=True)
    params = call.get("params") if isinstance(call, dict) else None
    try:
        return sandbox.account(str(params["access_token"]))
    except (KeyError, TypeError):
        return sandbox.uis


def serve(sandbox: "Sandbox", uis: "UisAccount", answer_method: Any) -> Response:
    """Answer one JSON-RPC request with `answer_method(account, method, params)`; HTTP 200 also for refusals."""
    call = request.get_json(silent=True)
    method = str(call.get("method", "")) if isinstance(call, dict) else ""
    number = call.get("id") if isinstance(call, dict) else None
    with sandbox.lock:
        kind = uis.faults.take([method])
        uis.requests.append(
            {"at": clock.now(), "method": method, "params": (call or {}).get("params") if method else None}
        )
        sandbox.touch()
    broken = _break(kind)
    if broken is not None:
        return broken
    try:
        if not isinstance(call, dict):
            raise RpcError(-32700, "Parse error", "parse_error")
        if call.get("jsonrpc") != "2.0" or number is None or not method:
            raise RpcError(-32600, "Invalid request", "invalid_request")
        with sandbox.lock:
            if kind in FAULTS:
                raise _fault(kind)
            _check_points(uis)
            result = answer_method(uis, method, _authorised(uis, call.get("params")))
            uis.points.append(clock.now())
            result.setdefault("metadata", {})["limits"] = limits(uis)
    except RpcError as error:
        return jsonify({"jsonrpc": "2.0", "id": number, "error": error.body({"limits": limits(uis)})})
    body = {"jsonrpc": "2.0", "id": number, "result": result}
    return act("drop", "") if kind == "drop_after" else jsonify(body)


def answer(uis: "UisAccount", method: str, params: Row) -> Row:
    """Result of one Data API method."""
    if method in REPORTS:
        return _report(uis, method, params)
    if method == "get.account":
        _only(params, COMMON | PAGED)
        return _listed([{"app_id": uis.app_id, "name": uis.name, "timezone": uis.timezone}], params, method)
    if method == "create.employees":
        return _create_employee(uis, params)
    name = method.removeprefix("get.")
    if not method.startswith("get.") or name not in uis.directories:
        raise RpcError(-32601, "Method not found", "method_not_found", value=method)
    _only(params, COMMON | PAGED)
    return _listed(uis.directories[name], params, method)


def limits(uis: "UisAccount") -> Row:
    """Points left, as every answer tells."""
    now = clock.now()
    minute = sum(1 for at in uis.points if at > now - 60)
    oldest = min((at for at in uis.points if at > now - 60), default=now)
    return {
        "day_limit": uis.day_limit,
        "day_remaining": max(0, uis.day_limit - len(uis.points)),
        "day_reset": int(86400 - now % 86400),
        "minute_limit": uis.minute_limit,
        "minute_remaining": max(0, uis.minute_limit - minute),
        "minute_reset": max(1, int(oldest + 60 - now)),
    }


def require(params: Row, *names: str) -> None:
    """Refuse when a parameter is missing."""
    for name in names:
        if params.get(name) in (None, ""):
            raise RpcError(
                -32602, f"The required parameter has been missed: {name}", "required_parameter_missed", field=name
            )


def _break(kind: str | None) -> Response | None:
    if kind in ("timeout", "timeout_after"):
        return act("hang")
    if kind in ("drop_before", "cut"):
        return act("drop")
    if kind in ("html", "503", "500"):
        return Response("<html>502 Bad Gateway</html>", status=502, mimetype="text/html")
    return Response('{"jsonrpc": "2.0", "res', mimetype="application/json") if kind == "truncated" else None


def _fault(kind: str) -> RpcError:
    code, text, mnemonic = FAULTS[kind]
    extra = {"limit_exceeded": {"limit_type": "minute"}, "ip_not_whitelisted": {"ip": "127.0.0.1"}}.get(kind, {})
    return RpcError(code, text, mnemonic, **extra)


def _check_points(uis: "UisAccount") -> None:
    now = clock.now()
    uis.points = [at for at in uis.points if at > now - now % 86400]
    for kind, left in (("minute", limits(uis)["minute_remaining"]), ("day", limits(uis)["day_remaining"])):
        if not left:
            maximum = uis.minute_limit if kind == "minute" else uis.day_limit
            text = f"Limit per {kind} has been exceeded"
            raise RpcError(-32029, text, "limit_exceeded", limit_type=kind, limit_max_value=maximum)


def _authorised(uis: "UisAccount", params: Any) -> Row:
    if not isinstance(params, dict):
        raise RpcError(-32600, "Invalid request", "invalid_request")
    require(params, "access_token")
    if params["access_token"] != uis.key:
        raise RpcError(-32001, "Access token is invalid", "access_token_invalid", field="access_token")
    return params


def _report(uis: "UisAccount", method: str, params: Row) -> Row:
    name, time_column, extra = REPORTS[method]
    _only(params, COMMON | PAGED | DATED | extra)
    rows = list(getattr(uis, name))
    now = clock.now()
    if method == "get.chat_messages_report" and (params.get("chat_id") or params.get("chat_ids")):
        wanted = set(params.get("chat_ids") or [params.get("chat_id")])
        rows = [row for row in rows if row["chat_id"] in wanted and row["_till"] <= now]
        return _listed(rows, params, method)
    require(params, "date_from", "date_till")
    since, until = (_date(params, key) for key in ("date_from", "date_till"))
    if until - since > MAX_DAYS * 86400:
        raise RpcError(-32602, "Date interval limit is reached", "date_interval_limit_reached", field="date_till")
    ongoing = bool(params.get("include_ongoing_calls"))
    rows = [
        row
        for row in rows
        if since <= row["_from"] < until + 1 and (row["_till"] <= now or (ongoing and row["_from"] <= now))
    ]
    rows = [row if row["_till"] <= now else row | {"finish_time": None, "finish_reason": None} for row in rows]
    return _listed(sorted(rows, key=lambda row: row["_from"]), params, method, no_filter={time_column})


def _date(params: Row, key: str) -> float:
    if not isinstance(params[key], str) or not DATE.match(params[key]):
        raise RpcError(-32602, "Invalid parameter value", "invalid_parameter_value", field=key, value=params[key])
    return clock.parse_uis_time(params[key])


def _listed(rows: list[Row], params: Row, method: str, *, no_filter: set[str] = frozenset()) -> Row:  # type: ignore[assignment]
    known = known_columns(method, rows)
    fields = params.get("fields") or DEFAULT_COLUMNS.get(method) or sorted(known)
    strange = [name for name in fields if name not in known]
    if strange:
        raise RpcError(-32602, "Unexpected parameters", "unexpected_parameters", field="fields", value=strange[0])
    if params.get("filter"):
        rows = [row for row in rows if _passes(row, params["filter"], known - no_filter)]
    for one in reversed(params.get("sort") or []):
        if one.get("field") not in known:
            raise RpcError(-32602, "Sort is prohibited", "sort_prohibited", field=str(one.get("field")))
        rows = sorted(
            rows, key=lambda row: (row[one["field"]] is None, row[one["field"]]), reverse=one.get("order") == "desc"
        )
    limit, offset = int(params.get("limit", 1000)), int(params.get("offset", 0))
    if not 0 < limit <= MAX_LIMIT:
        raise RpcError(-32602, "Invalid parameter value", "invalid_parameter_value", field="limit", value=limit)
    cut = [{name: row.get(name) for name in fields} for row in rows[offset : offset + limit]]
    return {"data": cut, "metadata": {"total_items": len(rows)}}


def _passes(row: Row, filter_: Row, allowed: set[str]) -> bool:
    if "filters" in filter_:
        outcomes = [_passes(row, one, allowed) for one in filter_["filters"]]
        return any(outcomes) if filter_.get("condition") == "or" else all(outcomes)
    name, sign, wanted = filter_.get("field"), filter_.get("operator"), filter_.get("value")
    if name not in allowed:
        raise RpcError(-32602, "Filter is prohibited", "filter_prohibited", field=str(name))
    value = row.get(str(name))
    tests = {
        "=": lambda: value == wanted,
        "!=": lambda: value != wanted,
        "in": lambda: value in (wanted or []),
        "not_in": lambda: value not in (wanted or []),
        "is_null": lambda: value is None,
        "is_not_null": lambda: value is not None,
        "<": lambda: value is not None and value < wanted,
        ">": lambda: value is not None and value > wanted,
        "<=": lambda: value is not None and value <= wanted,
        ">=": lambda: value is not None and value >= wanted,
        "like": lambda: str(wanted).strip("%") in str(value),
        "ilike": lambda: str(wanted).strip("%").lower() in str(value).lower(),
    }
    if sign not in tests:
        raise RpcError(-32602, "Invalid parameter value", "invalid_parameter_value", field="operator", value=sign)
    return bool(tests[sign]())


def _only(params: Row, allowed: frozenset[str]) -> None:
    for name in params:
        if name not in allowed:
            raise RpcError(-32602, f"Unexpected parameters: {name}", "unexpected_parameters", field=name)


def _create_employee(uis: "UisAccount", params: Row) -> Row:
    _only(
        params,
        COMMON | {"last_name", "first_name", "patronymic", "email", "phone_numbers", "extension", "groups", "operator"},
    )
    require(params, "last_name")
    extension = (params.get("extension") or {}).get("extension_phone_number", "")
    taken = {(row.get("extension") or {}).get("extension_phone_number") for row in uis.employees}
    if extension and extension in taken:
        raise RpcError(-32602, "Entity already exists", "duplicate_entity", field="extension.extension_phone_number")
    phones = params.get("phone_numbers") or [{}]
    row = uis.add_employee(
        params["last_name"],
        params.get("first_name") or "",
        extension=extension,
        email=params.get("email") or "",
        phone=phones[0].get("phone_number", ""),
    )
    return {"data": {"id": row["id"]}}
