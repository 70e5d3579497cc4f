"""The catalogue of facts: what a filter, a title or a field mapping may speak about, and when it is known.

Facts keep UIS's names. At run time the facts of one communication are a plain mapping name → `FactValue`;
a fact that is missing, None, "" or () is absent. Source: UIS Data API reports and notification variables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class StreamKind(StrEnum):
    """The four streams of communications; each has its own rules."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    CHAT = "chat"
    REQUEST = "request"


class Moment(StrEnum):
    """When a fact is known: at the start (ring, chat taken, request arrived) or when the event is over."""

    START = "start"
    END = "end"


class FactType(StrEnum):
    """Type of a fact, and what it is at run time.

    text: str · phone: E.164 str "+74951234567" · number: int or float · duration: int, seconds ·
    choice: str, a code · list: tuple of str · yes_no: bool · datetime: aware datetime ·
    time_of_day: datetime.time and weekday: "mon" … "sun", both in the zone of the UIS account.
    """

    TEXT = "text"
    PHONE = "phone"
    NUMBER = "number"
    DURATION = "duration"
    CHOICE = "choice"
    LIST = "list"
    YES_NO = "yes_no"
    DATETIME = "datetime"
    TIME_OF_DAY = "time_of_day"
    WEEKDAY = "weekday"


FactValue = str | int | float | bool | tuple[str, ...] | datetime | time | None
Facts = Mapping[str, FactValue]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STREAM_NAMES: Mapping[StreamKind, str] = MappingProxyType(
    {
        StreamKind.INCOMING: "incoming calls",
        StreamKind.OUTGOING: "outgoing calls",
        StreamKind.CHAT: "chats",
        StreamKind.REQUEST: "requests",
    }
)


@dataclass(frozen=True)
class Fact:
    """One fact: its type, the streams that offer it and the moment it is known in each.

    `choices` are the codes of a choice per stream. With `is_open` they are suggestions only: the codes are UIS's,
    and UIS may add one any day without a rule of ours breaking. Without it (`result`, `missed_reason`,
    `client_state`) the codes are ours and any other is an error.
    """

    name: str
    type: FactType
    moments: Mapping[StreamKind, Moment] = field(hash=False)
    choices: Mapping[StreamKind, tuple[str, ...]] = field(default_factory=dict, hash=False)
    is_open: bool = False
    is_titles_only: bool = False


CALL_SOURCES = (
    "va", "sip", "sip_trunk", "fmc", "callapi", "callapi_management_call", "callapi_informer_call",
    "callapi_scenario_call", "call_tracking", "dynamic_call_tracking", "simple_dt", "sitephone", "lead", "omni_widget",
    "auto_back_call_by_lost_call", "auto_back_call_by_offline_message", "auto_out_calls", "progressive_call",
    "ivr_informer", "preserved_calls", "private_number", "faxout", "upload_calls", "bitrix", "amocrm",
    "amocrm_extended_integration", "retailcrm", "zoho", "pipedrive", "hubspot", "smartis", "partner_integration",
    "facebook_ads", "vk_ads", "mytarget_ads",
)  # fmt: skip
CHAT_CHANNEL_TYPES = (
    "comagic", "telegram", "telegram_private", "whatsapp", "waba", "viber", "vkontakte_groups", "facebook",
    "instagram", "max", "max_bot", "tamtam_bot", "avito", "auto_ru", "realty_yandex", "cian", "yandex.dialogs",
    "email", "sms", "offline_message", "dataapi",
)  # fmt: skip
INITIATORS = ("operator", "visitor", "autoinvite", "chat_channel", "chatbot")
CLIENT_STATES = ("new", "repeat_open", "repeat_closed")
MISSED_REASONS = ("in_menu", "in_queue", "no_answer", "declined", "busy", "after_hours", "voice_mail")
RESULTS: Mapping[StreamKind, tuple[str, ...]] = MappingProxyType(
    {
        StreamKind.INCOMING: ("answered", "missed"),
        StreamKind.OUTGOING: ("answered", "unanswered"),
        StreamKind.CHAT: ("answered", "missed"),
    }
)
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "call_source": CALL_SOURCES,
    "chat_channel_type": CHAT_CHANNEL_TYPES,
    "initiator": INITIATORS,
    "client_state": CLIENT_STATES,
    "missed_reason": MISSED_REASONS,
}
_OPEN_CHOICES = frozenset({"call_source", "chat_channel_type", "initiator"})
_TITLES_ONLY = frozenset({"responsible_name"})

