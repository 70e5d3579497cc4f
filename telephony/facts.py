"""The facts of a call as decisions read them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from integration.rules.facts import StreamKind

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
    """An employee who talked. `seconds` is None while he still does, and where nothing tells for how long he did."""

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
    """What is known of one call, times in UTC, durations in seconds, legs in the order of their moments.

    `report` is the row of UIS's report, empty until it has come; its word counts more than that of the notifications.
    """

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
    report: Mapping[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None

    @property
    def is_reported(self) -> bool:
        """The report of UIS has told how the call went: nothing better will come."""
        return bool(self.report)

    @property
    def transcript(self) -> tuple[Mapping[str, Any], ...]:
        """The recognised phrases in order: {"is_operator", "start", "end" (seconds from the beginning), "text"}."""
        return tuple(self.raw.get("transcript", ()))

    @property
    def line_number(self) -> str:
        """The virtual number as settings spell it, "" when it is not known."""
        return f"+{self.line.lstrip('+')}" if self.line else ""

    @property
    def is_answered(self) -> bool:
        """An employee talked. While the call goes on: somebody has taken it."""
        if not self.is_over:
            return bool(self.answers or self.talks)
        if self.report:
            return any(row["is_talked"] for row in employees_of(self.report)) or (
                self.talk_seconds > 0 and not self.report.get("is_lost")
            )
        return self.talk_seconds > 0

    @property
    def result(self) -> str:
        """answered, missed (incoming) or unanswered (outgoing)."""
        if self.is_answered:
            return ANSWERED
        return MISSED if self.stream is StreamKind.INCOMING else UNANSWERED


def read_call(facts: Mapping[str, Any]) -> CallFacts:
    """The facts of a communication as a call."""
    report = _report(facts)
    end, lost = _end(facts, report), facts.get("lost", {})
    facts = {**facts, "end": end} if end else facts
    ended_at = _moment(end.get("at") or lost.get("at"))
    legs = _reported_legs(facts)
    ends = {name.partition(":")[2]: _moment(value["at"]) for name, value in gathered(facts, "leg_end")}
    talks = _reported_talks(legs) if legs else _with_reported_talks(_talks(facts), facts, report)
    known = [talk.seconds for talk in talks if talk.seconds]
    talk_seconds = end["talk_seconds"] if end.get("talk_seconds") is not None else sum(known)
    is_outgoing = facts.get("direction") == "out"
    return CallFacts(
        session_id=facts.get("call_session_id") or facts.get("external_id", ""),
        stream=StreamKind.OUTGOING if is_outgoing else StreamKind.INCOMING,
        phone=facts.get("contact_phone_number", ""),
        line=facts.get("virtual_phone_number", ""),
        started_at=_moment(facts.get("start_time")),
        ended_at=ended_at,
        rings=_rung(legs) if legs else _with_reported(_legs(facts, "ring", ends), facts, report),
        answers=_taken(legs) if legs else _with_reported(_answers(facts, ends), facts, report, "is_answered"),
        talks=talks,
        talk_seconds=talk_seconds,
        records=_files(facts, "record", report.get("records", ()), report, talk_seconds),
        voice_mails=_files(facts, "voice_mail", report.get("voice_mails", ()), report, 0),
        is_internal=bool(facts.get("is_internal")),
        raw=facts,
        report=report,
        groups=tuple(dict.fromkeys(leg["group"] for _name, leg in legs if leg["group"])),
    )


def gathered(facts: Mapping[str, Any], kind: str) -> list[tuple[str, Any]]:
    """The facts `<kind>:<…>` with their names, in the order of these."""
    return sorted((name, value) for name, value in facts.items() if name.startswith(f"{kind}:"))


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _legs(facts: Mapping[str, Any], kind: str, ends: Mapping[str, datetime | None]) -> tuple[Leg, ...]:
    legs = [
        Leg(name.partition(":")[2], value["employee_id"], datetime.fromisoformat(value["at"]))
        for name, value in gathered(facts, kind)
    ]
    with_ends = [Leg(leg.leg, leg.employee_id, leg.at, ends.get(leg.leg)) for leg in legs]
    return tuple(sorted(with_ends, key=lambda leg: (leg.at, leg.leg)))


def _answers(facts: Mapping[str, Any], ends: Mapping[str, datetime | None]) -> tuple[Leg, ...]:
    """Phones taken; of an employee for whom only the start of the talk was told, that."""
    answers = _legs(facts, "answer", ends)
    told = {leg.employee_id for leg in answers}
    talks = [
        Leg(name, value["employee_id"], datetime.fromisoformat(value["at"]))
        for name, value in gathered(facts, "talk_start")
        if value["employee_id"] and value["employee_id"] not in told
    ]
    return tuple(sorted((*answers, *talks), key=lambda leg: (leg.at, leg.leg)))


def _talks(facts: Mapping[str, Any]) -> tuple[TalkedLeg, ...]:
    starts = {name.partition(":")[2]: value for name, value in gathered(facts, "talk_start")}
    ends = {name.partition(":")[2]: value for name, value in gathered(facts, "talk_end")}
    talks = []
    for legs in starts.keys() | ends.keys():
        told = ends.get(legs) or starts[legs]
        seconds = ends[legs]["seconds"] if legs in ends else None
        started = (starts.get(legs) or ends[legs])["at"]
        talks.append(TalkedLeg(legs, told["employee_id"], datetime.fromisoformat(started), seconds))
    return tuple(sorted(talks, key=lambda talk: (talk.started_at, talk.legs)))


def _files(
    facts: Mapping[str, Any], kind: str, reported: Sequence[Any], report: Mapping[str, Any], seconds: int
) -> tuple[FileLink, ...]:
    """Files that notifications told of, and those of the report that they did not.

    Only the record of the whole call has a length in the report: that of all its talks.
    """
    full = report.get("full_record_file_link")
    known = {file["id"]: FileLink(file["id"], file["link"], seconds * (file["link"] == full)) for file in reported}
    if kind == "record" and full and full not in {file.link for file in known.values()}:
        record_id = full.rstrip("/").rpartition("/")[2]
        known[record_id] = FileLink(record_id, full, seconds)
    for name, value in gathered(facts, kind):
        record_id = name.partition(":")[2]
        known[record_id] = FileLink(record_id, value["link"], value.get("seconds") or 0)
    return tuple(known[record_id] for record_id in sorted(known))


# --- what the report of UIS says ------------------------------------------------------------------------------------


def _report(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The version of the call's row that was seen last."""
    versions = gathered(facts, "report")
    return {**versions[-1][1], "seen_at": versions[-1][0].partition(":")[2]} if versions else {}


