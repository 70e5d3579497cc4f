"""Which portals have work for their live lanes, and which of their communications that is."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Prefetch
from django.db.models.query import RawQuerySet
from django.utils import timezone

from crm_bitrix.models import CrmAction
from integration.models import Communication, Credential, InboxEvent, Portal
from integration.prepared import columns_of, prepared_cursor, prepared_rows

UNCERTAIN = timedelta(seconds=5)
"""How old an unknown outcome must be to be looked up: what the portal has done may not be found at once."""


_HAS_WORK = (
    "SELECT 1 FROM integration_portal p WHERE p.id = %s AND p.hold_reason = '' AND p.uninstalled_at IS NULL AND ("
    "EXISTS (SELECT 1 FROM integration_inboxevent e WHERE e.folded_at IS NULL AND (e.channel = %s OR e.channel IN "
    "(SELECT 'uis:' || c.id FROM integration_credential c WHERE c.portal_id = p.id))) "
    "OR EXISTS (SELECT 1 FROM integration_communication m WHERE m.portal_id = p.id AND m.due_at <= %s) "
    "OR EXISTS (SELECT 1 FROM crm_bitrix_crmaction a JOIN integration_communication m ON m.id = a.communication_id "
    "WHERE a.state = 'sent' AND a.sent_at <= %s AND m.portal_id = p.id))"
)
"""Asked after every round of a live lane: Django would take longer to write this than the database to answer it."""


_CANDIDATES = (
    f"SELECT {columns_of(Communication, table='m')} "  # noqa: S608 - made of constants
    "FROM integration_communication m WHERE m.portal_id = %s AND m.id IN ("
    "SELECT d.id FROM integration_communication d WHERE d.portal_id = %s AND d.due_at <= %s "
    "UNION SELECT a.communication_id FROM crm_bitrix_crmaction a WHERE a.state = 'sent') "
    "ORDER BY EXISTS (SELECT 1 FROM crm_bitrix_crmaction a WHERE a.state = 'sent' AND a.communication_id = m.id) DESC, "
    "m.rank_at LIMIT %s"
)
"""Likewise in every round."""


def candidates(portal_id: int, *, limit: int) -> RawQuerySet:
    """A portal's communications with an unknown outcome, due or not, then the due ones, each part by rank.

    Each has its actions, in their order, as `loaded_actions`.
    """
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    rows = prepared_rows(Communication, _CANDIDATES, [portal_id, portal_id, now, limit])
    return rows.prefetch_related(Prefetch("actions", CrmAction.objects.order_by("seq"), to_attr="loaded_actions"))


def due_portals(now: datetime, portal_id: int | None) -> set[int]:
    """The portals with unread events, due communications or outcomes to clear up, none of them on hold.

    With `portal_id` only whether that one is among them.
    """
    if portal_id is not None:
        return {portal_id} if _has_work(now, portal_id) else set()
    unread = InboxEvent.objects.filter(folded_at__isnull=True).order_by()
    channels = list(unread.values_list("channel", flat=True).distinct())
    due = set(_owners(channels, "b24"))
    due |= set(Credential.objects.filter(pk__in=_owners(channels, "uis")).values_list("portal_id", flat=True))
    communications = Communication.objects.filter(due_at__lte=now).order_by()
    due |= set(communications.values_list("portal_id", flat=True).distinct())
    uncertain = CrmAction.objects.filter(state=CrmAction.State.SENT, sent_at__lte=now - UNCERTAIN).order_by()
    due |= set(uncertain.values_list("communication__portal_id", flat=True).distinct())
    at_work = Portal.objects.filter(pk__in=due, hold_reason="", uninstalled_at__isnull=True)
    return set(at_work.values_list("pk", flat=True))


def _owners(channels: Iterable[str], side: str) -> Iterator[int]:
    return (int(owner) for name, _, owner in (channel.partition(":") for channel in channels) if name == side)


def _has_work(now: datetime, portal_id: int) -> bool:
    moments = [connection.ops.adapt_datetimefield_value(moment) for moment in (now, now - UNCERTAIN)]
    with prepared_cursor(connection) as cursor:
        cursor.execute(_HAS_WORK, [portal_id, f"b24:{portal_id}", *moments])
        return cursor.fetchone() is not None
