"""Imaginary events, told in the words of UIS's notifications, so that their facts have the shape of real ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, ClassVar

from integration.events import RawEvent
from integration.inbox import KINDS
from integration.rules.observations import Observation, merge

ANSWERED = "answered"
_NUMBER, _LEG = 1, 1
_RING_SECONDS = 10

Told = tuple[str, int, dict[str, Any]]
"""Name of a notification, seconds after the start, payload."""


@dataclass(frozen=True, kw_only=True)
class Imaginary:
    """An event that has not happened. `employee_id` is UIS's. Without a start it has just ended."""

    phone: str = ""
    employee_id: int | None = None
    client_name: str = ""
    started_at: datetime | None = None

    kind: ClassVar[str]

    @property
    def client_keys(self) -> list[str]:
        """Who the client is, as a communication would remember it."""
        return [f"phone:{self.phone}"] if self.phone else []

    @property
    def seconds(self) -> int:
        """How long it takes."""
        return 0

    def notifications(self) -> Iterator[Told]:
        """What UIS would tell of it."""
        raise NotImplementedError

    def facts(self, *, zone: tzinfo, country: str, now: datetime) -> dict[str, Any]:
        """The facts that the notifications would leave behind."""
        start = self.started_at or now - timedelta(seconds=self.seconds + 1)
        facts: dict[str, Any] = {}
        ranks: dict[str, Any] = {}
        for name, seconds, payload in self.notifications():
            at = start + timedelta(seconds=seconds)
            told = {**payload, "notification_time": _written(at, zone), "start_time": _written(start, zone)}
            observed: Observation = KINDS[self.kind].parse(
                RawEvent(name, told), zone=zone, country=country, received_at=at
            )
            facts, ranks = merge(facts, ranks, observed)
        return facts


@dataclass(frozen=True, kw_only=True)
class ImaginaryCall(Imaginary):
    """A call that nobody has made. Its employee is whose phone rings, and who talks if it is answered."""

    number: str = ""
    direction: str = "in"
    result: str = ANSWERED
    talk_seconds: int = 60
    scenario: str = ""
    tag: str = ""

    kind = "call"

    @property
    def seconds(self) -> int:
        return _RING_SECONDS + (self.talk_seconds if self.result == ANSWERED else 0)

    def notifications(self) -> Iterator[Told]:
        is_answered = self.result == ANSWERED
        talk = self.talk_seconds if is_answered else 0
        call = {
            "call_session_id": _NUMBER,
            "contact_phone_number": self.phone,
            "virtual_phone_number": self.number.lstrip("+"),
            "direction": self.direction,
            "contact_full_name": self.client_name,
            "scenario_name": self.scenario,
        }
        yield ("out_call_session" if self.direction == "out" else "in_call_session"), 0, call
        if self.employee_id:
            leg = {**call, "employee_id": self.employee_id, "leg_id": _LEG}
            yield "call_proceeding", 1, leg
            if is_answered:
                yield "call_connected", _RING_SECONDS, leg
                yield "talk_finished", self.seconds, {**leg, "leg_ids": [_LEG], "talk_time_duration": talk}
        yield (
            "call_session_finished",
            self.seconds,
            {
                **call,
                "talk_time_duration": talk,
                "total_time_duration": self.seconds,
                "wait_time_duration": _RING_SECONDS,
                "is_transfer": False,
                "tag_names": [self.tag] if self.tag else [],
                "last_talked_employee_id": self.employee_id if is_answered else None,
            },
        )


@dataclass(frozen=True, kw_only=True)
class _Written(Imaginary):
    """What a visitor of a site or of a messenger has written."""

    email: str = ""
    text: str = ""
    site: str = ""
    utm_source: str = ""

    @property
    def client_keys(self) -> list[str]:
        return [*super().client_keys, *([f"email:{self.email.lower()}"] if self.email else [])]

    @property
    def _visitor(self) -> dict[str, Any]:
        return {
            "visitor_name": self.client_name,
            "visitor_phone_number": self.phone,
            "visitor_email": self.email,
            "site_domain_name": self.site,
            "utm_source": self.utm_source,
        }


@dataclass(frozen=True, kw_only=True)
class ImaginaryChat(_Written):
    """A chat that nobody has begun; its employee takes it, unless it is missed."""

    channel_id: int | None = None
    channel_name: str = ""
    result: str = ANSWERED

    kind = "chat"

    @property
    def seconds(self) -> int:
        return 3 * _RING_SECONDS

    def notifications(self) -> Iterator[Told]:
        chat = {
            **self._visitor,
            "chat_id": _NUMBER,
            "chat_channel_id": self.channel_id,
            "chat_channel_name": self.channel_name,
        }
        is_answered = self.result == ANSWERED
        yield "chat_started", 0, chat
        if is_answered:
            yield "chat_accepted_to_work", _RING_SECONDS, {**chat, "employee_id": self.employee_id}
        said = [{"id": 1, "source": "visitor", "text": self.text}] if self.text else []
        yield ("chat_finished" if is_answered else "lost_chat"), self.seconds, {**chat, "messages": said}


@dataclass(frozen=True, kw_only=True)
class ImaginaryRequest(_Written):
    """A request that nobody has sent."""

    form_name: str = ""

    kind = "request"

    def notifications(self) -> Iterator[Told]:
        told = {"offline_message_id": _NUMBER, "text": self.text, "form_name": self.form_name}
        yield "offline_message", 0, {**self._visitor, **told}


def _written(at: datetime, zone: tzinfo) -> str:
    """A moment as UIS writes it: in the account's zone, without it."""
    return at.astimezone(zone).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
