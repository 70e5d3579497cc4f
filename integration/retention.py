"""What is kept for how long, and the nightly deletion of what is older.

Days are counted from when something was stored: keys grow with time, so the oldest rows stand first and no index of its
own is needed. Rows go in small parts, each in a transaction of its own; a run that is broken off, or that runs out of
time, is gone on with by the next one.
"""

import logging
import time
from datetime import datetime, timedelta

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone
from django.utils.translation import gettext_noop
from django_q.tasks import async_task

from integration.journals import JOURNALS, WITHHELD_DAYS, Journal
from integration.models import Communication, State

AT_ONCE = 500
SLICE_SECONDS = 60.0
OUTDATED = gettext_noop("устарело: удержано дольше 30 дней")

log = logging.getLogger(__name__)


def days_of(name: str) -> int:
    """For how many days a journal is kept here; `integration.checks` refuses fewer than the floor."""
    return int(settings.RETENTION_DAYS.get(name, JOURNALS[name].days))


def purge(seconds: float = SLICE_SECONDS) -> dict[str, int]:
    """Delete what is older than it may be kept; how many rows of each journal went.

    When the time is over, the queue is asked to go on.
    """
    until, now = time.monotonic() + seconds, timezone.now()
    SessionStore.clear_expired()
    gone = {"withheld": outdate_withheld(now)}
    for name, journal in JOURNALS.items():
        gone[name] = _purge(journal, now - timedelta(days=days_of(name)), until)
    if time.monotonic() >= until:
        async_task("integration.retention.purge", timeout=100)
    log.info("purged: %s", gone)
    return gone


def outdate_withheld(now: datetime) -> int:
    """What was withheld, because its tab was switched off, is not carried over after 30 days any more."""
    old = Communication.objects.filter(state=State.WITHHELD, started_at__lt=now - timedelta(days=WITHHELD_DAYS))
    return old.update(state=State.IGNORED, reason=OUTDATED, due_at=None, report_at=None, finished_at=now)


def _purge(journal: Journal, limit: datetime, until: float) -> int:
    rows = apps.get_model(journal.model)._base_manager.all()
    last = gone = 0
    while time.monotonic() < until:
        part = list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", journal.stored)[:AT_ONCE])
        old = [pk for pk, stored in part if stored < limit]
        if not old:
            break
        last = part[-1][0]
        _all, counts = rows.filter(journal.over, pk__in=old).delete()
        gone += counts.get(journal.model, 0)
    return gone
