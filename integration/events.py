"""Bytes of a UIS notification → a value; and the typed readers the domain parsers use on it.

The administrator of the account writes the body himself, so nothing about it can be relied on: not the method, the
type, the charset, the nesting, nor that it is JSON at all. Reading is tolerant in a fixed order: JSON, JSON after
repair, form encoding; the query string counts too, and the body wins. What comes out is a RawEvent or BadPayload.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote_to_bytes

_USED = {
    "call": (
        "in_call_session out_call_session in_call out_call call_proceeding call_connected talk_started talk_finished "
        "call_disconnected call_session_finished lost_call_session talk_record_file voice_message "
        "call_session_recognized set_mark unset_mark ai_result_ready"
    ),
    "chat": "chat_started chat_accepted_to_work chat_operator_changed chat_finished lost_chat",
    "request": "offline_message",
    "": (
        "call_hold_control talk_record_control fax_receive_finished chat_message_received chat_message_sent "
        "unanswered_chats channel_status_changed employee_status_changed sip_line_unregister event"
    ),
}
EVENT_KINDS: Mapping[str, str] = MappingProxyType(
    {name: kind for kind, names in _USED.items() for name in names.split()}
)
"""Mnemonic of an event → the kind of communication it tells of; "" for those we know and do not use."""

REPORT_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "calls_report": "call",
        "call_legs_report": "call",
        "chats_report": "chat",
        "chat_messages_report": "chat",
        "offline_messages_report": "request",
    }
)
"""Events that we make ourselves of what the reports of UIS tell; see `integration.reports`."""

NAME_LENGTH = 60
DEPTH = 32
_MAX_FIELDS = 500
_MAX_LOST = 5
_MAX_DIGITS = 40
_BIGGEST = 2**63 - 1


class BadPayload(Exception):
    """What came cannot be read; the message says what arrived and what was expected."""


@dataclass(frozen=True)
class RawEvent:
    """One notification: the name of its event ("" when nothing tells it) and its keys, flat.

    Keys are UIS variable names. Values are those of JSON: texts without NUL or lone surrogates, finite numbers, None.
    """

    name: str
    payload: Mapping[str, Any]

    @property
    def is_known_name(self) -> bool:
        """True for an event of UIS's catalogue, used by us or not."""
        return self.name in EVENT_KINDS

    @property
    def kind(self) -> str:
        """The kind of communication: call, chat, request, or "" when the event is not one we use."""
        return EVENT_KINDS.get(self.name) or REPORT_KINDS.get(self.name, "")


def read_notification(query: str, body: bytes) -> RawEvent:
    """Read the query string and the body of one request of UIS.

    The name is that of `event` in the body, else in the query, else `notification_mnemonic`, else it is guessed from
    the set of keys, which works for the vendor's default bodies. Nested objects of those bodies are made flat.
    Raises BadPayload when nothing readable comes out, and nothing else.
    Source: reference of UIS notifications, substitution rules and default bodies.
    """
    try:
        in_query = _read_form(_query_bytes(query))
        told = _read_body(_decode(body)) if body.strip(b"\0 \t\r\n") else {}
    except RecursionError as error:
        raise BadPayload("the body is nested too deep") from error
    if not told and not in_query.keys() - {"event", "schema"}:
        raise BadPayload(f"{len(body)} bytes that are neither a JSON object nor a form")
    told = told or {}
    names = _all_names({**in_query, **told})
    name = _name_of(told.get("event"), in_query.get("event"), told.get("notification_mnemonic"))
    name = name or _name_of(in_query.get("notification_mnemonic")) or _guess_name(names)
    return RawEvent(name, _renamed(name, {**in_query, **_flat(told)}))


# --- bytes → keys and values ---------------------------------------------------------------------------------------

