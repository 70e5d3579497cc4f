"""What is observed → its communication: which one it is, what it learns, and when it is to be decided."""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from crm_bitrix.models import CrmAction
from integration.events import BadPayload
from integration.inbox import KINDS
from integration.models import Communication, Credential, State
from integration.reports import FIRST_AFTER
from integration.rules.observations import Observation, join, merge
from integration.withheld import is_kept

HOLD = timedelta(seconds=10)
"""How long a new communication that may be one we have asked UIS for waits for UIS's answer."""

REQUEST_OPEN = timedelta(minutes=2)
"""How long after a request of the portal UIS may still begin what was asked for."""

HELD = "ждёт, не его ли заказали из портала: ответ UIS на заказ ещё не пришёл"

_TAKEN_IN = frozenset(
    {"facts", "facts_rank", "direction", "client_phone", "client_keys", "started_at", "rank_at", "due_at"}
)


def begin(observed: Observation, credential: Credential, *, first_event: str) -> Communication:
    """The communication that UIS tells of for the first time, by this event; not saved."""
    return Communication(
        portal_id=credential.portal_id,
        credential=credential,
        kind=observed.kind,
        uis_id=observed.uis_id,
        first_event=first_event,
        started_at=observed.at,
        due_at=timezone.now(),
    )


def take_in(
    observed: Observation, credential: Credential, *, first_event: str, is_request: bool = False
) -> Communication:
    """Merge an observation into its communication, which begins with this event if it is new, and make that due,
    unless it tells nothing new."""
    communication, is_new = _place(observed, credential, first_event=first_event, is_request=is_request)
    if is_request and not is_new:
        return communication
    if fields := absorb(communication, observed):
        if is_new and hold_requested([communication]):
            fields |= {"state", "reason"}
        communication.save(update_fields=fields)
    return communication


def absorb(communication: Communication, observed: Observation) -> set[str]:
    """Merge an observation in and make the communication due; the fields that have changed, none if it tells nothing.

    One that may have been asked for (`hold_requested`) keeps its moment; one that is withheld or was passed by waits
    for an administrator.
    """
    facts, ranks = merge(communication.facts, communication.facts_rank, observed)
    if facts == communication.facts:
        return set()
    now = timezone.now()
    is_over = facts.get("end") != communication.facts.get("end")
    if is_over:
        communication.report_at = now + FIRST_AFTER  # over, perhaps once more: its report is to be asked for
    is_held = communication.reason == HELD and communication.state == State.WAITING
    communication.facts, communication.facts_rank = facts, ranks
    communication.direction = observed.direction or communication.direction
    communication.client_phone = observed.client_phone or communication.client_phone
    communication.client_keys = sorted({*communication.client_keys, *observed.client_keys})
    communication.started_at = min(communication.started_at, observed.at)
    communication.rank_at = now - timedelta(minutes=KINDS[observed.kind].urgency(facts))
    if not is_kept(communication):
        communication.due_at = max(communication.due_at or now, now) if is_held else now
    return {*_TAKEN_IN, "report_at"} if is_over else {*_TAKEN_IN}


def _place(
    observed: Observation, credential: Credential, *, first_event: str, is_request: bool
) -> tuple[Communication, bool]:
    """The communication that an observation belongs to, and whether it is new: by the id that we gave UIS with our
    request, else by UIS's own. Raises BadPayload for an answer to a request that we do not know."""
    same = Communication.objects.filter(credential=credential, kind=observed.kind)
    defaults = {
        "portal_id": credential.portal_id,
        "first_event": first_event,
        "started_at": observed.at,
        "due_at": timezone.now(),
    }
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


def hold_requested(begun: Iterable[Communication]) -> bool:
    """Let new communications that may be ones we have asked UIS for wait for UIS's answer; says whether any must.

    UIS's first word of a call that we have asked for names no id of ours, and may come before its answer.
    """
    told = [one for one in begun if one.uis_id and one.client_phone]
    if not told:
        return False
    now = timezone.now()
    requests = Communication.objects.filter(
        credential__in={one.credential_id for one in told},
        client_phone__in={one.client_phone for one in told},
        uis_id="",
        finished_at__isnull=True,
        started_at__gte=now - REQUEST_OPEN,
    ).exclude(external_id="")
    asked = list(requests)
    held = [one for one in told if any(_may_be(request, one) for request in asked)]
    for one in held:
        one.state, one.reason, one.due_at = State.WAITING, HELD, now + HOLD
    return bool(held)


def _may_be(request: Communication, told: Communication) -> bool:
    same = (request.credential_id, request.kind, request.client_phone)
    if same != (told.credential_id, told.kind, told.client_phone):
        return False
    return bool(KINDS[told.kind].may_be(request.facts, told.facts))
