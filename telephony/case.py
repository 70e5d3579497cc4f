"""Everything a decision about one call looks at. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm_bitrix.actions import DoneActions
from crm_bitrix.clients import Client
from integration.rules.facts import Facts, StreamKind
from integration.rules.responsible import Candidates, Choice, Talk
from integration.rules.ruleset import Ruleset, StreamRules
from telephony.cards import Cards, wanted
from telephony.facts import CallFacts

REPORT_WAIT = timedelta(seconds=90)
"""How long the end of a call waits for its report, when something is asked for that only the report tells."""

NOTIFIED = frozenset({"result", "talk_duration", "total_duration", "wait_duration", "is_transfer", "tags"})
"""Facts of the end that the notifications tell."""

LONGEST_CALL = timedelta(hours=4)
"""After this long without its end a call is taken to be over."""

CLIENT, SEEN, USER, SHOWN, END = "crm:client", "crm:seen", "crm:user", "crm:shown", "crm:end"
"""Facts that decisions settle themselves."""


@dataclass(frozen=True)
class Case:
    """Everything a decision about one call looks at."""

    call: CallFacts
    done: DoneActions
    ruleset: Ruleset
    rules: StreamRules
    now: datetime

    @property
    def is_over(self) -> bool:
        started = self.call.started_at
        return self.call.is_over or (started is not None and self.now - started > LONGEST_CALL)

    @property
    def is_deferred(self) -> bool:
        """Whether something is created is known only at the end."""
        return self.rules.creates_at_end and not self.is_over

    @property
    def registration(self) -> str:
        """The registration that the card belongs to: while the decision is open it has one of its own."""
        return "card" if self.is_deferred or "card" in self.done else "register"

    def user_of(self, employee_id: int | None) -> int | None:
        """The active Bitrix24 user behind a UIS employee."""
        user_id = self.ruleset.bitrix_user_id(employee_id)
        active = self.ruleset.active_user_ids
        return user_id if active is None or user_id in active else None

    def cards(self, user_id: int | None = None) -> Cards:
        """The cards of the call; a registration that is still to be sent opens one for `user_id`."""
        is_new = self.registration not in self.done and user_id in self.card_users
        return Cards(self.done, self.registration, user_id if is_new else None, self.call.raw.get(SHOWN, {}))

    @property
    def card_users(self) -> frozenset[int]:
        """The users before whom the card should be open now."""
        moments = {key: self.ruleset.card_moment(key) for key in self.ruleset.employees}
        users = map(self.user_of, wanted(self.call, moments) if not self.is_over else ())
        return frozenset(user_id for user_id in users if user_id is not None)

    @property
    def settled(self) -> dict[str, Any]:
        """What was decided once, at the end."""
        return dict(self.call.raw.get(END, {}))

    @property
    def is_missed(self) -> bool:
        """An incoming call that no employee took."""
        return not self.call.is_answered and self.call.stream is StreamKind.INCOMING

    @property
    def report_until(self) -> datetime | None:
        """Until when the end waits for the report of UIS; None when it need not.

        The notification of the end tells result, durations and tags; everything else, and who talked after a
        transfer, only the report.
        """
        ended_at = self.call.ended_at
        if ended_at is None or "report" in self.call.raw or self.settled:
            return None
        is_transfer = bool(self.call.raw.get("end", {}).get("is_transfer"))
        until = ended_at + REPORT_WAIT
        return until if (self.rules.end_facts - NOTIFIED or is_transfer) and self.now < until else None


def choose(case: Case, client: Client, known: Facts) -> Choice:
    """The responsible, as far as he can be known now."""
    call = case.call
    talks = tuple(
        Talk(case.user_of(talk.employee_id), talk.started_at, talk.seconds or 0, number)
        for number, talk in enumerate(call.talks)
    )
    candidates = Candidates(
        owners=client.owners,
        talks=talks,
        rung=tuple(dict.fromkeys(case.user_of(leg.employee_id) for leg in call.rings)),
        active_user_ids=case.ruleset.active_user_ids,
    )
    return case.ruleset.choose_responsible(
        call.stream, facts=known, candidates=candidates, at_end=case.is_over, seed=call.session_id
    )


def talker_id(call: CallFacts) -> int | None:
    """The employee who talked last."""
    if not call.is_answered:
        return None
    told: int | None = call.raw.get("end", {}).get("employee_id")
    return told or next((talk.employee_id for talk in reversed(call.talks) if talk.employee_id), None)
