"""Reading the dictionaries of a portal: users, departments, CRM mode, fields, statuses, pipelines, lines.

One request serves a usual portal. It asks for everything that comes in one piece, for the newest 50 users with their
total, and for users by ranges of ids: a range of 50 ids fits on a page whatever is in it. Who is still missing then
is read by `>ID`, page after page, 50 pages a request: unlike offsets, keys lose nobody when somebody is deleted
meanwhile. In the end the number of users is held against the total. A short read is an error of that kind: what is
known of it stays untouched.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from crm_bitrix import batch, portal_parsing
from crm_bitrix.actions import Command, Json, Refusal
from crm_bitrix.client import Client
from crm_bitrix.errors import Cause, PortalError, cause_of
from crm_bitrix.models import BitrixItem
from integration.rules.dictionaries import Entry, Incomplete, Part, number

PAGE = 50
OPEN_LINES = 200
USER_FIELDS = (
    *("ID", "ACTIVE", "NAME", "LAST_NAME", "SECOND_NAME", "EMAIL", "UF_PHONE_INNER", "UF_DEPARTMENT"),
    *("WORK_PHONE", "PERSONAL_MOBILE", "PERSONAL_PHONE", "WORK_POSITION", "USER_TYPE"),
)
UNANSWERED = Refusal("NOT_ANSWERED", "нет ответа на эту команду")

Kind = BitrixItem.Kind
Commands = Mapping[str, Command]


@dataclass
class Reading:
    """What was read. `problems`: kind → why it is not among the parts. `also`: answers to the extra commands."""

    mode: str | None = None
    parts: list[Part] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    also: dict[str, Json] = field(default_factory=dict)


@dataclass
class _Answers:
    results: dict[str, Json] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def require(self, name: str) -> Json:
        result = self.results.get(name, UNANSWERED)
        if isinstance(result, Refusal):
            raise Incomplete(f"портал отказал: {result}")
        return result

    def total(self, name: str) -> int:
        self.require(name)
        if name not in self.totals:
            raise Incomplete("портал не сказал, сколько записей всего")
        return self.totals[name]

    def pages(self, prefix: str) -> list[Json]:
        return [self.require(name) for name in self.results if name.startswith(prefix)]


def read(
    client: Client,
    *,
    size: int = batch.LIMIT,
    before_request: Callable[[], None] = lambda: None,
    also: Callable[[Reading], Commands] = lambda _reading: {},
) -> Reading:
    """Read all dictionaries.

    `size`: commands a request, for a portal that does not manage 50 in time. `also` gives commands that follow from
    what the first request told; they ride along. Raises PortalError when a request failed as a whole: nothing is known
    then.
    """
    answers = _Answers()
    ranges = _ranges(size - len(_ONCE) - 1)
    _ask(client, {**_ONCE, "newest": _users(None, order="DESC", start=0), **ranges}, answers, before_request)
    reading = Reading()
    _read_once(answers, reading)
    followers = also(reading)
    rest: dict[str, Command] = {**_more_departments(answers), **followers}
    pages, after = _missing_pages(answers, covered=len(ranges) * PAGE)
    while rest or pages:
        room = max(0, min(pages, size - len(rest)))
        chain = _chain(after, room)
        taken = dict(list(rest.items())[:size])
        rest = {name: command for name, command in rest.items() if name not in taken}
        _ask(client, {**taken, **chain}, answers, before_request)
        pages -= len(chain)
        if chain:
            after, is_end = _last_id(answers, list(chain)[-1])
            pages = 0 if is_end else pages
    _read_paged(answers, reading)
    reading.also = {name: answers.results.get(name, UNANSWERED) for name in followers}
    return reading


_ONCE: Commands = {
    "mode": Command("crm.settings.mode.get"),
    "statuses": Command("crm.status.list", {"order": {"SORT": "ASC"}}),
    "pipelines": Command("crm.category.list", {"entityTypeId": portal_parsing.OBJECTS["deal"]}),
    **{
        f"fields_{name}": Command("crm.item.fields", {"entityTypeId": type_id, "useOriginalUfNames": "Y"})
        for name, type_id in portal_parsing.OBJECTS.items()
    },
    "departments_0": Command("department.get", {"sort": "ID", "order": "ASC", "START": 0}),
    "open_lines": Command(
        "imopenlines.config.list.get", {"PARAMS": {"select": ["ID", "LINE_NAME", "ACTIVE"], "limit": OPEN_LINES}}
    ),
    "lines": Command("telephony.externalLine.get"),
}


def _users(ids: Mapping[str, Any] | None, *, order: str = "ASC", start: int = -1) -> Command:
    filter_ = {**(ids or {}), "USER_TYPE": "employee"}
    return Command(
        "user.get", {"FILTER": filter_, "sort": "ID", "order": order, "select": list(USER_FIELDS), "start": start}
    )


def _ranges(count: int) -> dict[str, Command]:
    """Users by their ids, from the first: costs nothing, since these commands share a request that is sent anyway."""
    return {f"users_range_{index}": _users({"<=ID": (index + 1) * PAGE, ">ID": index * PAGE}) for index in range(count)}


def _chain(after: int, count: int) -> dict[str, Command]:
    """Pages that go on where the one before ends. Nothing may follow a short page, so ask for no more than exist."""
    names = [f"users_after_{after}_{index}" for index in range(count)]
    starts: list[Any] = [after, *(f"$result[{name}][{PAGE - 1}][ID]" for name in names[:-1])]
    return {name: _users({">ID": start}) for name, start in zip(names, starts, strict=False)}


def _missing_pages(answers: _Answers, *, covered: int) -> tuple[int, int]:
    """How many pages of users are still to be read, and after which id they begin."""
    try:
        total, newest = answers.total("newest"), _ids(answers.require("newest"))
        in_ranges = {id_ for page in answers.pages("users_range_") for id_ in _ids(page)}
    except Incomplete:
        return 0, 0  # told when the users are put together
    missing = total - len(in_ranges | newest)
    return -(-missing // PAGE) if missing > 0 else 0, covered


def _last_id(answers: _Answers, name: str) -> tuple[int, bool]:
    """The last id of a page, and whether the chain ends there."""
    try:
        ids = _ids(answers.require(name))
    except Incomplete:
        return 0, True
    return max(ids, default=0), len(ids) < PAGE


def _ids(page: Json) -> set[int]:
    if not isinstance(page, list):
        raise Incomplete(f"не список: {str(page)[:80]}")
    found = {number(row.get("ID")) for row in page if isinstance(row, Mapping)}
    return {id_ for id_ in found if id_ is not None}


def _more_departments(answers: _Answers) -> dict[str, Command]:
    total = answers.totals.get("departments_0", 0)
    return {
        f"departments_{start}": Command("department.get", {"sort": "ID", "order": "ASC", "START": start})
        for start in range(PAGE, total, PAGE)
    }


def _ask(client: Client, commands: Commands, answers: _Answers, before_request: Callable[[], None]) -> None:
    before_request()
    answer = client.batch(commands)
    for result in answer.results.values():
        if isinstance(result, Refusal) and cause_of(result.code) in (Cause.TOKEN, Cause.HOLD, Cause.BUSY):
            raise PortalError(cause_of(result.code), str(result), code=result.code)
    answers.results |= {name: answer.results.get(name, UNANSWERED) for name in commands}
    answers.totals |= answer.totals


def _read_once(answers: _Answers, reading: Reading) -> None:
    """The dictionaries that come in one piece."""
    totals = answers.totals
    with _told(reading, "mode"):
        reading.mode = portal_parsing.parse_mode(answers.require("mode"))
    with _told(reading, Kind.STATUS, Kind.SOURCE, Kind.STAGE):
        found = portal_parsing.parse_statuses(answers.require("statuses"), totals.get("statuses"))
        reading.parts += [Part(kind, entries) for kind, entries in found.items()]
    with _told(reading, Kind.PIPELINE):
        pipelines = portal_parsing.parse_pipelines(answers.require("pipelines"), totals.get("pipelines"))
        reading.parts.append(Part(Kind.PIPELINE, pipelines))
    for name in portal_parsing.OBJECTS:
        with _told(reading, f"{Kind.FIELD}:{name}"):
            fields = portal_parsing.parse_fields(name, answers.require(f"fields_{name}"))
            reading.parts.append(Part(Kind.FIELD, fields, prefix=f"{name}."))
    with _told(reading, Kind.OPENLINE):
        lines = portal_parsing.parse_open_lines(answers.require("open_lines"), OPEN_LINES)
        reading.parts.append(Part(Kind.OPENLINE, lines))
    with _told(reading, Kind.LINE):
        reading.parts.append(Part(Kind.LINE, portal_parsing.parse_lines(answers.require("lines"))))


def _read_paged(answers: _Answers, reading: Reading) -> None:
    """The dictionaries that come in pages."""
    with _told(reading, Kind.USER):
        pages = [answers.require("newest"), *answers.pages("users_")]
        reading.parts.append(Part(Kind.USER, portal_parsing.parse_users(pages, answers.total("newest"))))
    with _told(reading, Kind.DEPARTMENT):
        total = answers.total("departments_0")
        departments = portal_parsing.parse_departments(answers.pages("departments_"), total)
        reading.parts.append(Part(Kind.DEPARTMENT, departments))


@contextmanager
def _told(reading: Reading, *kinds: str) -> Iterator[None]:
    """Note for these kinds why they could not be read."""
    try:
        yield
    except Incomplete as error:
        reading.problems |= {str(kind): str(error) for kind in kinds}


def entries_of(reading: Reading, kind: str) -> Iterator[Entry]:
    """All entries of a kind that were read."""
    for part in reading.parts:
        if part.kind == kind:
            yield from part.entries
