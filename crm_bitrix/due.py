"""Which portals have work for their live lanes."""

from datetime import datetime, timedelta

from django.db.models import CharField, Exists, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from crm_bitrix.models import CrmAction
from integration.models import Communication, Credential, InboxEvent, Portal

UNCERTAIN = timedelta(seconds=5)
"""How old an unknown outcome must be to be looked up: what the portal has done may not be found at once."""


def due_portals(now: datetime, portal_id: int | None) -> set[int]:
    """The portals with unread events, due communications or outcomes to clear up, none of them on hold.

    With `portal_id` only whether that one is among them.
    """
    portals = Portal.objects.filter(hold_reason="", uninstalled_at__isnull=True)
    unread = InboxEvent.objects.filter(folded_at__isnull=True).order_by()
    if portal_id is not None:
        own = Credential.objects.filter(portal=portal_id).annotate(
            own_channel=Concat(Value("uis:"), Cast("pk", CharField()))
        )
        its_unread = unread.filter(Q(channel=f"b24:{portal_id}") | Q(channel__in=own.values("own_channel")))
        wanted = portals.filter(pk=portal_id)
        is_due = Exists(its_unread) | Exists(_due(now, portal_id)) | Exists(_uncertain(now, portal_id))
        return set(wanted.filter(is_due).values_list("pk", flat=True))
    channels = set(unread.values_list("channel", flat=True).distinct())
    owners = portals.values_list("pk", "credentials__pk")
    due = {portal for portal, credential in owners if {f"b24:{portal}", f"uis:{credential}"} & channels}
    due |= set(_due(now, portals).values_list("portal_id", flat=True).distinct())
    return due | set(_uncertain(now, portals).values_list("communication__portal_id", flat=True).distinct())


def _due(now: datetime, portals: QuerySet[Portal] | int) -> QuerySet[Communication]:
    return Communication.objects.filter(_of("portal", portals), due_at__lte=now).order_by()


def _uncertain(now: datetime, portals: QuerySet[Portal] | int) -> QuerySet[CrmAction]:
    old = CrmAction.objects.filter(state=CrmAction.State.SENT, sent_at__lte=now - UNCERTAIN)
    return old.filter(_of("communication__portal", portals)).order_by()


def _of(name: str, portals: QuerySet[Portal] | int) -> Q:
    return Q(**{name: portals}) if isinstance(portals, int) else Q(**{f"{name}__in": portals})
