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
    now = timezone.now()
    at_work, waiting = _syncs(now)
    return _limit() - _side_lanes(now, asked=True).count() - at_work - min(1, waiting)


def room_for_syncs() -> int:
    """How many more synchronisations may be asked for."""
    now = timezone.now()
    at_work, _waiting = _syncs(now)
    return _limit() - _side_lanes(now, asked=True).count() - at_work


def is_too_many() -> bool:
    """Say whether more side work is under way than the workers bear, that of the caller included."""
    now = timezone.now()
    at_work, _waiting = _syncs(now)
    return _side_lanes(now, asked=False).count() + at_work > _limit()


def _limit() -> int:
    return max(1, settings.Q_WORKERS - 1)


def _side_lanes(now: datetime, *, asked: bool) -> "QuerySet[Lane]":
    busy = Q(lease_until__gt=now)
    if asked:
        busy |= Q(rung_at__gt=now - lanes.RING_AGAIN)
    return Lane.objects.filter(busy).filter(Q(name__endswith=":bulk") | Q(name__startswith="uis:"))


def _syncs(now: datetime) -> tuple[int, int]:
    """How many synchronisations are under way, and how many wait for a worker."""
    running = list(SyncRun.objects.filter(state=SyncRun.State.RUNNING).values_list("lease_until", "due_at"))
    at_work = [lease for lease, _due in running if lease and lease > now]
    waiting = [due for lease, due in running if due <= now and not (lease and lease > now)]
    return len(at_work), len(waiting)
