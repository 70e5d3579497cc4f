"""Who of the UIS employees is who in Bitrix24. Pure.

Order: manual link → stored link → e-mail without case → extension → phone. Each step looks at everybody before the
next begins, so that no weaker sign takes a user from the one whom a stronger sign names. Whatever is ambiguous – two
users for an employee, one user for two employees – is a conflict for a person to resolve, never a guess. The same name
alone links nobody: it is suggested.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from integration.rules.phones import normalise_phone


class Status(StrEnum):
    """How an employee stands on the matching board."""

    MATCHED = "matched"
    NOBODY = "nobody"  # by hand: belongs to no user
    SUGGESTED = "suggested"
    CONFLICT = "conflict"
    UNMATCHED = "unmatched"


class Reason(StrEnum):
    """Why nobody was found for an employee, or why it is a conflict."""

    NO_SURNAME = "no_surname"
    NO_EMAIL = "no_email"
    NO_PHONE = "no_phone"
    NO_SUCH_USER = "no_such_user"
    USER_DISMISSED = "user_dismissed"
    SEVERAL_USERS = "several_users"
    SEVERAL_EMPLOYEES = "several_employees"
    USER_TAKEN = "user_taken"  # by an employee with a stronger sign, or in dispute
    USER_GONE = "user_gone"  # linked to a user who is dismissed or no longer seen


MANUAL = "manual"
EMAIL, EXTENSION, PHONE = "email", "extension", "phone"


@dataclass(frozen=True)
class Person:
    """An employee of UIS or a user of Bitrix24, reduced to what they are compared by."""

    id: int
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    extension: str = ""
    phones: tuple[str, ...] = ()
    is_active: bool = True

    @property
    def name(self) -> str:
        return f"{self.last_name} {self.first_name}".strip()


@dataclass(frozen=True)
class Link:
    """A stored link; `user_id` None: belongs to nobody."""

    employee_id: int
    user_id: int | None
    how: str


@dataclass(frozen=True)
class Match:
    """What is known of one employee. `how`: the sign; `is_new`: found now, not stored yet."""

    employee_id: int
    status: Status
    user_id: int | None = None
    how: str = ""
    candidates: tuple[int, ...] = ()
    reasons: tuple[Reason, ...] = ()
    is_new: bool = False


@dataclass
class _Board:
    """The match of each employee settled so far, and the users who are taken or in dispute."""

    matches: dict[int, Match] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)

    def settle(self, match: Match) -> None:
        self.matches[match.employee_id] = match
        if match.user_id is not None:
            self.taken.add(match.user_id)
        elif match.status is Status.CONFLICT:
            self.taken.update(match.candidates)  # nobody takes them by a weaker sign before a person has decided


def match_people(
    employees: Sequence[Person], users: Iterable[Person], links: Iterable[Link], *, country: str
) -> tuple[Match, ...]:
    """Match employees with users; one match per employee, in their order.

    `users` include the dismissed ones, who are never chosen. A stored link stays even when its user is dismissed or
    gone (reason `user_gone`): past calls are his.
    """
    users = tuple(users)
    by_id = {user.id: user for user in users}
    board = _Board()
    for link in links:
        board.settle(_linked(link, by_id))
    for how, read in _signs(country).items():
        free = [employee for employee in employees if employee.id not in board.matches]
        for match in _by_sign(free, users, how, read, board.taken):
            board.settle(match)
    for match in _by_name([each for each in employees if each.id not in board.matches], users, board.taken):
        board.settle(match)
    lost = _lost(users, country)
    return tuple(board.matches.get(employee.id) or lost(employee) for employee in employees)


def _linked(link: Link, users: Mapping[int, Person]) -> Match:
    if link.user_id is None:
        return Match(link.employee_id, Status.NOBODY, how=link.how)
    user = users.get(link.user_id)
    reasons = () if user and user.is_active else (Reason.USER_GONE,)
    return Match(link.employee_id, Status.MATCHED, link.user_id, link.how, reasons=reasons)


Read = Callable[[Person], frozenset[str]]


def _signs(country: str) -> dict[str, Read]:
    def phones(person: Person) -> frozenset[str]:
        return frozenset(found for phone in person.phones if (found := normalise_phone(phone, country)))

    return {
        EMAIL: lambda person: _one(person.email.strip().casefold()),
        EXTENSION: lambda person: _one(person.extension.strip()),
        PHONE: phones,
    }


def _one(text: str) -> frozenset[str]:
    return frozenset({text}) if text else frozenset()


def _index(people: Iterable[Person], read: Read) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for person in people:
        for sign in read(person):
            found.setdefault(sign, set()).add(person.id)
    return found


def _by_sign(
    employees: Sequence[Person], users: Iterable[Person], how: str, read: Read, taken: set[int]
) -> list[Match]:
    index = _index((user for user in users if user.is_active), read)
    found = {each.id: {id_ for sign in read(each) for id_ in index.get(sign, ())} for each in employees}
    claims = Counter(id_ for candidates in found.values() for id_ in candidates)
    return [_judge(id_, candidates, how, claims, taken) for id_, candidates in found.items() if candidates]


def _judge(employee_id: int, candidates: set[int], how: str, claims: Mapping[int, int], taken: set[int]) -> Match:
    reasons = []
    if len(candidates) > 1:
        reasons.append(Reason.SEVERAL_USERS)
    if any(claims[id_] > 1 for id_ in candidates):
        reasons.append(Reason.SEVERAL_EMPLOYEES)
    if candidates & taken:
        reasons.append(Reason.USER_TAKEN)
    if reasons:
        return Match(
            employee_id, Status.CONFLICT, how=how, candidates=tuple(sorted(candidates)), reasons=tuple(reasons)
        )
    return Match(employee_id, Status.MATCHED, next(iter(candidates)), how, is_new=True)


def _by_name(employees: Sequence[Person], users: Iterable[Person], taken: set[int]) -> list[Match]:
    free = (user for user in users if user.is_active and user.id not in taken)
    index = _index(free, _full_name)
    return [
        Match(employee.id, Status.SUGGESTED, candidates=tuple(sorted(candidates)))
        for employee in employees
        if (candidates := {id_ for name in _full_name(employee) for id_ in index.get(name, ())})
    ]


def _full_name(person: Person) -> frozenset[str]:
    if not (person.first_name and person.last_name):
        return frozenset()
    return _one(person.name.casefold().replace("ё", "е"))


def _lost(users: Iterable[Person], country: str) -> Callable[[Person], Match]:
    """Says why nobody was found."""
    reads = _signs(country)
    dismissed = [user for user in users if not user.is_active]
    indexes = {how: _index(dismissed, read) for how, read in reads.items()}

    def tell(employee: Person) -> Match:
        gone = {id_ for how, read in reads.items() for sign in read(employee) for id_ in indexes[how].get(sign, ())}
        reasons = []
        if gone:
            reasons.append(Reason.USER_DISMISSED)
        if not employee.last_name:
            reasons.append(Reason.NO_SURNAME)
        if not employee.email:
            reasons.append(Reason.NO_EMAIL)
        if not employee.extension and not reads[PHONE](employee):
            reasons.append(Reason.NO_PHONE)
        return Match(
            employee.id,
            Status.UNMATCHED,
            candidates=tuple(sorted(gone)),
            reasons=tuple(reasons or [Reason.NO_SUCH_USER]),
        )

    return tell
