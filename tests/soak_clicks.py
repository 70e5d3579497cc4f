"""What became of the clicks of a crash test: how soon UIS was asked for each, and what held up those in vain.

Who clicks waits for his phone to ring, so the report names for each click that was in vain what the service could not
do in the minute in which it might have been dialled.
"""

import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

LOOK_SECONDS = 0.5
SILENT = timedelta(seconds=5)
FRESH_SECONDS = 60


@dataclass
class Watch:
    """What the live lane of the only portal was doing, by moments in seconds since 1970."""

    seen: list[tuple[float, str]] = field(default_factory=list)

    def minute_from(self, begin: float) -> str:
        """The seconds of everything that it did in the minute of a click, the longest first."""
        did = Counter(what for at, what in self.seen if begin <= at < begin + FRESH_SECONDS)
        return ", ".join(f"{what} {times * LOOK_SECONDS:.0f} s" for what, times in did.most_common())


@contextmanager
def watching() -> Iterator[Watch]:
    """Look at the lane twice a second."""
    watch, stop = Watch(), threading.Event()

    def look() -> None:
        from django import db

        while not stop.wait(LOOK_SECONDS):
            at = time.time()
            try:
                watch.seen.append((at, _doing()))
            except db.Error:
                watch.seen.append((at, "database away"))
                db.connections.close_all()
        db.connections.close_all()

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield watch
    finally:
        stop.set()
        watcher.join()


def _doing() -> str:
    from django.utils import timezone

    from integration import lanes
    from integration.models import Lane, Portal

    portal, now = Portal.objects.get(), timezone.now()
    lane = Lane.objects.get(name=portal.live_lane)
    if portal.hold_reason:
        return "portal on hold"
    if lane.paused_until and lane.paused_until > now:
        return "lane paused"
    if lane.lease_until and lane.lease_until > now:
        return "lease without a sign" if lane.lease_until - lanes.LEASE < now - SILENT else "lane works"
    return "bell unheard" if lane.rung_at and lane.rung_at < now - lanes.RING_AGAIN else "lane free"


def describe_clicks(watch: Watch, call_ids: Iterable[str]) -> list[str]:
    """The lines of the report: how many were dialled and how soon, and why each of the others was not."""
    wanted = set(call_ids)
    clicks = [one for one in _requests() if one.facts["click"]["call_id"] in wanted]
    waits = sorted((one.dial.sent_at - _asked_at(one)).total_seconds() for one in clicks if _is_dialled(one))
    soon = f": UIS asked after {statistics.median(waits):.1f} s, at most {waits[-1]:.1f} s" if waits else ""
    vain = (f"      {one.reason} – {_history(one, watch)}" for one in clicks if not _is_dialled(one))
    return [f"  clicks        {len(wanted)} taken, {len(waits)} dialled{soon}", *vain]


def _requests() -> list[Any]:
    from integration.models import Communication

    asked = Communication.objects.exclude(external_id="").select_related("dial").order_by("started_at")
    return [one for one in asked if "click" in one.facts]


def _is_dialled(click: Any) -> bool:
    """Say whether UIS was asked for the call, whatever it said to that."""
    return bool(getattr(click, "dial", None) and click.dial.sent_at)


def _asked_at(click: Any) -> datetime:
    return datetime.fromisoformat(click.facts["click"]["at"])


def _history(click: Any, watch: Watch) -> str:
    from integration.models import InboxEvent

    at = _asked_at(click)
    event = click.events.filter(source=InboxEvent.Source.BITRIX24).order_by("id").first()
    read = f"read after {(event.folded_at - at).total_seconds():.0f} s; " if event and event.folded_at else ""
    return f"{read}in its minute: {watch.minute_from(at.timestamp())}"
