"""First step of a round: unread events become facts of their communications.

Where an event comes from says who reads it: UIS and its reports tell of communications, the portal asks for calls, and
`dial` tells what UIS said to that. What was asked for and what UIS tells of it are one communication.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from crm_bitrix.call_requests import read_request
from crm_bitrix.events import read_event
from crm_bitrix.php_form import BadForm
from crm_bitrix.serving import serving_credential
from crm_bitrix.taking_in import absorb, begin, hold_requested, take_in
from crm_bitrix.work import is_urgent
from integration.country import country_of
from integration.events import BadPayload, RawEvent, read_notification
from integration.inbox import KINDS, URGENT_EVENTS
from integration.many import insert_all, update_each
from integration.models import Communication, Credential, InboxEvent, Portal
from integration.prepared import prepared_cursor
from integration.rules.document import DEFAULT_COUNTRY
from integration.rules.observations import Observation
from integration.tracing import trace_id

AT_ONCE, IN_A_ROUND = 200, 2000
LOOKED_AT = 20

_Key = tuple[int, str, str]
_Closed = tuple[InboxEvent, Communication | None, str]

_ANY_UNREAD = "SELECT 1 FROM integration_inboxevent WHERE folded_at IS NULL AND channel IN ({}) LIMIT 1"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Told:
    """What an event tells, and whose it is. `is_request`: it asks for something; asked again it changes nothing."""

    observed: Observation
    credential: Credential
    is_request: bool = False


def channels_of(portal_id: int) -> tuple[Portal, dict[str, Credential | None]]:
    """A portal and the channels whose events are its own, each with its credential; None for what it tells itself."""
    credentials = list(Credential.objects.select_related("portal").filter(portal=portal_id))
    portal = credentials[0].portal if credentials else Portal.objects.get(pk=portal_id)
    for credential in credentials:
        credential.portal = portal
    return portal, {f"b24:{portal_id}": None, **{credential.channel: credential for credential in credentials}}


def _unread(channels: Iterable[str]) -> QuerySet[InboxEvent]:
    return InboxEvent.objects.filter(channel__in=list(channels), folded_at__isnull=True)


def fold(portal: Portal, channels: Mapping[str, Credential | None]) -> None:
    """Read the unread events of these channels, as many as a round bears; the order of events is of no account.

    The newest come first: behind a backlog nobody's card waits for what is over already. Once a phone rings the rest
    is left to the next round.
    """
    for _ in range(IN_A_ROUND // AT_ONCE):
        events = list(_unread(channels).order_by("-id")[:AT_ONCE])
        rings = _fold(portal, channels, events[::-1])
        if rings or len(events) < AT_ONCE:
            return


def _fold(portal: Portal, channels: Mapping[str, Credential | None], events: Sequence[InboxEvent]) -> bool:
    """Take events in; say whether one tells of a ringing phone.

    1. What UIS tells is taken in together, in one transaction: an event costs no query of its own.
    2. What has to do with a request of the portal's – and everything, if the first step goes wrong – is taken in one
       by one, each in its own transaction: one that cannot be read stays visible with its error, the others go on.
    """
    closed: list[_Closed] = []
    try:
        with transaction.atomic():
            closed = _fold_together(events, channels)
    except Exception:
        log.exception("%s events cannot be folded together", len(events))
    taken = {event.pk for event, _communication, _error in closed}
    for event in events:
        if event.pk not in taken:
            _fold_alone(event, portal, channels[event.channel])
    return any(is_urgent(communication) for _event, communication, _error in closed if communication)


def _fold_alone(event: InboxEvent, portal: Portal, credential: Credential | None) -> None:
    try:
        with transaction.atomic():
            fold_event(event, portal, credential)
    except Exception:
        log.exception("event %s cannot be folded", event.pk)
        _close_together([(event, None, "внутренняя ошибка при чтении, см. журнал сервера")])


def _fold_together(events: Sequence[InboxEvent], channels: Mapping[str, Credential | None]) -> list[_Closed]:
    """Take in what UIS tells of communications that nobody has asked for; the events that are read now."""
    told = [(event, *_read(event, credential)) for event in events if (credential := _plain(event, channels))]
    known = _known(tuple(one for _event, one, _error in told if one))
    begun: dict[_Key, Communication] = {}
    changed: dict[_Key, set[str]] = {}
    closed: list[_Closed] = [(event, None, error) for event, one, error in told if one is None]
    for event, one, _error in told:
        if one is None:
            continue
        key = _key_of(one)
        communication = known.get(key) or begun.get(key)
        its_request = communication.external_id if communication else ""
        if not one.observed.uis_id or one.observed.external_id not in ("", its_request):
            continue
        if communication is None:
            first_event = trace_id(event.dedupe_key)
            communication = begun[key] = begin(one.observed, one.credential, first_event=first_event)
        changed.setdefault(key, set()).update(absorb(communication, one.observed))
        closed.append((event, communication, ""))
    hold_requested(begun.values())
    insert_all(list(begun.values()))
    _save_changed((known[key], changed[key]) for key in changed.keys() & known.keys())
    _close_together(closed)
    return closed


def _save_changed(changed: Iterable[tuple[Communication, set[str]]]) -> None:
    """Save these fields of communications; those that have changed in the same ones together."""
    alike: dict[frozenset[str], list[Communication]] = {}
    for communication, fields in changed:
        alike.setdefault(frozenset(fields), []).append(communication)
    for fields, communications in alike.items():
        if fields:
            values = [({"id": one.pk}, {name: getattr(one, name) for name in fields}) for one in communications]
            update_each(Communication, values)


def _plain(event: InboxEvent, channels: Mapping[str, Credential | None]) -> Credential | None:
    """The credential of an event that UIS sent; None for what the portal asked for and what UIS said to that."""
    return channels[event.channel] if event.source in (InboxEvent.Source.UIS, InboxEvent.Source.REPORT) else None


def _key_of(told: Told) -> _Key:
    return told.credential.pk, told.observed.kind, told.observed.uis_id


def _known(told: Sequence[Told]) -> dict[_Key, Communication]:
    """The communications that are told of and stored already, in one query; nobody else changes them meanwhile."""
    keys = {_key_of(one) for one in told if one.observed.uis_id}
    if not keys:
        return {}
    owners, kinds, ids = map(set, zip(*keys, strict=True))
    rows = Communication.objects.select_for_update().order_by("pk").exclude(uis_id="")
    stored = rows.filter(credential__in=owners, kind__in=kinds, uis_id__in=ids)
    return {(one.credential_id, one.kind, one.uis_id): one for one in stored}


def fold_event(event: InboxEvent, portal: Portal, credential: Credential | None) -> None:
    """Take one event into its communication. `credential` is that of its channel, None for the portal's own."""
    told, error = _read(event, credential) if credential else _read_request(event, portal)
    communication = None
    if told is not None:
        try:
            communication = take_in(
                told.observed,
                told.credential,
                first_event=trace_id(event.dedupe_key),
                is_request=told.is_request,
            )
        except BadPayload as unknown:
            error = f"не читается: {unknown}"
    _close_together([(event, communication, error)])


