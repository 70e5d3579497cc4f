"""A portal on hold: somebody must act before anything goes on; until then nothing is sent and nothing is lost."""

import logging

from django.utils import timezone

from crm_bitrix.errors import PortalError
from integration import lanes
from integration.models import Portal

BY_HAND = "by_hand"
"""Code of a hold that a person of the staff has asked for."""

log = logging.getLogger(__name__)


def hold(portal: Portal, error: PortalError) -> None:
    """Stop the lanes of a portal until `resume`."""
    reason = str(error)[:200]
    held = {"hold_reason": reason, "hold_code": error.code.lower()[:60], "hold_since": timezone.now()}
    if Portal.objects.filter(pk=portal.pk, hold_reason="").update(**held):
        portal.refresh_from_db()
        log.error("portal %s is on hold: %s", portal.domain, reason)


def resume(portal: Portal) -> None:
    """Let the lanes of a portal go on."""
    Portal.objects.filter(pk=portal.pk).update(hold_reason="", hold_code="", hold_since=None)
    portal.refresh_from_db()
    for name in (portal.live_lane, portal.bulk_lane):
        lanes.ring(name)
