"""First step of a round: unread events become facts of their communications."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integration.events import BadPayload, RawEvent, read_notification
from integration.inbox import KINDS, URGENT_EVENTS
from integration.models import Communication, Credential, InboxEvent, Portal
from integration.rules.observations import Observation, merge

AT_ONCE = 200

log = logging.getLogger(__name__)


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
                fold_event(event, credentials[event.channel])
        except Exception:
            log.exception("event %s cannot be folded", event.pk)
            _close(event, error="внутренняя ошибка при чтении, см. журнал сервера")


def fold_event(event: InboxEvent, credential: Credential) -> None:
    """Take one event into its communication."""
    try:
        raw = read_notification(event.query, bytes(event.body))
        event.name = raw.name[:60]
        observed = observe(raw, credential, received_at=event.received_at)
    except BadPayload as error:
        _close(event, error=f"не читается: {error}")
        return
    if observed is None:
        _close(event, error=f"не поддерживается: {raw.name or 'событие не названо'}")
        return
    event.communication = _take_in(observed, credential)
    _close(event)


def observe(raw: RawEvent, credential: Credential, *, received_at: datetime) -> Observation | None:
    """What an event tells, None when we have no use for its kind. Raises BadPayload."""
    kind = KINDS.get(raw.kind)
    return kind.parse(raw, zone=credential.zone, received_at=received_at) if kind else None


def _close(event: InboxEvent, *, error: str = "") -> None:
    event.folded_at, event.error = timezone.now(), error[:500]
    event.save(update_fields=["name", "communication", "folded_at", "error"])


def _take_in(observed: Observation, credential: Credential) -> Communication:
    """Merge an observation into its communication and make that due, unless it tells nothing new."""
    communication, is_new = Communication.objects.get_or_create(
        credential=credential,
        kind=observed.kind,
        uis_id=observed.uis_id,
        defaults={"portal": credential.portal, "started_at": observed.at},
    )
    facts, ranks = merge(communication.facts, communication.facts_rank, observed)
    if facts == communication.facts and not is_new:
        return communication
    now = timezone.now()
    communication.facts, communication.facts_rank = facts, ranks
    communication.direction = observed.direction or communication.direction
    communication.client_phone = observed.client_phone or communication.client_phone
    communication.client_keys = sorted({*communication.client_keys, *observed.client_keys})
    communication.started_at = min(communication.started_at, observed.at)
    communication.due_at = now
    communication.rank_at = now - timedelta(minutes=KINDS[observed.kind].urgency(facts))
    communication.save()
    return communication


def has_urgent(portal: Portal) -> bool:
    """Say whether one of the newest unread events is about a ringing phone."""
    for event in InboxEvent.objects.filter(unread(portal)).order_by("-id")[:20]:
        try:
            if read_notification(event.query, bytes(event.body)).name in URGENT_EVENTS:
                return True
        except BadPayload:
            continue
    return False
