"""Dictionaries: entries as read from a vendor, and what has changed against those that are known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

NAMES_TOLD = 20


class Incomplete(Exception):
    """An answer from which a dictionary cannot be told for certain: what is known stays untouched."""


@dataclass(frozen=True)
class Entry:
    """One entry: `code` names it within its kind, `name` as people read it, `data` whatever else is kept (JSON)."""

    code: str
    name: str
    data: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Part:
    """What one complete answer tells: all entries of a kind, or those whose code begins with `prefix`."""

    kind: str
    entries: tuple[Entry, ...]
    prefix: str = ""


@dataclass(frozen=True)
class Known:
    """An entry as it is stored; `is_missing`: an earlier complete answer did not hold it."""

    entry: Entry
    is_missing: bool = False


@dataclass(frozen=True)
class Change:
    """What a complete answer changes. Nothing is ever deleted: `removed` are marked, `returned` are unmarked."""

    total: int = 0
    added: tuple[Entry, ...] = ()
    changed: tuple[Entry, ...] = ()
    removed: tuple[Entry, ...] = ()
    returned: tuple[Entry, ...] = ()

    def __add__(self, other: "Change") -> "Change":
        return Change(
            self.total + other.total,
            self.added + other.added,
            self.changed + other.changed,
            self.removed + other.removed,
            self.returned + other.returned,
        )

    def as_json(self) -> dict[str, Any]:
        """Counts, and the names of the first entries that came or went."""
        names = {
            "added": [entry.name or entry.code for entry in self.added[:NAMES_TOLD]],
            "removed": [entry.name or entry.code for entry in self.removed[:NAMES_TOLD]],
        }
        counts = {name: len(getattr(self, name)) for name in ("added", "changed", "removed", "returned")}
        return {"total": self.total, **counts, "names": names}


def compare(known: Iterable[Known], read: Iterable[Entry]) -> Change:
    """Compare what is stored with a complete answer."""
    old = {each.entry.code: each for each in known}
    new = {entry.code: entry for entry in read}
    both = [(old[code], entry) for code, entry in new.items() if code in old]
    return Change(
        total=len(new),
        added=tuple(entry for code, entry in new.items() if code not in old),
        changed=tuple(entry for before, entry in both if not before.is_missing and before.entry != entry),
        removed=tuple(each.entry for code, each in old.items() if code not in new and not each.is_missing),
        returned=tuple(entry for before, entry in both if before.is_missing),
    )


def clean(value: Any) -> str:
    """A text of a vendor's, fit to be stored: no NUL, no outer spaces; "" for None and whatever is no text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).replace("\x00", "").strip()


def number(value: Any) -> int | None:
    """A whole number that a vendor wrote as a number or as a text; None for anything else."""
    try:
        return None if isinstance(value, bool | float) or value in (None, "") else int(value)
    except (TypeError, ValueError):
        return None
