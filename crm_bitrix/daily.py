"""What is done once a day: portals on hold are tried, defaults are looked at, sessions that are over are deleted.

want  asks the queue for a run when the last one was yesterday; called by every tick
run   does everything; one part that fails does not keep the others from their turn
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
    "crm_bitrix.preflight.check_default_responsibles",
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


def run() -> None:
    """Do every part."""
    for name in PARTS:
        try:
            log.info("%s: %s", name, import_string(name)())
        except Exception:
            log.exception("%s failed", name)
