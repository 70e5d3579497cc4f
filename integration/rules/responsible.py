"""Who becomes responsible: rules from the top, then who talked (outgoing), then the default.

The same function serves the start of a communication, where rules that need its end are passed over and the answer is
provisional, and its end, where all rules are evaluated again.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from integration.rules.checks import Check, Reading, flatten_trace
from integration.rules.facts import Facts, StreamKind

OWNER_ORDER = ("deal", "lead", "contact", "company")

TraceEntry = Mapping[str, Any]


class AssignTo(StrEnum):
    """Actions of a responsible rule."""

    USER = "user"
    CLIENT_OWNER = "client_owner"
    TALKED = "talked"
    RUNG = "rung"
    OPERATOR = "operator"
    SPREAD = "spread"


class ChosenBy(StrEnum):
    """What made the choice. `ringing` happens at the start only; `fallback` is the connecting administrator."""

    RULE = "rule"
    TALKED = "talked"
    RINGING = "ringing"
    DEFAULT = "default"
    FALLBACK = "fallback"


@dataclass(frozen=True)
class Assign:
    """Action of a rule; the keys that `to` does not use keep their defaults.

    `user_ids`: Bitrix24 ids, one for `user`, 1 to 50 for `spread`. `which`: first, last or longest (talked), first or
    last (rung). `order`: object types of `client_owner`.
    """

    to: AssignTo
    user_ids: tuple[int, ...] = ()
    order: tuple[str, ...] = OWNER_ORDER
    which: str = "last"
    is_only_at_work: bool = False


@dataclass(frozen=True)
class Rule:
    """One responsible rule; `check` None = always. `holds_end_fact`: its conditions ask for a fact of the end."""

    name: str
    assign: Assign
    check: Check | None = None
    holds_end_fact: bool = False
    is_active: bool = True


@dataclass(frozen=True)
class Talk:
    """A leg that an employee answered; `bitrix_user_id` None = the employee is not matched.

    `talk_seconds` None = he talked, for how long is not told; 0 = nobody said a word.
    """

    bitrix_user_id: int | None
    answered_at: datetime
    talk_seconds: int | None
    leg: int = 0


@dataclass(frozen=True)
class Candidates:
    """The people an event offers; all ids are Bitrix24's.

    `owners`: object type → owner, "deal" and "lead" of the open ones only. `talks`: in any order. `rung`: employees
    whose phones rang, in the order of ringing, None = not matched; at the start those ringing now, in an
    outgoing call the one who is calling. `active_user_ids`:
    None = unknown, everybody counts as active. `at_work_user_ids`: None = unknown, everybody counts as at work.
    """

    owners: Mapping[str, int] = field(default_factory=dict)
    talks: tuple[Talk, ...] = ()
    rung: tuple[int | None, ...] = ()
    operator_id: int | None = None
    active_user_ids: frozenset[int] | None = None
    at_work_user_ids: frozenset[int] | None = None


@dataclass(frozen=True)
class Choice:
    """The responsible and why.

    `user_id` is None only if nobody at all can be named (no default, no fallback). `rule` is the name of the rule that
    won, if one did. `is_provisional`: decide again at the end. `is_by_presence`: it would be another one, or none, if
    who was chosen were not at work. `trace`: JSON-able entries in the order of decision:
    {"step": "rule", "index", "rule", "outcome": "off"|"passed_over"|"no_match"|"nobody"|"chosen", "user_id",
    "conditions", "notes"} and {"step": "talked"|"ringing"|"default"|"fallback", "outcome", "user_id", "notes"}; empty
    keys are left out. A note is {"note": code, …}.
    """

    user_id: int | None
    by: ChosenBy
    rule: str | None
    is_provisional: bool
    trace: tuple[TraceEntry, ...]
    is_by_presence: bool = False


def needs_end(assign: Assign, stream: StreamKind) -> bool:
    """True if whom the action names is certain only when the event is over."""
    if assign.to is AssignTo.OPERATOR:
        return stream is StreamKind.REQUEST  # a request is on record before an operator opens it
    return assign.to in (AssignTo.TALKED, AssignTo.RUNG)


def choose_responsible(
    rules: Sequence[Rule],
    default_id: int | None,
    *,
    facts: Facts,
    candidates: Candidates,
    stream: StreamKind,
    at_end: bool,
    talked: str | None,
    seed: str,
    fallback_id: int | None,
) -> Choice:
    """Choose the responsible of a communication.

    1. Active rules from the top: the first that fits and yields an active employee wins. One that fits and yields
       nobody is noted, and the next is tried. At the start, rules that need the end are passed over.
    2. Outgoing calls: who talked (`talked`: first, last, longest, or None = skip this step); only at the end.
    3. If something was passed over: the first matched active employee whose phone rings.
    4. The default; if he is not active, `fallback_id` (the connecting administrator), active or not.

    With anything passed over the choice is provisional, also when a later rule made it: at the end an earlier one may
    win. `seed` names the event (its number), so that spreading chooses the same person in a retry and a rehearsal.
    """
    trace: list[TraceEntry] = []
    is_provisional = False
    event = Reading(facts)
    for index, rule in enumerate(rules):
        entry, user_id = _try_rule(index, rule, event=event, people=candidates, stream=stream, at_end=at_end, seed=seed)
        trace.append(entry)
        is_provisional = is_provisional or entry["outcome"] == "passed_over"
        if user_id is not None:
            return Choice(user_id, ChosenBy.RULE, rule.name, is_provisional, tuple(trace), rule.assign.is_only_at_work)
    if stream is StreamKind.OUTGOING and talked is not None:
        user_id, notes = _find_talked(talked, candidates) if at_end else (None, [])
        is_provisional = is_provisional or not at_end
        outcome = "passed_over" if not at_end else "nobody" if user_id is None else "chosen"
        trace.append(_entry({"step": "talked"}, outcome, user_id, notes))
        if user_id is not None:
            return Choice(user_id, ChosenBy.TALKED, None, is_provisional, tuple(trace))
    if is_provisional:
        user_id, notes = _first_active(candidates.rung, candidates)
        trace.append(_entry({"step": "ringing"}, "nobody" if user_id is None else "chosen", user_id, notes))
        if user_id is not None:
            return Choice(user_id, ChosenBy.RINGING, None, True, tuple(trace))
    return _choose_default(default_id, fallback_id, candidates, is_provisional, trace)


def _choose_default(
    default_id: int | None,
    fallback_id: int | None,
    candidates: Candidates,
    is_provisional: bool,
    trace: Sequence[TraceEntry],
) -> Choice:
    user_id, notes = _first_active((default_id,), candidates)
    if user_id is not None:
        entry = _entry({"step": "default"}, "chosen", user_id, [])
        return Choice(user_id, ChosenBy.DEFAULT, None, is_provisional, (*trace, entry))
    entry = _entry({"step": "default"}, "nobody", None, notes)
    is_known = fallback_id is not None and _is_active(fallback_id, candidates)
    doubts = [] if is_known or fallback_id is None else [_note("not_active", fallback_id)]
    last = _entry({"step": "fallback"}, "nobody" if fallback_id is None else "chosen", fallback_id, doubts)
    return Choice(fallback_id, ChosenBy.FALLBACK, None, is_provisional, (*trace, entry, last))


def _try_rule(
    index: int,
    rule: Rule,
    *,
    event: Reading,
    people: Candidates,
    stream: StreamKind,
    at_end: bool,
    seed: str,
) -> tuple[dict[str, Any], int | None]:
    """The rule's trace entry and the employee it yields."""
    head: dict[str, Any] = {"step": "rule", "index": index, "rule": rule.name}
    if not rule.is_active:
        return _entry(head, "off", None, []), None
    if not at_end and (rule.holds_end_fact or needs_end(rule.assign, stream)):
        return _entry(head, "passed_over", None, []), None
    outcome = rule.check.ask(event) if rule.check is not None else None
    if outcome is not None:
        head["conditions"] = flatten_trace(outcome)
        if not outcome.passed:
            return _entry(head, "no_match", None, []), None
    user_id, notes = _find_assigned(rule.assign, people, seed)
    return _entry(head, "nobody" if user_id is None else "chosen", user_id, notes), user_id


