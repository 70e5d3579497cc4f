"""The matching board: who is who, links by hand, and which past calls a link concerns.

Links found automatically are rows that only this module writes. A link by hand is a setting: it is part of the
settings document, so it goes through `save_settings` and makes a revision.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from crm_bitrix.known import load_known
from crm_bitrix.matching import Link, Match, Person, Status, match_people
from crm_bitrix.models import BitrixItem
from integration.country import country_of
from integration.models import Communication, Credential, EmployeeLink, UisItem
from integration.rules.settings_value import EmployeeSetting, Settings
from integration.settings_document import AuthorKind, read_settings, save_settings


class LinkRefused(Exception):
    """The link was not made; the text says why."""


@dataclass(frozen=True)
class BoardRow:
    """One UIS employee on the board. `candidates` are whom a person may choose from first; `card` and `line` are set
    by hand, `lines` are the SIP lines he has."""

    employee: Person
    match: Match
    user: Person | None
    candidates: tuple[Person, ...]
    lines: tuple[str, ...] = ()
    card: str = EmployeeLink.Card.DEFAULT
    line: str = ""


@dataclass(frozen=True)
class Board:
    """All employees of an account, and the active users of the portal who are not among them."""

    rows: tuple[BoardRow, ...]
    missing: tuple[Person, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many employees stand how, and how many users are missing in UIS."""
        counts = dict.fromkeys((str(status) for status in Status), 0)
        for row in self.rows:
            counts[row.match.status] += 1
        return {**counts, "missing_in_uis": len(self.missing)}


def board(credential: Credential) -> Board:
    """The matching board as it stands: nothing is written."""
    employees, users, links = _employees(credential), _users(credential), list(credential.employee_links.all())
    matches = match_people(list(employees.values()), users.values(), map(_link, links), country=country_of(credential))
    lines = dict(
        UisItem.objects.filter(credential=credential, kind=UisItem.Kind.EMPLOYEE).values_list("code", "data__lines")
    )
    by_employee = {link.uis_employee_id: link for link in links}
    rows = tuple(
        BoardRow(
            employee=employees[match.employee_id],
            match=match,
            user=users.get(match.user_id) if match.user_id is not None else None,
            candidates=tuple(users[id_] for id_ in match.candidates),
            lines=tuple(line["number"] for line in lines.get(str(match.employee_id)) or ()),
            card=by_employee[match.employee_id].card if match.employee_id in by_employee else EmployeeLink.Card.DEFAULT,
            line=by_employee[match.employee_id].line if match.employee_id in by_employee else "",
        )
        for match in matches
    )
    taken = {match.user_id for match in matches} | {link.bitrix_user_id for link in links}
    missing = tuple(user for user in users.values() if user.is_active and user.id not in taken)
    return Board(rows, missing)


def store_matches(credential: Credential) -> dict[str, int]:
    """Match the people of an account and write down the links that were found; returns the counts of the board.

    Links that exist are never touched, those by hand least of all.
    """
    found = board(credential)
    EmployeeLink.objects.bulk_create(
        [
            EmployeeLink(
                credential=credential,
                uis_employee_id=row.match.employee_id,
                bitrix_user_id=row.match.user_id,
                how=row.match.how,
            )
            for row in found.rows
            if row.match.is_new
        ],
        ignore_conflicts=True,  # an administrator may have linked somebody by hand meanwhile: his link counts
    )
    return {**found.counts, "new": sum(row.match.is_new for row in found.rows)}


