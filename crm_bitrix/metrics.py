"""What a monitoring system reads at /metrics: figures of the rows as they stand, the same from every web process.

Cheap on purpose: every query is bounded, by a partial index or by the newest rows, and no figure has a label per
portal, so that ten thousand portals cost as much as one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone
from django_q.models import OrmQ
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from crm_bitrix.models import CrmAction, RequestLog
from integration.models import Alert, Communication, InboxEvent, Lane, Portal, ReportCursor

PREFIX = "uis_bitrix24_"
NEWEST = 1000
NEWEST_COMMUNICATIONS = 20_000
QUANTILES = (0.5, 0.95, 0.99)
BUCKET_EMPTY_AFTER = timedelta(seconds=30)
"""A bucket that nobody has used for so long is empty."""

Values = Iterable[tuple[dict[str, str], float]]


class Figures:
    """A collector of prometheus_client: everything is read when it is asked for."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        for read in (_queues, _outcomes, _latency, _requests, _budgets, _portals, _processes):
            for name, help_, values in read(now):
                yield _family(name, help_, values)


def exposition() -> bytes:
    """All figures in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures())
    return generate_latest(registry)


def _family(name: str, help_: str, values: Values) -> GaugeMetricFamily:
    rows = list(values)
    labels = list(rows[0][0]) if rows else []
    family = GaugeMetricFamily(PREFIX + name, help_, labels=labels)
    for given, value in rows:
        family.add_metric(list(given.values()), value)
    return family


_Read = Iterator[tuple[str, str, Values]]


def _one(value: float | None) -> Values:
    return [({}, value or 0)]


def _by(label: str, counts: Iterable[tuple[str, int]]) -> Values:
    return [({label: str(key)}, count) for key, count in counts]


def _age(now: datetime, moment: datetime | None) -> Values:
    return _one((now - moment).total_seconds() if moment else 0)


def _queues(now: datetime) -> _Read:
    unread = InboxEvent.objects.filter(folded_at__isnull=True).aggregate(n=Count("pk"), oldest=Min("received_at"))
    yield "inbox_unread", "Notifications nobody has read yet", _one(unread["n"])
    yield "inbox_oldest_seconds", "Age of the oldest of them", _age(now, unread["oldest"])
    due = Communication.objects.filter(due_at__lte=now).aggregate(n=Count("pk"), oldest=Min("due_at"))
    yield "communications_due", "Communications that could be worked on now", _one(due["n"])
    yield "communications_oldest_due_seconds", "For how long the first of them has been due", _age(now, due["oldest"])
    unknown = CrmAction.objects.filter(state=CrmAction.State.SENT).count()
    yield "actions_unknown_outcome", "Actions sent to portals whose answer is not known", _one(unknown)
    records = apps.get_model("telephony.Record").objects.filter(due_at__isnull=False)
    waiting = records.aggregate(n=Count("pk"), oldest=Min("due_at"))
    yield "records_waiting", "Recordings on their way", _one(waiting["n"])
    yield "queue_tasks", "Tasks that wait for a worker", _one(OrmQ.objects.count())


def _outcomes(_now: datetime) -> _Read:
    newest = Communication.objects.aggregate(last=Max("pk"))["last"] or 0
    rows = Communication.objects.filter(pk__gt=newest - NEWEST_COMMUNICATIONS).order_by()
    counts = rows.values_list("kind", "state").annotate(n=Count("pk"))
    values = [({"kind": kind, "state": state}, float(count)) for kind, state, count in counts]
    yield "communications", f"The newest {NEWEST_COMMUNICATIONS} communications by state", values


def _latency(_now: datetime) -> _Read:
    """From a notification's arrival until its facts are in its communication."""
    newest = InboxEvent.objects.order_by("-pk").values_list("received_at", "folded_at")[:NEWEST]
    read = [(folded - received).total_seconds() for received, folded in newest if folded]
    yield "lane_read_seconds", f"Arrival to reading, of the newest {NEWEST} notifications", _quantiles(read)


def _requests(_now: datetime) -> _Read:
    newest = list(RequestLog.objects.order_by("-pk").values_list("status", "duration_ms", "commands")[:NEWEST])
    outcomes = Counter(status.partition(":")[0] for status, _duration, _commands in newest)
    yield "requests", f"The newest {NEWEST} requests to portals by outcome", _by("outcome", sorted(outcomes.items()))
    seconds = [duration / 1000 for _status, duration, _commands in newest]
    yield "request_seconds", "How long they took", _quantiles(seconds)
    commands = [float(count) for _status, _duration, count in newest]
    yield "request_commands", "How many commands they carried", _quantiles(commands)


def _quantiles(figures: Sequence[float]) -> Values:
    ordered = sorted(figures)
    return [({"quantile": str(q)}, ordered[int(q * (len(ordered) - 1))]) for q in QUANTILES] if ordered else []


def _budgets(now: datetime) -> _Read:
    used = Lane.objects.filter(name__startswith="b24:", bucket_at__gt=now - BUCKET_EMPTY_AFTER)
    fullest = used.aggregate(m=Max("bucket_level"))["m"]
    yield "portal_bucket_level_max", "The fullest bucket of a portal, of 50", _one(fullest)
    points = Lane.objects.filter(name__startswith="uis:", bucket_at__gt=now)
    yield (
        "uis_points_left_min",
        "The fewest points left to a UIS account, of those known",
        [({}, left) for left in points.aggregate(m=Min("bucket_level")).values() if left is not None],
    )
    empty = points.filter(bucket_level__lt=1).count()
    yield "uis_accounts_without_points", "Accounts whose points are gone", _one(empty)
    failing = ReportCursor.objects.exclude(code="").order_by().values_list("code").annotate(n=Count("pk"))
    yield "uis_polls_failing", "Polls of UIS accounts that fail, by UIS's mnemonic", _by("code", failing)
    resting = Lane.objects.filter(paused_until__gt=now).count()
    yield "lanes_paused", "Lanes at rest after a failure or for a limit", _one(resting)


def _portals(now: datetime) -> _Read:
    gone, held = Q(uninstalled_at__isnull=False), ~Q(hold_reason="")
    standing: dict[str, QuerySet[Portal]] = {
        "works": Portal.objects.exclude(gone | held),
        "held": Portal.objects.filter(held).exclude(gone),
        "uninstalled": Portal.objects.filter(gone),
    }
    counts = [(name, rows.count()) for name, rows in standing.items()]
    yield "portals", "Portals by how they stand", _by("standing", counts)
    tokens = standing["works"].aggregate(
        usable=Count("pk", filter=~Q(refresh_token="")),
        missing=Count("pk", filter=Q(refresh_token="")),
        renewing=Count("pk", filter=Q(refreshing_until__gt=now)),
    )
    yield "tokens", "Tokens of portals that are not on hold", _by("state", tokens.items())
    opened = Alert.objects.filter(resolved_at__isnull=True).order_by().values_list("code").annotate(n=Count("pk"))
    yield "alerts", "Open alerts by cause", _by("code", opened)


def _processes(now: datetime) -> _Read:
    signs: list[tuple[dict[str, str], Any]] = [
        ({"process": "worker" if name == "heartbeat" else name}, (now - rung_at).total_seconds())
        for name, rung_at in Lane.objects.filter(name__in=("tick", "heartbeat")).values_list("name", "rung_at")
        if rung_at
    ]
    yield "sign_of_life_seconds", "How long ago a background process gave a sign of life", signs
