"""The inbox: store what was told, once, and ring; and the table of who understands what.

The bottom of the house reaches the top through the dotted names below: this is also the map of the service.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from integration import lanes
from integration.encryption import encrypt
from integration.models import InboxEvent


@dataclass(frozen=True)
class Kind:
    """A kind of communication by the dotted names of its functions.

    `parse(event, zone, country, received_at) -> Observation` reads a notification, `decide(facts, done, ruleset, now)
    -> Decision` says what is to be done, `bonus_minutes(facts)` tells how urgent that is, `keep([(communication,
    plan)])` stores what else was planned.

    Where a portal may ask UIS for one: `parse_request(request) -> Observation` reads what the portal asks for,
    `parse_answer(event, received_at) -> Observation` what UIS said to that, and `may_be(facts of the request, facts)`
    says whether UIS tells of what was asked for, before its answer to the request has come.
    """

    parse_name: str
    decide_name: str
    urgency_name: str
    keep_name: str
    request_name: str = ""
    answer_name: str = ""
    match_name: str = ""

    @cached_property
    def parse(self) -> Any:
        return import_string(self.parse_name)

    @cached_property
    def decide(self) -> Any:
        return import_string(self.decide_name)

    @cached_property
    def urgency(self) -> Any:
        return import_string(self.urgency_name)

    @cached_property
    def keep(self) -> Any:
        return import_string(self.keep_name)

    @cached_property
    def parse_request(self) -> Any:
        return import_string(self.request_name)

    @cached_property
    def parse_answer(self) -> Any:
        return import_string(self.answer_name)

    @cached_property
    def may_be(self) -> Any:
        return import_string(self.match_name) if self.match_name else lambda _asked, _told: False


KINDS: Mapping[str, Kind] = {
    "call": Kind(
        "telephony.events.parse_call",
        "telephony.plan.decide_call",
        "telephony.events.urgency",
        "telephony.keeping.keep",
        "telephony.asked.parse_request",
        "telephony.asked.parse_answer",
        "telephony.asked.may_be",
    ),
    "chat": Kind("chats.events.parse_chat", "chats.plan.decide_chat", "chats.events.urgency", "chats.keeping.keep"),
    "request": Kind(
        "chats.events.parse_request", "chats.plan.decide_request", "chats.events.urgency", "chats.keeping.keep"
    ),
}

URGENT_EVENTS = frozenset({"call_proceeding"})
"""Events that overtake what is being sent: somebody's phone rings."""


CHORES: tuple[str, ...] = (
    "telephony.ahead.dial_held_up",
    "telephony.dialling.ring_due",
    "crm_bitrix.watch.look_if_due",
)
"""What the tick looks after besides the lanes, by dotted names."""


@dataclass(frozen=True)
class LaneKind:
    """A kind of lane by the dotted names of its functions.

    `round(lane)` does one round of a lane that was taken; `due(now, owner_id) -> set of owner ids` tells where work
    waits, with an id whether it waits there. The owner is the portal or the credential whose id stands in the lane's
    name.
    """

    round_name: str
    due_name: str

    @cached_property
    def round(self) -> Any:
        return import_string(self.round_name)

    @cached_property
    def due(self) -> Any:
        return import_string(self.due_name)


LANES: Mapping[str, LaneKind] = {
    "b24:{}:live": LaneKind("crm_bitrix.rounds.live_round", "crm_bitrix.due.due_portals"),
    "b24:{}:bulk": LaneKind("telephony.records.bulk_round", "telephony.records.due_portals"),
    "uis:{}": LaneKind("integration.reports.uis_round", "integration.reports.due_credentials"),
}
"""A lane's name, without the id of its owner → what drains it."""

_INSERT = (
    "INSERT INTO integration_inboxevent (channel, source, name, dedupe_key, query, body, received_at, error) "
    "VALUES (%s, %s, '', %s, %s, %s, %s, '') ON CONFLICT (channel, dedupe_key) DO NOTHING"
)


def dedupe_key(query: str, body: bytes) -> str:
    """What two equal events of a channel have in common."""
    return hashlib.sha256(query.encode() + b"\n" + body).hexdigest()


def raw_event(source: InboxEvent.Source, *, query: str, body: bytes) -> list[Any]:
    """What is stored of an event: source, key, query, body and the moment."""
    return [
        source.value,
        dedupe_key(query, body),
        encrypt(query.encode()).decode() if query else "",
        encrypt(body) if body else b"",
        connection.ops.adapt_datetimefield_value(timezone.now()),
    ]


def receive(*, channel: str, source: InboxEvent.Source, lane: str | None, query: str, body: bytes) -> bool:
    """Store one event raw and ring the lane that will read it. False when the very same event is stored already.

    Notifications of UIS come in by `integration.door`. Inside the caller's transaction the bell waits for its end.
    """
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [channel, *raw_event(source, query=query, body=body)])
        is_new = cursor.rowcount == 1
    if is_new and lane:
        transaction.on_commit(lambda: lanes.ring(lane))
    return is_new


def receive_all(events: Iterable[tuple[str, bytes]], *, channel: str, source: InboxEvent.Source, lane: str) -> None:
    """Store events, (query, body), in their order, in one transaction, and ring the lane that will read them.

    Those that are stored already are passed over; where there is no `lane` nobody is rung.
    """
    rows = [[channel, *raw_event(source, query=query, body=body)] for query, body in events]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_INSERT, rows)
        if rows and lane:
            transaction.on_commit(lambda: lanes.ring(lane))
