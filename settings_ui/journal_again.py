"""Working on communications once more: one, or all that failed in a period, with progress.

What is done in the portal already is not done again: the decision is told of it.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from integration import lanes
from integration.models import Communication, Portal, State
from settings_ui.journal_models import Resend

MOST = 5000
"""How many go at once; the rest with the next press of the button."""

BEHIND_THE_LIVE = timedelta(hours=1)


@dataclass(frozen=True)
class Progress:
    """How far a repetition of many has come."""

    total: int
    done: int
    failed: int

    @property
    def waiting(self) -> int:
        return self.total - self.handled

    @property
    def handled(self) -> int:
        return self.done + self.failed

    @property
    def is_over(self) -> bool:
        return self.waiting <= 0


def again(row: Communication) -> None:
    """Decide about one communication anew, by the present settings, at once."""
    _make_due(Communication.objects.filter(pk=row.pk), row.portal)


def again_failed(rows: QuerySet[Communication], portal: Portal, *, user_id: int) -> Resend:
    """Decide anew about those of these communications that failed, newest first, after what is happening now."""
    failed = rows.filter(state=State.FAILED).order_by("-started_at", "-pk")
    ids = list(failed.values_list("pk", flat=True)[:MOST])
    with transaction.atomic():
        resend = Resend.objects.create(portal=portal, user_id=user_id, ids=ids)
        now = timezone.now()
        # Another state, so that the progress can tell who has had his turn; and live calls overtake.
        Communication.objects.filter(portal=portal, pk__in=ids, state=State.FAILED).update(
            state=State.RETRY, due_at=now, attempts=0, rank_at=now + BEHIND_THE_LIVE
        )
        transaction.on_commit(lambda: lanes.ring(portal.live_lane))
    return resend


def again_late(rows: QuerySet[Communication], portal: Portal) -> None:
    """Decide about these anew, after what is happening now."""
    with transaction.atomic():
        now = timezone.now()
        rows.filter(portal=portal).update(due_at=now, attempts=0, rank_at=now + BEHIND_THE_LIVE)
        transaction.on_commit(lambda: lanes.ring(portal.live_lane))


def progress_of(resend: Resend) -> Progress:
    """How many of a repetition have had their turn, and how many of these failed again. Those that rest before another
    attempt still wait."""
    rows = Communication.objects.filter(portal=resend.portal_id, pk__in=resend.ids)
    is_next = Q(due_at__lte=timezone.now()) | Q(state=State.RETRY, due_at__isnull=False)
    waiting = rows.filter(is_next).count()
    failed = rows.filter(state=State.FAILED, due_at__isnull=True).count()
    total = len(resend.ids)
    return Progress(total, done=total - waiting - failed, failed=failed)


def _make_due(rows: QuerySet[Communication], portal: Portal) -> None:
    with transaction.atomic():
        rows.update(due_at=timezone.now(), attempts=0)
        transaction.on_commit(lambda: lanes.ring(portal.live_lane))
