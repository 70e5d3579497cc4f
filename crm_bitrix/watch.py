"""What is wrong now, looked for once a minute: by the tick, and by the queue's own schedule should the tick be down.

Everything is read from rows, in a few queries however many portals there are; `integration.alerts` opens what is new
and ends what is over. Telling takes time and goes through the queue. When that is what stands still, the staff are
written to from here.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from django.apps import apps
from django.db.models import Count, Min
from django.utils import timezone
from django_q.tasks import async_task

from crm_bitrix import heartbeat, telling
from integration import alerts
from integration.alerts import Trouble
from integration.models import Communication, Lane, Portal, ReportCursor

NAME = "watch"
EVERY = timedelta(minutes=1)
BLIND = timedelta(minutes=3)
"""After a pause this long the whole service was down: who is silent now has only just been started."""

SILENT = timedelta(minutes=2)
AWAY_FAILURES = 7
"""Failures in a row after which a portal counts as away: about ten minutes."""

LATE = timedelta(minutes=30)
LAMENTED = timedelta(days=7)
"""How long after a call people are told that its recording was given up; its transfer is tried for three days."""

HOLDS: Mapping[str, str] = {
    "invalid_grant": "token",
    "authorization_error": "token",
    "expired_token": "token",
    "invalid_token": "token",
    "no_auth_found": "token",
    "error_oauth": "token",
    "foreign_token": "token",
    "payment_required": "payment",
    "access_denied": "access_denied",
    "user_access_error": "access_denied",
    "portal_deleted": "not_installed",
    "not_installed": "not_installed",
    "application_not_found": "not_installed",
    "overload_limit": "overload",
    "invalid_client": "wrong_client",
    "wrong_client": "wrong_client",
    "bad_server": "wrong_client",
    "by_hand": "held_by_hand",
}
"""Why a portal is on hold → the cause people are told. Another code is the cause `held`."""

UIS: Mapping[str, tuple[str, timedelta]] = {
    "access_token_expired": ("uis_key", timedelta()),
    "access_token_blocked": ("uis_key", timedelta()),
    "access_token_invalid": ("uis_key", timedelta()),
    "auth_error": ("uis_key", timedelta()),
    "account_inactive": ("uis_account", timedelta()),
    "ip_not_whitelisted": ("uis_ip", timedelta()),
    "limit_exceeded": ("uis_points", timedelta(hours=1)),
    "internal_error": ("uis_away", LATE),
    "no_answer": ("uis_away", LATE),
    "unreadable_answer": ("uis_away", LATE),
    "short_read": ("uis_away", LATE),
}
"""Why a poll of UIS fails → the cause, and how long it must have failed. Another mnemonic is `uis_refused`."""

CODES = {
    *HOLDS.values(),
    *(cause for cause, _patience in UIS.values()),
    *("held", "uninstalled", "portal_away", "queue_late", "uis_refused", "records"),
}
SERVICE_CODES = {heartbeat.HEARTBEAT: "worker_stopped", heartbeat.TICK: "tick_stopped"}


def look_if_due() -> None:
    """Look once a minute, whoever asks; the row of the lanes' table named `watch` remembers when."""
    now = timezone.now()
    row = Lane.objects.filter(name=NAME).first() or Lane.objects.get_or_create(name=NAME)[0]
    if row.rung_at is not None and row.rung_at > now - EVERY:
        return
    if Lane.objects.filter(name=NAME, rung_at=row.rung_at).update(rung_at=now):
        look(now, previous=row.rung_at)


def look(now: datetime, *, previous: datetime | None) -> None:
    """Bring the ledger of troubles up to date, and see to it that people are told."""
    alerts.settle([*_holds(), *_slow(now), *_uis(now), *_records(now)], codes=CODES)
    if previous is not None and previous > now - BLIND:
        alerts.settle(_silent(now), codes=SERVICE_CODES.values(), subject=alerts.SERVICE)
    to_mail = alerts.to_mail(now)
    if any(alert.code == "worker_stopped" for alert in to_mail):
        telling.mail(to_mail)
    elif to_mail or alerts.to_notify(now):
        async_task("crm_bitrix.telling.tell")


def _holds() -> Iterator[Trouble]:
    portals = Portal.objects.defer("access_token", "refresh_token", "application_token")
    for portal in portals.exclude(hold_reason="").filter(uninstalled_at__isnull=True):
        code = HOLDS.get(portal.hold_code, "held")
        yield Trouble(code, portal, detail=portal.hold_reason, since=portal.hold_since)
    for portal in portals.filter(uninstalled_at__isnull=False):
        yield Trouble("uninstalled", portal, since=portal.uninstalled_at)


def _slow(now: datetime) -> Iterator[Trouble]:
    """Portals that do not answer, and those whose work is late although they do."""
    names = Lane.objects.filter(failures__gte=AWAY_FAILURES, name__endswith=":live").values_list("name", flat=True)
    away = {int(name.split(":")[1]) for name in names}
    late = Communication.objects.filter(due_at__lt=now - LATE).order_by().values("portal_id")
    since = {row["portal_id"]: row["since"] for row in late.annotate(since=Min("due_at"))}
    working = Portal.objects.filter(hold_reason="", uninstalled_at__isnull=True, pk__in={*away, *since})
    for portal in working:
        if portal.pk in away:
            yield Trouble("portal_away", portal)
        else:
            yield Trouble("queue_late", portal, since=since[portal.pk])


def _uis(now: datetime) -> Iterator[Trouble]:
    """Accounts whose polls fail. What the white list refuses is told with the address that UIS named."""
    failing = ReportCursor.objects.exclude(code="").filter(credential__portal__uninstalled_at__isnull=True)
    for cursor in failing.select_related("credential__portal").order_by("pk"):
        code, patience = UIS.get(cursor.code, ("uis_refused", timedelta()))
        since = cursor.failing_since or now
        if since <= now - patience:
            detail = cursor.error if code in ("uis_ip", "uis_refused") else ""
            yield Trouble(code, cursor.credential.portal, cursor.credential, detail=detail, since=since)


def _records(now: datetime) -> Iterator[Trouble]:
    """Portals with recordings that were given up for good."""
    lost = apps.get_model("telephony.Record").objects.filter(
        state="failed",
        communication__started_at__gt=now - LAMENTED,
        communication__portal__uninstalled_at__isnull=True,
    )
    counts = dict(lost.order_by().values_list("communication__portal").annotate(n=Count("pk")))
    for portal in Portal.objects.filter(pk__in=counts).order_by("pk"):
        yield Trouble("records", portal, detail=str(counts[portal.pk]))


def _silent(now: datetime) -> Iterator[Trouble]:
    for name, rung_at in Lane.objects.filter(name__in=SERVICE_CODES).values_list("name", "rung_at"):
        if rung_at is not None and rung_at < now - SILENT:
            yield Trouble(SERVICE_CODES[name], since=rung_at)