def _read(event: InboxEvent, credential: Credential) -> tuple[Told | None, str]:
    """What an event of UIS's tells, else why it tells us nothing."""
    return _explained(event, lambda: _READERS[event.source](event, credential))


def _explained(event: InboxEvent, read: Callable[[], Told | None]) -> tuple[Told | None, str]:
    try:
        told = read()
    except (BadPayload, BadForm) as error:
        return None, f"не читается: {error}"
    return told, "" if told else f"не поддерживается: {event.name or 'событие не названо'}"


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


def _read_request(event: InboxEvent, portal: Portal) -> tuple[Told | None, str]:
    """What the portal asks for and which credential serves it, else why nothing is done."""
    return _explained(event, lambda: _requested(event, portal))


def _requested(event: InboxEvent, portal: Portal) -> Told | None:
    told = read_event(bytes(event.body))
    event.name = told.name[:60]
    read = partial(read_request, told, portal_id=portal.pk, received_at=event.received_at)
    request = read(country=DEFAULT_COUNTRY)
    if request is None:
        return None
    credential = serving_credential(portal, line=request.line, user_id=request.user_id)
    if credential is None:
        raise BadPayload("the portal has no credential of a UIS account that could serve it")
    known = read(country=country_of(credential))
    return Told(KINDS[request.kind].parse_request(known), credential, is_request=True)


def observe(raw: RawEvent, credential: Credential, *, received_at: datetime) -> Observation | None:
    """What an event tells, None when we have no use for its kind. Raises BadPayload."""
    kind = KINDS.get(raw.kind)
    if kind is None:
        return None
    observed: Observation = kind.parse(
        raw, zone=credential.zone, country=country_of(credential), received_at=received_at
    )
    return observed


def _close_together(closed: Sequence[_Closed]) -> None:
    """Note which communication events belong to, or why they belong to none."""
    now = timezone.now()
    for event, communication, error in closed:
        event.communication_id, event.folded_at = communication.pk if communication else None, now
        event.error = error[:500]
    read = ("name", "communication_id", "folded_at", "error")
    values = [({"id": event.pk}, {name: getattr(event, name) for name in read}) for event, _, _ in closed]
    update_each(InboxEvent, values, lazy=True)
    for event, communication, error in closed:
        about = {"trace": trace_id(event.dedupe_key), "channel": event.channel, "event": event.name}
        log.info("read", extra=about | {"communication": communication.pk if communication else 0, "error": error})


def has_urgent(channels: Collection[str]) -> bool:
    """Say whether one of the newest unread events of these channels is about a ringing phone."""
    if not _is_any_unread(channels):
        return False
    for query, body in _unread(channels).order_by("-id").values_list("query", "body")[:LOOKED_AT]:
        try:
            if read_notification(query, bytes(body)).name in URGENT_EVENTS:
                return True
        except BadPayload:
            continue
    return False


def _is_any_unread(channels: Collection[str]) -> bool:
    """Asked before every request, and answered no as a rule."""
    places = ", ".join(["%s"] * len(channels))
    with prepared_cursor(connection) as cursor:
        cursor.execute(_ANY_UNREAD.format(places), [*channels])
        return cursor.fetchone() is not None
