"""How strict each method is: scope, required parameters, types.

The table is `spec.json`: `{method: {"scope": [any of], "params": {name: {"type", "required"}}, "fields": [required keys
of "fields"], "application": true}}`, taken from the vendor's method pages.
"""

import json
from pathlib import Path
from typing import Any

from . import php
from .clock import parse_iso
from .errors import RestError

SPEC: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "spec.json").read_text())
BY_LOWER = {name.lower(): name for name in SPEC}

MISSING = (
    ("crm.duplicate.", "", "Communication {lower} is not defined"),
    ("crm.status.", "", "Parameter 'fields' must be array."),
    ("crm.tracking.", "ERROR_CORE", "Parameter {name} required."),
    ("crm.", "100", "Could not find value for parameter {{{name}}}"),
    ("imopenlines.crm.chat.getlastid", "CRM_CHAT_EMPTY_CRM_DATA", "Empty CRM data"),
    ("telephony.externalcall.searchcrmentities", "ERROR_CORE", "PHONE_NUMBER is empty"),
    ("telephony.externalline.", "ERROR_CORE", "NUMBER should not be empty"),
    ("telephony.externalcall.register", "ERROR_CORE", "{name} should be set"),
    ("telephony.", "ERROR_CORE", "{name} should be set"),
    ("im.message.", "MESSAGE_EMPTY", "Message can't be empty"),
    ("im.", "{name}_EMPTY", "{title} can't be empty"),
    ("", "ERROR_ARGUMENT", "Argument '{upper}' is null or empty"),
)
"""Refusal of a missing parameter by the beginning of the method's name; the first that fits."""

TITLES = {"USER_ID": "User ID", "MESSAGE": "Message"}


def canonical(method: str) -> str:
    """The vendor's spelling of a method name; names are compared without case. Raises ERROR_METHOD_NOT_FOUND."""
    try:
        return BY_LOWER[method.lower()]
    except KeyError:
        raise RestError("ERROR_METHOD_NOT_FOUND", "Method not found!", status=404) from None


def check(method: str, params: dict[str, Any], scopes: set[str]) -> None:
    """Refuse a call the way the vendor does: missing scope, missing parameter, wrong type."""
    spec = SPEC[method]
    if not (set(spec["scope"]) & (scopes | {"basic"})):
        text = "The request requires higher privileges than provided by the access token"
        raise RestError("insufficient_scope", text, status=403)
    for name, rule in spec["params"].items():
        value = params.get(name)
        if value is None or (value == "" and rule.get("required")):
            if rule.get("required"):
                raise _missing(method, name)
        elif not _fits(value, rule["type"]):
            raise _wrong(method, name, value, rule["type"])
    for name in spec.get("fields", []):
        if params.get("fields", {}).get(name) in (None, "") and method != "crm.status.add":
            raise RestError("100", f"Could not find value for parameter {{{name}}}")


def _missing(method: str, name: str) -> RestError:
    lower = method.lower()
    code, text = next((code, text) for start, code, text in MISSING if lower.startswith(start))
    words = {"name": name, "lower": name.lower(), "upper": name.upper(), "title": TITLES.get(name, name)}
    status = 200 if lower.startswith("placement.") else 400
    extra = {"argument": name.upper()} if code == "ERROR_ARGUMENT" else {}
    return RestError(code.format(**words), text.format(**words), status=status, extra=extra)


def _wrong(method: str, name: str, value: Any, wanted: str) -> RestError:
    if method.startswith("crm.activity.todo") and wanted == "datetime":
        return RestError("WRONG_DATETIME_FORMAT", f"Wrong datetime format: {value}")
    if method.startswith("crm.") and not method.startswith(("crm.duplicate.", "crm.status.", "crm.tracking.")):
        kind = {"integer": "int", "object": "array"}.get(wanted, wanted)
        shown = value if isinstance(value, str | int | float) else type(value).__name__
        text = f"Invalid value {{{shown}}} to match with parameter {{{name}}}. Should be value of type {kind}."
        return RestError("100", text)
    if method == "telephony.externalCall.finish" and name == "CALL_ID":
        return RestError("INVALID_ARGUMENT", "CALL_ID must be a string")
    text = f"The value of an argument '{name}' must be of type {wanted}"
    return RestError("ERROR_ARGUMENT", text, extra={"argument": name.upper()})


def _fits(value: Any, wanted: str) -> bool:
    test = {
        "integer": _is_integer,
        "integer|integer[]": lambda many: all(_is_integer(one) for one in php.rows(many)),
        "string": lambda one: isinstance(one, str | int | float),
        "double": _is_number,
        "object": lambda one: isinstance(one, dict | list),
        "array": lambda one: isinstance(one, dict | list),
        "datetime": _is_date,
    }.get(wanted)
    return test is None or test(value)


def _is_integer(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, str) and value.strip().lstrip("-").isdigit())


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_date(value: Any) -> bool:
    try:
        parse_iso(str(value))
    except ValueError:
        return False
    return True
