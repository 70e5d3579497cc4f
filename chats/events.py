"""What UIS tells about chats and offline requests → observations of their facts. Pure.

Facts gather by name, so that the order of notifications never matters:

    opened:<at>                 a chat begins, or begins again
    taken:<at>                  {"employee_id", "name", "is_move"}    an operator takes it, or gets it from another
    taken                       {"at"}                                when an operator took it for the last time
    ended:<at>                  {"name", "is_lost", "messages"}       it is over: finished, or nobody took it
    end                         {"at"}                                when it was over for the last time
    messages                    the conversation as the report of UIS tells it, a list of messages
    report:<seen>               {column: value}    its row in the report; of the versions the last one counts

Messages are those of `chats/conversation.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from chats.conversation import reported_messages, told_messages
from integration.events import (
    BadPayload,
    RawEvent,
    items,
    moment,
    names,
    person_name,
    seconds,
    text,
    whole_number,
    yes_no,
)
from integration.rules.observations import Observation, Rank
from integration.rules.phones import normalise_phone

Payload = Mapping[str, Any]
Facts = dict[str, Any]

CHAT, REQUEST = "chat", "request"
MESSENGERS: Mapping[str, str] = {
    "telegram_private": "telegram",
    "waba": "whatsapp",
    "max_bot": "max",
    "vkontakte_groups": "vkontakte",
}
"""Types of channels behind which stands the same messenger as behind another."""

_NOT_MESSENGERS = frozenset({"", "comagic", "email", "sms", "offline_message", "dataapi"})
_MARKS = (
    "site_domain_name campaign_name utm_source utm_medium utm_campaign utm_content utm_term search_engine search_query "
    "referrer entrance_page channel source_name gclid yclid ua_client_id ym_client_id visitor_id visitor_city "
    "visitor_region visitor_country visitor_device"
)
MARKS = tuple(_MARKS.split())
"""What is known of where the visitor came from, as texts."""

_CHAT_ROW = (
    *("status", "initiator", "release_cause", "employee_full_name", "chat_channel_type", "chat_user_id"),
    *("chat_username", "date_time"),
)
_REQUEST_ROW = (
    *("status", "form_type", "form_name", "group_name", "employee_full_name", "employee_answer_message"),
    "employee_comment",
)


def parse_chat(event: RawEvent, *, zone: tzinfo, country: str, received_at: datetime) -> Observation:
    """Read one notification about a chat, a row of the report on chats, or the messages of a chat.

    Times without an offset are in `zone`, the account's; `received_at` serves where none is told. A number without a
    code is one of `country`. Raises BadPayload if the chat is missing.
    Source: UIS help centre, "Уведомления о событиях"; Data API, `get.chats_report`, `get.chat_messages_report`.
    """
    payload = event.payload
    is_row = event.name == "chats_report"
    chat_id = whole_number(payload, "id" if is_row else "chat_id")
    if chat_id is None:
        raise BadPayload("the notification names no chat_id")
    at = moment(payload, "date_time" if is_row else "notification_time", zone) or received_at
    facts = _visitor(payload, country) | {
        "chat_id": str(chat_id),
        "chat_channel_name": text(payload, "chat_channel_name") or text(payload, "channel_name"),
        "chat_channel_id": whole_number(payload, "chat_channel_id"),
    }
    if event.name == "chat_messages_report":
        told = reported_messages(payload, zone)
        facts = {"chat_id": str(chat_id), "messages": told}
        at = max((datetime.fromisoformat(one["at"]) for one in told if one["at"]), default=at)
    elif is_row:
        facts[f"report:{received_at.astimezone(UTC).isoformat()}"] = _row(payload, _CHAT_ROW, zone)
    else:
        facts |= _READERS.get(event.name, _nothing_more)(payload, at, zone)
    return Observation(
        kind=CHAT,
        uis_id=str(chat_id),
        rank=_RANKS.get(event.name, Rank.LEG),
        at=at,
        facts=facts,
        client_phone=facts.get("visitor_phone_number", ""),
        client_keys=_client_keys(facts, payload),
    )


def parse_request(event: RawEvent, *, zone: tzinfo, country: str, received_at: datetime) -> Observation:
    """Read a notification about an offline request, or its row in the report. Raises BadPayload without its number.

    Source: UIS help centre, "Уведомления о событиях"; Data API, `get.offline_messages_report`.
    """
    payload = event.payload
    is_row = event.name == "offline_messages_report"
    number = whole_number(payload, "id" if is_row else "offline_message_id")
    if number is None:
        raise BadPayload("the notification names no offline_message_id")
    at = moment(payload, "date_time" if is_row else "notification_time", zone) or received_at
    facts = _visitor(payload, country) | {
        "request_id": str(number),
        "text": text(payload, "text") or text(payload, "visitor_message"),
        "form_name": text(payload, "form_name"),
        f"opened:{at.isoformat()}": {"at": at.isoformat()},
    }
    if is_row:
        facts[f"report:{received_at.astimezone(UTC).isoformat()}"] = _row(payload, _REQUEST_ROW, zone)
    return Observation(
        kind=REQUEST,
        uis_id=str(number),
        rank=Rank.REPORT if is_row else Rank.START,
        at=at,
        facts=facts,
        client_phone=facts["visitor_phone_number"],
        client_keys=_client_keys(facts, payload),
    )


def urgency(facts: Mapping[str, Any]) -> int:
    """How many minutes earlier than its turn a chat or a request goes: calls come first.

    A chat that only the report has told of is over for long: it lets the others pass.
    """
    is_told = any(name.startswith(("opened:", "taken:", "ended:")) for name in facts)
    return 0 if is_told else -60


def messenger(payload: Payload) -> tuple[str, str]:
    """The messenger and the client's name in it, ("", "") where he has none: a chat on a site, a letter."""
    kind = text(payload, "chat_channel_type")
    user = text(payload, "chat_user_id") or text(payload, "chat_username")
    return ("", "") if kind in _NOT_MESSENGERS or not user else (MESSENGERS.get(kind, kind), user)


