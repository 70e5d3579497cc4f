"""Who should see the card of a call now, and what has to be shown or hidden for that. Pure.

Level, not edge: the wish follows from the facts, the present state from what is done, the actions from the difference.
"""

from collections.abc import Mapping

from crm_bitrix import payloads
from crm_bitrix.actions import Action, DoneActions, ResultOf
from telephony.facts import CallFacts, Leg

RING, ANSWER, NEVER = "ring", "answer", "never"


def wanted(call: CallFacts, moments: Mapping[int, str]) -> frozenset[int]:
    """The employees before whom the card should be open now.

    `moments` says per UIS employee when his card opens. Until somebody answers those whose phones ring; afterwards who
    answered last – also when he has hung up, for he may still be writing – and those whose phones have begun to ring
    since, as in a transfer.
    """
    if call.is_over:
        return frozenset()
    answered_at = call.answers[-1].at if call.answers else None
    ringing = {
        leg.employee_id
        for leg in call.rings
        if leg.ended_at is None and (answered_at is None or leg.at > answered_at) and _moment(moments, leg) == RING
    }
    talking = {leg.employee_id for leg in call.answers[-1:] if _moment(moments, leg) != NEVER}
    return frozenset(ringing | talking)


def _moment(moments: Mapping[int, str], leg: Leg) -> str:
    return moments.get(leg.employee_id, RING)


def visible(user_id: int, done: DoneActions, *, registration: str) -> bool:
    """Say whether the card is open before this user, by what was done."""
    registered = done.get(registration)
    opened = int(bool(registered and registered.params["USER_ID"] == user_id and registered.params["SHOW"]))
    return opened + _count(done, "show", user_id) > _count(done, "hide", user_id)


def _count(done: DoneActions, verb: str, user_id: int) -> int:
    return sum(key.startswith(f"{verb}:{user_id}:") for key in done)


def card_actions(
    users: frozenset[int],
    *,
    done: DoneActions,
    registration: str,
    opened_for: int | None = None,
    hidden_by_finish: int | None = None,
) -> list[Action]:
    """Show the card to these users and hide it from everybody else.

    `registration` is the action that registered the card; `opened_for` the user to whom it is shown with the
    registration that is only planned yet; `hidden_by_finish` the one whose card goes with the end of the call.
    """
    call_id = ResultOf(registration, "CALL_ID")
    touched = {int(key.split(":")[1]) for key in done if key.startswith("show:")}
    registered = done.get(registration)
    if registered:
        touched.add(int(registered.params["USER_ID"]))
    actions = []
    for user_id in sorted(touched | users):
        turn = _count(done, "hide", user_id)
        is_open = visible(user_id, done, registration=registration) or user_id == opened_for
        if user_id in users and not is_open:
            actions.append(payloads.show_card((user_id,), key=f"show:{user_id}:{turn}", call_id=call_id))
        elif user_id not in users and is_open and user_id not in (opened_for, hidden_by_finish):
            actions.append(payloads.hide_card((user_id,), key=f"hide:{user_id}:{turn}", call_id=call_id))
    return actions
