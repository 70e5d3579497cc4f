"""UIS notifications about calls → observations of their facts. Pure.

A call's facts are flat and gather by name, so that the order of notifications never matters:

    ring:<leg>, answer:<leg>    {"employee_id", "at"}     a phone rings, is taken
    leg_end:<leg>               {"at"}                    a leg is closed
    talk_start:<legs>, talk_end:<legs>                    {"employee_id", "at", "seconds"}
    record:<id>, voice_mail:<id>  {"link", "seconds"}     a file to fetch
    tag:<id>                    {"name", "is_set", "at"}
    ai:<scenario>               {"at", "tag_names", "sa_…"}  what an AI scenario made of the call
    end, lost                   what the end of the session told
    leg:<id>                    a leg with an employee or a group, as the report of UIS tells it
    report                      when the call was over, as the report tells
    report:<seen>               {column: value}           its row; each version of it stands by itself, the last counts
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from math import isfinite
from typing import Any

from integration.events import BadPayload, RawEvent, items, moment, seconds, text, whole_number, yes_no
from integration.rules.observations import Observation, Rank
from integration.rules.phones import normalise_phone
from telephony.reported import REPORTS

Payload = Mapping[str, Any]
Facts = dict[str, Any]

_RANKS: Mapping[str, Rank] = {
    "in_call_session": Rank.START,
    "out_call_session": Rank.START,
    "talk_started": Rank.TALK,
    "talk_finished": Rank.TALK,
    "call_session_finished": Rank.END,
    "lost_call_session": Rank.END,
}
_DIRECTIONS = {"in_call_session": "in", "out_call_session": "out", "lost_call_session": "in"}
_PLAIN = (
    "scenario_name",
    "contact_full_name",
    "call_source",
    "virtual_phone_number",
    "communication_number",
    "external_id",
)


def parse_call(event: RawEvent, *, zone: tzinfo, country: str, received_at: datetime) -> Observation:
    """Read one notification about a call.

    Times without an offset are in `zone`, the account's; `received_at` serves where none is told. Durations are whole
    seconds. Numbers without a code are of `country`. Raises BadPayload if the call session is missing.
    Source: UIS help centre, "Уведомления о событиях".
    """
    payload = event.payload
    if event.name in REPORTS:
        return REPORTS[event.name](payload, zone, country, received_at)
    session_id = whole_number(payload, "call_session_id")
    if session_id is None:
        raise BadPayload("the notification names no call_session_id")
    at = moment(payload, "notification_time", zone) or received_at
    phone = normalise_phone(text(payload, "contact_phone_number"), country) or ""
    direction = text(payload, "direction") or _DIRECTIONS.get(event.name, "")
    facts: Facts = {name: text(payload, name) for name in _PLAIN}
    facts |= {
        "call_session_id": str(session_id),
        "contact_phone_number": phone,
        "direction": direction if direction in ("in", "out") else "",
        "start_time": _iso(moment(payload, "start_time", zone)),
        "is_internal": yes_no(payload, "is_internal"),
    }
    if event.name in ("in_call_session", "out_call_session") and not facts["start_time"]:
        facts["start_time"] = at.isoformat()
    facts |= _READERS.get(event.name, _nothing_more)(payload, at)
    return Observation(
        kind="call",
        uis_id=str(session_id),
        rank=_RANKS.get(event.name, Rank.LEG),
        at=at,
        facts=facts,
        external_id=facts["external_id"],
        direction=facts["direction"],
        client_phone=phone,
        client_keys=(f"phone:{phone}",) if phone else (),
    )


def urgency(facts: Mapping[str, Any]) -> int:
    """How many minutes earlier than its turn a call goes: a ringing phone first, then an end.

    A call that only the report has told of is over for long: it lets the others pass.
    """
    if "end" in facts or "lost" in facts:
        return 2
    if "report" in facts:
        return -60
    return 10


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _nothing_more(_payload: Payload, _at: datetime) -> Facts:
    return {}


def _leg(name: str) -> Callable[[Payload, datetime], Facts]:
    def read(payload: Payload, at: datetime) -> Facts:
        employee_id = whole_number(payload, "employee_id")
        leg = text(payload, "leg_id") or employee_id
        return {f"{name}:{leg}": {"employee_id": employee_id, "at": at.isoformat()}} if employee_id else {}

    return read


def _leg_end(payload: Payload, at: datetime) -> Facts:
    leg = text(payload, "leg_id")
    return {f"leg_end:{leg}": {"at": at.isoformat()}} if leg else {}


def _talk(name: str) -> Callable[[Payload, datetime], Facts]:
    def read(payload: Payload, at: datetime) -> Facts:
        legs = "-".join(str(leg) for leg in items(payload, "leg_ids")) or text(payload, "employee_id")
        talk = {
            "employee_id": whole_number(payload, "employee_id"),
            "at": at.isoformat(),
            "seconds": seconds(payload, "talk_time_duration"),
        }
        return {f"{name}:{legs}": talk}

    return read


def _end(payload: Payload, at: datetime) -> Facts:
    end = {
        "at": at.isoformat(),
        "talk_seconds": seconds(payload, "talk_time_duration"),
        "total_seconds": seconds(payload, "total_time_duration"),
        "wait_seconds": seconds(payload, "wait_time_duration"),
        "is_transfer": yes_no(payload, "is_transfer"),
        "employee_id": whole_number(payload, "last_talked_employee_id") or whole_number(payload, "employee_id"),
        "tag_names": [str(name) for name in items(payload, "tag_names")],
    }
    return {"end": end}


def _lost(payload: Payload, at: datetime) -> Facts:
    lost = {
        "at": at.isoformat(),
        "wait_seconds": seconds(payload, "wait_time_duration"),
        "employee_ids": [number for number in items(payload, "employee_ids") if isinstance(number, int)],
    }
    return {"lost": lost}


def _file(name: str) -> Callable[[Payload, datetime], Facts]:
    def read(payload: Payload, _at: datetime) -> Facts:
        link = text(payload, "file_link")
        record_id = link.rstrip("/").rpartition("/")[2]
        return {f"{name}:{record_id}": {"link": link, "seconds": seconds(payload, "file_duration")}} if link else {}

    return read


def _transcript(payload: Payload, _at: datetime) -> Facts:
    """Phrases in order; of a phrase only its start is told, so it lasts until the next one."""
    told = [phrase for phrase in items(payload, "call_session_recognized_text_array") if isinstance(phrase, dict)]
    starts = _offsets([text(phrase, "start_time") for phrase in told])
    phrases = [
        {"is_operator": bool(yes_no(phrase, "is_operator")), "start": start, "end": max(start + 1, after), "text": said}
        for phrase, start, after in zip(told, starts, [*starts[1:], 0], strict=True)
        if (said := text(phrase, "phrase"))
    ]
    return {"transcript": phrases}


def _offsets(told: Sequence[str]) -> list[int]:
    """Whole seconds from the first phrase, whether UIS tells moments ("2026-03-16 10:15:18") or seconds ("12.5")."""
    seconds_told = [_seconds(moment_told) for moment_told in told]
    first = min((one for one in seconds_told if one is not None), default=0.0)
    return [max(0, int((one if one is not None else first) - first)) for one in seconds_told]


def _seconds(told: str) -> float | None:
    try:
        return float(told)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(told).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _tag(is_set: bool) -> Callable[[Payload, datetime], Facts]:
    def read(payload: Payload, at: datetime) -> Facts:
        tag = {"name": text(payload, "tag_name"), "is_set": is_set, "at": at.isoformat()}
        return {f"tag:{text(payload, 'tag_id')}": tag}

    return read


def _ai_result(payload: Payload, at: datetime) -> Facts:
    """What one scenario of the AI analysis found; analysed anew, the later result counts."""
    told: Facts = {name: text(payload, name) for name in ("sa_scenario_name", "sa_call_summary")}
    told |= {name: _score(payload, name) for name in ("sa_communication_score", "sa_scenario_score")}
    told["tag_names"] = [str(name) for name in items(payload, "tag_names")]
    told = {name: value for name, value in told.items() if value not in (None, "", [])}
    return {f"ai:{told.get('sa_scenario_name', '')[:60]}": {"at": at.isoformat(), **told}} if told else {}


def _score(payload: Payload, key: str) -> int | float | None:
    try:
        score = float(text(payload, key))
    except ValueError:
        return None
    return (int(score) if score.is_integer() else score) if isfinite(score) else None


_READERS: Mapping[str, Callable[[Payload, datetime], Facts]] = {
    "out_call_session": _leg("ring"),  # the employee who calls
    "call_proceeding": _leg("ring"),
    "call_connected": _leg("answer"),
    "call_disconnected": _leg_end,
    "talk_started": _talk("talk_start"),
    "talk_finished": _talk("talk_end"),
    "call_session_finished": _end,
    "lost_call_session": _lost,
    "talk_record_file": _file("record"),
    "voice_message": _file("voice_mail"),
    "call_session_recognized": _transcript,
    "set_mark": _tag(True),
    "unset_mark": _tag(False),
    "ai_result_ready": _ai_result,
}
