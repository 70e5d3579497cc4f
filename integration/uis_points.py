"""The points of a UIS account: how many are left, kept in the row of its lane.

Points are counted per minute and per day, and every answer of the Data API says how many remain. The lane's row keeps
one sentence: **`bucket_level` points may be spent until `bucket_at`**. After that moment nothing is known, and the next
request asks. A reserve stays out of the level, so that polls never take the last points from a person who waits.
The Call API has limits of its own: its requests are few, start with a person, and are neither counted nor held back.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from integration import lanes
from integration.events import whole_number
from integration.models import Lane

RESERVE_SHARE = 10
"""One point of so many stays for what a person waits for."""

UNNAMED = timedelta(minutes=1)
"""How long polls rest when UIS refuses without naming a moment: a new minute has new points, and else it says so."""


def take(lane: str, token: str = "") -> datetime | None:
    """Take one point for a poll: None when it may be sent, else the moment when points are back.

    With the token of a lease the same statement prolongs the lease: who has lost it sends nothing any more. Raises
    LeaseLost.
    """
    now = timezone.now()
    row = Lane.objects.filter(name=lane, **({"lease_token": token} if token else {}))
    may_ask = Q(bucket_level__gte=1) | Q(bucket_at__isnull=True) | Q(bucket_at__lte=now)
    held = {"lease_until": now + lanes.LEASE} if token else {}
    if row.filter(may_ask).update(bucket_level=Greatest(F("bucket_level") - 1, 0.0), **held):
        return None
    known = row.values_list("bucket_at", flat=True)
    if token and not known:
        raise lanes.LeaseLost
    return known.first()


def note(lane: str, limits: Mapping[str, Any]) -> None:
    """Write down what an answer said of its account's points; the lane sleeps when none are left for polls."""
    now = timezone.now()
    minute, day = _left(limits, "minute"), _left(limits, "day")
    if day is not None and day[0] < 1:
        _write(lane, 0, now + timedelta(seconds=day[1]))
    elif minute is not None:
        level = minute[0] if day is None else min(minute[0], day[0])
        _write(lane, level, now + timedelta(seconds=minute[1]))


def exhausted(lane: str, until: datetime) -> None:
    """Write down that UIS refused for want of points."""
    _write(lane, 0, until)


def _left(limits: Mapping[str, Any], span: str) -> tuple[int, int] | None:
    """Points left for polls, and in how many seconds they are all back."""
    limit, left, reset = (whole_number(limits, f"{span}_{name}") for name in ("limit", "remaining", "reset"))
    if limit is None or left is None or reset is None:
        return None
    return max(0, left - max(0, limit) // RESERVE_SHARE), min(max(reset, 1), 90_000)


def _write(lane: str, level: int, until: datetime) -> None:
    row, points = Lane.objects.filter(name=lane), {"bucket_level": level, "bucket_at": until}
    if not row.update(**points):
        Lane.objects.get_or_create(name=lane, defaults=points)
    if level < 1:
        row.filter(Q(paused_until__isnull=True) | Q(paused_until__lt=until)).update(
            paused_until=until, pause_reason=_("баллы API UIS исчерпаны")
        )