def _visitor(payload: Payload, country: str) -> Facts:
    facts: Facts = {name: text(payload, name) for name in MARKS}
    email = text(payload, "visitor_email").lower()
    return facts | {
        "communication_id": text(payload, "communication_id"),
        "visitor_name": text(payload, "visitor_name"),
        "visitor_phone_number": normalise_phone(text(payload, "visitor_phone_number"), country) or "",
        "visitor_email": email if "@" in email else "",
        "visits_count": whole_number(payload, "visits_count"),
    }


def _client_keys(facts: Facts, payload: Payload) -> tuple[str, ...]:
    known = {
        "phone": facts.get("visitor_phone_number"),
        "email": facts.get("visitor_email"),
        "visitor": facts.get("visitor_id"),
    }
    network, user = messenger(payload)
    keys = [f"{kind}:{value}" for kind, value in known.items() if value]
    return tuple([*keys, f"{network}:{user}"] if network else keys)


def _nothing_more(_payload: Payload, _at: datetime, _zone: tzinfo) -> Facts:
    return {}


def _opened(_payload: Payload, at: datetime, _zone: tzinfo) -> Facts:
    return {f"opened:{at.isoformat()}": {"at": at.isoformat()}}


def _taken(is_move: bool) -> Callable[[Payload, datetime, tzinfo], Facts]:
    def read(payload: Payload, at: datetime, _zone: tzinfo) -> Facts:
        employee_id, name = whole_number(payload, "employee_id"), person_name(text(payload, "employee_full_name"))
        taken = {"employee_id": employee_id, "name": name, "is_move": is_move}
        return {f"taken:{at.isoformat()}": taken, "taken": {"at": at.isoformat()}}

    return read


def _ended(is_lost: bool) -> Callable[[Payload, datetime, tzinfo], Facts]:
    def read(payload: Payload, at: datetime, zone: tzinfo) -> Facts:
        end = {
            "name": person_name(text(payload, "employee_full_name")),
            "status": text(payload, "status"),
            "is_lost": is_lost,
            "messages": told_messages(payload, at, zone),
        }
        return {f"ended:{at.isoformat()}": end, "end": {"at": at.isoformat()}}

    return read


_READERS: Mapping[str, Callable[[Payload, datetime, tzinfo], Facts]] = {
    "chat_started": _opened,
    "chat_accepted_to_work": _taken(False),
    "chat_operator_changed": _taken(True),
    "chat_finished": _ended(False),
    "lost_chat": _ended(True),
}
_RANKS: Mapping[str, Rank] = {
    "chat_started": Rank.START,
    "chat_finished": Rank.END,
    "lost_chat": Rank.END,
    "chats_report": Rank.REPORT,
    "chat_messages_report": Rank.REPORT,
}


def _row(payload: Payload, columns: Sequence[str], zone: tzinfo) -> Facts:
    """The columns of a row that later decisions read, without the empty ones."""
    row: Facts = {name: text(payload, name) for name in columns}
    start = moment(payload, "date_time", zone)
    row |= {
        "date_time": start.isoformat() if start else None,
        "duration": seconds(payload, "duration"),
        "answer_time": seconds(payload, "answer_time"),
        "messages_count": whole_number(payload, "messages_count"),
        "employee_id": whole_number(payload, "employee_id"),
        "is_transfer": yes_no(payload, "is_transfer"),
        "tags": names(payload, "tags", part="tag_name"),
        "segments": names(payload, "segments", part="segment_name"),
        "attributes": names(payload, "attributes", part="name"),
        "properties": _properties(payload),
    }
    return {name: value for name, value in row.items() if value not in (None, "", [])}


def _properties(payload: Payload) -> list[str]:
    """The fields of a form, a line for each: properties with names and values, or texts."""
    told = (
        f"{text(one, 'property_name')}: {text(one, 'property_value')}" if isinstance(one, dict) else str(one)
        for one in items(payload, "properties")
    )
    return [line for line in told if line.strip(": ")]
