"""Rows of UIS's reports on calls → observations of their facts, in the form that `telephony.events` describes. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from integration.events import BadPayload, items, moment, names, seconds, text, whole_number, yes_no
from integration.rules.observations import Observation, Rank
from integration.rules.phones import normalise_phone

Payload = Mapping[str, Any]
Facts = dict[str, Any]

_LONGEST_INNER_NUMBER = 7
_TEXT_COLUMNS = (
    "communication_id finish_reason cpn_region_name full_record_file_link first_talked_employee_full_name "
    "last_talked_employee_full_name site_domain_name campaign_name utm_source utm_medium utm_campaign utm_content "
    "utm_term search_engine search_query referrer entrance_page channel source_name gclid yclid ua_client_id "
    "ym_client_id visitor_id visitor_city visitor_region visitor_country visitor_device"
)
_TEXTS = tuple(_TEXT_COLUMNS.split())
_SECONDS = ("wait_duration", "total_wait_duration", "talk_duration", "clean_talk_duration", "total_duration")
_NUMBERS = ("first_talked_employee_id", "last_talked_employee_id", "last_answered_employee_rating", "visits_count")
_NAMES = {"tags": "tag_name", "segments": "segment_name", "scenario_operations": "name"}


def _parse_report(payload: Payload, zone: tzinfo, country: str, received_at: datetime) -> Observation:
    """Read a row of the report on calls. Of a call that still goes on only its beginning is taken.

    Source: Data API, `get.calls_report`.
    """
    session_id = whole_number(payload, "id")
    if session_id is None:
        raise BadPayload("the row of the report names no id of a call")
    start, finish = moment(payload, "start_time", zone), moment(payload, "finish_time", zone)
    number, virtual_number = text(payload, "contact_phone_number"), text(payload, "virtual_phone_number")
    phone = normalise_phone(number, country) or ""
    direction = text(payload, "direction")
    facts: Facts = {
        "call_session_id": str(session_id),
        "contact_phone_number": phone,
        "virtual_phone_number": virtual_number,
        "direction": direction if direction in ("in", "out") else "",
        "start_time": _iso(start),
        "is_internal": yes_no(payload, "is_internal") or _is_inner(number, virtual_number) or None,
        "call_source": text(payload, "source"),
        "external_id": text(payload, "call_api_external_id"),
        **{name: text(payload, name) for name in ("scenario_name", "contact_full_name", "communication_number")},
    }
    if finish:
        facts["report"] = finish.isoformat()
        facts[f"report:{received_at.astimezone(UTC).isoformat()}"] = _row(payload)
    return Observation(
        kind="call",
        uis_id=str(session_id),
        rank=Rank.REPORT if finish else Rank.START,
        at=start or received_at,
        facts=facts,
        external_id=facts["external_id"],
        direction=facts["direction"],
        client_phone=phone,
        client_keys=(f"phone:{phone}",) if phone else (),
    )


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _is_inner(number: str, virtual_number: str) -> bool:
    """A call between employees: no number of the account took part, and the other side has an inner number."""
    return not virtual_number and number.isdecimal() and len(number) <= _LONGEST_INNER_NUMBER


def _row(payload: Payload) -> Facts:
    """The columns of a row that later decisions read, without the empty ones."""
    row: Facts = {name: text(payload, name) for name in _TEXTS}
    row |= {name: seconds(payload, name) for name in _SECONDS}
    row |= {name: whole_number(payload, name) for name in _NUMBERS}
    row |= {name: yes_no(payload, name) for name in ("is_lost", "is_transfer")}
    row |= {name: names(payload, name, part=key) for name, key in _NAMES.items()}
    row |= {
        "attributes": [one for one in items(payload, "attributes") if isinstance(one, str)],
        "properties": _properties(payload),
        "employees": [_employee(one) for one in items(payload, "employees") if isinstance(one, dict)],
        "records": _files(payload, "call_records", "talk"),
        "voice_mails": _files(payload, "voice_mail_records", "voice_mail"),
    }
    return {name: value for name, value in row.items() if value not in (None, "", [])}


def _properties(payload: Payload) -> str:
    """The comment of a callback form: a text, or properties with names and values."""
    told = (
        f"{text(one, 'property_name')}: {text(one, 'property_value')}" if isinstance(one, dict) else str(one)
        for one in items(payload, "properties")
    )
    return "\n".join(told)


def _employee(row: Payload) -> Facts:
    return {
        "id": whole_number(row, "employee_id"),
        "name": text(row, "employee_full_name"),
        "is_answered": yes_no(row, "is_answered") or False,
        "is_talked": yes_no(row, "is_talked") or False,
    }


def _files(payload: Payload, name: str, folder: str) -> list[Facts]:
    """Ids of files and where they are: the record of the whole call has a link of its own, the others a usual form."""
    full = text(payload, "full_record_file_link")
    call = f"{text(payload, 'media_url')}/system/media/{folder}/{text(payload, 'communication_id')}"
    ids = [str(one) for one in items(payload, name) if isinstance(one, str | int)]
    return [{"id": one, "link": full if full.rstrip("/").endswith(f"/{one}") else f"{call}/{one}/"} for one in ids]


def _parse_legs(payload: Payload, zone: tzinfo, country: str, received_at: datetime) -> Observation:
    """Read the legs of one call, `{"call_session_id", "legs": [row, …]}`: those with an employee or a group.

    Source: Data API, `get.call_legs_report`.
    """
    session_id = whole_number(payload, "call_session_id")
    if session_id is None:
        raise BadPayload("the legs of the report name no call_session_id")
    rows = [row for row in items(payload, "legs") if isinstance(row, dict) and moment(row, "start_time", zone)]
    told = [row for row in rows if whole_number(row, "employee_id") or text(row, "group_name")]
    starts = [moment(row, "start_time", zone) or received_at for row in rows]
    facts: Facts = {"call_session_id": str(session_id)}
    return Observation(
        kind="call",
        uis_id=str(session_id),
        rank=Rank.REPORT,
        at=min(starts, default=received_at),
        facts=facts | {f"leg:{text(row, 'id')}": _reported_leg(row, zone) for row in told},
    )


def _reported_leg(row: Payload, zone: tzinfo) -> Facts:
    talk_seconds, connected_at = seconds(row, "duration") or 0, moment(row, "connect_time", zone)
    is_talked = yes_no(row, "is_talked")
    return {
        "employee_id": whole_number(row, "employee_id"),
        "group": text(row, "group_name"),
        "at": _iso(moment(row, "start_time", zone)),
        "connected_at": _iso(connected_at),
        "total_seconds": seconds(row, "total_duration") or 0,
        "talk_seconds": talk_seconds,
        "is_talked": bool(connected_at and talk_seconds) if is_talked is None else is_talked,
    }


REPORTS: Mapping[str, Callable[[Payload, tzinfo, str, datetime], Observation]] = {
    "calls_report": _parse_report,
    "call_legs_report": _parse_legs,
}
