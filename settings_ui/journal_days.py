"""Completeness per day as a small chart: what UIS had, and what became of it here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from integration.completeness import DayFigures, figures
from integration.models import Credential
from settings_ui.access import FrameRequest, needs_session
from settings_ui.headers import secure

DAYS = 14
MOST_CREDENTIALS = 5

WIDTH, HEIGHT, TOP, BASE = 560, 120, 8, 98
PARTS = ("delivered", "filtered", "waiting", "failed", "missing")
"""From the bottom of a bar to its top."""


@dataclass(frozen=True)
class Day:
    """One day of all kinds together. `in_uis` None: UIS has not been asked."""

    day: date
    in_uis: int | None = None
    delivered: int = 0
    filtered: int = 0
    waiting: int = 0
    failed: int = 0
    missing: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, part) for part in PARTS)


@dataclass(frozen=True)
class Bar:
    """A day on the chart: its parts as (name, top, height), and where it stands."""

    day: Day
    x: float
    width: float
    parts: tuple[tuple[str, float, float], ...]

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


@needs_session
@require_POST
def days(request: FrameRequest) -> HttpResponse:
    """The chart of the last days; nothing where no figures exist."""
    credentials = Credential.objects.filter(portal=request.session_of_frame.portal).order_by("pk")
    told = read_days(credentials[:MOST_CREDENTIALS])
    context = {"bars": draw(told), "days": told, "width": WIDTH, "height": HEIGHT, "base": BASE}
    return secure(render(request, "settings_ui/journal/_days.html", context))


def read_days(credentials: Iterable[Credential]) -> list[Day]:
    """The figures of these credentials, added up per day, oldest first."""
    found: dict[date, list[DayFigures]] = {}
    for credential in credentials:
        today = timezone.now().astimezone(credential.zone).date()
        for one in figures(credential, since=today - timedelta(days=DAYS - 1), till=today):
            found.setdefault(one.day, []).append(one)
    return [add_up(day, found[day]) for day in sorted(found)]


def add_up(day: date, told: Sequence[DayFigures]) -> Day:
    """The figures of one day as one row; what is withheld counts among those that wait."""
    in_uis = [one.in_uis for one in told if one.in_uis is not None]
    return Day(
        day,
        in_uis=sum(in_uis) if in_uis else None,
        delivered=sum(one.delivered for one in told),
        filtered=sum(one.filtered for one in told),
        waiting=sum(one.waiting + one.withheld for one in told),
        failed=sum(one.failed for one in told),
        missing=sum(one.missing for one in told),
    )


def draw(told: Sequence[Day]) -> list[Bar]:
    """Stacked bars on one scale; the highest one takes the whole height."""
    highest = max((day.total for day in told), default=0)
    if not highest:
        return []
    step = WIDTH / len(told)
    width = min(step * 0.6, 36)
    return [
        _bar(day, number * step + (step - width) / 2, width, (BASE - TOP) / highest) for number, day in enumerate(told)
    ]


def _bar(day: Day, x: float, width: float, scale: float) -> Bar:
    parts, bottom = [], float(BASE)
    for name in PARTS:
        height = getattr(day, name) * scale
        if height:
            bottom -= height
            parts.append((name, round(bottom, 1), round(height, 1)))
    return Bar(day, round(x, 1), round(width, 1), tuple(parts))