def _end(facts: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    """How the call ended: by the report, and where that is silent by the notification."""
    end: dict[str, Any] = dict(facts.get("end", {}))
    if not report:
        return end
    told = {
        "at": facts.get("report"),
        "talk_seconds": report.get("clean_talk_duration", report.get("talk_duration")),
        "total_seconds": report.get("total_duration"),
        "wait_seconds": report.get("wait_duration"),
        "is_transfer": report.get("is_transfer"),
        "employee_id": report.get("last_talked_employee_id"),
        "tag_names": report.get("tags", []),
    }
    return end | {name: value for name, value in told.items() if value is not None}


def employees_of(report: Mapping[str, Any]) -> list[Any]:
    """The employees of the report: `id`, `name`, `is_answered`, `is_talked`."""
    found: list[Any] = report.get("employees", [])
    return found


_ReportedLegs = list[tuple[str, Any]]


def _reported_legs(facts: Mapping[str, Any]) -> _ReportedLegs:
    """Id and facts of the legs of the report, in the order of their moments."""
    legs = [(name.partition(":")[2], leg) for name, leg in gathered(facts, "leg")]
    return sorted(legs, key=lambda leg: (leg[1]["at"], leg[0]))


def _rung(legs: _ReportedLegs) -> tuple[Leg, ...]:
    return tuple(
        Leg(number, leg["employee_id"], at, at + timedelta(seconds=leg["total_seconds"]))
        for number, leg in legs
        if leg["employee_id"] and (at := datetime.fromisoformat(leg["at"]))
    )


def _taken(legs: _ReportedLegs) -> tuple[Leg, ...]:
    ends = {leg.leg: leg.ended_at for leg in _rung(legs)}
    taken = [
        Leg(number, leg["employee_id"], datetime.fromisoformat(leg["connected_at"]), ends[number])
        for number, leg in legs
        if leg["employee_id"] and leg["connected_at"]
    ]
    return tuple(sorted(taken, key=lambda leg: (leg.at, leg.leg)))


def _reported_talks(legs: _ReportedLegs) -> tuple[TalkedLeg, ...]:
    talks = [
        TalkedLeg(number, leg["employee_id"], datetime.fromisoformat(leg["connected_at"]), leg["talk_seconds"])
        for number, leg in legs
        if leg["employee_id"] and leg["is_talked"] and leg["connected_at"]
    ]
    return tuple(sorted(talks, key=lambda talk: (talk.started_at, talk.legs)))


def _with_reported(
    told: tuple[Leg, ...], facts: Mapping[str, Any], report: Mapping[str, Any], column: str = "id"
) -> tuple[Leg, ...]:
    """Legs that notifications told of, and one for every employee of the report they did not tell of."""
    known, start = {leg.employee_id for leg in told}, _moment(facts.get("start_time") or facts.get("report"))
    missing = [row["id"] for row in employees_of(report) if row[column] and row["id"] and row["id"] not in known]
    more = [Leg(str(number), number, start) for number in missing] if start else []
    return tuple(sorted((*told, *more), key=lambda leg: (leg.at, leg.leg)))


def _with_reported_talks(
    told: tuple[TalkedLeg, ...], facts: Mapping[str, Any], report: Mapping[str, Any]
) -> tuple[TalkedLeg, ...]:
    """The same for talks. Of those the report tells only who was first and who was last."""
    known = {talk.employee_id for talk in told}
    start, finish = _moment(facts.get("start_time") or facts.get("report")), _moment(facts.get("report"))
    if not (start and finish):
        return told
    last = report.get("last_talked_employee_id")
    moments = {report.get("first_talked_employee_id"): start, **({last: finish} if last else {})}
    missing = [row["id"] for row in employees_of(report) if row["is_talked"] and row["id"] and row["id"] not in known]
    more = [
        TalkedLeg(str(number), number, moments.get(number, start + timedelta(seconds=1)), None) for number in missing
    ]
    return tuple(sorted((*told, *more), key=lambda talk: (talk.started_at, talk.legs)))
