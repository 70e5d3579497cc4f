"""Asking UIS for a call: at most once, whatever dies, and never in the lane – a slow UIS must not hold a pop-up.

    keep    a plan asks for a call: it is written down, and a task started for it
    dial    the task claims it by a conditional UPDATE, asks UIS, and stores the answer as an event of source `dial`
    tick    starts the task again for what was planned and never claimed

Killed between claim and answer: the call stays `sent`, its outcome is unknown, nobody dials again. The notifications
of UIS carry our external_id; where none comes either, the decision closes the call.
"""

import json
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django_q.tasks import async_task

from crm_bitrix.actions import Plan
from integration import inbox, uis_calls
from integration.models import Communication, InboxEvent
from integration.remote import Outcome
from integration.uis import Uis, UisError
from telephony.asked import ANSWERED, REFUSED, STALE, UNKNOWN
from telephony.models import Dial

RING_AGAIN = timedelta(seconds=5)


def keep(communication: Communication, plan: Plan) -> None:
    """Write down the call that a plan asks for; a communication has one, for ever."""
    if plan.dial is None:
        return
    dial, is_new = Dial.objects.get_or_create(
        communication=communication,
        defaults={"method": plan.dial.method, "params": dict(plan.dial.params), "until": plan.dial.until},
    )
    if is_new:
        transaction.on_commit(partial(ring, dial.pk))


def ring(dial_id: int) -> None:
    """Ask the queue for the task, unless that was done a moment ago."""
    now = timezone.now()
    quiet = Q(rung_at__isnull=True) | Q(rung_at__lt=now - RING_AGAIN)
    if Dial.objects.filter(quiet, pk=dial_id, state=Dial.State.PLANNED).update(rung_at=now):
        async_task("telephony.dialling.dial", dial_id)


def ring_due() -> None:
    """Start the task again for calls that nobody has claimed: a crash came between, or the queue lost it."""
    for dial_id in Dial.objects.filter(state=Dial.State.PLANNED).values_list("pk", flat=True):
        ring(dial_id)


def dial(dial_id: int) -> None:
    """Ask UIS for a call. Runs as a task; may run twice, or never.

    1. Claim it: planned → sent, committed. Not ours: stop. Too old: stale, UIS is not asked.
    2. Ask UIS. From here on a crash leaves the outcome unknown.
    3. Note the answer and store it as an event, in one transaction.
    """
    now = timezone.now()
    planned = Dial.objects.filter(pk=dial_id, state=Dial.State.PLANNED)
    if planned.filter(until__lt=now).update(state=Dial.State.FAILED, error="too late"):
        _tell(_load(dial_id), state=STALE)
        return
    if not planned.update(state=Dial.State.SENT, sent_at=now):
        return
    claimed = _load(dial_id)
    try:
        session_id = getattr(uis_calls, claimed.method)(Uis.of(claimed.communication.credential), **claimed.params)
    except UisError as error:
        _note_error(claimed, error)
        return
    with transaction.atomic():
        _save(claimed, state=Dial.State.ANSWERED, answer={"call_session_id": session_id})
        _tell(claimed, state=ANSWERED, call_session_id=session_id)


def _load(dial_id: int) -> Dial:
    return Dial.objects.select_related("communication__credential__portal").get(pk=dial_id)


def _note_error(claimed: Dial, error: UisError) -> None:
    """UIS has refused, or said nothing: then the phone may be ringing, and the call stays `sent`."""
    is_unknown = error.outcome is Outcome.UNKNOWN
    with translation.override(claimed.communication.portal.language):
        instruction = str(error.instruction)
    with transaction.atomic():
        _save(claimed, state=Dial.State.SENT if is_unknown else Dial.State.FAILED, error=str(error)[:500])
        _tell(claimed, state=UNKNOWN if is_unknown else REFUSED, instruction=instruction)


def _save(claimed: Dial, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(claimed, name, value)
    claimed.save(update_fields=list(changes))


def _tell(claimed: Dial, **told: Any) -> None:
    communication = claimed.communication
    body = {"event": "dial", "kind": communication.kind, "external_id": communication.external_id, **told}
    inbox.receive(
        channel=communication.credential.channel,
        source=InboxEvent.Source.DIAL,
        lane=communication.portal.live_lane,
        query="",
        body=json.dumps(body, ensure_ascii=False).encode(),
    )
