"""First step of a round: unread events become facts of their communications.

Where an event comes from says who reads it: UIS and its reports tell of communications, the portal asks for calls, and
`dial` tells what UIS said to that. What was asked for and what UIS tells of it are one communication.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from crm_bitrix.call_requests import read_request
from crm_bitrix.events import read_event
from crm_bitrix.models import CrmAction
from crm_bitrix.php_form import BadForm
from crm_bitrix.serving import serving_credential
from integration.events import BadPayload, RawEvent, read_notification
from integration.inbox import KINDS, URGENT_EVENTS
from integration.models import Communication, Credential, InboxEvent, Portal, State
from integration.rules.observations import Observation, join, merge

AT_ONCE = 200
HOLD = timedelta(seconds=10)
"""How long a new communication that may be one we have asked UIS for waits for UIS's answer."""

REQUEST_OPEN = timedelta(minutes=2)
"""How long after a request of the portal UIS may still begin what was asked for."""

HELD = "ждёт, не его ли заказали из портала: ответ UIS на заказ ещё не пришёл"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Told:
    """What an event tells, and whose it is. `is_request`: it asks for something; asked again it changes nothing."""

    observed: Observation
    credential: Credential
    is_request: bool = False


def unread(portal: Portal) -> Q:
    """The events of a portal's channels that nobody has folded yet, as a condition."""
    channels = [f"b24:{portal.pk}", *(credential.channel for credential in portal.credentials.all())]
    return Q(channel__in=channels, folded_at__isnull=True)


def fold(portal: Portal) -> None:
    """Read the unread events of a portal, oldest first, each in its own transaction: one that cannot be read stays
    visible with its error, and the others go on."""
    credentials = {credential.channel: credential for credential in portal.credentials.all()}
    for event in InboxEvent.objects.filter(unread(portal)).order_by("id")[:AT_ONCE]:
        try:
            with transaction.atomic():
                fold_event(event, portal, credentials.get(event.channel))
        except Exception:
            log.exception("event %s cannot be folded", event.pk)
            _close(event, error="внутренняя ошибка при чтении, см. журнал сервера")


def fold_event(event: InboxEvent, portal: Portal, credential: Credential | None) -> None:
    """Take one event into its communication. `credential` is that of its channel, None for the portal's own."""
    try:
        told = _READERS[event.source](event, credential) if credential else _read_request(event, portal)
        if told is not None:
            event.communication = _take_in(told.observed, told.credential, is_request=told.is_request)
    except (BadPayload, BadForm) as error:
        _close(event, error=f"не читается: {error}")
        return
    _close(event, error="" if told else f"не поддерживается: {event.name or 'событие не названо'}")


def _read_told(event: InboxEvent, credential: Credential) -> Told | None:
    raw = _read_raw(event)
    observed = observe(raw, credential, received_at=event.received_at)
    return Told(observed, credential) if observed else None


def _read_answer(event: InboxEvent, credential: Credential) -> Told | None:
    raw = _read_raw(event)
    kind = KINDS.get(str(raw.payload.get("kind")))
    return Told(kind.parse_answer(raw, received_at=event.received_at), credential) if kind else None


def _read_raw(event: InboxEvent) -> RawEvent:
    raw = read_notification(event.query, bytes(event.body))
    event.name = raw.name[:60]
    return raw


_READERS: Mapping[str, Callable[[InboxEvent, Credential], Told | None]] = {
    InboxEvent.Source.UIS: _read_told,
    InboxEvent.Source.REPORT: _read_told,
    InboxEvent.Source.DIAL: _read_answer,
}


def _read_request(event: InboxEvent, portal: Portal) -> Told | None:
    """What the portal asks for, and which credential serves it. Raises BadForm, BadPayload."""
    told = read_event(bytes(event.body))
    event.name = told.name[:60]
    request = read_request(told, portal_id=portal.pk, received_at=event.received_at)
    if request is None:
        return None
    credential = serving_credential(portal, line=request.line, user_id=request.user_id)
    if credential is None:
        raise BadPayload("the portal has no credential of a UIS account that could serve it")
    return Told(KINDS[request.kind].parse_request(request), credential, is_request=True)


def observe(raw: RawEvent, credential: Credential, *, received_at: datetime) -> Observation | None:
    """What an event tells, None when we have no use for its kind. Raises BadPayload."""
    kind = KINDS.get(raw.kind)
    return kind.parse(raw, zone=credential.zone, received_at=received_at) if kind else None


def _close(event: InboxEvent, *, error: str = "") -> None:
    event.folded_at, event.error = timezone.now(), error[:500]
    event.save(update_fields=["name", "communication", "folded_at", "error"])


