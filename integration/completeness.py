"""Proof that nothing was lost: per day of the account's zone, what UIS says it had and what became of it here."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.utils import timezone

from integration import uis_methods
from integration.models import Communication, Credential, DayCount, State
from integration.report_rows import Reader

KINDS = ("call", "chat", "request")
DAYS_BACK = 7
SETTLED_AFTER = timedelta(hours=2)
"""So long after its end a day is counted for the last time: rows may come late."""

_METHODS = {"call": "get.calls_report", "chat": "get.chats_report", "request": "get.offline_messages_report"}
_WAITING = (State.NEW, State.WAITING, State.RETRY)


@dataclass(frozen=True)
class DayFigures:
    """What became of the communications of one kind that began on one day.

    `in_uis` is UIS's own count, None when UIS has not been asked or does not have this kind. `received` is the sum of
    the five figures after it; `told` those of them that UIS knows: a click that it never began is no call there.
    """

    day: date
    kind: str
    in_uis: int | None
    received: int
    delivered: int
    filtered: int
    waiting: int
    withheld: int
    failed: int
    told: int

    @property
    def missing(self) -> int:
        """How many UIS has and we have not; they come with the next reconciliation."""
        return max(0, (self.in_uis or 0) - self.told)

    @property
    def is_complete(self) -> bool:
        return self.in_uis is not None and not self.missing


def figures(credential: Credential, *, since: date, till: date) -> list[DayFigures]:
    """The figures of the days `since` … `till`, both included, newest first; days without anything are left out."""
    counts = _count_states(credential, since, till)
    told = credential.day_counts.filter(day__range=(since, till)).values_list("day", "kind", "in_uis")
    in_uis = {(day, kind): number for day, kind, number in told}
    days = sorted(counts.keys() | in_uis.keys(), key=lambda key: (-key[0].toordinal(), KINDS.index(key[1])))
    return [_figures(day, kind, in_uis.get((day, kind)), counts.get((day, kind), _Counts())) for day, kind in days]


def count_days(reader: Reader) -> None:
    """Ask UIS how many communications it had today and on the past days that were not settled yet. Raises UisError.

    What was before the credential was made is not ours.
    """
    credential, now = reader.credential, timezone.now()
    today, first = now.astimezone(credential.zone).date(), credential.created_at.astimezone(credential.zone).date()
    days = [today - timedelta(days=back) for back in range(DAYS_BACK + 1)]
    told = credential.day_counts.filter(day__in=days).values_list("day", "kind", "counted_at")
    settled = {(day, kind) for day, kind, at in told if at >= day_bounds(credential, day)[1] + SETTLED_AFTER}
    for day in days:
        for kind in KINDS:
            if day >= first and (day, kind) not in settled:
                _count_day(reader, day, kind, now)


def day_bounds(credential: Credential, day: date) -> tuple[datetime, datetime]:
    """The first moment of a day of the account's zone, and that of the next one."""
    midnights = (datetime.combine(one, time(), credential.zone) for one in (day, day + timedelta(days=1)))
    since, till = midnights
    return since, till


def _count_day(reader: Reader, day: date, kind: str, now: datetime) -> None:
    credential = reader.credential
    since, till = day_bounds(credential, day)
    window = {"since": max(since, credential.created_at), "till": till - timedelta(seconds=1)}
    number = uis_methods.count(reader.uis, _METHODS[kind], **window)
    if number is not None:
        DayCount.objects.bulk_create(
            [DayCount(credential=credential, kind=kind, day=day, in_uis=number, counted_at=now)],
            update_conflicts=True,
            unique_fields=["credential", "kind", "day"],
            update_fields=["in_uis", "counted_at"],
        )


@dataclass
class _Counts:
    """Our communications of a kind on a day: how many in each state, and how many of them UIS knows."""

    states: Counter[str] = field(default_factory=Counter)
    told: int = 0


def _count_states(credential: Credential, since: date, till: date) -> dict[tuple[date, str], _Counts]:
    begin, end = day_bounds(credential, since)[0], day_bounds(credential, till)[1]
    rows = (
        Communication.objects.filter(
            portal_id=credential.portal_id, credential=credential, started_at__gte=begin, started_at__lt=end
        )
        .annotate(day=TruncDate("started_at", tzinfo=credential.zone))
        .order_by()
        .values_list("day", "kind", "state")
        .annotate(number=Count("pk"), told=Count("pk", filter=~Q(uis_id="")))
    )
    counts: dict[tuple[date, str], _Counts] = {}
    for day, kind, state, number, told in rows:
        counted = counts.setdefault((day, kind), _Counts())
        counted.states[state] += number
        counted.told += told
    return counts


def _figures(day: date, kind: str, in_uis: int | None, counts: _Counts) -> DayFigures:
    states = counts.states
    return DayFigures(
        day=day,
        kind=kind,
        in_uis=in_uis,
        received=states.total(),
        delivered=states[State.DONE],
        filtered=states[State.IGNORED],
        waiting=sum(states[state] for state in _WAITING),
        withheld=states[State.WITHHELD],
        failed=states[State.FAILED],
        told=counts.told,
    )
