"""The journal's list: which communications of a portal are wanted, and a page of them.

Pages follow a keyset, not an offset: the next page starts where the last row stood, however many rows there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_date

from crm_bitrix.admin.people import user_names, with_responsible
from integration.country import countries_of
from integration.models import Communication, Portal, State
from integration.rules.phones import normalise_phone, phone_digits

PAGE = 50
SHORTEST_NUMBER = 4
KINDS = ("call", "chat", "request")
DIRECTIONS = ("in", "out")
RECORD_LOST = "record_lost"
"""Asked for like a state: calls that are carried over, but a recording of theirs was given up."""
_UNSEEN = ("trace", "facts_rank", "client_keys")


@dataclass(frozen=True)
class Wanted:
    """What the journal is filtered by; empty = everything. Dates are days of the portal, both included."""

    since: date | None = None
    till: date | None = None
    kind: str = ""
    direction: str = ""
    state: str = ""
    number: str = ""
    employee: str = ""

    @property
    def is_any(self) -> bool:
        """Whether anything is asked for in particular."""
        return self != Wanted()

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The same as fields of a form."""
        return [(name, str(value)) for name, value in vars(self).items() if value]


@dataclass(frozen=True)
class JournalPage:
    """Rows, newest first, and where the next page starts ("" = this is the last one)."""

    rows: tuple[Communication, ...]
    cursor: str


def read_wanted(form: Mapping[str, Any]) -> Wanted:
    """The filters of a form or an address; what cannot be read is left out."""
    return Wanted(
        since=_date(form.get("since", "")),
        till=_date(form.get("till", "")),
        kind=_one_of(form.get("kind", ""), KINDS),
        direction=_one_of(form.get("direction", ""), DIRECTIONS),
        state=_one_of(form.get("state", ""), (*State.values, RECORD_LOST)),
        number=str(form.get("number", "")).strip()[:64],
        employee=str(form.get("employee", "")).strip()[:100],
    )


def find(portal: Portal, wanted: Wanted) -> QuerySet[Communication]:
    """The wanted communications of a portal, in no order. A query more when an employee is named, or a number."""
    rows = Communication.objects.filter(portal=portal)
    zone = zone_of(portal)
    if wanted.since:
        rows = rows.filter(started_at__gte=datetime.combine(wanted.since, time(), zone))
    if wanted.till:
        rows = rows.filter(started_at__lt=datetime.combine(wanted.till + timedelta(days=1), time(), zone))
    if wanted.state == RECORD_LOST:
        rows = rows.filter(pk__in=Communication.objects.filter(portal=portal, records__state="failed").values("pk"))
    elif wanted.state:
        rows = rows.filter(state=wanted.state)
    for name in ("kind", "direction"):
        if value := getattr(wanted, name):
            rows = rows.filter(**{name: value})
    if wanted.number:
        rows = rows.filter(_about_number(wanted.number, portal))
    if wanted.employee:
        # Folded here: SQLite knows upper and lower case of Latin letters only.
        text = wanted.employee.casefold()
        rows = rows.filter(
            responsible_id__in=[one for one, name in user_names(portal).items() if text in name.casefold()]
        )
    return rows


def read_page(rows: QuerySet[Communication], *, cursor: str = "", size: int = PAGE) -> JournalPage:
    """One page of communications, with the names of their responsibles as `responsible_name`."""
    after = _read_cursor(cursor)
    if after:
        at, number = after
        # The first condition is what an index can start from.
        rows = rows.filter(started_at__lte=at).filter(Q(started_at__lt=at) | Q(pk__lt=number))
    found = list(with_responsible(rows).defer(*_UNSEEN).order_by("-started_at", "-pk")[: size + 1])
    page = found[:size]
    return JournalPage(tuple(page), _cursor(page[-1]) if len(found) > size else "")


def zone_of(portal: Portal) -> ZoneInfo:
    """The zone that the portal's people live by."""
    try:
        return ZoneInfo(portal.time_zone)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("Europe/Moscow")


def _about_number(text: str, portal: Portal) -> Q:
    """By phone in any usual writing of the portal's countries or by its last digits, or by the number at UIS."""
    credentials = list(portal.credentials.all())
    # Named as the index of these numbers begins: without that it is of no use.
    wanted = ~Q(uis_id="") & Q(credential__in=credentials, kind__in=KINDS, uis_id=text)
    digits = phone_digits(text)
    if phones := {normalise_phone(text, country) for country in countries_of(credentials)} - {None}:
        return wanted | Q(client_phone__in=phones)
    return wanted | Q(client_phone__endswith=digits) if len(digits) >= SHORTEST_NUMBER else wanted


def _cursor(row: Communication) -> str:
    return f"{row.started_at.astimezone(UTC).isoformat()}_{row.pk}"


def _read_cursor(text: str) -> tuple[datetime, int] | None:
    at, _mark, number = text.rpartition("_")
    try:
        moment = datetime.fromisoformat(at)
        return (moment, int(number)) if moment.tzinfo else None
    except ValueError:
        return None


def _date(text: Any) -> date | None:
    try:
        return parse_date(str(text))
    except ValueError:
        return None


def _one_of(value: Any, allowed: Any) -> str:
    return str(value) if value in allowed else ""