# Rows of the catalogue: moments at call, chat, request (S start, E end, - not offered), type, names.
_TABLE: tuple[tuple[str, FactType, str], ...] = (
    ("S--", FactType.PHONE, "contact_phone_number virtual_phone_number"),
    ("-SS", FactType.PHONE, "visitor_phone_number"),
    ("S--", FactType.TEXT, "virtual_number_name contact_full_name scenario_name"),
    ("-SS", FactType.TEXT, "visitor_name visitor_email"),
    ("SSS", FactType.DATETIME, "start_time"),
    ("SSS", FactType.TIME_OF_DAY, "time_of_day"),
    ("SSS", FactType.WEEKDAY, "weekday"),
    ("SSS", FactType.CHOICE, "client_state"),
    ("SSS", FactType.TEXT, "client_name"),
    ("S--", FactType.CHOICE, "call_source"),
    ("S--", FactType.NUMBER, "communication_number"),
    ("EE-", FactType.CHOICE, "result"),
    ("E--", FactType.CHOICE, "missed_reason"),
    ("E--", FactType.TEXT, "finish_reason"),
    ("E--", FactType.DURATION, "wait_duration talk_duration clean_talk_duration total_duration"),
    ("-E-", FactType.DURATION, "answer_time duration"),
    ("-E-", FactType.NUMBER, "messages_count"),
    ("EE-", FactType.YES_NO, "is_transfer"),
    ("E--", FactType.LIST, "talked_employees rung_employees groups"),
    ("E--", FactType.TEXT, "first_talked_employee_full_name last_talked_employee_full_name"),
    ("-SE", FactType.TEXT, "employee_full_name"),
    ("E--", FactType.NUMBER, "last_answered_employee_rating"),
    ("E--", FactType.TEXT, "full_record_file_link cpn_region_name properties"),
    ("-S-", FactType.CHOICE, "chat_channel_type initiator"),
    ("-S-", FactType.TEXT, "chat_channel_name chat_username"),
    ("-E-", FactType.TEXT, "release_cause"),
    ("--S", FactType.TEXT, "text form_type form_name group_name"),
    ("--E", FactType.TEXT, "employee_answer_message employee_comment"),
    ("E--", FactType.TEXT, "sa_scenario_name sa_call_summary"),
    ("E--", FactType.NUMBER, "sa_communication_score sa_scenario_score"),
    ("EEE", FactType.LIST, "tags attributes segments"),
    ("ESS", FactType.TEXT, "site_domain_name campaign_name utm_source utm_medium utm_campaign utm_content utm_term"),
    ("ESS", FactType.TEXT, "search_engine search_query referrer entrance_page channel source_name gclid yclid"),
    ("ESS", FactType.TEXT, "ua_client_id ym_client_id visitor_id visitor_city visitor_region visitor_country"),
    ("ESS", FactType.TEXT, "visitor_device"),
    ("ESS", FactType.NUMBER, "visits_count"),
    ("SSS", FactType.TEXT, "communication_id responsible_name"),
)
_COLUMNS = ((StreamKind.INCOMING, 0), (StreamKind.OUTGOING, 0), (StreamKind.CHAT, 1), (StreamKind.REQUEST, 2))
_MOMENTS = {"S": Moment.START, "E": Moment.END}


def _make_fact(name: str, type_: FactType, columns: str) -> Fact:
    moments = {stream: _MOMENTS[columns[column]] for stream, column in _COLUMNS if columns[column] != "-"}
    codes = dict.fromkeys(moments, _CHOICES[name]) if name in _CHOICES else {}
    return Fact(
        name=name,
        type=type_,
        moments=MappingProxyType(moments),
        choices=RESULTS if name == "result" else MappingProxyType(codes),
        is_open=name in _OPEN_CHOICES,
        is_titles_only=name in _TITLES_ONLY,
    )


FACTS: Mapping[str, Fact] = MappingProxyType(
    {name: _make_fact(name, type_, columns) for columns, type_, names in _TABLE for name in names.split()}
)


def moment(fact: Fact | str, stream: StreamKind) -> Moment | None:
    """Say when the fact is known in the stream; None if the stream does not offer it (or there is no such fact)."""
    known = FACTS.get(fact) if isinstance(fact, str) else fact
    return known.moments.get(stream) if known is not None else None


def facts_of(stream: StreamKind) -> tuple[Fact, ...]:
    """All facts the stream offers, titles-only ones included, in the order of the catalogue."""
    return tuple(fact for fact in FACTS.values() if stream in fact.moments)


def choices_of(fact: Fact, stream: StreamKind) -> tuple[str, ...]:
    """Codes of a choice in the stream (suggestions if `fact.is_open`); () for other types."""
    return fact.choices.get(stream, ())


def is_absent(value: Any) -> bool:
    """True for a fact without a value: None, a blank text or an empty list. 0 and False are values."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or value == ()


def derive_time_facts(start_time: datetime, zone: tzinfo) -> dict[str, FactValue]:
    """The three facts of an aware start time: itself, and its time of day and weekday in `zone` (the UIS account's)."""
    local = start_time.astimezone(zone)
    return {
        "start_time": start_time,
        "time_of_day": local.time().replace(tzinfo=None),
        "weekday": WEEKDAYS[local.weekday()],
    }
