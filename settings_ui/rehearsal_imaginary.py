"""An imaginary call, told in the words of UIS's notifications, so that its facts have the shape of real ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from integration.events import RawEvent
from integration.inbox import KINDS
from integration.rules.observations import Observation, merge

ANSWERED = "answered"
_SESSION, _LEG = 1, 1
_RING_SECONDS = 10


@dataclass(frozen=True)
class ImaginaryCall:
    """A call that nobody has made. `employee_id` is UIS's: whose phone rings, and who talks if it is answered."""

    phone: str
    number: str = ""
    direction: str = "in"
    result: str = ANSWERED
    employee_id: int | None = None
    talk_seconds: int = 60
    started_at: datetime | None = None
    client_name: str = ""
    scenario: str = ""
    tag: str = ""

    kind = "call"

    def facts(self, *, zone: tzinfo, now: datetime) -> dict[str, Any]:
        """The facts that the notifications of such a call would leave behind. Without a start it has just ended."""
        start = self.started_at or now - timedelta(seconds=_RING_SECONDS + self.talk_seconds + 1)
        facts: dict[str, Any] = {}
        ranks: dict[str, Any] = {}
        for name, seconds, payload in self._notifications():
            at = start + timedelta(seconds=seconds)
            told = {**payload, "notification_time": _written(at, zone), "start_time": _written(start, zone)}
            observed: Observation = KINDS[self.kind].parse(RawEvent(name, told), zone=zone, received_at=at)
            facts, ranks = merge(facts, ranks, observed)
        return facts

    def _notifications(self) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """Name, seconds after the start, payload."""
        is_answered = self.result == ANSWERED
        talk = self.talk_seconds if is_answered else 0
        end = _RING_SECONDS + talk
        call = {
            "call_session_id": _SESSION,
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
                yield "talk_finished", end, {**leg, "leg_ids": [_LEG], "talk_time_duration": talk}
        yield (
            "call_session_finished",
            end,
            {
                **call,
                "talk_time_duration": talk,
                "total_time_duration": end,
                "wait_time_duration": _RING_SECONDS,
                "is_transfer": False,
                "tag_names": [self.tag] if self.tag else [],
                "last_talked_employee_id": self.employee_id if is_answered else None,
            },
        )


def _written(at: datetime, zone: tzinfo) -> str:
    """A moment as UIS writes it: in the account's zone, without it."""
    return at.astimezone(zone).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
