"""The ledger of troubles: what is noticed is written down once, and ends by itself when it is not seen any more.

Whoever looks after a set of causes says what he sees now; the ledger makes its open rows equal to that. So nothing
needs to remember to clear an alert. What is sent to whom is decided here and done by `crm_bitrix.telling`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from integration.alert_causes import CAUSES, Cause
from integration.models import Alert, Credential, Portal

AGAIN = timedelta(days=1)
"""So long nobody is told of the same cause again."""

TOLD_LATE = timedelta(days=7)
"""So long after its end a trouble that a portal could not be told of is still news there."""

SERVICE = "service"
SECRETS = ("portal__access_token", "portal__refresh_token", "portal__application_token", "credential__uis_key")
"""Columns that cost a decryption each, and that nobody needs to tell of a trouble."""


@dataclass(frozen=True)
class Trouble:
    """A cause that is seen now; without a portal it is the service's own. `since` None: it is noticed now."""

    code: str
    portal: Portal | None = None
    credential: Credential | None = None
    detail: str = ""
    since: datetime | None = None

    @property
    def subject(self) -> str:
        if self.credential is not None:
            return subject_of(self.credential)
        return subject_of(self.portal) if self.portal is not None else SERVICE


def subject_of(owner: Portal | Credential) -> str:
    """The subject of alerts on a portal or a credential."""
    return f"{owner._meta.model_name}:{owner.pk}"


def settle(troubles: Iterable[Trouble], *, codes: Collection[str], subject: str = "") -> None:
    """Make the open alerts of these causes – with `subject` only its own – what is seen now.

    New ones are opened, the others resolved. May run twice at once: of two equal alerts the second is not stored.
    """
    seen: dict[tuple[str, str], Trouble] = {}
    for trouble in troubles:
        seen.setdefault((trouble.subject, trouble.code), trouble)
    rows = Alert.objects.filter(code__in=codes, resolved_at__isnull=True)
    rows = rows.filter(subject=subject) if subject else rows
    standing = {(row.subject, row.code): row for row in rows}
    over = [row.pk for key, row in standing.items() if key not in seen]
    if over:
        Alert.objects.filter(pk__in=over).update(resolved_at=timezone.now())
    for key, trouble in seen.items():
        if key not in standing:
            _open(trouble)
        elif standing[key].detail != trouble.detail[:1000]:
            Alert.objects.filter(pk=standing[key].pk).update(detail=trouble.detail[:1000])


def _open(trouble: Trouble) -> None:
    try:
        with transaction.atomic():
            Alert.objects.create(
                subject=trouble.subject,
                portal=trouble.portal,
                credential=trouble.credential,
                code=trouble.code,
                detail=trouble.detail[:1000],
                since=trouble.since or timezone.now(),
            )
    except IntegrityError:
        pass  # another process has seen it in the same moment


def expire(code: str) -> None:
    """End news of this kind that have stood for a day."""
    old = Alert.objects.filter(code=code, resolved_at__isnull=True, since__lt=timezone.now() - AGAIN)
    old.update(resolved_at=timezone.now())


def open_alerts(portal: Portal) -> list[Alert]:
    """What is wrong with a portal now and concerns its administrators: first what stops everything, then the oldest."""
    rows = Alert.objects.filter(portal=portal, resolved_at__isnull=True).select_related("portal", "credential")
    concerning = [row for row in rows if row.cause.is_for_portal]
    return sorted(concerning, key=lambda row: (not row.cause.stops, row.since))


def to_mail(now: datetime) -> list[Alert]:
    """The alerts the staff have to be written to about: new ones, old ones once a day, and those that are over."""
    return [row for row in _recent(now) if _is_due(row, "mailed_at", now)]


def to_notify(now: datetime) -> list[Alert]:
    """The alerts the administrators of portals that can be reached have to be told of; see `to_mail`."""
    reachable = Q(portal__isnull=False, portal__hold_reason="", portal__uninstalled_at__isnull=True)
    codes = [code for code, cause in CAUSES.items() if cause.is_for_portal]
    rows = _recent(now).filter(reachable, code__in=codes)
    return [row for row in rows if _is_due(row, "notified_at", now)]


def _recent(now: datetime) -> QuerySet[Alert]:
    rows = Alert.objects.filter(Q(resolved_at__isnull=True) | Q(resolved_at__gt=now - TOLD_LATE))
    return rows.select_related("portal", "credential").defer(*SECRETS).order_by("pk")


def _is_due(row: Alert, channel: str, now: datetime) -> bool:
    told_at = getattr(row, channel)
    if row.resolved_at is None:
        if told_at is not None:
            return row.cause.reminds and told_at <= now - AGAIN
        is_possible = row.cause.is_reachable or channel == "mailed_at"
        return is_possible and not _was_told(row, channel, now)
    if told_at is None:
        return _could_not_be_told(row.cause, channel) and not _was_told(row, channel, now)
    return row.cause.has_end and told_at < row.resolved_at


def _could_not_be_told(cause: Cause, channel: str) -> bool:
    """A portal that was out of reach hears afterwards what the matter was."""
    return channel == "notified_at" and not cause.is_reachable


def _was_told(row: Alert, channel: str, now: datetime) -> bool:
    """Say whether the same trouble was told a short while ago: one that comes and goes must not ring every minute."""
    same = Alert.objects.filter(subject=row.subject, code=row.code, **{f"{channel}__gt": now - AGAIN})
    return same.exclude(pk=row.pk).exists()