_MARK = re.compile(r"\s*\{\{[^{}]*\}\}\s*")
# An administrator put quotes around a placeholder: `""x""`. Only directly after a colon and before the end of a value:
# the plain pattern would also eat two empty strings that stand side by side.
_QUOTED_TWICE = re.compile(r'(:\s*)""([^"\\]*(?:\\.[^"\\]*)*)""(?=\s*[,}\]])', re.DOTALL)
_QUOTED_LIST = re.compile(r'(:\s*)"(\[\s*"[^\[\]\\]*"\s*\])"(?=\s*[,}\]])')
# A variable that does not exist for the event stays as it was written.
_BARE_MARK = re.compile(r"([:\[,]\s*)\{\{[^{}\"]*\}\}(?=\s*[,}\]])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_KEY = re.compile(r"[A-Za-z_]\w{0,99}", re.ASCII)


def _decode(raw: bytes) -> str:
    """Text of bytes in UTF-8, with or without a byte order mark, else in the one other charset Russian senders use."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace").replace("\0", "")
    try:
        return raw.decode("utf-8-sig").replace("\0", "")
    except UnicodeDecodeError:
        return raw.decode("cp1251", "replace").replace("\0", "")


def _query_bytes(query: str) -> bytes:
    """The bytes of a query string; WSGI hands them over as if they were Latin-1."""
    try:
        return query.encode("latin-1")
    except UnicodeEncodeError:
        return query.encode("utf-8", "replace")


def _read_body(text: str) -> dict[str, Any] | None:
    """Keys of a body; None when it is neither a JSON object nor a form."""
    text = text.strip()
    if not text.startswith(("{", "[", '"')):
        return _read_form(text.encode()) or None
    try:
        value = _load(text)
    except ValueError:
        repaired = _QUOTED_TWICE.sub(r'\1"\2"', _BARE_MARK.sub(r"\1null", text))
        try:
            value = _load(_QUOTED_LIST.sub(r"\1\2", repaired))
        except ValueError:
            return None
    return _clean(value) if isinstance(value, dict) else None


def _load(text: str) -> Any:
    return json.loads(text, strict=False, parse_constant=lambda _name: None, parse_int=_whole)


def _whole(digits: str) -> int | None:
    """A JSON integer; Python refuses to read thousands of digits, and no id has them."""
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _clean(value: Any, depth: int = 0) -> Any:
    """The value as databases can store it. "null" and placeholders that were never filled in are None."""
    if depth > DEPTH:
        raise BadPayload("the body is nested too deep")
    if isinstance(value, str):
        return None if value == "null" or _MARK.fullmatch(value) else _storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _clean(item, depth + 1) for key, item in value.items()}
    return value


def _storable(value: str) -> str:
    return _SURROGATE.sub("\ufffd", value.replace("\0", ""))


# Variables before which the vendor's own GET texts are known to forget the `&`, and their neighbours.
_AFTER_LOST_AMPERSAND = re.compile(
    rb"([^=?/]*?)(previous_employee_full_name|previous_employee_id|employee_full_name|employee_id|notification_time|"
    rb"notification_name|virtual_phone_number|contact_phone_number|communication_number|external_id|call_session_id|"
    rb"call_source|direction|scenario_name|talk_time_duration|total_time_duration|wait_time_duration|tag_names|chat_id)"
    rb"=(.*)",
    re.DOTALL,
)


def _read_form(raw: bytes) -> dict[str, Any]:
    """Pairs of a form or a query string; values may stand in double quotes. What is no pair with a sane key is left."""
    pairs: dict[str, Any] = {}
    for part in raw.split(b"&", _MAX_FIELDS)[:_MAX_FIELDS]:
        name, equals, value = part.partition(b"=")
        for _lost in range(_MAX_LOST):
            if not (found := _AFTER_LOST_AMPERSAND.fullmatch(value)):
                break
            _keep_pair(pairs, name, found[1])
            name, value = found[2], found[3]
        if equals:
            _keep_pair(pairs, name, value)
    return pairs


def _keep_pair(pairs: dict[str, Any], name: bytes, value: bytes) -> None:
    key = _decode(unquote_to_bytes(name.replace(b"+", b" "))).strip()
    if _KEY.fullmatch(key):
        text_ = _decode(unquote_to_bytes(value.replace(b"+", b" ")))
        is_quoted = len(text_) > 1 and text_[0] == text_[-1] == '"'
        pairs[key] = _clean(text_[1:-1] if is_quoted else text_)


# --- which event, and its flat names --------------------------------------------------------------------------------

_NESTED = frozenset(
    {"contact_info", "employee_info", "call_info", "tag_info", "visitor_info", "visitor"}
    | {"call_record_file_info", "voice_mail_file_info", "fax_info"}
)
_NEW_NAMES: Mapping[str, Mapping[str, str]] = {
    "talk_record_file": {"call_record_duration": "file_duration"},
    "ai_result_ready": {
        "scenario_name": "sa_scenario_name",
        "communication_score": "sa_communication_score",
        "scenario_score": "sa_scenario_score",
        "call_summary": "sa_call_summary",
        "tags": "tag_names",
    },
}
"""What the vendor's default bodies call otherwise than the variable it comes from, by event."""

# Event, keys it has (nested ones and the objects around them included), keys it has not. The first row that fits is it.
# Not told apart by keys, hence without a name unless the address carries `?event=`: in_call, out_call, call_proceeding,
# call_connected and call_disconnected (one body for all five), set_mark and unset_mark (one for both).
_LATER = "employee_ids wait_time_duration total_time_duration talk_time_duration leg_id leg_ids file_link tag_id status"
_GUESSES: tuple[tuple[str, frozenset[str], frozenset[str]], ...] = tuple(
    (name, frozenset(has.split()), frozenset(has_not.split()))
    for name, has, has_not in (
        ("talk_record_file", "call_session_id call_record_duration", ""),
        ("voice_message", "call_session_id voice_mail_file_info", ""),
        ("fax_receive_finished", "call_session_id fax_info", ""),
        ("call_session_recognized", "call_session_id call_session_recognized_text_array", ""),
        ("ai_result_ready", "call_session_id call_summary scenario_score", ""),
        ("lost_call_session", "call_session_id employee_ids wait_time_duration", ""),
        ("call_session_finished", "call_session_id talk_time_duration total_time_duration", ""),
        ("talk_finished", "call_session_id talk_time_duration leg_ids", ""),
        ("talk_record_control", "call_session_id leg_ids status", ""),
        ("call_hold_control", "call_session_id leg_id status", ""),
        ("talk_started", "call_session_id leg_ids call_source direction", "file_link tag_id"),
        ("out_call_session", "call_session_id virtual_phone_number contact_id employee_phone_number", _LATER),
        (
            "in_call_session",
            "call_session_id virtual_phone_number scenario_name contact_id communication_number",
            f"{_LATER} employee_id",
        ),
        ("chat_operator_changed", "chat_id previous_employee_id", ""),
        ("chat_finished", "chat_id messages status", ""),
        ("lost_chat", "chat_id messages", ""),
        ("chat_accepted_to_work", "chat_id employee_id employee_full_name", "status message_id visitor_id"),
        ("offline_message", "offline_message_id", ""),
        ("sip_line_unregister", "sip_line_id sip_line_login", ""),
        ("event", "event_id event_log_id event_type", ""),
        ("employee_status_changed", "employee_id employee_full_name", "call_session_id chat_id communication_id"),
    )
)


def _name_of(*values: Any) -> str:
    """The first of the values that can be a name, as the inbox can store it."""
    return next((value.strip()[:NAME_LENGTH] for value in values if isinstance(value, str) and value.strip()), "")


def _all_names(payload: Mapping[str, Any]) -> set[str]:
    nested = (payload[name] for name in _NESTED & payload.keys())
    return set(payload).union(*(value for value in nested if isinstance(value, dict)))


def _guess_name(names: set[str]) -> str:
    return next((name for name, has, has_not in _GUESSES if has <= names and not has_not & names), "")


def _flat(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload with the keys of its known objects at the top; a key that stands there already wins."""
    flat: dict[str, Any] = {}
    for name, value in payload.items():
        if name in _NESTED and isinstance(value, dict):
            flat = {**value, **flat}
        elif name not in _NESTED or value is not None:
            flat[name] = value
    return flat


def _renamed(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    new_names = _NEW_NAMES.get(name, {})
    return {
        new_names[key] if key in new_names and new_names[key] not in payload else key: value
        for key, value in payload.items()
    }


# --- typed readers --------------------------------------------------------------------------------------------------

_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_YES_NO = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def text(payload: Mapping[str, Any], key: str) -> str:
    """The value as text without blanks around it; "" when there is none. Numbers are written out, lists are no text."""
    value = payload.get(key)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() if isinstance(value, str | int | float) else ""


def whole_number(payload: Mapping[str, Any], key: str) -> int | None:
    """The value as a whole number, from 5 and "5" alike; None when it is none or does not fit into 64 bits."""
    digits = text(payload, key)
    number = int(digits) if _NUMBER.fullmatch(digits) else None
    return number if number is not None and abs(number) <= _BIGGEST else None


def seconds(payload: Mapping[str, Any], key: str) -> int | None:
    """A duration in whole seconds, fractions cut off; None when there is none or it is negative."""
    try:
        number = float(text(payload, key))
    except ValueError:
        return None
    return int(number) if 0 <= number <= _BIGGEST else None


def yes_no(payload: Mapping[str, Any], key: str) -> bool | None:
    """The value as yes or no, from true, "true", 1, "on" and their opposites; None for anything else."""
    return _YES_NO.get(text(payload, key).lower())


def items(payload: Mapping[str, Any], key: str) -> tuple[Any, ...]:
    """The items of a list; () when there is none. A query carries a list as its JSON text; another text is one item."""
    value = payload.get(key)
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = _clean(_load(value))
        except (ValueError, RecursionError, BadPayload):
            return (value,)
    if isinstance(value, list):
        return tuple(item for item in value if item is not None)
    return () if value is None or value == "" else (value,)


def names(payload: Mapping[str, Any], key: str, *, part: str) -> list[str]:
    """The names in a list of texts, or of rows that hold them under `part`."""
    found = (text(one, part) if isinstance(one, dict) else one for one in items(payload, key))
    return [one for one in found if isinstance(one, str) and one]


_IMPORT_MARK = "(bitrix24) "
"""Stands before the last name of everybody whom the vendor's own integration has brought into UIS."""


def person_name(name: str) -> str:
    """The name of an employee as people know it."""
    return name.removeprefix(_IMPORT_MARK)


def moment(payload: Mapping[str, Any], key: str, zone: tzinfo) -> datetime | None:
    """A time `YYYY-MM-DD hh:mm:ss(.mmm)` of the account's zone as an aware one in UTC; None when there is none.

    Of an hour that comes twice when the clocks go back the first is meant; an hour that is skipped is read as the
    clocks stood before. A time that names its own offset is taken at its word.
    """
    value = text(payload, key)
    if not _TIME.fullmatch(value):
        return None
    try:
        local = datetime.fromisoformat(value)
        return (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
