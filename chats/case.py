"""Everything a decision about one chat or one request looks at. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chats import messages
from chats.facts import Visitor
from crm_bitrix.actions import DoneActions
from crm_bitrix.clients import Client
from crm_bitrix.creation import Person
from crm_bitrix.presence import Choosing, choose_present
from integration.rules.facts import Facts, StreamKind
from integration.rules.responsible import Candidates, Choice
from integration.rules.ruleset import Ruleset, StreamRules

CLIENT, END, TOLD, MET, REPORTED = "crm:client", "crm:end", "crm:told", "crm:met", "crm:reported"
"""Facts that decisions settle themselves: who the client is, what the end was, what was carried over of the
conversation, which objects are the client's, what the report of a request has changed before its end."""


@dataclass(frozen=True)
class Case:
    """Everything a decision about one chat or request looks at. `result` is the one whose title it gets."""

    stream: StreamKind
    number: str
    visitor: Visitor
    operator_id: int | None
    is_over: bool
    is_missed: bool
    has_report: bool
    result: str
    raw: Mapping[str, Any]
    done: DoneActions
    ruleset: Ruleset
    rules: StreamRules
    now: datetime

    @property
    def origin(self) -> str:
        """By what its objects in the portal are found again."""
        return f"{self.stream}:{self.number}"

    @property
    def is_carried_over(self) -> bool:
        return CLIENT in self.raw

    @property
    def settled(self) -> Mapping[str, Any]:
        """What was decided once, at the end."""
        settled: Mapping[str, Any] = self.raw.get(END, {})
        return settled

    @property
    def person(self) -> Person:
        """The client as he is written into what is made for him."""
        visitor = self.visitor
        known = (visitor.phone, visitor.email, visitor.messenger[1])
        unnamed = f"{messages.word('visitor', self.ruleset.language)} {visitor.visitor_id}".strip()
        return Person(visitor.name, called=next(filter(None, known), unnamed), contacts=visitor.contacts)

    @property
    def operator_user_id(self) -> int | None:
        """The active Bitrix24 user behind the operator."""
        return self.ruleset.active_user_id(self.operator_id)


def choose(case: Case, client: Client, known: Facts) -> Choosing:
    """The responsible, as far as he can be known now."""
    people = Candidates(
        owners=client.owners,
        operator_id=case.operator_user_id,
        active_user_ids=case.ruleset.active_user_ids,
    )

    def choose_among(candidates: Candidates) -> Choice:
        return case.ruleset.choose_responsible(
            case.stream, facts=known, candidates=candidates, at_end=case.is_over, seed=case.number
        )

    return (yield from choose_present(case.ruleset, case.rules, case.raw, people, choose_among))
