"""Asking UIS for a call: begun at most once, whatever dies, and never in the lane – a slow UIS must not hold a pop-up.

    keep    a plan asks for a call: it is written down, and a task started for it
    dial    the task claims it by a conditional UPDATE, asks UIS, and stores the answer as an event of source `dial`
    tick    starts the task again for what was planned and never claimed, and for what was put off when it is due

Put off: UIS has said that it begins no call now – no points, no connection – and that this passes. Such an answer is
certain, so the call is planned again, for the moment that UIS names or some seconds later, as long as it is fresh.
Killed between claim and answer: the call stays `sent`, its outcome is unknown, nobody dials again. The notifications
of UIS carry our external_id; where none comes either, the decision closes the call.
"""

import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django_q.tasks import async_task

from crm_bitrix.actions import Plan
from integration import inbox, uis_calls
from integration.models import Communication, InboxEvent
from integration.remote import Outcome
from integration.uis import Uis, UisError
from telephony.asked import ANSWERED, PUT_OFF, REFUSED, STALE, UNKNOWN
from telephony.models import Dial

RING_AGAIN = timedelta(seconds=5)

PROMPT = timedelta(seconds=60)
"""How long a call that is due may wait for its turn: shorter than the silence after which its decision gives it up."""

TRY_AGAIN = timedelta(seconds=5)
"""How long a call is put off when UIS names no moment."""

START = timedelta(seconds=2)
"""What the tick and the queue take: a call that is put off to less than this before its end would come too late."""


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
    if _planned().filter(quiet, pk=dial_id).update(rung_at=now):
        async_task("telephony.dialling.dial", dial_id)


def ring_due() -> None:
    """Start the task for calls that nobody has claimed: they were put off, a crash came between, the queue lost it."""
    for dial_id in _planned().values_list("pk", flat=True):
        ring(dial_id)


def dial(dial_id: int) -> None:
    """Ask UIS for a call. Runs as a task; may run twice, or never.

    1. Claim it: planned → sent, committed. Not ours: stop. Too old: stale, UIS is not asked.
    2. Ask UIS. From here on a crash leaves the outcome unknown.
    3. Note the answer and store it as an event, in one transaction; a call that is put off is planned again.
    """
    now = timezone.now()
    planned = _planned().filter(pk=dial_id)
    if planned.filter(Q(until__lt=now) | Q(due_at__lt=now - PROMPT)).update(state=Dial.State.FAILED, error="too late"):
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
        _save(claimed, state=Dial.State.ANSWERED, answer={"call_session_id": session_id}, error="")
        _tell(claimed, state=ANSWERED, call_session_id=session_id)


def _planned() -> QuerySet[Dial]:
    """The calls that UIS is to be asked for now."""
    return Dial.objects.filter(state=Dial.State.PLANNED, due_at__lte=timezone.now())


def _load(dial_id: int) -> Dial:
    return Dial.objects.select_related("communication__credential__portal").get(pk=dial_id)


def _note_error(claimed: Dial, error: UisError) -> None:
    """UIS has refused, for good or for now, or said nothing: the phone may be ringing then, the call stays `sent`."""
    again_at = _again_at(claimed, error)
    with translation.override(claimed.communication.portal.language):
        instruction = str(error.instruction)
    state, told = Dial.State.FAILED, REFUSED
    if error.outcome is Outcome.UNKNOWN:
        state, told = Dial.State.SENT, UNKNOWN
    elif again_at is not None:
        state, told = Dial.State.PLANNED, PUT_OFF
    with transaction.atomic():
        _save(claimed, state=state, error=str(error)[:500], due_at=again_at or claimed.due_at, rung_at=None)
        _tell(claimed, state=told, instruction=instruction, cause=error.mnemonic)


def _again_at(claimed: Dial, error: UisError) -> datetime | None:
    """When UIS may be asked again; None when it may have begun the call, never will, or not while it is fresh."""
    if error.outcome is not Outcome.NOT_SENT or error.is_permanent:
        return None
    again_at = error.retry_at or timezone.now() + TRY_AGAIN
    return again_at if again_at + START <= claimed.until else None


def _save(claimed: Dial, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(claimed, name, value)
    claimed.save(update_fields=list(changes))


def _tell(claimed: Dial, **told: Any) -> None:
    communication = claimed.communication
    about = {"kind": communication.kind, "external_id": communication.external_id}
    body = {"event": "dial", **about, "due_at": claimed.due_at.isoformat(), **told}
    inbox.receive(
        channel=communication.credential.channel,
        source=InboxEvent.Source.DIAL,
        lane=communication.portal.live_lane,
        query="",
        body=json.dumps(body, ensure_ascii=False).encode(),
    )
