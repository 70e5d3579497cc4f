"""What the figures of a UIS account say is wrong: looked at once an hour, right after UIS has been asked for its own.

gap               a day that is settled has fewer communications here than in UIS
no_notifications  calls are known from reports only: UIS has stopped telling of them
failures          many of today's communications ended with an error
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import Max, Min

from integration import alerts, completeness
from integration.alerts import Trouble
from integration.completeness import DayFigures
from integration.models import Communication, Credential, InboxEvent
from integration.notifications import last_received

CODES = ("gap", "no_notifications", "failures")
SILENCE = timedelta(hours=3)
REPORTED_AFTER = timedelta(minutes=20)
"""A call may still go on, or its notification be on its way."""

FEWEST_FAILED = 5
FAILED_PART = 20
"""One of so many failed is many."""


def look(credential: Credential, now: datetime) -> None:
    """Bring the alerts of a credential on its figures up to date."""
    today = now.astimezone(credential.zone).date()
    figures = completeness.figures(credential, since=today - timedelta(days=completeness.DAYS_BACK), till=today)
    found = (*_gaps(credential, figures, now), *_silence(credential, now), *_failures(credential, figures, now))
    alerts.settle(found, codes=CODES, subject=alerts.subject_of(credential))


def _gaps(credential: Credential, figures: Sequence[DayFigures], now: datetime) -> Iterator[Trouble]:
    short = [one for one in figures if one.missing and _is_settled(credential, one, now)]
    if short:
        detail = ", ".join(f"{one.day:%d.%m}: {one.told} / {one.in_uis}" for one in short)
        yield Trouble("gap", credential.portal, credential, detail=detail)


def _is_settled(credential: Credential, one: DayFigures, now: datetime) -> bool:
    return now >= completeness.day_bounds(credential, one.day)[1] + completeness.SETTLED_AFTER


def _silence(credential: Credential, now: datetime) -> Iterator[Trouble]:
    """Calls began in these hours, and no notification came since before the first of them."""
    calls = Communication.objects.filter(
        portal=credential.portal,
        credential=credential,
        kind="call",
        started_at__gt=now - SILENCE,
        started_at__lt=now - REPORTED_AFTER,
    )
    first = calls.aggregate(first=Min("started_at"))["first"]
    if first is None:
        return
    unread = InboxEvent.objects.filter(
        channel=credential.channel, source=InboxEvent.Source.UIS, folded_at__isnull=True
    ).aggregate(last=Max("received_at"))["last"]
    last = max(filter(None, (unread, *last_received(credential).values())), default=None)
    if last is None or last < first - REPORTED_AFTER:
        yield Trouble("no_notifications", credential.portal, credential, since=last or first)


def _failures(credential: Credential, figures: Sequence[DayFigures], now: datetime) -> Iterator[Trouble]:
    today = now.astimezone(credential.zone).date()
    failed = sum(one.failed for one in figures if one.day == today)
    received = sum(one.received for one in figures if one.day == today)
    if failed >= FEWEST_FAILED and failed * FAILED_PART >= received:
        yield Trouble("failures", credential.portal, credential, detail=f"{failed} / {received}")
