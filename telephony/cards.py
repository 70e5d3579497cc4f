"""Who should see the card of a call now, and what has to be shown or hidden for that. Pure.

Level, not edge: the wish follows from the facts, the present state from what is done, the actions from the difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from crm_bitrix import payloads
from crm_bitrix.actions import Action, DoneActions, ResultOf
from telephony.facts import CallFacts, Leg

RING, ANSWER, NEVER = "ring", "answer", "never"


def wanted(call: CallFacts, moments: Mapping[int, str]) -> frozenset[int]:
    """The employees before whom the card should be open now.

    `moments` says per UIS employee when his card opens. Until somebody answers those whose phones ring, and in the
    pause after the last of them who rang last; afterwards who answered last – also when he has hung up, for he may
    still be writing – and those whose phones have begun to ring since, as in a transfer.
    """
    if call.is_over:
        return frozenset()
    answered_at = call.answers[-1].at if call.answers else None
    rings = [leg for leg in call.rings if answered_at is None or leg.at > answered_at]
    ringing = [leg for leg in rings if leg.ended_at is None] or ([] if call.answers else rings[-1:])
    shown = {leg.employee_id for leg in ringing if _moment(moments, leg) == RING}
    talking = {leg.employee_id for leg in call.answers[-1:] if _moment(moments, leg) != NEVER}
    return frozenset(shown | talking)


def _moment(moments: Mapping[int, str], leg: Leg) -> str:
    return moments.get(leg.employee_id, RING)


@dataclass(frozen=True)
class Cards:
    """The cards of one call, as far as we know what became of them.

    `registration` is the action that registered the card; `opened_for` the user to whom a registration that is still
    to be sent will show it; `tried` how often it was ever planned to be shown to a user, whether or not the answer of
    that came back. `known_call_id` is that of a call which the portal has registered itself.
    """

    done: DoneActions
    registration: str
    opened_for: int | None = None
    tried: Mapping[str, int] = field(default_factory=dict)
    known_call_id: str = ""

    def actions(self, users: frozenset[int], *, hidden_by_finish: int | None = None) -> list[Action]:
        """Show the card to these users, and take it from everybody else who has or may have it.

        `hidden_by_finish` is the user whose card goes with the end of the call.
        """
        call_id = self.known_call_id or ResultOf(self.registration, "CALL_ID")
        actions = []
        for user_id in sorted(self._touched() | users):
            turn = self._hidden(user_id)
            if user_id in users and user_id != self.opened_for and self._shown(user_id) <= turn:
                actions.append(payloads.show_card((user_id,), key=f"show:{user_id}:{turn}", call_id=call_id))
            may_be_open = max(self._shown(user_id), self.tried.get(str(user_id), 0)) > turn
            if user_id not in users and may_be_open and user_id != hidden_by_finish:
                actions.append(payloads.hide_card((user_id,), key=f"hide:{user_id}:{turn}", call_id=call_id))
        return actions

    def tries(self, users: frozenset[int]) -> dict[str, int]:
        """`tried` once the card is to be shown to these users."""
        return {**self.tried, **{str(user_id): self._hidden(user_id) + 1 for user_id in users}}

    def _touched(self) -> set[int]:
        shown = {int(key.split(":")[1]) for key in self.done if key.startswith("show:")}
        return shown | {int(user_id) for user_id in self.tried}

    def _shown(self, user_id: int) -> int:
        registered = self.done.get(self.registration)
        opened = bool(registered and registered.params["USER_ID"] == user_id and registered.params["SHOW"])
        return opened + self._count("show", user_id)

    def _hidden(self, user_id: int) -> int:
        return self._count("hide", user_id)

    def _count(self, verb: str, user_id: int) -> int:
        return sum(key.startswith(f"{verb}:{user_id}:") for key in self.done)
