"""Rows of the reports of UIS → inbox events, each version of a row once.

A row becomes an ordinary event of the inbox and goes the road of every event. What belongs to it, the legs of a call
and the messages of a chat, is asked for only when the row is new, and is stored before it: whoever reads the row knows
the rest.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from integration import uis_methods
from integration.events import moment, text, whole_number
from integration.inbox import dedupe_key, receive_all
from integration.many import update_alike
from integration.models import Communication, Credential, InboxEvent, State
from integration.uis import Api, Row, Uis

PAGE_CALLS = 500
IDS_AT_ONCE = 200
EVENTS_AT_ONCE = 100
OPEN_CHATS = frozenset({"new", "active"})
PROCESSED = "processed"

Many = Mapping[int, Sequence[Row]]


@dataclass(frozen=True)
class Reader:
    """Who reads: the credential, the token of its lane's lease if he has it, and how long a part of a window may be for
    the reports that are not read page by page."""

    credential: Credential
    token: str = field(default="", repr=False)
    part: timedelta = timedelta(days=1)

    @cached_property
    def uis(self) -> Uis:
        """Access to the account. A request raises LeaseLost when the lease is somebody else's by now."""
        return Uis.of(self.credential, self.token)


@dataclass(frozen=True)
class Taken:
    """What was done with rows: how many were read, how many the inbox did not have in this version, and how many tell
    of a communication that was not known at all."""

    read: int = 0
    new: int = 0
    missing: int = 0

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(self.read + other.read, self.new + other.new, self.missing + other.missing)


@dataclass(frozen=True)
class Page:
    """A part of a window that was read. `next_since` is where the rest of it begins, None when it was the last part;
    `open_since` when the earliest of those began that go on still. `is_available` is no when the account has no such
    report."""

    taken: Taken
    next_since: datetime | None = None
    open_since: datetime | None = None
    is_available: bool = True


def read_calls(reader: Reader, *, since: datetime, till: datetime) -> Page:
    """Read the earliest calls of a window, with their legs. Raises UisError."""
    rows = uis_methods.calls_report(reader.uis, since=since, till=till, first=PAGE_CALLS)
    taken, ongoing = take_calls(reader, rows)
    starts = [_moment(reader, row, "start_time", since) for row in rows]
    is_last = len(rows) < PAGE_CALLS
    # A full page whose calls all began in the second it begins with would be read for ever.
    next_since = None if is_last else max(starts[-1], since + timedelta(seconds=1))
    return Page(taken, next_since, min((_moment(reader, row, "start_time", till) for row in ongoing), default=None))


def read_chats(reader: Reader, *, since: datetime, till: datetime) -> Page:
    """Read the chats of the first part of a window, with their messages. Raises UisError."""
    until = min(till, since + reader.part)
    rows = uis_methods.chats_report(reader.uis, since=since, till=until)
    if rows is None:
        return Page(Taken(), is_available=False)
    taken, open_ = take_chats(reader, rows)
    open_since = min((_moment(reader, row, "date_time", till) for row in open_), default=None)
    return Page(taken, until if until < till else None, open_since)


def read_requests(reader: Reader, *, since: datetime, till: datetime) -> Page:
    """Read the requests of the first part of a window. Raises UisError."""
    until = min(till, since + reader.part)
    rows = uis_methods.offline_messages_report(reader.uis, since=since, till=until)
    if rows is None:
        return Page(Taken(), is_available=False)
    taken, _open = take_requests(reader, rows)
    return Page(taken, until if until < till else None)


def take_calls(reader: Reader, rows: Iterable[Row]) -> tuple[Taken, list[Row]]:
    """Take in rows of calls that are over, and end the waiting for them; return the rows of those that go on still."""
    rows = [row for row in rows if whole_number(row, "id")]
    over = [row for row in rows if text(row, "finish_time")]
    base = {"media_url": media_url(reader.credential)}
    events = [_Event("calls_report", "call", {**base, **row}) for row in over]
    fresh = _fresh(reader.credential, events)
    before = {
        number: _Event("call_legs_report", "call", {"id": number, "call_session_id": number, "legs": list(legs)})
        for number, legs in _legs(reader, [event.row for event in fresh]).items()
    }
    taken = _store(reader.credential, fresh, before, read=len(over))
    ids = [str(event.uis_id) for event in events]
    waiting = Communication.objects.filter(credential=reader.credential, kind="call", report_at__isnull=False)
    update_alike(waiting.filter(uis_id__in=ids), report_at=None)
    return taken, [row for row in rows if not text(row, "finish_time")]


def take_chats(reader: Reader, rows: Iterable[Row]) -> tuple[Taken, list[Row]]:
    """Take in rows of chats, with their messages, and end the waiting for those that are over, or that go on as far as
    we know, too; return the rows of those that go on still."""
    events = [_Event("chats_report", "chat", row) for row in _sorted(reader, list(rows))]
    fresh = _fresh(reader.credential, events)
    messages = _messages(reader, [event.uis_id for event in fresh])
    before = {
        number: _Event("chat_messages_report", "chat", {"id": number, "chat_id": number, "messages": list(found)})
        for number, found in messages.items()
    }
    taken = _store(reader.credential, fresh, before, read=len(events))
    open_ = [event.row for event in events if text(event.row, "status") in OPEN_CHATS]
    over = [str(event.uis_id) for event in events if text(event.row, "status") not in OPEN_CHATS]
    waiting = Communication.objects.filter(credential=reader.credential, kind="chat", report_at__isnull=False)
    for part in _parts(over, EVENTS_AT_ONCE):
        update_alike(waiting.filter(uis_id__in=part), report_at=None)
    going_on = waiting.filter(facts__has_key="taken").exclude(facts__has_key="end")
    for part in _parts([str(whole_number(row, "id")) for row in open_], EVENTS_AT_ONCE):
        update_alike(going_on.filter(uis_id__in=part), report_at=None)
    return taken, open_


