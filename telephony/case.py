"""Everything a decision about one call looks at. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm_bitrix.actions import DoneActions, ResultOf
from crm_bitrix.clients import Client
from crm_bitrix.presence import Choosing, choose_present
from integration.rules.facts import Facts, StreamKind
from integration.rules.responsible import Candidates, Choice, Talk
from integration.rules.ruleset import Ruleset, StreamRules
from telephony import callback
from telephony.asked import Asked, read_asked
from telephony.cards import NEVER, RING, Cards, wanted
from telephony.facts import ANSWERED, CallFacts, read_call
from telephony.known import AI_FACTS

REPORT_WAIT = timedelta(seconds=90)
"""How long the end of a call waits for its report, when something is asked for that only the report tells."""

AI_WAIT = timedelta(minutes=30)
"""How long a filter that asks for the AI analysis of a talk waits for it; UIS brings it minutes after the end."""

NOTIFIED = frozenset({"result", "talk_duration", "total_duration", "wait_duration", "is_transfer", "tags"})
"""Facts of the end that the notifications tell."""

REPORT_AWAITED = "ждёт отчёта UIS о звонке"
AI_AWAITED = "ждёт AI-анализа UIS: он нужен фильтру"

LONGEST_CALL = timedelta(hours=4)
"""After this long without its end a call is taken to be over."""

CLIENT, SEEN, USER, SHOWN, END, LATE = (
    "crm:client", "crm:seen", "crm:user", "crm:shown", "crm:end", "crm:late",
)  # fmt: skip
"""Facts that decisions settle themselves."""

_OF_CLIENT = frozenset({"contact", "lead", "deal", "finish"})
"""Actions that are done for the client whom the decision had found."""


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
    def longest(self) -> datetime:
        """The moment after which the call is taken to be over."""
        return (self.call.started_at or self.now) + LONGEST_CALL + timedelta(seconds=1)

    @property
    def asked(self) -> Asked | None:
        """What the portal asked for, if it asked for this call: a click on a number, a callback."""
        return read_asked(self.call.raw)

    @property
    def asking_user(self) -> int | None:
        """Whose call it is that the portal asked for: who clicked, or who answers for callbacks."""
        if self.asked is None or self.asked.is_click:
            return self.asked.user_id if self.asked else None
        remembered: int | None = self.call.raw.get(USER)
        return remembered or callback.choose_user(self.ruleset, self.call.stream)

    @property
    def call_id(self) -> str | ResultOf:
        """The call in the portal: our registration, or for a click the portal's own."""
        return (self.asked.call_id if self.asked else "") or ResultOf("register", "CALL_ID")

    @property
    def is_deferred(self) -> bool:
        """Whether something is created is not known yet. What the portal asked for is in the CRM already."""
        is_open = self.is_filter_open or (self.rules.creates_at_end and not self.is_over)
        return is_open and self.asked is None

    @property
    def is_carried_over(self) -> bool:
        """Whether anything has been carried out that depends on who the client is; the portal itself, or we at its
        request, may have registered the call before."""
        return bool((_OF_CLIENT if self.asked else _OF_CLIENT | {"register"}) & self.done.keys())

    @property
    def is_filter_open(self) -> bool:
        """Whether the filter asks for something that is still to come: the end, the report, the AI analysis."""
        check = self.rules.filter
        if check is None or not self.rules.filter_needs_end or self.settled:
            return False
        if not self.is_over:
            return True
        told_later = check.facts & self.rules.end_facts - NOTIFIED
        return bool(told_later) and self.awaited is not None

    @property
    def registration(self) -> str:
        """The registration that the card belongs to: while the decision is open it has one of its own."""
        return "card" if self.is_deferred or "card" in self.done or self.has_lost_card else "register"

    @property
    def has_lost_card(self) -> bool:
        """Whether a card with a registration of its own was to be shown, and no answer to that has come."""
        return SEEN in self.call.raw and bool(self.call.raw.get(SHOWN)) and "card" not in self.done

    def user_of(self, employee_id: int | None) -> int | None:
        """The active Bitrix24 user behind a UIS employee."""
        return self.ruleset.active_user_id(employee_id)

    def cards(self, user_id: int | None = None) -> Cards:
        """The cards of the call; a registration that is still to be sent opens one for `user_id`."""
        call_id = self.asked.call_id if self.asked else ""
        is_new = not call_id and self.registration not in self.done and user_id in self.card_users
        tried = self.call.raw.get(SHOWN, {})
        return Cards(self.done, self.registration, user_id if is_new else None, tried, call_id)

    @property
    def card_users(self) -> frozenset[int]:
        """The users before whom the card should be open now."""
        moments = {key: self.ruleset.card_moment(key) for key in self.ruleset.employees}
        users = map(self.user_of, wanted(self.call, moments) if not self.is_over else ())
        return frozenset(user_id for user_id in users if user_id is not None) | self._waiting_users

    @property
    def _waiting_users(self) -> frozenset[int]:
        """Who has asked for this call and waits for it: his card is open until somebody talks.

        A callback's card opens with its registration, unless its user wants none.
        """
        asked = self.asked
        if asked is None or self.is_over or self.call.answers or asked.told_as:
            return frozenset()
        user_id = self.asking_user
        own = (key for key, employee in self.ruleset.employees.items() if employee.bitrix_user_id == user_id)
        moment = next((self.ruleset.card_moment(key) for key in own), RING)
        is_shown = moment == RING if asked.is_click else moment != NEVER
        return frozenset({user_id}) if user_id is not None and is_shown else frozenset()

    @property
    def settled(self) -> dict[str, Any]:
        """What was decided once, at the end."""
        return dict(self.call.raw.get(END, {}))

    @property
    def is_missed(self) -> bool:
        """An incoming call that no employee took."""
        return not self.call.is_answered and self.call.stream is StreamKind.INCOMING

    @property
    def awaited(self) -> tuple[datetime, str] | None:
        """Until when the end waits for something that is told after it, and for what; None when it need not.

        The notification of the end tells result, durations and tags; everything else, and who talked after a
        transfer, only the report. The AI analysis is waited for only where the filter asks for it: what else it
        brings is written when it comes.
        """
        ended_at = self.call.ended_at
        if ended_at is None or self.settled:
            return None
        waits = ((self._needs_report, REPORT_WAIT, REPORT_AWAITED), (self._needs_ai, AI_WAIT, AI_AWAITED))
        open_ones = ((ended_at + wait, reason) for needs, wait, reason in waits if needs and self.now < ended_at + wait)
        return max(open_ones, default=None)

    @property
    def _needs_report(self) -> bool:
        is_transfer = bool(self.call.raw.get("end", {}).get("is_transfer"))
        wanted = self.rules.end_facts - NOTIFIED - frozenset(AI_FACTS)
        return "report" not in self.call.raw and bool(wanted or is_transfer)

    @property
    def _needs_ai(self) -> bool:
        check = self.rules.filter
        is_asked_for = check is not None and not check.facts.isdisjoint(AI_FACTS)
        return is_asked_for and self.call.is_answered and not any(name.startswith("ai:") for name in self.call.raw)


