"""The ledger of the lanes: bell, lease, pause and the vendor's bucket. Every claim is a conditional UPDATE.

    ring     asks the queue for a drain, unless one is running or was asked for a moment ago
    acquire  takes the lease of a lane: its row; hold prolongs it; release gives it back
    pause    lets a lane rest after a failure that is not a communication's own
    Bucket   the portal's allowance of requests, from which each request takes one

A crash between any two of these costs time, never work: the lease runs out, the bell is rung again by `tick`. So
nobody waits for their commits (`integration.flushing`).
"""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django_q.tasks import async_task

from integration.flushing import lazily
from integration.models import Lane
from integration.prepared import columns_of, prepared_cursor, prepared_rows

LEASE = timedelta(seconds=45)
RING_AGAIN = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(days=365)
PAUSES_SECONDS = (2, 5, 10, 30, 60, 120, 300, 600, 1800)
LEAK_PER_SECOND = 2.0
BULK_LEVEL, LIVE_LEVEL, RING_LEVEL, ROUTING_LEVEL = 25.0, 32.0, 40.0, 48.0
"""How full the bucket of 50 may get by recordings and dictionaries, by calls and chats, by a ringing phone's card, and
by a question of UIS's that a caller waits for: who waits most impatiently finds room when the others do not."""


_FREE = "(lease_until IS NULL OR lease_until < %s)"
_AWAKE = "(paused_until IS NULL OR paused_until <= %s)"
ASLEEP = f"{_FREE} AND {_AWAKE} AND (rung_at IS NULL OR rung_at < %s)"
"""A lane that hears a bell; its values are those of `asleep_at`."""

_RING = f"UPDATE integration_lane SET rung_at = %s WHERE name = %s AND {ASLEEP}"  # noqa: S608 - made of constants
_ACQUIRE = (
    "UPDATE integration_lane SET lease_token = %s, lease_until = %s, rung_at = NULL "  # noqa: S608 - made of constants
    f"WHERE name = %s AND {_FREE} AND {_AWAKE}"
)
_COLUMNS = columns_of(Lane, table="integration_lane")
_HOLD = "UPDATE integration_lane SET lease_until = %s WHERE name = %s AND lease_token = %s"
_RELEASE = "UPDATE integration_lane SET lease_token = '', lease_until = NULL WHERE name = %s AND lease_token = %s"
_FILL = (
    "UPDATE integration_lane SET bucket_level = %s, bucket_at = %s{prolonged} "
    "WHERE name = %s AND bucket_level = %s AND (bucket_at IS NULL OR bucket_at = %s){held}"
)
_TAKE = _FILL.format(prolonged="", held="")
_TAKE_AND_HOLD = _FILL.format(prolonged=", lease_until = %s", held=" AND lease_token = %s")


def _claim(statement: str) -> str:
    return statement if connection.in_atomic_block else lazily(statement)


def _update(statement: str, *values: Any) -> bool:
    """Carry out a claim; says whether it holds."""
    with prepared_cursor(connection) as cursor:
        cursor.execute(_claim(statement), [_adapted(value) for value in values])
        return bool(cursor.rowcount)


