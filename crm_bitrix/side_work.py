"""Work that nobody waits for – recordings, reports of UIS, dictionaries – leaves one worker free for calls.

A drain of a side lane takes its lease first and looks afterwards whether it is one too many: two that begin in the
same moment may both step back, but never is there one more than the workers bear.
"""

from datetime import datetime

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from crm_bitrix.models import SyncRun
from integration import lanes
from integration.models import Lane


def is_side(lane: str) -> bool:
    """Say whether this lane's work is such that nobody waits for."""
    return not lane.endswith(":live")


def room() -> int:
    """How many more drains of side lanes may be asked for; those that were asked for a moment ago count.

    A synchronisation that waits keeps a place: as each lane that is drained rings another, it would never find one.
    """
    free = room_for_syncs()
    return free - 1 if free > 0 and _is_sync_waiting() else free


def room_for_syncs() -> int:
    """How many more synchronisations may be asked for."""
    now = timezone.now()
    return _limit() - _side_lanes(now, asked=True).count() - _syncs(now)


def is_too_many() -> bool:
    """Say whether more side work is under way than the workers bear, that of the caller included."""
    now = timezone.now()
    return _side_lanes(now, asked=False).count() + _syncs(now) > _limit()


def _limit() -> int:
    return max(1, settings.Q_WORKERS - 1)


def _side_lanes(now: datetime, *, asked: bool) -> "QuerySet[Lane]":
    busy = Q(lease_until__gt=now)
    if asked:
        busy |= Q(rung_at__gt=now - lanes.RING_AGAIN)
    return Lane.objects.filter(busy).filter(Q(name__endswith=":bulk") | Q(name__startswith="uis:"))


def _is_sync_waiting() -> bool:
    now = timezone.now()
    waiting = SyncRun.objects.filter(state=SyncRun.State.RUNNING, due_at__lte=now)
    return waiting.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=now)).exists()


def _syncs(now: datetime) -> int:
    return SyncRun.objects.filter(state=SyncRun.State.RUNNING, lease_until__gt=now).count()
