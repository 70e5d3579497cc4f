"""Reading the dictionaries of a UIS account into `UisItem`s.

| kind | code | data |
|---|---|---|
| employee | id | first_name, last_name, patronymic, email, extension, phones [{number, is_active}], lines [{number,
  is_active}] (SIP), groups [id] |
| group | id | employees [id] |
| number | E.164 | id, is_active, scenarios [{id, name}] |
| site | id | domain |
| campaign | id | is_active, site (id or null) |
| scenario | id | – |
| tag | id | is_system |
| channel | id | type, is_active |

Ids are whole numbers. The vendor's older integration put "(bitrix24) " before surnames: it is left out here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integration import uis_methods
from integration.models import UisItem
from integration.rules.dictionaries import Entry, Incomplete, clean, number
from integration.rules.phones import normalise_phone, show_phone
from integration.uis import Row, Uis, UisError

PREFIX = "(bitrix24) "
Kind = UisItem.Kind
Rows = tuple[Row, ...]


@dataclass
class Reading:
    """What was read: complete kinds, why the others are not, and which ones this account does not have."""

    entries: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    unavailable: list[str] = field(default_factory=list)


def read(
    uis: Uis,
    *,
    known_lines: Mapping[str, list[Any]] | None = None,
    before_request: Callable[[int], None] = lambda _done: None,
) -> Reading:
    """Read all directories.

    `known_lines`: SIP lines of employees as they are stored, kept when UIS does not tell them. Raises UisError when
    nothing of the account can be read: the key, the white list, the points.
    """
    reading = Reading()
    before_request(0)
    lines = _rows(reading, "line", lambda: uis_methods.sip_lines(uis))
    for done, (kind, (ask, parse)) in enumerate(_DIRECTORIES.items(), start=1):
        before_request(done)
        rows = _rows(reading, kind, lambda ask=ask: ask(uis))  # type: ignore[misc]
        if rows is None:
            continue
        try:
            reading.entries[kind] = tuple(map(parse, rows))
        except Incomplete as error:
            reading.problems[kind] = str(error)
    if Kind.EMPLOYEE in reading.entries:
        by_employee = None if "line" in reading.problems else _lines_by_employee(lines or ())
        reading.entries[Kind.EMPLOYEE] = tuple(
            _with_lines(entry, (known_lines or {}) if by_employee is None else by_employee)
            for entry in reading.entries[Kind.EMPLOYEE]
        )
    return reading


def _rows(reading: Reading, kind: str, ask: Callable[[], Rows | None]) -> Rows | None:
    try:
        rows = ask()
    except UisError as error:
        if error.is_hold:
            raise
        reading.problems[kind] = str(error.instruction)
        return None
    if rows is None:
        reading.unavailable.append(kind)
    return rows


def without_prefix(name: str) -> str:
    """A name as people know it, without the mark of the vendor's older integration."""
    return name.strip().removeprefix(PREFIX.strip()).strip()


def employee_entry(row: Row) -> Entry:
    """An employee without his SIP lines."""
    first, last = clean(row.get("first_name")), without_prefix(clean(row.get("last_name")))
    extension = row.get("extension")
    phones = [phone for phone in row.get("phone_numbers") or () if isinstance(phone, Mapping)]
    data = {
        "first_name": first,
        "last_name": last,
        "patronymic": clean(row.get("patronymic")),
        "email": clean(row.get("email")),
        "extension": clean(extension.get("extension_phone_number")) if isinstance(extension, Mapping) else "",
        "phones": [
            {"number": clean(phone.get("phone_number")), "is_active": phone.get("status") in (None, "active")}
            for phone in phones
        ],
        "lines": [],
        "groups": _ids(row.get("groups"), "group_id"),
    }
    return Entry(_id(row), f"{last} {first}".strip() or without_prefix(clean(row.get("full_name"))), data)


def _with_lines(entry: Entry, lines: Mapping[str, list[Any]]) -> Entry:
    return Entry(entry.code, entry.name, {**entry.data, "lines": lines.get(entry.code, [])})


def _lines_by_employee(rows: Iterable[Row]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        owner, line = number(row.get("employee_id")), clean(row.get("phone_number"))
        if owner is not None and line:
            found.setdefault(str(owner), []).append({"number": line, "is_active": row.get("status") == "active"})
    return found


def _group(row: Row) -> Entry:
    return Entry(_id(row), clean(row.get("name")), {"employees": _ids(row.get("members"), "employee_id")})


def _number(row: Row) -> Entry:
    written = clean(row.get("virtual_phone_number"))
    code = normalise_phone(written, "RU") or written
    if not code:
        raise Incomplete("виртуальный номер без номера")
    scenarios = [
        {"id": number(each.get("scenario_id")), "name": clean(each.get("scenario_name"))}
        for each in row.get("scenarios") or ()
        if isinstance(each, Mapping)
    ]
    data = {"id": number(row.get("id")), "is_active": row.get("status") == "active", "scenarios": scenarios}
    return Entry(code, clean(row.get("name")) or show_phone(code), data)


def _site(row: Row) -> Entry:
    domain = clean(row.get("domain_name"))
    return Entry(_id(row), clean(row.get("name")) or domain, {"domain": domain})


def _campaign(row: Row) -> Entry:
    data = {"is_active": row.get("status") == "active", "site": number(row.get("site_id"))}
    return Entry(_id(row), clean(row.get("name")), data)


def _scenario(row: Row) -> Entry:
    return Entry(_id(row), clean(row.get("name")))


def _tag(row: Row) -> Entry:
    return Entry(_id(row), clean(row.get("name")), {"is_system": row.get("is_system") is True})


def _channel(row: Row) -> Entry:
    data = {"type": clean(row.get("type")), "is_active": row.get("status") in (None, "active")}
    return Entry(_id(row), clean(row.get("name")), data)


def _id(row: Row) -> str:
    found = number(row.get("id"))
    if found is None:
        raise Incomplete("запись без номера")
    return str(found)


def _ids(rows: Any, key: str) -> list[int]:
    found = (number(row.get(key)) for row in rows or () if isinstance(row, Mapping))
    return [id_ for id_ in found if id_ is not None]


_DIRECTORIES: Mapping[str, tuple[Callable[[Uis], Rows | None], Callable[[Row], Entry]]] = {
    Kind.EMPLOYEE: (uis_methods.employees, employee_entry),
    Kind.GROUP: (uis_methods.groups, _group),
    Kind.NUMBER: (uis_methods.virtual_numbers, _number),
    Kind.SITE: (uis_methods.sites, _site),
    Kind.CAMPAIGN: (uis_methods.campaigns, _campaign),
    Kind.SCENARIO: (uis_methods.scenarios, _scenario),
    Kind.TAG: (uis_methods.tags, _tag),
    Kind.CHANNEL: (uis_methods.chat_channels, _channel),
}
REQUESTS = len(_DIRECTORIES) + 1
