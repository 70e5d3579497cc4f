"""Forgetting a client, and erasing all clients of a portal: what a person may ask for, and the law grants him.

What was told of him is taken out of the rows, and the rows stay: they prove that nothing was lost, and the hash of a
notification keeps its repetition from bringing the data back. What is in the CRM is the portal's own.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop

from integration import lanes
from integration.models import ClientLink, Communication, InboxEvent, Lane, Portal
from integration.rules.phones import phone_digits

FORGOTTEN = gettext_noop("данные клиента удалены")
LEAST_DIGITS = 10
"""So many last digits of a number are looked for in bodies that belong to no communication."""

_PARTS = ("crm_bitrix.CrmAction", "telephony.Record", "telephony.Dial")
_QUESTIONS = "telephony.RoutingQuestion"


class LaneTaken(Exception):
    """The lane of a portal is at work and would write back what is erased: try again in a moment."""


def forget_phone(portal: Portal, phone: str, *, is_tried: bool = False) -> dict[str, int]:
    """Forget the client with this number (E.164) on a portal; how much there was of what. All of it or nothing.

    `is_tried`: only count. Raises LaneTaken.
    """
    with _still(portal), transaction.atomic():
        keys = f'"phone:{phone}"'
        rows = Communication.objects.filter(portal=portal)
        rows = rows.filter(Q(client_phone=phone) | Q(client_keys__icontains=keys))
        loose = [event.pk for event in _loose(portal) if _mentions(event, phone)]
        counts = _forget(rows, InboxEvent.objects.filter(pk__in=loose))
        counts["links"], _ = ClientLink.objects.filter(portal=portal, key=f"phone:{phone}").delete()
        questions = apps.get_model(_QUESTIONS).objects.filter(credential__portal=portal, phone=phone)
        counts["questions"], _ = questions.delete()
        transaction.set_rollback(is_tried)
    return counts


def forget_everybody(portal: Portal) -> dict[str, int]:
    """Forget all clients of a portal; settings, secrets and dictionaries stay. Raises LaneTaken."""
    with _still(portal), transaction.atomic():
        counts = _forget(Communication.objects.filter(portal=portal), _loose(portal))
        counts["links"], _ = ClientLink.objects.filter(portal=portal).delete()
        counts["questions"], _ = apps.get_model(_QUESTIONS).objects.filter(credential__portal=portal).delete()
    return counts


@contextmanager
def _still(portal: Portal) -> Iterator[None]:
    """Keep the lane of a portal from working meanwhile."""
    Lane.objects.get_or_create(name=portal.live_lane)
    lane = lanes.acquire(portal.live_lane, is_paused_too=True)
    if lane is None:
        raise LaneTaken(f"the lane {portal.live_lane} is at work")
    try:
        yield
    finally:
        lanes.release(lane)


def _loose(portal: Portal) -> QuerySet[InboxEvent]:
    """Events of a portal that belong to no communication."""
    channels = [f"b24:{portal.pk}", *(credential.channel for credential in portal.credentials.all())]
    return InboxEvent.objects.filter(channel__in=channels, communication__isnull=True)


def _mentions(event: InboxEvent, phone: str) -> bool:
    text = event.query + bytes(event.body or b"").decode(errors="replace")
    return phone_digits(phone)[-LEAST_DIGITS:] in "".join(filter(str.isdigit, text))


def _forget(rows: QuerySet[Communication], loose: QuerySet[InboxEvent]) -> dict[str, int]:
    ids = list(rows.values_list("pk", flat=True))
    counts = {}
    for name in _PARTS:
        model = apps.get_model(name)
        counts[model._meta.model_name or name], _ = model._base_manager.filter(communication__in=ids).delete()
    told = InboxEvent.objects.filter(communication__in=ids) | loose.filter(communication__isnull=True)
    counts["events"] = told.update(body=b"", query="")
    counts["communications"] = Communication.objects.filter(pk__in=ids).update(
        client_phone="",
        client_keys=[],
        facts={},
        facts_rank={},
        trace=[],
        due_at=None,
        report_at=None,
        reason=FORGOTTEN,
    )
    return counts
