"""Telephony of a portal: live calls, cards on screens, statistics, records, lines."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from . import clock
from .crm import normal_phone

DUPLICATE_SECONDS = 30 * 60
TYPES = {1: "Исходящий", 2: "Входящий", 3: "Входящий с перенаправлением", 4: "Обратный звонок", 5: "Информационный"}


@dataclass
class Call:
    """A registered call that has not been finished. `created` are the `(type id, id)` it made itself."""

    call_id: str
    user_id: int
    phone: str
    type: int
    line: str
    external_id: str | None
    started_at: float
    registered_at: float
    entity: tuple[int, int] | None = None
    created: list[tuple[int, int]] = field(default_factory=list)
    lead_error: str | None = None

    def is_same(self, other: "Call") -> bool:
        """The vendor's duplicate rule, without its time window."""
        if (self.user_id, self.phone, self.type) != (other.user_id, other.phone, other.type):
            return False
        same_line = not other.line or self.line == other.line
        return same_line and (not other.external_id or self.external_id == other.external_id)


@dataclass
class Telephony:
    """`calls` by CALL_ID until `finish`; `statistics` rows by CALL_ID after it.

    `cards` are the open pop-ups, `{(CALL_ID, user id): opened at}`; `card_log` keeps `(at, "show"|"hide", CALL_ID,
    user id)`. `records` are attached files by CALL_ID.
    """

    calls: dict[str, Call] = field(default_factory=dict)
    statistics: dict[str, dict[str, Any]] = field(default_factory=dict)
    cards: dict[tuple[str, int], float] = field(default_factory=dict)
    card_log: list[tuple[float, str, str, int]] = field(default_factory=list)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    transcripts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lines: dict[str, dict[str, Any]] = field(default_factory=dict)
    counter: int = 0

    def find_duplicate(self, wanted: Call) -> Call | None:
        """The live call that a second registration means: same key, and begun less than 30 minutes ago."""
        border = clock.now() - DUPLICATE_SECONDS
        return next((call for call in self.calls.values() if call.started_at > border and call.is_same(wanted)), None)

    def new_call_id(self) -> str:
        """`externalCall.<md5>.<unixtime>`."""
        self.counter += 1
        digest = hashlib.md5(f"{self.counter}:{clock.now()}".encode(), usedforsecurity=False).hexdigest()
        return f"externalCall.{digest}.{int(clock.now())}"

    def show(self, call_id: str, user_id: int) -> None:
        """Open the card on a user's screen."""
        self.cards[call_id, user_id] = clock.now()
        self.card_log.append((clock.now(), "show", call_id, user_id))

    def hide(self, call_id: str, user_id: int) -> None:
        """Close it; nothing happens if it is not open."""
        if self.cards.pop((call_id, user_id), None) is not None:
            self.card_log.append((clock.now(), "hide", call_id, user_id))

    def add_line(self, number: str, name: str = "", auto_create: str = "Y") -> dict[str, Any]:
        """Add an external line."""
        self.counter += 1
        self.lines[number] = {"ID": self.counter, "NUMBER": number, "NAME": name, "CRM_AUTO_CREATE": auto_create}
        return self.lines[number]

    def finished_calls_of(self, phone: str) -> list[dict[str, Any]]:
        """Statistics rows of one client number."""
        wanted = normal_phone(phone)
        return [row for row in self.statistics.values() if normal_phone(row["PHONE_NUMBER"]) == wanted]
