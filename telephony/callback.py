"""A callback from a CRM form: which call UIS is to start, and whose it is in the portal. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from crm_bitrix.actions import DialRequest
from integration.rules.facts import StreamKind
from integration.rules.ruleset import Ruleset
from telephony.asked import Asked
from telephony.click import calling_number, employee_of, sip_line

MAX_WORDS = 200
_UNSPEAKABLE = re.compile(r"[^\w\s.,-]+")


def plan_dial(asked: Asked, ruleset: Ruleset) -> DialRequest | str:
    """The call by scenario, number or employee as set, or the code of why there can be none.

    UIS counts it as incoming: the client has asked for it.
    """
    options = ruleset.telephony.form_callback
    employee_id = employee_of(options.bitrix_user_id, ruleset) if options.by == "employee" else None
    number = options.number or calling_number(asked.line, ruleset)
    checks = {
        "off": options.is_active,
        "number": bool(asked.phone),
        "line": bool(number),
        "colleague": options.by != "employee" or employee_id is not None,
    }
    for code, is_met in checks.items():
        if not is_met:
            return code
    # UIS refuses the whole call when it cannot speak a sign of the message.
    words = _UNSPEAKABLE.sub(" ", asked.words).strip()[:MAX_WORDS]
    ways: Mapping[str, tuple[str, dict[str, Any]]] = {
        "scenario": ("start_scenario_call", {"scenario_id": options.scenario_id, "employee_message": words}),
        "number": ("start_vnumber_call", {"employee_message": words}),
        "employee": (
            "start_employee_call",
            {"employee_id": employee_id, "employee_phone_number": sip_line(employee_id, ruleset)},
        ),
    }
    method, own = ways[options.by]
    common = {"contact": asked.phone, "virtual_phone_number": number, "external_id": asked.external_id}
    return DialRequest(method, {**common, **own, "direction": "in"}, until=asked.fresh_until)


def choose_user(ruleset: Ruleset, stream: StreamKind) -> int | None:
    """Whose call it is: the employee chosen for callbacks, else the default responsible, else the administrator."""
    options = ruleset.telephony.form_callback
    chosen = options.bitrix_user_id if options.by == "employee" else None
    return chosen if ruleset.is_active_user(chosen) else ruleset.default_user_id(stream)
