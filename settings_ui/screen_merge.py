"""Two administrators have changed the same settings: what each has changed, what goes together, what does not. Pure.

A document is taken apart into settings, each with its place: the keys that lead to it, and for a row of a list without
an order what names the row – its number, its employee, its fact and field. Conditions and responsible rules are one
setting each, for their order and nesting mean something only as a whole.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integration.rules.document_changes import find_changes
from integration.rules.document_keys import REF
from settings_ui.screen_form import to_form_path

Json = Any
Place = tuple[str, ...]

_NAMED_BY: Mapping[str, tuple[str, ...]] = {
    "numbers": ("number",),
    "employees": ("uis",),
    "mapping": ("fact", "constant", "object", "field"),
}
_WHOLE = frozenset({"filter", "rules"})
_NOT_SETTINGS = frozenset({"version", "about"})


class Absent:
    """There is no such row."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


@dataclass(frozen=True)
class Difference:
    """One setting in three versions; ABSENT for a row that a version does not have."""

    place: Place
    base: Json
    mine: Json
    theirs: Json

    @property
    def path(self) -> str:
        return path_of(self.place)

    @property
    def is_mine(self) -> bool:
        return not _is_same(self.base, self.mine)

    @property
    def is_theirs(self) -> bool:
        return not _is_same(self.base, self.theirs)

    @property
    def is_conflict(self) -> bool:
        return self.is_mine and self.is_theirs and not _is_same(self.mine, self.theirs)


def compare(base: Json, mine: Json, theirs: Json) -> tuple[Difference, ...]:
    """Every setting that mine or theirs has changed since base, in the order of the document."""
    parts = [settings_of(one) for one in (base, mine, theirs)]
    places = dict.fromkeys(place for part in parts for place in part)
    found = (Difference(place, *(part.get(place, ABSENT) for part in parts)) for place in places)
    return tuple(one for one in found if one.is_mine or one.is_theirs)


def merge(mine: Json, differences: tuple[Difference, ...], choices: Mapping[str, str]) -> Json:
    """My document with what they have changed; `choices`: path of a conflict → mine or theirs."""
    merged = copy.deepcopy(mine)
    for one in differences:
        if not one.is_theirs or (one.is_conflict and choices.get(one.path) != "theirs"):
            continue
        _put(merged, one.place, one.theirs)
    return merged


def changed_paths(base: Json, mine: Json) -> list[str]:
    """Where a document on the screen differs from a stored one, as controls are called."""
    return list(dict.fromkeys(to_form_path(change.path) for change in find_changes(_plain(base), _plain(mine))))


def settings_of(document: Json) -> dict[Place, Json]:
    """Place → setting. References are their ids."""
    found: dict[Place, Json] = {}
    _take_apart({key: part for key, part in document.items() if key not in _NOT_SETTINGS}, (), found)
    return found


def path_of(place: Place) -> str:
    """A place as a path: `telephony.numbers[+74951234567].`, `main.country`."""
    if len(place) > 1 and place[-2] in _NAMED_BY:
        return f"{'.'.join(place[:-1])}[{place[-1]}]"
    return ".".join(place)


def _take_apart(value: Json, place: Place, found: dict[Place, Json]) -> None:
    key = place[-1] if place else ""
    if isinstance(value, list) and key in _NAMED_BY:
        for row_name, row in _named(value, key):
            found[*place, row_name] = _bare(row)
    elif isinstance(value, dict) and key not in _WHOLE and not _is_ref(value):
        for name, inner in value.items():
            _take_apart(inner, (*place, name), found)
    else:
        found[place] = _bare(value)


def _named(rows: list[Json], key: str) -> list[tuple[str, Json]]:
    """Rows with what names each; equal names are told apart by their number."""
    named: dict[str, Json] = {}
    for row in rows:
        parts = (_bare(row.get(part)) for part in _NAMED_BY[key]) if isinstance(row, dict) else ()
        name = first = " ".join(str(part) for part in parts if part not in (None, ""))
        while name in named:
            name = f"{first} ({len(named) + 1})"
        named[name] = row
    return list(named.items())


def _put(document: Json, place: Place, value: Json) -> None:
    if len(place) > 1 and place[-2] in _NAMED_BY:
        return _put_row(_holder(document, place[:-2]), place[-2], place[-1], value)
    holder = _holder(document, place[:-1])
    if value is ABSENT:
        holder.pop(place[-1], None)
    else:
        holder[place[-1]] = copy.deepcopy(value)
    return None


def _put_row(holder: dict[str, Json], key: str, name: str, value: Json) -> None:
    rows = dict(_named(holder.get(key) or [], key))
    if value is ABSENT:
        rows.pop(name, None)
    else:
        rows[name] = copy.deepcopy(value)
    holder[key] = list(rows.values())


def _holder(document: Json, place: Place) -> dict[str, Json]:
    for key in place:
        document = document.setdefault(key, {})
    found: dict[str, Json] = document
    return found


def _is_ref(value: dict[str, Json]) -> bool:
    return set(value) == set(REF)


def _bare(value: Json) -> Json:
    """References as their ids."""
    if isinstance(value, list):
        return [_bare(one) for one in value]
    if isinstance(value, dict):
        return value["id"] if _is_ref(value) else {key: _bare(inner) for key, inner in value.items()}
    return value


def _plain(value: Json) -> Json:
    """Without what says nothing: a key that is null or an empty table may also be left out."""
    value = _bare(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if inner is not None and inner != {}}
    return value


def _is_same(one: Json, other: Json) -> bool:
    return bool(_plain(one) == _plain(other) and type(one) is type(other))