def read_case(facts: Mapping[str, Any], done: DoneActions, ruleset: Ruleset, now: datetime) -> Case:
    """What a decision about the call of these facts looks at."""
    call = read_call(facts)
    return Case(call, done, ruleset, ruleset.streams[call.stream], now)


def choose(case: Case, client: Client, known: Facts) -> Choosing:
    """The responsible, as far as he can be known now."""
    call = case.call
    untold = None if call.is_answered else 0
    talks = tuple(
        Talk(case.user_of(one.employee_id), one.started_at, untold if one.seconds is None else one.seconds, number)
        for number, one in enumerate(call.talks)
    )
    last = talker_id(call)
    if not talks and case.is_over and last is not None:
        # No talk was told, only the end of the call: who talked, and for how long in all.
        talks = (Talk(case.user_of(last), call.started_at or case.now, call.talk_seconds),)
    ringing = () if case.is_over else tuple(leg for leg in call.rings if leg.ended_at is None)
    clicked = (case.asking_user,) if case.asked and case.asked.is_click else ()
    people = Candidates(
        owners=client.owners,
        talks=talks,
        rung=tuple(dict.fromkeys((*clicked, *(case.user_of(leg.employee_id) for leg in ringing or call.rings)))),
        active_user_ids=case.ruleset.active_user_ids,
    )

    def choose_among(candidates: Candidates) -> Choice:
        return case.ruleset.choose_responsible(
            call.stream, facts=known, candidates=candidates, at_end=case.is_over, seed=call.session_id
        )

    return (yield from choose_present(case.ruleset, case.rules, call.raw, people, choose_among))


def title_of(case: Case, known: Facts, responsible_id: int) -> str:
    """The title by the result; while the call goes on as if it were answered."""
    result = case.call.result if case.is_over else ANSWERED
    return case.ruleset.render_title(case.call.stream, result, known, responsible_id=responsible_id)


def talker_id(call: CallFacts) -> int | None:
    """The employee who talked last."""
    if not call.is_answered:
        return None
    told: int | None = call.raw.get("end", {}).get("employee_id")
    return told or next((talk.employee_id for talk in reversed(call.talks) if talk.employee_id), None)
