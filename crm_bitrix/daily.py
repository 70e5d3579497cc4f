"""What is done once a day, in this order: portals on hold are tried, so that what works again is looked at as well;
what would hurt tomorrow is told; what is older than it may be kept is deleted.

want  asks the queue for a run when the last one was yesterday; called by every tick
run   does one part and asks for the next: each has the time of a task of its own, and one that fails does not keep the
      others from their turn
"""

import logging
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.tasks import async_task

from integration.models import Lane

NAME = "daily"
EVERY = timedelta(days=1)
PARTS = (
    "crm_bitrix.installation.probe_held_portals",
    "crm_bitrix.preflight.check_portals",
    "integration.retention.purge",
    "settings_ui.sessions.purge_sessions",
    "settings_ui.drafts.purge_drafts",
)

log = logging.getLogger(__name__)


def want() -> None:
    """Ask for a run, once a day whoever asks; the row of the lanes' table named `daily` remembers when."""
    now = timezone.now()
    Lane.objects.get_or_create(name=NAME)
    due = Lane.objects.filter(Q(rung_at__isnull=True) | Q(rung_at__lte=now - EVERY), name=NAME)
    if due.update(rung_at=now):
        async_task("crm_bitrix.daily.run", timeout=100)


def run(position: int = 0) -> None:
    """Do the part at this position of `PARTS`, and ask for the one after it."""
    name = PARTS[position]
    try:
        log.info("%s: %s", name, import_string(name)())
    except Exception:
        log.exception("%s failed", name)
    if position + 1 < len(PARTS):
        async_task("crm_bitrix.daily.run", position + 1, timeout=100)
