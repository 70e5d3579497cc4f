"""What the product asks the Call API: to start calls, and which calls go on. All functions raise UisError.

`direction` is always said: UIS's default counts a click as an incoming call and turns the sides around. `external_id`
is ours and comes back in the notifications of the call.
"""

from typing import Any

from integration.events import whole_number
from integration.uis import Api, Effect, Row, Uis, UisError


def start_employee_call(
    uis: Uis,
    *,
    contact: str,
    virtual_phone_number: str,
    external_id: str,
    employee_id: int,
    employee_phone_number: str = "",
    extension: str = "",
    direction: str = "out",
) -> int | None:
    """Call the employee, then the contact: a click on a number. Returns the call session, None when UIS names none.

    `extension` is dialled in tones once the contact has answered: digits, * and #.

    Never call it twice for one click: after an error whose `outcome` is unknown the phone may be ringing already.
    """
    employee: dict[str, Any] = {"id": employee_id}
    if employee_phone_number:
        employee["phone_number"] = _digits(employee_phone_number)
    own = {
        "first_call": "employee",
        "switch_at_once": True,
        "early_switching": True,
        "show_virtual_phone_number": False,
        "employee": employee,
        **({"dtmf_string": extension} if extension else {}),
    }
    return _start(
        uis,
        "start.employee_call",
        contact=contact,
        virtual_phone_number=virtual_phone_number,
        external_id=external_id,
        direction=direction,
        **own,
    )


def start_scenario_call(
    uis: Uis,
    *,
    contact: str,
    virtual_phone_number: str,
    external_id: str,
    scenario_id: int,
    employee_message: str = "",
    direction: str = "in",
) -> int | None:
    """Let a scenario call the contact back: first whom the scenario names, then the contact."""
    own = {"first_call": "employee", "scenario_id": scenario_id, **_message(employee_message)}
    return _start(
        uis,
        "start.scenario_call",
        contact=contact,
        virtual_phone_number=virtual_phone_number,
        external_id=external_id,
        direction=direction,
        **own,
    )


def start_vnumber_call(
    uis: Uis,
    *,
    contact: str,
    virtual_phone_number: str,
    external_id: str,
    employee_message: str = "",
    direction: str = "in",
) -> int | None:
    """Let the scenario of the virtual number call the contact back."""
    own = {"first_call": "employee", **_message(employee_message)}
    return _start(
        uis,
        "start.vnumber_call",
        contact=contact,
        virtual_phone_number=virtual_phone_number,
        external_id=external_id,
        direction=direction,
        **own,
    )


def start_simple_call(
    uis: Uis,
    *,
    contact: str,
    virtual_phone_number: str,
    external_id: str,
    operator: str,
    direction: str = "in",
) -> int | None:
    """Call a plain number, ask for any key there, then the contact. Reports name no employee for such a call."""
    own = {"first_call": "operator", "operator": _digits(operator), "operator_confirmation": "any"}
    return _start(
        uis,
        "start.simple_call",
        contact=contact,
        virtual_phone_number=virtual_phone_number,
        external_id=external_id,
        direction=direction,
        **own,
    )


def list_calls(uis: Uis, *, direction: str = "", virtual_phone_number: str = "") -> tuple[Row, ...] | None:
    """The calls that go on now. None: the account has no call management. Rings nobody, hence good for a trial."""
    asked = {"direction": direction, "virtual_phone_number": _digits(virtual_phone_number)}
    try:
        return uis.ask("list.calls", {key: value for key, value in asked.items() if value}, api=Api.CALL).rows
    except UisError as error:
        if error.effect is Effect.UNAVAILABLE:
            return None
        raise


def _start(
    uis: Uis,
    method: str,
    *,
    contact: str,
    virtual_phone_number: str,
    external_id: str,
    direction: str,
    **own: Any,
) -> int | None:
    params = {
        "contact": _digits(contact),
        "virtual_phone_number": _digits(virtual_phone_number),
        "external_id": external_id,
        "direction": direction,
        **own,
    }
    answer = uis.ask(method, params, api=Api.CALL)
    return whole_number(answer.rows[0], "call_session_id") if answer.rows else None


def _message(words: str) -> dict[str, Any]:
    return {"employee_message": {"type": "tts", "value": words}} if words else {}


def _digits(phone: str) -> str:
    return phone.removeprefix("+")