def _take_in(observed: Observation, credential: Credential, *, is_request: bool = False) -> Communication:
    """Merge an observation into its communication and make that due, unless it tells nothing new."""
    communication, is_new = _place(observed, credential, is_request=is_request)
    if is_request and not is_new:
        return communication
    facts, ranks = merge(communication.facts, communication.facts_rank, observed)
    if facts == communication.facts and not is_new:
        return communication
    now = timezone.now()
    if facts.get("end") != communication.facts.get("end"):
        communication.report_at = now  # over, perhaps once more: its report is to be asked for
    communication.facts, communication.facts_rank = facts, ranks
    communication.direction = observed.direction or communication.direction
    communication.client_phone = observed.client_phone or communication.client_phone
    communication.client_keys = sorted({*communication.client_keys, *observed.client_keys})
    communication.started_at = min(communication.started_at, observed.at)
    communication.rank_at = now - timedelta(minutes=KINDS[observed.kind].urgency(facts))
    communication.due_at = _held_until(communication, is_new=is_new, now=now) or now
    communication.save()
    return communication


def _place(observed: Observation, credential: Credential, *, is_request: bool) -> tuple[Communication, bool]:
    """The communication that an observation belongs to, and whether it is new: by the id that we gave UIS with our
    request, else by UIS's own. Raises BadPayload for an answer to a request that we do not know."""
    same = Communication.objects.filter(credential=credential, kind=observed.kind)
    defaults = {"portal": credential.portal, "started_at": observed.at}
    if is_request:
        return Communication.objects.get_or_create(
            external_id=observed.external_id,
            defaults={**defaults, "credential": credential, "kind": observed.kind},
        )
    asked = same.filter(external_id=observed.external_id).first() if observed.external_id else None
    if asked is not None and _is_one(asked, observed.uis_id):
        return asked, False
    if not observed.uis_id:
        raise BadPayload("it answers a request that is not known")
    return Communication.objects.get_or_create(
        credential=credential, kind=observed.kind, uis_id=observed.uis_id, defaults=defaults
    )


def _is_one(asked: Communication, uis_id: str) -> bool:
    """Say whether what was asked for is what UIS tells of by this id, and make it one if it is.

    What UIS told of it before we knew is taken over. If that has been carried over meanwhile it goes on by itself, and
    the request learns of it: two would be one too many.
    """
    if asked.uis_id or not uis_id:
        return uis_id in ("", asked.uis_id)
    other = Communication.objects.filter(credential=asked.credential_id, kind=asked.kind, uis_id=uis_id).first()
    if other is not None and other.actions.exclude(state=CrmAction.State.PLANNED).exists():
        if asked.facts.get("told_as") != uis_id:
            asked.facts = {**asked.facts, "told_as": uis_id}
            asked.due_at = timezone.now()
            asked.save(update_fields=["facts", "due_at"])
        return False
    if other is not None:
        asked.facts, asked.facts_rank = join(asked.facts, asked.facts_rank, other.facts, other.facts_rank)
        other.events.update(communication=asked)
        other.delete()
    asked.uis_id, asked.due_at = uis_id, timezone.now()
    asked.save(update_fields=["facts", "facts_rank", "uis_id", "due_at"])
    return True


def _held_until(communication: Communication, *, is_new: bool, now: datetime) -> datetime | None:
    """Until when a communication is not decided because it may be one that was asked for; None when it may not.

    UIS's first word of a call that we have asked for names no id of ours, and may come before its answer.
    """
    if communication.reason == HELD and communication.state == State.WAITING:
        return max(communication.due_at or now, now)
    if not (is_new and communication.uis_id and communication.client_phone):
        return None
    requests = Communication.objects.filter(
        credential=communication.credential_id,
        kind=communication.kind,
        client_phone=communication.client_phone,
        uis_id="",
        finished_at__isnull=True,
        started_at__gte=now - REQUEST_OPEN,
    ).exclude(external_id="")
    may_be = KINDS[communication.kind].may_be
    if not any(may_be(request.facts, communication.facts) for request in requests):
        return None
    communication.state, communication.reason = State.WAITING, HELD
    return now + HOLD


def has_urgent(portal: Portal) -> bool:
    """Say whether one of the newest unread events is about a ringing phone."""
    for event in InboxEvent.objects.filter(unread(portal)).order_by("-id")[:20]:
        try:
            if read_notification(event.query, bytes(event.body)).name in URGENT_EVENTS:
                return True
        except BadPayload:
            continue
    return False