def _find_assigned(assign: Assign, people: Candidates, seed: str) -> tuple[int | None, list[TraceEntry]]:
    if assign.to is AssignTo.CLIENT_OWNER:
        return _first_active([people.owners.get(type_) for type_ in assign.order], people)
    if assign.to is AssignTo.TALKED:
        return _find_talked(assign.which, people)
    if assign.to is AssignTo.RUNG:
        matched = [user_id for user_id in people.rung if user_id is not None]
        named = matched[:1] if assign.which == "first" else matched[-1:]
        user_id, notes = _first_active(named, people)
        return user_id, [*_unmatched_notes(len(people.rung) - len(matched)), *notes]
    if assign.to is AssignTo.OPERATOR:
        return _first_active((people.operator_id,), people)
    if assign.to is AssignTo.SPREAD:
        return _spread(assign, people, seed)
    return _first_active(assign.user_ids, people)


def _find_talked(which: str, people: Candidates) -> tuple[int | None, list[TraceEntry]]:
    """Who talked first, last or longest (all his legs together) among matched employees; equal → smaller leg number."""
    real = [talk for talk in people.talks if talk.talk_seconds != 0]
    matched = sorted((talk for talk in real if talk.bitrix_user_id is not None), key=lambda talk: talk.leg)
    notes = _unmatched_notes(len(real) - len(matched))
    if not matched:
        return None, notes
    totals: dict[int | None, int] = {}
    for talk in matched:
        totals[talk.bitrix_user_id] = totals.get(talk.bitrix_user_id, 0) + (talk.talk_seconds or 0)
    # min() and max() keep the first of equals, which is the smaller leg.
    if which == "first":
        chosen = min(matched, key=lambda talk: talk.answered_at)
    elif which == "longest":
        chosen = max(matched, key=lambda talk: totals[talk.bitrix_user_id])
    else:
        chosen = max(matched, key=lambda talk: talk.answered_at)
    user_id, doubts = _first_active((chosen.bitrix_user_id,), people)
    return user_id, [*notes, *doubts]