def take_requests(reader: Reader, rows: Iterable[Row]) -> tuple[Taken, list[Row]]:
    """Take in rows of requests, and end the waiting for them, but for those that wait until an operator has processed
    them; return the rows of those that none has."""
    events = [_Event("offline_messages_report", "request", row) for row in _sorted(reader, list(rows))]
    taken = _store(reader.credential, _fresh(reader.credential, events), {}, read=len(events))
    open_ = [event.row for event in events if text(event.row, "status") != PROCESSED]
    processed = [str(event.uis_id) for event in events if text(event.row, "status") == PROCESSED]
    told = Communication.objects.filter(credential=reader.credential, kind="request", report_at__isnull=False)
    for part in _parts([str(event.uis_id) for event in events], EVENTS_AT_ONCE):
        update_alike(told.filter(uis_id__in=part).exclude(state=State.WAITING), report_at=None)
    for part in _parts(processed, EVENTS_AT_ONCE):
        update_alike(told.filter(uis_id__in=part), report_at=None)
    return taken, open_


def media_url(credential: Credential) -> str:
    """Where the files of the account's brand are."""
    parts = urlsplit(Uis.of(credential).address(Api.DATA))
    return f"{parts.scheme}://{parts.netloc.replace('dataapi.', 'app.', 1)}"


@dataclass(frozen=True)
class _Event:
    """An event made of a row."""

    name: str
    kind: str
    row: Mapping[str, Any]

    @property
    def uis_id(self) -> int:
        return whole_number(self.row, "id") or 0

    @property
    def query(self) -> str:
        return f"event={self.name}"

    @property
    def body(self) -> bytes:
        return json.dumps({"event": self.name, **self.row}, ensure_ascii=False, sort_keys=True).encode()

    @property
    def key(self) -> str:
        return dedupe_key(self.query, self.body)


def _fresh(credential: Credential, events: Sequence[_Event]) -> list[_Event]:
    """Those of the events that the inbox does not have."""
    keys = {event.key: event for event in events}
    stored = InboxEvent.objects.filter(channel=credential.channel)
    known: set[str] = set()
    for part in _parts(keys, EVENTS_AT_ONCE):
        known.update(stored.filter(dedupe_key__in=part).values_list("dedupe_key", flat=True))
    return [event for key, event in keys.items() if key not in known]


def _store(credential: Credential, fresh: Sequence[_Event], before: Mapping[int, _Event], *, read: int) -> Taken:
    """Put events into the inbox, in their order, each after what belongs to it."""
    missing = len(fresh) - _count_known(credential, fresh)
    told = [event for one in fresh for event in (before.get(one.uis_id), one) if event is not None]
    lane = credential.portal.live_lane if credential.portal else ""
    for part in _parts(told, EVENTS_AT_ONCE):
        pairs = [(event.query, event.body) for event in part]
        receive_all(pairs, channel=credential.channel, source=InboxEvent.Source.REPORT, lane=lane)
    return Taken(read, len(fresh), missing)


def _count_known(credential: Credential, events: Sequence[_Event]) -> int:
    known = 0
    for part in _parts(events, EVENTS_AT_ONCE):
        ids = [str(event.uis_id) for event in part]
        found = Communication.objects.filter(credential=credential, kind=part[0].kind, uis_id__in=ids)
        known += found.count()
    return known


def _legs(reader: Reader, rows: Sequence[Row]) -> Many:
    """The legs of these calls, by call."""
    legs, now = defaultdict[int, list[Row]](list), timezone.now()
    for part in _parts(rows, IDS_AT_ONCE):
        since = min(_moment(reader, row, "start_time", now) for row in part)
        till = max(_moment(reader, row, "finish_time", now) for row in part)
        ids = [int(row["id"]) for row in part]
        for leg in uis_methods.call_legs_report(reader.uis, since=since, till=till, session_ids=ids):
            legs[whole_number(leg, "call_session_id") or 0].append(leg)
    return legs


def _messages(reader: Reader, ids: Sequence[int]) -> Many:
    """The messages of these chats, by chat."""
    messages = defaultdict[int, list[Row]](list)
    for part in _parts(ids, IDS_AT_ONCE):
        for message in uis_methods.chat_messages_report(reader.uis, chat_ids=part) or ():
            messages[whole_number(message, "chat_id") or 0].append(message)
    return messages


def _sorted(reader: Reader, rows: Sequence[Row]) -> list[Row]:
    zone = reader.credential.zone
    return sorted(rows, key=lambda row: (str(moment(row, "date_time", zone) or ""), whole_number(row, "id") or 0))


def _moment(reader: Reader, row: Row, column: str, default: datetime) -> datetime:
    return moment(row, column, reader.credential.zone) or default


def _parts(many: Iterable[Any], size: int) -> Iterator[list[Any]]:
    left = iter(many)
    while part := list(islice(left, size)):
        yield part