def _adapted(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def asleep_at(now: datetime) -> list[Any]:
    """The values of `ASLEEP`."""
    return [_adapted(moment) for moment in (now, now, now - RING_AGAIN)]


def ring(name: str) -> None:
    """Ask for a drain of this lane. Only for lanes that sleep; call it outside transactions (`on_commit`)."""
    now = timezone.now()
    if _update(_RING, now, name, *asleep_at(now)):
        async_task("crm_bitrix.lane.drain", name)


def quiet(names: Collection[str]) -> list[str]:
    """Those of the lanes that would hear a bell now."""
    if not names:
        return []
    with prepared_cursor(connection) as cursor:
        places = ", ".join(["%s"] * len(names))
        cursor.execute(
            f"SELECT name FROM integration_lane WHERE name IN ({places}) AND {ASLEEP}",  # noqa: S608 - made of constants
            [*names, *asleep_at(timezone.now())],
        )
        return [name for (name,) in cursor.fetchall()]


def acquire(name: str, *, is_paused_too: bool = False) -> Lane | None:
    """Take the lease: the row with its token. None when somebody else holds it or the lane is paused.

    Who sends nothing may take a paused one too.
    """
    now = timezone.now()
    pause_over_by = now + LONGEST_PAUSE if is_paused_too else now
    values = [secrets.token_hex(16), now + LEASE, name, now, pause_over_by]
    rows = prepared_rows(Lane, f"{_claim(_ACQUIRE)} RETURNING {_COLUMNS}", [_adapted(value) for value in values])
    return next(iter(rows), None)


class LeaseLost(Exception):
    """Another drain has taken over: stop, touch nothing."""


def hold(lane: Lane) -> None:
    """Prolong the lease. Raises LeaseLost."""
    if not _update(_HOLD, timezone.now() + LEASE, lane.name, lane.lease_token):
        raise LeaseLost


def release(lane: Lane) -> None:
    """Give the lease back."""
    _update(_RELEASE, lane.name, lane.lease_token)


def pause(name: str, *, reason: str, until: datetime | None = None, no_answer: bool = False) -> None:
    """Let the lane rest: until the vendor's moment if it named one, else longer with every failure in a row.

    Two requests in a row without an answer make it send one action at a time, until five clean rounds have passed.
    """
    lane = Lane.objects.get(name=name)
    failures = lane.failures + 1
    seconds = PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS)) - 1]
    rest = timezone.now() + timedelta(seconds=max(seconds, 5 if no_answer else 0))
    Lane.objects.filter(name=name).update(
        failures=failures,
        paused_until=max(rest, until) if until and no_answer else until or rest,
        pause_reason=reason[:200],
        is_single=lane.is_single or (no_answer and lane.failures > 0),
        clean_rounds=0,
    )


def wait(name: str, *, until: datetime, reason: str) -> None:
    """Let the lane rest for something that is no failure, such as a full bucket."""
    Lane.objects.filter(name=name).update(paused_until=until, pause_reason=reason[:200])


def settle(lane: Lane) -> None:
    """Note a round without failure of a lane that was taken."""
    if not lane.is_troubled:
        return
    clean = lane.clean_rounds + 1
    Lane.objects.filter(name=lane.name).update(
        failures=0, pause_reason="", paused_until=None, clean_rounds=clean, is_single=lane.is_single and clean < 5
    )


class Bucket:
    """How many requests a portal still takes, as its live lane keeps count for all processes.

    Made with a lane that was taken it prolongs the lease by each request, in the same statement: who has lost his lane
    sends nothing any more. What it read or wrote last it believes until the row turns out to be different.
    """

    def __init__(self, name: str, *, taken: Lane | None = None) -> None:
        self.name = name
        self.token = taken.lease_token if taken else ""
        self._row = taken

    @property
    def level(self) -> float:
        """How full it is now."""
        return _leaked(self._known(), timezone.now())

    def take(self, *, level: float) -> datetime | None:
        """Take one request; None when there was room below `level`, else the moment when there will be.

        Raises LeaseLost.
        """
        while True:
            now, row = timezone.now(), self._known()
            if self.token and row.lease_token != self.token:
                raise LeaseLost
            filled = _leaked(row, now) + 1
            if filled > level:
                return now + timedelta(seconds=(filled - level) / LEAK_PER_SECOND)
            if self._fill(row, filled, now):
                row.bucket_level, row.bucket_at = filled, now
                return None
            self._row = None

    def _fill(self, row: Lane, filled: float, now: datetime) -> bool:
        unchanged = (self.name, row.bucket_level, row.bucket_at)
        if self.token:
            return _update(_TAKE_AND_HOLD, filled, now, now + LEASE, *unchanged, self.token)
        return _update(_TAKE, filled, now, *unchanged)

    def _known(self) -> Lane:
        if self._row is None:
            self._row = Lane.objects.get(name=self.name)
        return self._row


def _leaked(lane: Lane, now: datetime) -> float:
    passed = (now - lane.bucket_at).total_seconds() if lane.bucket_at else 0.0
    return max(0.0, lane.bucket_level - passed * LEAK_PER_SECOND)