def link_by_hand(
    credential: Credential, *, employee_id: int, user_id: int | None, author_kind: AuthorKind, author: str
) -> None:
    """Say who an employee is; None: he belongs to nobody. A user whom another employee got automatically moves over.

    Raises LinkRefused when one of them is not known, or when the user was given to somebody else by hand.
    """
    employees, users = _employees(credential), _users(credential)
    if employee_id not in employees:
        raise LinkRefused(_("Такого сотрудника UIS нет. Запустите синхронизацию."))
    if user_id is not None and user_id not in users:
        raise LinkRefused(_("Такого пользователя Битрикс24 нет. Запустите синхронизацию."))
    settings = read_settings(credential)
    others = [each for each in settings.employees if each.uis_employee_id != employee_id]
    holder = next((each for each in others if user_id is not None and each.bitrix_user_id == user_id), None)
    if holder is not None:
        name = employees[holder.uis_employee_id].name if holder.uis_employee_id in employees else ""
        raise LinkRefused(_("Этот пользователь уже связан вручную с сотрудником UIS: {name}.").format(name=name))
    before = next((each for each in settings.employees if each.uis_employee_id == employee_id), None)
    chosen = replace(before or EmployeeSetting(employee_id, None), bitrix_user_id=user_id)
    _save(credential, replace(settings, employees=(*others, chosen)), author_kind, author)


def unlink_by_hand(credential: Credential, *, employee_id: int, author_kind: AuthorKind, author: str) -> None:
    """Take back what was said by hand: the next synchronisation matches the employee again."""
    settings = read_settings(credential)
    kept = tuple(each for each in settings.employees if each.uis_employee_id != employee_id)
    _save(credential, replace(settings, employees=kept), author_kind, author)


def _save(credential: Credential, settings: Settings, author_kind: AuthorKind, author: str) -> None:
    save_settings(credential, settings, known=load_known(credential), author_kind=author_kind, author=author)


def past_calls(credential: Credential, *, employee_id: int, since: datetime) -> list[int]:
    """Keys of the calls since then in which this employee took part: what a new link might have decided otherwise."""
    calls: QuerySet[Communication] = Communication.objects.filter(
        portal=credential.portal,
        credential=credential,
        kind="call",
        started_at__gte=since,
    )
    return [pk for pk, facts in calls.values_list("pk", "facts").iterator() if employee_id in _employee_ids(facts)]


def _employee_ids(value: Any) -> Iterator[int]:
    """The ids of employees anywhere in the facts of a call."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            if key == "employee_id" or key.endswith("_employee_id"):
                yield part
            elif key == "employee_ids":
                yield from part
            else:
                yield from _employee_ids(part)
    elif isinstance(value, list):
        for part in value:
            yield from _employee_ids(part)


def without_surname(portal_id: int) -> list[Person]:
    """Active users of a portal whose profile has no surname: UIS cannot take them."""
    rows = BitrixItem.objects.filter(
        portal_id=portal_id, kind=BitrixItem.Kind.USER, missing_since__isnull=True, data__last_name=""
    )
    return [user for user in map(_user, rows) if user.is_active]


def _employees(credential: Credential) -> dict[int, Person]:
    rows = UisItem.objects.filter(
        credential=credential, kind=UisItem.Kind.EMPLOYEE, missing_since__isnull=True
    ).order_by("name", "pk")
    return {int(row.code): _employee(row) for row in rows}


def _users(credential: Credential) -> dict[int, Person]:
    rows = BitrixItem.objects.filter(
        portal=credential.portal, kind=BitrixItem.Kind.USER, missing_since__isnull=True
    ).order_by("name", "pk")
    return {int(row.code): _user(row) for row in rows}


def _employee(row: UisItem) -> Person:
    data = row.data
    return Person(
        id=int(row.code),
        first_name=data.get("first_name", ""),
        last_name=data.get("last_name", ""),
        email=data.get("email", ""),
        extension=data.get("extension", ""),
        phones=tuple(phone["number"] for phone in data.get("phones", ()) if phone.get("is_active", True)),
    )


def _user(row: BitrixItem) -> Person:
    data = row.data
    return Person(
        id=int(row.code),
        first_name=data.get("first_name", ""),
        last_name=data.get("last_name", ""),
        email=data.get("email", ""),
        extension=data.get("extension", ""),
        phones=tuple(data.get("phones", ())),
        is_active=data.get("is_active", True),
    )


def _link(row: EmployeeLink) -> Link:
    return Link(row.uis_employee_id, row.bitrix_user_id, row.how)
