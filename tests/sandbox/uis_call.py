"""UIS Call API: starting calls, calls in progress, releasing them."""

from typing import TYPE_CHECKING, Any

from . import clock
from .uis_data import RpcError, require

if TYPE_CHECKING:
    from .uis_account import UisAccount

Row = dict[str, Any]
COMMON = frozenset({"access_token", "user_id", "contact", "virtual_phone_number", "virtual_phone_usage_rule"})
COMMON |= {"external_id", "dtmf_string", "direction", "first_call", "switch_at_once", "early_switching"}
COMMON |= {"media_file_id", "show_virtual_phone_number", "contact_message", "employee_message"}
STARTS: dict[str, tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]] = {
    "start.employee_call": (frozenset({"employee"}), ("first_call", "employee"), ("employee", "contact")),
    "start.simple_call": (
        frozenset({"operator", "operator_confirmation", "operator_message"}),
        ("first_call", "operator"),
        ("operator", "contact"),
    ),
    "start.scenario_call": (
        frozenset({"scenario_id"}),
        ("first_call", "scenario_id"),
        ("employee", "operator", "contact"),
    ),
    "start.vnumber_call": (frozenset(), ("first_call",), ("employee", "operator", "contact")),
}
"""Method: parameters of its own, required ones, values of `first_call`."""


def answer(uis: "UisAccount", method: str, params: Row) -> Row:
    """Result of one Call API method."""
    if method in STARTS:
        return {"data": {"call_session_id": _start(uis, method, params)}}
    if method == "list.calls":
        return {"data": _calls_in_progress(uis)}
    if method == "release.call":
        require(params, "call_session_id")
        dial = uis.dials.get(int(params["call_session_id"]))
        if dial is None or dial["released"] or dial.get("played"):
            raise RpcError(-32602, "Call session not found", "call_session_not_found", field="call_session_id")
        dial["released"] = True
        return {"data": {"success": "true"}}
    raise RpcError(-32601, "Method not found", "method_not_found", value=method)


def _start(uis: "UisAccount", method: str, params: Row) -> int:
    own, required, first_calls = STARTS[method]
    for name in params:
        if name not in COMMON | own:
            raise RpcError(-32602, f"Unexpected parameters: {name}", "unexpected_parameters", field=name)
    require(params, "contact", "virtual_phone_number", *required)
    _check_numbers(uis, params)
    if params["first_call"] not in first_calls:
        raise _bad("first_call", params["first_call"])
    if params.get("direction", "in") not in ("in", "out"):
        raise _bad("direction", params["direction"])
    if params.get("early_switching") and not (params.get("switch_at_once") and params["first_call"] != "contact"):
        text = "Invalid parameters combination"
        raise RpcError(-32602, text, "invalid_parameters_combination", field="early_switching")
    employee_id = _check_employee(uis, params["employee"]) if method == "start.employee_call" else None
    if method == "start.scenario_call":
        known = {row["id"] for row in uis.directories["scenarios"]}
        if params["scenario_id"] not in known:
            raise RpcError(-32602, "Scenario not found", "scenario_not_found", field="scenario_id")
    number = uis.next_id("call_session", 5000001001)
    uis.dials[number] = {
        "call_session_id": number,
        "method": method,
        "external_id": params.get("external_id"),
        "contact": str(params["contact"]),
        "virtual_phone_number": str(params["virtual_phone_number"]),
        "dtmf_string": params.get("dtmf_string"),
        "employee_id": employee_id,
        "direction": params.get("direction", "in"),
        "at": clock.now(),
        "released": False,
    }
    return number


def _check_numbers(uis: "UisAccount", params: Row) -> None:
    if not str(params["contact"]).isdigit():
        raise _bad("contact", params["contact"])
    own = {row["virtual_phone_number"] for row in uis.directories["virtual_numbers"]}
    if str(params["virtual_phone_number"]) not in own:
        text = "Virtual phone number not found"
        raise RpcError(-32007, text, "virtual_phone_number_not_found", field="virtual_phone_number")
    if str(params["contact"]) in own:
        raise RpcError(
            -32602, "Own virtual number is not allowed", "own_virtual_phone_number_not_allowed", field="contact"
        )


def _check_employee(uis: "UisAccount", given: Any) -> int:
    if not isinstance(given, dict) or not given.get("id"):
        raise RpcError(
            -32602, "The required parameter has been missed", "required_parameter_missed", field="employee.id"
        )
    try:
        person = uis.employee(int(given["id"]))
    except KeyError:
        raise RpcError(-32602, "Employee not found", "employee_not_found", field="employee.id") from None
    phones = {one["phone_number"] for one in person["phone_numbers"] if one["status"] == "active"}
    lines = {row["phone_number"] for row in uis.directories["sip_lines"] if row["employee_id"] == person["id"]}
    extension = (person.get("extension") or {}).get("extension_phone_number")
    wanted = given.get("phone_number")
    if not phones or (wanted and str(wanted) not in phones | lines | {extension}):
        text = "Phone number does not exist or is inactive"
        raise RpcError(-32602, text, "no_active_phone_number", field="employee.id", value=str(person["id"]))
    return person["id"]


def _bad(field: str, value: Any) -> RpcError:
    return RpcError(-32602, "Invalid parameter value", "invalid_parameter_value", field=field, value=value)


def _calls_in_progress(uis: "UisAccount") -> list[Row]:
    now = clock.now()
    dials = [
        _active(dial["call_session_id"], dial["direction"], dial["at"], dial["external_id"], dial)
        for dial in uis.dials.values()
        if not dial["released"] and not dial.get("played")
    ]
    return dials + [
        _active(row["id"], row["direction"], row["_from"], row["call_api_external_id"], row)
        for row in uis.calls
        if row["_from"] <= now < row["_till"]
    ]


def _active(number: int, direction: str, at: float, external_id: str | None, row: Row) -> Row:
    return {
        "call_session_id": number,
        "direction": direction,
        "start_time": clock.uis_time(at).replace(" ", "T"),
        "virtual_phone_number": row["virtual_phone_number"],
        "contact_phone_number": row.get("contact") or row.get("contact_phone_number"),
        "external_id": external_id,
        "tags": [],
        "legs": [],
    }
