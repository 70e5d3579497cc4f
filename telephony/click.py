"""A click on a number in the CRM: which call UIS is to start. Pure."""

from crm_bitrix.actions import DialRequest
from integration.rules.ruleset import Ruleset
from telephony.asked import Asked

WEBRTC = "webrtc"


def plan_dial(asked: Asked, ruleset: Ruleset) -> DialRequest | str:
    """The call of the employee and then the client, or the code of why there can be none.

    In the mode "ip" UIS rings the employee's active phone, with the widget his line in the browser; who has no line of
    his own set is rung on his active phones all the same.
    """
    employee_id = employee_of(asked.user_id, ruleset)
    number = calling_number(asked.line, ruleset)
    if not asked.phone:
        return "number"
    if employee_id is None:
        return "employee"
    if not number:
        return "line"
    params = {
        "contact": asked.phone,
        "virtual_phone_number": number,
        "external_id": asked.external_id,
        "employee_id": employee_id,
        "employee_phone_number": sip_line(employee_id, ruleset),
        "direction": "out",
        "extension": asked.extension,
    }
    return DialRequest("start_employee_call", params, until=asked.fresh_until)


def employee_of(user_id: int | None, ruleset: Ruleset) -> int | None:
    """The UIS employee of a Bitrix24 user."""
    matched = (key for key, employee in ruleset.employees.items() if employee.bitrix_user_id == user_id)
    return next(matched, None) if user_id is not None else None


def sip_line(employee_id: int | None, ruleset: Ruleset) -> str:
    """The line in the browser on which the employee is rung in the mode "webrtc"; "" = his active phones."""
    employee = ruleset.employees.get(employee_id) if employee_id is not None else None
    return (employee.line or "") if employee and ruleset.telephony.mode == WEBRTC else ""


def calling_number(line: str, ruleset: Ruleset) -> str:
    """The virtual number that the client sees: the portal's line if it is ours, the one set, the first active one.

    Before the first synchronisation our numbers are not known, and the line is taken at its word.
    """
    own = ruleset.own_numbers
    if line and (line in own or not own):
        return line
    return ruleset.telephony.click_to_call_number or next(iter(own), "")
