"""What would become of a communication by settings that need not be saved: the real decision, without its effects.

Nothing is sent and nothing is saved. What earlier decisions have settled is left out, so that everything is decided
anew; the portal's part is played from memory (`settings_ui.rehearsal_memory`).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from crm_bitrix import rulesets
from crm_bitrix.actions import Action, Decision, Plan, QuestionRefused
from integration.inbox import KINDS
from integration.models import Communication, Credential
from integration.rules.checks import Check, Outcome, flatten_trace
from integration.rules.facts import Facts, StreamKind
from integration.rules.ruleset import Ruleset, StreamRules
from integration.rules.settings_value import Settings
from integration.settings_document import read_settings
from settings_ui.rehearsal_imaginary import Imaginary
from settings_ui.rehearsal_memory import SETTLED, Memory, Prompter, links_of, read_memory, recall

LAST = 100
MOST_QUESTIONS = 8
LATER = timedelta(hours=1)
"""An imaginary event is decided when nothing more is to be waited for."""

Json = Any

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MappedField:
    """A field of a lead, deal, contact or company that the mapping would fill."""

    object: str
    field: str
    value: Json


@dataclass(frozen=True)
class Rehearsal:
    """A decision that was only played. `plan` None: it could not be taken, `reason` says why.

    `trace` is that of the plan, with the filter's conditions also where they let the communication pass. `is_active`:
    these settings are switched on; they are played as if they were. `is_client_known`: somebody has searched for the
    client before, else he is taken for new. `not_asked`: methods whose true answer only the portal could give.
    """

    plan: Plan | None
    trace: tuple[Mapping[str, Json], ...] = ()
    fields: tuple[MappedField, ...] = ()
    reason: str = ""
    is_active: bool = True
    is_client_known: bool = True
    not_asked: tuple[str, ...] = ()

    @property
    def commands(self) -> tuple[Action, ...]:
        """What would be done in the portal, in order."""
        return self.plan.actions if self.plan else ()

    @property
    def passed(self) -> bool:
        """Whether it would be carried over into the CRM."""
        return self.plan is not None and self.plan.state not in ("ignored", "failed")

    @property
    def responsible_id(self) -> int | None:
        if self.plan and self.plan.responsible_id:
            return self.plan.responsible_id
        chosen = (entry.get("user_id") for entry in reversed(self.trace) if entry.get("outcome") == "chosen")
        return next(chosen, None) if self.passed else None

    @property
    def title(self) -> str:
        """The title of what would be created, "" when nothing would be named."""
        titles = (str(entry["title"]) for entry in reversed(self.trace) if entry.get("step") == "title")
        return next(titles, "")


@dataclass(frozen=True)
class Comparison:
    """One communication by the saved settings and by the edited ones."""

    communication: Communication
    was: Rehearsal
    would_be: Rehearsal

    @property
    def is_passing_changed(self) -> bool:
        return self.was.passed != self.would_be.passed

    @property
    def is_responsible_changed(self) -> bool:
        return self._both_pass and self.was.responsible_id != self.would_be.responsible_id

    @property
    def is_title_changed(self) -> bool:
        return self._both_pass and self.was.title != self.would_be.title

    @property
    def is_changed(self) -> bool:
        return self.is_passing_changed or self.is_responsible_changed or self.is_title_changed

    @property
    def _both_pass(self) -> bool:
        return self.was.passed and self.would_be.passed


@dataclass(frozen=True)
class Summary:
    """The last communications, was and would be."""

    rows: tuple[Comparison, ...]

    @property
    def total(self) -> int:
        return len(self.rows)

    @property
    def passed(self) -> tuple[int, int]:
        """How many are carried over: by the saved settings, by the edited ones."""
        return sum(row.was.passed for row in self.rows), sum(row.would_be.passed for row in self.rows)

    @property
    def responsible_changed(self) -> int:
        return sum(row.is_responsible_changed for row in self.rows)

    @property
    def title_changed(self) -> int:
        return sum(row.is_title_changed for row in self.rows)

    @property
    def changed(self) -> tuple[Comparison, ...]:
        return tuple(row for row in self.rows if row.is_changed)


def rehearse(credential: Credential, event: Communication | Imaginary, settings: Settings) -> Rehearsal:
    """Play one decision by these settings of the credential."""
    ruleset, now = rulesets.build(credential, settings), timezone.now()
    if isinstance(event, Communication):
        return _play(event.kind, event.facts, ruleset, _memory(event), now)
    facts = event.facts(zone=credential.zone, country=ruleset.country, now=now)
    memory = recall(credential.portal, event.client_keys, phone=event.phone)
    ended_at = max(now, event.started_at or now)
    return _play(event.kind, facts, ruleset, memory, ended_at + LATER)


def compare(credential: Credential, settings: Settings, *, last: int = LAST) -> Summary:
    """Play the last communications by the saved settings and by these.

    Both are played, for what really happened also depends on what the portal and the staff were like then: so the
    difference is that of the settings alone.
    """
    before, after = (rulesets.build(credential, one) for one in (read_settings(credential), settings))
    now = timezone.now()
    compared = []
    for row, memory in last_with_memories(credential, Communication.objects.all(), last=last):
        was, would_be = (_play(row.kind, row.facts, ruleset, memory, now) for ruleset in (before, after))
        compared.append(Comparison(row, was, would_be))
    return Summary(tuple(compared))


def last_with_memories(
    credential: Credential, rows: QuerySet[Communication], *, last: int = LAST
) -> list[tuple[Communication, Memory]]:
    """The last of these communications of a credential, newest first, each with its client as he is remembered."""
    rows = rows.filter(portal=credential.portal, credential=credential).defer("trace", "facts_rank")
    found = list(rows.order_by("-started_at", "-pk")[:last])
    links = links_of(credential.portal, (key for row in found for key in row.client_keys))
    told = []
    for row in found:
        memory = read_memory(row.facts)
        if not memory.is_found:
            memory = memory.with_links(link for key in row.client_keys for link in links.get(key, ()))
        told.append((row, memory))
    return told


def _memory(communication: Communication) -> Memory:
    memory = read_memory(communication.facts)
    if memory.is_found:
        return memory
    return recall(communication.portal, communication.client_keys, phone=communication.client_phone)


def _play(kind: str, facts: Mapping[str, Json], ruleset: Ruleset, memory: Memory, now: datetime) -> Rehearsal:
    """Run the decision with the answers from memory."""
    if kind not in KINDS:
        return Rehearsal(None, reason=f"не поддерживается: {kind}")
    rules, prompter, outcomes = ruleset.streams[stream_of(kind, facts)], Prompter(memory), []
    plan, reason = None, ""
    try:
        plan = decide_anew(kind, facts, ruleset, rules=_watch(rules, outcomes), prompter=prompter, now=now)
        reason = plan.reason
    except QuestionRefused as error:
        reason = f"без ответа портала не решить: {error.method}"
    except Exception as error:  # as in the lane: facts that break one decision must not take the others along
        log.exception("a rehearsal cannot be decided")
        reason = f"внутренняя ошибка: {type(error).__name__}"
    return Rehearsal(
        plan,
        trace=_with_filter(plan.trace if plan else (), outcomes),
        fields=tuple(_mapped(plan, rules)) if plan else (),
        reason=reason,
        is_active=rules.is_active,
        is_client_known=memory.is_found or bool(memory.objects),
        not_asked=tuple(prompter.asked),
    )


def decide_anew(
    kind: str, facts: Mapping[str, Json], ruleset: Ruleset, *, rules: StreamRules, prompter: Prompter, now: datetime
) -> Plan:
    """The plan by these rules of one stream, as if nothing had been decided yet. Raises whatever the decision does."""
    plain = {name: value for name, value in facts.items() if not name.startswith(SETTLED)}
    watched = replace(ruleset, streams={**ruleset.streams, rules.kind: rules})
    return _decide(KINDS[kind].decide(plain, {}, watched, now), prompter)


def stream_of(kind: str, facts: Mapping[str, Json]) -> StreamKind:
    """The stream that a communication belongs to."""
    if kind != "call":
        return StreamKind(kind)
    return StreamKind.OUTGOING if facts.get("direction") == "out" else StreamKind.INCOMING


@dataclass(frozen=True)
class _Watched:
    """A filter that leaves behind what it saw: not every plan explains a filter that let the communication pass, and
    here people want to see it pass, too."""

    check: Check
    outcomes: list[Outcome]

    @property
    def facts(self) -> frozenset[str]:
        return self.check.facts

    def __call__(self, facts: Facts) -> Outcome:
        self.outcomes.append(self.check(facts))
        return self.outcomes[-1]


def _watch(rules: StreamRules, outcomes: list[Outcome]) -> StreamRules:
    """The rules switched on, their filter watched."""
    watched = _Watched(rules.filter, outcomes) if rules.filter else None
    return replace(rules, is_active=True, filter=watched)  # type: ignore[arg-type]


def _decide(decision: Decision, prompter: Prompter) -> Plan:
    answer: Any = None
    for _question in range(MOST_QUESTIONS):
        try:
            answer = prompter.answer(decision.send(answer))
        except StopIteration as stop:
            plan: Plan = stop.value
            return plan
    raise RuntimeError("too many questions")


def _with_filter(trace: Sequence[Mapping[str, Json]], outcomes: Sequence[Outcome]) -> tuple[Mapping[str, Json], ...]:
    """The trace, led by the conditions of the filter unless they stand in it."""
    if not outcomes or any(entry.get("step") == "filter" for entry in trace):
        return tuple(trace)
    outcome = outcomes[-1]
    return ({"step": "filter", "passed": outcome.passed, "conditions": flatten_trace(outcome)}, *trace)


def _mapped(plan: Plan, rules: StreamRules) -> Iterator[MappedField]:
    """The fields that the mapping fills, of what is created and of what is corrected."""
    for action in plan.actions:
        kind = action.creates or action.key.partition(":")[2]
        names = {row.field for row in rules.mapping if row.object == kind}
        fields = action.params.get("fields") or {}
        for name, value in fields.items() if isinstance(fields, Mapping) else ():
            if name in names:
                yield MappedField(kind, name, value)
            elif name == "fm":
                yield from (MappedField(kind, one["typeId"], one["value"]) for one in value if one["typeId"] in names)
