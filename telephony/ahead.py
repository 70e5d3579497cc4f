"""Calls that the portal has asked for while its lane is held up: UIS is asked for them all the same.

Who has clicked looks at his phone now, and to start his call nothing of the portal is needed. But the lane that decides
about it may rest because the portal does not answer, be on hold, wait for a slow answer, or have died with its lease.
So the tick looks for requests that have waited, and for each

    read     takes it in, if that was not done; the lane may do the same at the same moment, and changes nothing then
    decide   as `telephony.calling` does, which asks the portal nothing
    keep     writes down the call, which starts its task, and that UIS is asked for it

It takes no lease, for it sends nothing to the portal: cards and everything else are left to the lane, which decides
anew. A communication has one `Dial`, whoever of the two writes it first; `telephony.dialling` sees to the rest.
"""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from crm_bitrix import holds, rulesets
from crm_bitrix.actions import Plan
from crm_bitrix.fold import fold_event
from integration.models import Communication, InboxEvent, Lane, Portal
from telephony import calling, dialling
from telephony.asked import CALLBACK_FRESH, DIALLED
from telephony.case import read_case

PATIENCE = timedelta(seconds=1)
"""How long a request waits for the lane, which decides about it sooner when nothing is in its way."""

AT_ONCE = 50

log = logging.getLogger(__name__)


def dial_held_up() -> None:
    """Ask UIS for the calls that were asked for on portals whose lane is held up. Called by each tick."""
    now = timezone.now()
    portals = _held_up(now)
    if not portals:
        return
    for event in _unread(portals, now):
        try:
            with transaction.atomic():
                fold_event(event, Portal.objects.get(pk=int(event.channel.split(":")[1])), None)
        except Exception:
            log.exception("event %s cannot be read ahead of its lane", event.pk)
    for communication in _undecided(portals, now):
        try:
            _decide(communication, now)
        except Exception:
            log.exception("communication %s cannot be decided ahead of its lane", communication.pk)


def _held_up(now: datetime) -> frozenset[int]:
    """The portals whose live lane rests or is taken, or that are on hold; not those that somebody has stopped."""
    lanes = Lane.objects.filter(Q(paused_until__gt=now) | Q(lease_until__gt=now), name__startswith="b24:")
    owners = {name.split(":")[1] for name in lanes.values_list("name", flat=True) if name.endswith(":live")}
    held = Portal.objects.filter(~Q(hold_reason="") | Q(pk__in=owners), uninstalled_at__isnull=True)
    return frozenset(held.exclude(hold_code=holds.BY_HAND).values_list("pk", flat=True))


def _unread(portals: Collection[int], now: datetime) -> QuerySet[InboxEvent]:
    channels = [f"b24:{portal_id}" for portal_id in portals]
    waiting = InboxEvent.objects.filter(channel__in=channels, folded_at__isnull=True, received_at__lt=now - PATIENCE)
    return waiting.order_by("id")[:AT_ONCE]


def _undecided(portals: Collection[int], now: datetime) -> QuerySet[Communication]:
    """Requests that were never decided and may still be dialled; UIS has told nothing of them."""
    requests = Communication.objects.filter(
        portal__in=portals,
        started_at__range=(now - CALLBACK_FRESH, now - PATIENCE),
        kind="call",
        uis_id="",
        due_at__lte=now,
        dial__isnull=True,
        actions__isnull=True,
    )
    return requests.exclude(external_id="").select_related("credential__portal").order_by("started_at")[:AT_ONCE]


def _decide(communication: Communication, now: datetime) -> None:
    case = read_case(communication.facts, {}, rulesets.load(communication.credential), now)
    plan = calling.decide(case) if calling.is_open(case) else None
    if plan is not None and plan.dial is not None:
        _keep(communication, plan)


@transaction.atomic
def _keep(communication: Communication, plan: Plan) -> None:
    """Write down the call and that UIS is asked for it, unless the lane has decided meanwhile; it stays due."""
    row = Communication.objects.select_for_update().get(pk=communication.pk)
    if DIALLED in row.facts:
        return
    row.facts = {**row.facts, DIALLED: plan.learned[DIALLED]}
    row.state, row.reason, row.trace = plan.state, plan.reason, [*row.trace, *plan.trace]
    row.save(update_fields=["facts", "state", "reason", "trace"])
    dialling.keep(row, plan)
