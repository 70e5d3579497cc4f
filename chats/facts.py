"""The facts of chats and offline requests as decisions read them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from chats.events import MARKS, messenger
from crm_bitrix import payloads
from integration.events import person_name
from integration.rules.facts import FactValue, derive_time_facts

ANSWERED, MISSED, RECEIVED = "answered", "missed", "received"
IM_TYPES: Mapping[str, str] = {"telegram": "TELEGRAM", "viber": "VIBER", "vkontakte": "VK"}
"""Messenger → the portal's type of it; the others are OTHER."""

_OVER = frozenset({"lost", "succeed", "refused"})
_PROCESSED = "processed"
_SAME_MOMENT = timedelta(minutes=1)
"""By how much the clocks of UIS and ours may differ."""


@dataclass(frozen=True)
class Visitor:
    """The client as far as he has told who he is. `messenger` is (network, name in it), ("", "") without one."""

    name: str
    phone: str
    email: str
    messenger: tuple[str, str]
    visitor_id: str

    @property
    def keys(self) -> tuple[str, ...]:
        """By what he is known."""
        known = {"phone": self.phone, "email": self.email, "visitor": self.visitor_id}
        network, user = self.messenger
        return (
            *(f"{kind}:{value}" for kind, value in known.items() if value),
            *((f"{network}:{user}",) if network else ()),
        )

    @property
    def contacts(self) -> tuple[Mapping[str, Any], ...]:
        """What the portal can store of how he is reached."""
        network, user = self.messenger
        return (
            *((payloads.phone_field(self.phone),) if self.phone else ()),
            *((payloads.contact_field("EMAIL", self.email),) if self.email else ()),
            *((payloads.contact_field("IM", user, value_type=IM_TYPES.get(network, "OTHER")),) if network else ()),
        )


@dataclass(frozen=True)
class Message:
    """One message; `at` in UTC, None where it is not told. `source` is UIS's, "" where only the author is told."""

    id: str
    at: datetime | None
    source: str
    author: str
    text: str
    file: tuple[str, str] | None = None


@dataclass(frozen=True)
class ChatFacts:
    """What is known of one chat. `report` is its row in UIS's report, with `seen_at`; empty until it has come.

    `messages` are the report's, `told_messages` those of the notification of the end. `is_reported`: the report was
    read after the end, so it tells the whole conversation.
    """

    chat_id: str
    visitor: Visitor
    started_at: datetime | None
    taken_at: datetime | None
    ended_at: datetime | None
    last_at: datetime | None
    is_taken: bool
    operator_id: int | None
    operator_name: str
    channel_id: int | None
    messages: tuple[Message, ...]
    told_messages: tuple[Message, ...]
    is_reported: bool
    is_moved: bool
    raw: Mapping[str, Any]
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None

    @property
    def result(self) -> str:
        return ANSWERED if self.is_taken else MISSED


@dataclass(frozen=True)
class RequestFacts:
    """What is known of one offline request. `is_over`: an operator has processed it, as only the report tells.

    `fields` are what the visitor has filled into the form besides, a line for each.
    """

    request_id: str
    visitor: Visitor
    started_at: datetime | None
    text: str
    fields: tuple[str, ...]
    is_over: bool
    operator_id: int | None
    raw: Mapping[str, Any]
    report: Mapping[str, Any] = field(default_factory=dict)


def read_chat(facts: Mapping[str, Any]) -> ChatFacts:
    """The facts of a communication as a chat."""
    report, taken, ended = _report(facts), _gathered(facts, "taken"), _gathered(facts, "ended")
    row_start = _moment(report.get("date_time"))
    row_end = row_start + timedelta(seconds=report.get("duration", 0)) if row_start else None
    opened = [at for at, _value in (*_gathered(facts, "opened"), *taken)]
    ended_at, is_reported = _end(opened, [at for at, _value in ended], report, row_end)
    messages, told = _messages(facts.get("messages", ())), _messages(ended[-1][1]["messages"] if ended else ())
    moments = [*opened, *(at for at, _value in ended), *(one.at for one in messages if one.at), row_start]
    operators = [value for _at, value in taken]
    operator_ids = [value["employee_id"] for value in operators if value["employee_id"]]
    operator_names = [value["name"] for _at, value in (*taken, *ended) if value["name"]]
    return ChatFacts(
        chat_id=facts.get("chat_id", ""),
        visitor=_visitor(facts, report),
        started_at=min((at for at in (*opened, row_start) if at), default=ended_at),
        taken_at=taken[0][0] if taken else None,
        ended_at=ended_at,
        last_at=max((at for at in moments if at), default=None),
        is_taken=bool(operators or any(value["name"] for _at, value in ended) or report.get("employee_id")),
        operator_id=operator_ids[-1] if operator_ids else report.get("employee_id"),
        operator_name=operator_names[-1] if operator_names else person_name(report.get("employee_full_name", "")),
        channel_id=facts.get("chat_channel_id"),
        messages=messages,
        told_messages=told,
        is_reported=is_reported,
        is_moved=any(value["is_move"] for value in operators),
        raw=facts,
        report=report,
    )


