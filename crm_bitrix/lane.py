"""The lane: one drain at a time per portal, crash-safe by a lease, woken by a bell, with a tick as its clock.

    drain  takes the lease and does rounds until nothing is due or its slice of time is over
    tick   each second rings the lanes that have due work: whatever a crash left undone is found again here

Who may drain and when: `integration.lanes`. What one round of a portal does: `crm_bitrix.rounds`.
"""

import logging
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils import timezone
from django.utils.module_loading import import_string

from crm_bitrix import side_work
from integration import lanes
from integration.inbox import CHORES, LANES, LaneKind
from integration.models import Portal

SLICE_SECONDS = 15.0
LOOKED_AT = 100
"""Side lanes with due work that may be paused or taken: of so many some hear the bell."""

LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass
class _Looked:
    """What the last look for side lanes found, and until when that holds."""

    names: list[str] = field(default_factory=list)
    until: float = 0.0


_looked = _Looked()


def drain(name: str) -> None:
    """Work on a lane until nothing is due there or the slice is over. Runs as a task; may run twice, or never."""
    is_left = _work_on(name)
    if side_work.is_side(name):
        ring_side_lanes()
    elif is_left:
        lanes.ring(name)


def _work_on(name: str) -> bool:
    """Say whether work is left because the slice is over.

    The look comes after the release: an event that arrived in between rang no bell, because the lane was taken. Before
    the first round nobody looks: whoever rang has.
    """
    until = time.monotonic() + SLICE_SECONDS
    while time.monotonic() < until:
        lane = lanes.acquire(name)
        if lane is None:
            return False
        try:
            if side_work.is_side(name) and side_work.is_too_many():
                return False
            _kind(name).round(lane)
        except lanes.LeaseLost:
            log.warning("lane %s: the lease was taken away", name)
            return False
        finally:
            lanes.release(lane)
        if not has_due(name):
            return False
    return True


def owner_id(name: str) -> int:
    """The number of the portal or credential whose lane this is."""
    return int(name.split(":")[1])


def _kind(name: str) -> LaneKind:
    side, _owner, *part = name.split(":")
    return LANES[":".join((side, "{}", *part))]


def portal_of(name: str) -> Portal:
    """The portal of a lane `b24:<portal>:<kind>`."""
    return Portal.objects.get(pk=owner_id(name))


def has_due(name: str) -> bool:
    """Say whether work waits for this lane, paused or not; where the portal is on hold none does."""
    owner = owner_id(name)
    return owner in _kind(name).due(timezone.now(), owner)


def due_lanes(*, side: bool) -> Iterator[str]:
    """The names of the live lanes with due work, or of the side lanes, paused or not."""
    now = timezone.now()
    for form, kind in LANES.items():
        if side_work.is_side(form) == side:
            yield from (form.format(owner) for owner in sorted(kind.due(now, None)))


def ring_side_lanes() -> None:
    """Ring as many side lanes as the workers bear besides calls; by each tick, and whenever one has been drained.

    Which ones is left to chance: so each gets its turn, however many there are.
    """
    room = side_work.room()
    if room > 0:
        due = _due_side_lanes()
        for name in lanes.quiet(random.sample(due, min(LOOKED_AT, len(due))))[:room]:
            due.remove(name)
            lanes.ring(name)


def _due_side_lanes() -> list[str]:
    """The side lanes with due work that this process has not rung yet; of thousands of accounts they are looked for
    once in `LOOK_SECONDS`, because the look grows with their number."""
    if time.monotonic() >= _looked.until:
        _looked.names, _looked.until = list(due_lanes(side=True)), time.monotonic() + LOOK_SECONDS
    return _looked.names


def tick() -> None:
    """Ring every live lane that has due work, and side lanes as far as there is room for them; a lane that is drained,
    paused or rung already stays as it is."""
    for name in due_lanes(side=False):
        lanes.ring(name)
    ring_side_lanes()
    for chore in CHORES:
        import_string(chore)()