def _spread(assign: Assign, people: Candidates, seed: str) -> tuple[int | None, list[TraceEntry]]:
    """The employee with the highest hash of event and employee.

    Unlike a remainder of one hash, this moves nobody else's events when one employee goes home or is dismissed.
    """
    present = people.at_work_user_ids if assign.is_only_at_work else None
    notes = [_note("not_active", user_id) for user_id in assign.user_ids if not _is_active(user_id, people)]
    active = [user_id for user_id in assign.user_ids if _is_active(user_id, people)]
    notes += [_note("not_at_work", user_id) for user_id in active if present is not None and user_id not in present]
    able = [user_id for user_id in active if present is None or user_id in present]
    return max(able, key=lambda user_id: hashlib.sha256(f"{seed}:{user_id}".encode()).digest(), default=None), notes


def _first_active(user_ids: Iterable[int | None], people: Candidates) -> tuple[int | None, list[TraceEntry]]:
    """The first who may be responsible, with a note for each who may not."""
    notes: list[TraceEntry] = []
    for user_id in user_ids:
        if user_id is None:
            continue
        if _is_active(user_id, people):
            return user_id, notes
        notes.append(_note("not_active", user_id))
    return None, notes


def _is_active(user_id: int, people: Candidates) -> bool:
    return people.active_user_ids is None or user_id in people.active_user_ids


def _unmatched_notes(count: int) -> list[TraceEntry]:
    return [{"note": "unmatched", "count": count}] if count else []


def _note(code: str, user_id: int) -> TraceEntry:
    return {"note": code, "user_id": user_id}


def _entry(head: Mapping[str, Any], outcome: str, user_id: int | None, notes: Sequence[TraceEntry]) -> dict[str, Any]:
    entry = {**head, "outcome": outcome}
    if user_id is not None:
        entry["user_id"] = user_id
    if notes:
        entry["notes"] = list(notes)
    return entry