def read_request(facts: Mapping[str, Any]) -> RequestFacts:
    """The facts of a communication as an offline request."""
    report, opened = _report(facts), [at for at, _value in _gathered(facts, "opened")]
    return RequestFacts(
        request_id=facts.get("request_id", ""),
        visitor=_visitor(facts, report),
        started_at=min(opened, default=None),
        text=facts.get("text", ""),
        fields=tuple(report.get("properties", ())),
        is_over=report.get("status") == _PROCESSED,
        operator_id=report.get("employee_id"),
        raw=facts,
        report=report,
    )


def _end(
    opened: list[datetime], ended: list[datetime], report: Mapping[str, Any], row_end: datetime | None
) -> tuple[datetime | None, bool]:
    """When the chat was over, None while it goes on or goes on again; and whether the report was read after that."""
    last_opened, last_ended = max(opened, default=None), max(ended, default=None)
    seen_at = datetime.fromisoformat(report["seen_at"]) if report.get("status") in _OVER else None
    if last_ended and last_opened and last_opened > last_ended:
        last_ended = None
    if last_ended is None and seen_at and (last_opened is None or seen_at >= last_opened):
        return max(at for at in (row_end, last_opened, min(seen_at, row_end or seen_at)) if at), True
    return last_ended, bool(last_ended and seen_at and seen_at >= last_ended - _SAME_MOMENT)


def _report(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    versions = sorted((name, value) for name, value in facts.items() if name.startswith("report:"))
    return {**versions[-1][1], "seen_at": versions[-1][0].partition(":")[2]} if versions else {}


def _visitor(facts: Mapping[str, Any], report: Mapping[str, Any]) -> Visitor:
    return Visitor(
        name=facts.get("visitor_name", ""),
        phone=facts.get("visitor_phone_number", ""),
        email=facts.get("visitor_email", ""),
        messenger=messenger(report),
        visitor_id=facts.get("visitor_id", ""),
    )


def _gathered(facts: Mapping[str, Any], kind: str) -> list[tuple[datetime, Any]]:
    """Moment and value of the facts of a kind, in the order of their moments."""
    found = [
        (datetime.fromisoformat(name.partition(":")[2]), value)
        for name, value in facts.items()
        if name.startswith(f"{kind}:")
    ]
    return sorted(found, key=lambda one: one[0])


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _messages(told: Any) -> tuple[Message, ...]:
    return tuple(
        Message(
            one["id"],
            _moment(one["at"]),
            one["source"],
            one["author"],
            one["text"],
            (one["file"]["name"], one["file"]["link"]) if one["file"] else None,
        )
        for one in told
    )


# --- facts of the rules ---------------------------------------------------------------------------------------------

ADVERTISING = (*MARKS, "visits_count", "communication_id")
_VISITOR = ("visitor_name", "visitor_email", "visitor_phone_number")
_LISTS = ("tags", "attributes", "segments")

MAYBE_REPORTED = frozenset(
    {*ADVERTISING, "chat_channel_type", "chat_username", "initiator", "form_type", "form_name", "group_name"}
    - {"communication_id", "visitor_id"}
)
"""Facts of the start that often only the report tells."""


def chat_facts(
    chat: ChatFacts, *, is_over: bool, zone: tzinfo, client_state: str, client_name: str
) -> dict[str, FactValue]:
    """The facts that filters, responsible rules, titles and mappings may speak of, as far as they are known."""
    report = chat.report
    known = _common(chat.raw, chat.started_at, zone) | {
        "communication_id": chat.raw.get("communication_id") or chat.chat_id,
        "client_state": client_state,
        "client_name": client_name,
        "employee_full_name": chat.operator_name,
        "chat_channel_name": chat.raw.get("chat_channel_name"),
        **{name: report.get(name) for name in ("chat_channel_type", "chat_username", "initiator")},
    }
    if is_over:
        known |= {
            "result": chat.result,
            "is_transfer": report.get("is_transfer", chat.is_moved),
            "answer_time": report.get("answer_time", _seconds(chat.started_at, chat.taken_at)),
            "duration": report.get("duration", _seconds(chat.started_at, chat.ended_at)),
            "messages_count": report.get("messages_count"),
            "release_cause": report.get("release_cause"),
            **{name: tuple(report.get(name, ())) for name in _LISTS},
        }
    return known


def request_facts(request: RequestFacts, *, zone: tzinfo, client_state: str, client_name: str) -> dict[str, FactValue]:
    """The same of an offline request."""
    report = request.report
    known = _common(request.raw, request.started_at, zone) | {
        "communication_id": request.raw.get("communication_id") or request.request_id,
        "client_state": client_state,
        "client_name": client_name,
        "text": request.text,
        "form_name": request.raw.get("form_name") or report.get("form_name"),
        **{name: report.get(name) for name in ("form_type", "group_name")},
    }
    if request.is_over:
        known |= {name: report.get(name) for name in ("employee_answer_message", "employee_comment")}
        known |= {"employee_full_name": person_name(report.get("employee_full_name", ""))}
        known |= {name: tuple(report.get(name, ())) for name in _LISTS}
    return known


def _common(raw: Mapping[str, Any], started_at: datetime | None, zone: tzinfo) -> dict[str, FactValue]:
    known: dict[str, FactValue] = {name: raw[name] for name in (*_VISITOR, *ADVERTISING) if name in raw}
    return known | (derive_time_facts(started_at, zone) if started_at else {})


def _seconds(start: datetime | None, end: datetime | None) -> int | None:
    return max(0, int((end - start).total_seconds())) if start and end else None
