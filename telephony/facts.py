"""The facts of a call as decisions read them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from integration.rules.facts import FactValue, StreamKind, derive_time_facts

ANSWERED, MISSED, UNANSWERED = "answered", "missed", "unanswered"


@dataclass(frozen=True)
class Leg:
    """An employee's phone that rang, or was taken, at a moment. `ended_at` once the leg is closed."""

    leg: str
    employee_id: int
    at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True)
class TalkedLeg:
    """An employee who talked. `seconds` is None while he still does."""

    legs: str
    employee_id: int | None
    started_at: datetime
    seconds: int | None


@dataclass(frozen=True)
class FileLink:
    """A recording or a voice mail at UIS."""

    record_id: str
    link: str
    seconds: int


@dataclass(frozen=True)
class CallFacts:
    """What is known of one call, times in UTC, durations in seconds, legs in the order of their moments."""

    session_id: str
    stream: StreamKind
    phone: str
    line: str
    started_at: datetime | None
    ended_at: datetime | None
    rings: tuple[Leg, ...]
    answers: tuple[Leg, ...]
    talks: tuple[TalkedLeg, ...]
    talk_seconds: int
    records: tuple[FileLink, ...]
    voice_mails: tuple[FileLink, ...]
    is_internal: bool
    raw: Mapping[str, Any]

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None

    @property
    def line_number(self) -> str:
        """The virtual number as settings spell it, "" when it is not known."""
        return f"+{self.line.lstrip('+')}" if self.line else ""

    @property
    def is_answered(self) -> bool:
        """An employee talked. While the call goes on: somebody has taken it."""
        if not self.is_over:
            return bool(self.answers or self.talks)
        return self.talk_seconds > 0

    @property
    def result(self) -> str:
        """answered, missed (incoming) or unanswered (outgoing)."""
        if self.is_answered:
            return ANSWERED
        return MISSED if self.stream is StreamKind.INCOMING else UNANSWERED


def read_call(facts: Mapping[str, Any]) -> CallFacts:
    """The facts of a communication as a call."""
    end, lost = facts.get("end", {}), facts.get("lost", {})
    ended_at = _moment(end.get("at") or lost.get("at"))
    ends = {name.partition(":")[2]: _moment(value["at"]) for name, value in _gathered(facts, "leg_end")}
    talks = _talks(facts)
    known = [talk.seconds for talk in talks if talk.seconds]
    talk_seconds = end["talk_seconds"] if end.get("talk_seconds") is not None else sum(known)
    is_outgoing = facts.get("direction") == "out"
    return CallFacts(
        session_id=facts["call_session_id"],
        stream=StreamKind.OUTGOING if is_outgoing else StreamKind.INCOMING,
        phone=facts.get("contact_phone_number", ""),
        line=facts.get("virtual_phone_number", ""),
        started_at=_moment(facts.get("start_time")),
        ended_at=ended_at,
        rings=_legs(facts, "ring", ends),
        answers=_answers(facts, ends),
        talks=talks,
        talk_seconds=talk_seconds,
        records=_files(facts, "record"),
        voice_mails=_files(facts, "voice_mail"),
        is_internal=bool(facts.get("is_internal")),
        raw=facts,
    )


def _gathered(facts: Mapping[str, Any], kind: str) -> list[tuple[str, Any]]:
    return sorted((name, value) for name, value in facts.items() if name.startswith(f"{kind}:"))


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _legs(facts: Mapping[str, Any], kind: str, ends: Mapping[str, datetime | None]) -> tuple[Leg, ...]:
    legs = [
        Leg(name.partition(":")[2], value["employee_id"], datetime.fromisoformat(value["at"]))
        for name, value in _gathered(facts, kind)
    ]
    with_ends = [Leg(leg.leg, leg.employee_id, leg.at, ends.get(leg.leg)) for leg in legs]
    return tuple(sorted(with_ends, key=lambda leg: (leg.at, leg.leg)))


def _answers(facts: Mapping[str, Any], ends: Mapping[str, datetime | None]) -> tuple[Leg, ...]:
    """Phones taken; of an employee for whom only the start of the talk was told, that."""
    answers = _legs(facts, "answer", ends)
    told = {leg.employee_id for leg in answers}
    talks = [
        Leg(name, value["employee_id"], datetime.fromisoformat(value["at"]))
        for name, value in _gathered(facts, "talk_start")
        if value["employee_id"] and value["employee_id"] not in told
    ]
    return tuple(sorted((*answers, *talks), key=lambda leg: (leg.at, leg.leg)))


def _talks(facts: Mapping[str, Any]) -> tuple[TalkedLeg, ...]:
    starts = {name.partition(":")[2]: value for name, value in _gathered(facts, "talk_start")}
    ends = {name.partition(":")[2]: value for name, value in _gathered(facts, "talk_end")}
    talks = []
    for legs in starts.keys() | ends.keys():
        told = ends.get(legs) or starts[legs]
        seconds = ends[legs]["seconds"] if legs in ends else None
        started = (starts.get(legs) or ends[legs])["at"]
        talks.append(TalkedLeg(legs, told["employee_id"], datetime.fromisoformat(started), seconds))
    return tuple(sorted(talks, key=lambda talk: (talk.started_at, talk.legs)))


def _files(facts: Mapping[str, Any], kind: str) -> tuple[FileLink, ...]:
    return tuple(
        FileLink(name.partition(":")[2], value["link"], value.get("seconds") or 0)
        for name, value in _gathered(facts, kind)
    )


def rule_facts(call: CallFacts, *, zone: tzinfo, client_state: str, client_name: str) -> dict[str, FactValue]:
    """The facts that filters, responsible rules, titles and mappings may speak of, as far as they are known."""
    raw, end, lost = call.raw, call.raw.get("end", {}), call.raw.get("lost", {})
    known: dict[str, FactValue] = {
        "communication_id": call.session_id,
        "contact_phone_number": call.phone,
        "virtual_phone_number": call.line_number,
        "contact_full_name": raw.get("contact_full_name"),
        "scenario_name": raw.get("scenario_name"),
        "call_source": raw.get("call_source"),
        "communication_number": _number(raw.get("communication_number")),
        "client_state": client_state,
        "client_name": client_name,
    }
    if call.started_at:
        known |= derive_time_facts(call.started_at, zone)
    if call.is_over:
        known |= {
            "result": call.result,
            "talk_duration": call.talk_seconds,
            "total_duration": end.get("total_seconds"),
            "wait_duration": end.get("wait_seconds") or lost.get("wait_seconds"),
            "is_transfer": end.get("is_transfer"),
            "tags": _tags(call),
        }
    return known


def _number(value: Any) -> int | None:
    return int(value) if str(value or "").isdecimal() else None


def _tags(call: CallFacts) -> tuple[str, ...]:
    """Tags of the end and those put on and off since."""
    names = dict.fromkeys(call.raw.get("end", {}).get("tag_names", ()), True)
    for _name, tag in _gathered(call.raw, "tag"):
        names[tag["name"]] = tag["is_set"]
    return tuple(name for name, is_set in names.items() if is_set and name)
