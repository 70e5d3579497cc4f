"""Reading one object of the settings document: every key once, typed, with its default, all faults collected."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integration.rules.document_keys import REF
from integration.rules.document_text import join_path
from integration.rules.faults import Fault, find_unknown_keys, find_unstorable, join_codes, quote
from integration.rules.known import Directory, Entry, Id, Known, StageOwner
from integration.rules.phones import normalise_phone

SHOWN_FITS = 10


@dataclass
class Notes:
    """Faults and warnings met so far; the one thing here that is filled."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    def extend(self, other: "Notes") -> None:
        self.faults.extend(other.faults)
        self.warnings.extend(other.warnings)


@dataclass(frozen=True)
class Scope:
    """What a document is read against.

    `is_foreign`: it comes from another portal, so that of `{"id", "name"}` the name counts. `kept`: (object, field) of
    mapping rows that were good once. `country`: of phones without a code.
    """

    known: Known
    country: str
    is_foreign: bool
    kept: Collection[tuple[str, str]]
    notes: Notes

    def refuse(self, path: str, message: str) -> None:
        self.notes.faults.append(Fault(path, message))

    def warn(self, path: str, message: str) -> None:
        self.notes.warnings.append(Fault(path, message))


class ObjectReader:
    """Reads the keys of one object. After a fault it goes on with the default, so that all faults are found.

    A value that is no object at all is one fault and reads as an empty object whose keys need not be given.
    """

    def __init__(self, value: Any, *, path: str, keys: tuple[str, ...], scope: Scope) -> None:
        self.path = path
        self.scope = scope
        self.is_object = isinstance(value, dict)
        self.value: Mapping[str, Any] = value if self.is_object else {}
        if self.is_object:
            unknown = find_unknown_keys(value, keys, path)
            scope.notes.faults.extend(Fault(fault.path.removeprefix("."), fault.message) for fault in unknown)
        else:
            scope.refuse(path, f"must be an object, not {quote(value)}")

    def at(self, key: str) -> str:
        return join_path(self.path, key)

    def refuse(self, key: str, message: str) -> None:
        self.scope.refuse(self.at(key), message)

    def has(self, key: str) -> bool:
        """True if the key is there; one that must be given and is not is a fault."""
        if key not in self.value and self.is_object:
            self.refuse(key, "must be given")
        return key in self.value

    def inner(self, key: str, keys: tuple[str, ...]) -> "ObjectReader":
        """The object under a key; left out, it is empty."""
        return ObjectReader(self.value.get(key, {}), path=self.at(key), keys=keys, scope=self.scope)

    def inner_of(self, item: Any, path: str, keys: tuple[str, ...]) -> "ObjectReader":
        """An object that stands in a list."""
        return ObjectReader(item, path=path, keys=keys, scope=self.scope)

    def yes_no(self, key: str, default: bool) -> bool:
        value = self.value.get(key, default)
        if isinstance(value, bool):
            return value
        self.refuse(key, f"must be true or false, not {quote(value)}")
        return default

    def code(self, key: str, codes: Sequence[str], default: str) -> str:
        """One of the codes."""
        return self.optional_code(key, codes, default, or_null=False) or default

    def optional_code(self, key: str, codes: Sequence[str], default: str | None, *, or_null: bool = True) -> str | None:
        """One of the codes, or null."""
        value = self.value.get(key, default)
        if (value is None and or_null) or (isinstance(value, str) and value in codes):
            return value
        self.refuse(
            key, f"must be {'null or ' if or_null else ''}one of {join_codes(tuple(codes))}, not {quote(value)}"
        )
        return default

    def text(self, key: str, *, longest: int) -> str | None:
        """A text of 1 to `longest` characters; None after a fault."""
        value = self.value[key]
        if not isinstance(value, str):
            self.refuse(key, f"must be a text, not {quote(value)}")
        elif not value.strip() or len(value) > longest:
            self.refuse(key, f"must be a text of 1 to {longest} characters")
        elif unstorable := find_unstorable(value):
            self.refuse(key, f"holds {unstorable}, which cannot be stored")
        else:
            return value
        return None

    def phone(self, key: str) -> str | None:
        """A phone in any writing, or null; E.164."""
        value = self.value.get(key)
        if value is None:
            return None
        phone = normalise_phone(value, self.scope.country) if isinstance(value, str) else None
        if phone is None:
            self.refuse(key, f'{quote(value)} is not a phone number; write it like "+74951234567"')
        return phone

    def items(self, key: str) -> list[tuple[str, Any]]:
        """The members of a list with their paths; left out, the list is empty."""
        value = self.value.get(key, [])
        if not isinstance(value, list):
            self.refuse(key, f"must be a list, not {quote(value)}")
            return []
        return [(f"{self.at(key)}[{index}]", item) for index, item in enumerate(value)]

    def codes(self, key: str, codes: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of codes, each at most once; keeps the order."""
        if key not in self.value:
            return default
        found: dict[str, None] = {}
        for path, item in self.items(key):
            if not isinstance(item, str) or item not in codes:
                self.scope.refuse(path, f"must be one of {join_codes(codes)}, not {quote(item)}")
            elif item in found:
                self.scope.refuse(path, f"{quote(item)} stands twice")
            else:
                found[item] = None
        return tuple(found)

    def number_ref(self, key: str, directory: Directory) -> int | None:
        """The id of a reference, or null."""
        return as_number(self.ref(key, directory))

    def code_ref(self, key: str, directory: Directory) -> str | None:
        """The id of a reference to something whose ids are texts, or null."""
        return as_code(self.ref(key, directory))

    def ref(self, key: str, directory: Directory) -> Id | None:
        value = self.value.get(key)
        return None if value is None else resolve(value, self.at(key), directory, self.scope)

    def refs(self, key: str, directory: Directory) -> tuple[int, ...]:
        """A list of references, each at most once; keeps the order."""
        found: dict[int, None] = {}
        for path, item in self.items(key):
            id_ = as_number(resolve(item, path, directory, self.scope))
            if id_ is not None and id_ in found:
                self.scope.refuse(path, f"{directory.find(id_)} stands twice")
            elif id_ is not None:
                found[id_] = None
        return tuple(found)

    def stage(self, key: str, owners: Sequence[StageOwner]) -> str | None:
        """A stage of one of the owners, or null. One of somebody else's is named as such."""
        value = self.value.get(key)
        if value is None:
            return None
        known = self.scope.known
        notes = Notes()
        found = resolve(value, self.at(key), known.stages_of(owners), self.scope, notes)
        if found is None and not known.stages_of(owners).resembling(_shown_text(value)):
            others = [owner for owner in known.stages if owner not in owners]
            for owner in others:
                if resolve(value, self.at(key), known.stages_of([owner]), self.scope, Notes()) is not None:
                    wanted = " or ".join(known.describe_owner(wanted) for wanted in owners)
                    self.refuse(key, f"{_shown(value)} is a stage of {known.describe_owner(owner)}, not of {wanted}")
                    return None
        self.scope.notes.extend(notes)
        return as_code(found)


def resolve(value: Any, path: str, directory: Directory, scope: Scope, notes: Notes | None = None) -> Id | None:
    """The id that a reference means: an id, a name (of people also an e-mail), or both; None after a fault.

    Of both the id counts, in a document from another portal the name. Something that has vanished and a person who is
    dismissed or has no surname are warnings.
    """
    notes = scope.notes if notes is None else notes
    faults = _check_pair(value, path, directory) if isinstance(value, dict) else ()
    entry, message = (None, "") if faults else _find(value, directory, is_foreign=scope.is_foreign)
    if entry is None:
        notes.faults.extend(faults or (Fault(path, message),))
        return None
    if entry.is_gone:
        notes.warnings.append(Fault(path, f"{entry} no longer exists; it is kept and skipped"))
    elif not entry.is_active:
        notes.warnings.append(Fault(path, f"{entry} is dismissed"))
    elif not entry.has_surname:
        notes.warnings.append(Fault(path, f"{entry} has no surname"))
    return entry.id


def as_number(id_: Id | None) -> int | None:
    return id_ if isinstance(id_, int) else None


def as_code(id_: Id | None) -> str | None:
    return id_ if isinstance(id_, str) else None


_Found = tuple[Entry | None, str]
"""The entry, or why there is none."""


def _check_pair(value: dict[str, Any], path: str, directory: Directory) -> tuple[Fault, ...]:
    """What is wrong with the form of `{"id", "name"}`."""
    faults = [*find_unknown_keys(value, REF, path)]
    faults += [Fault(f"{path}.{key}", "must be given") for key in REF if key not in value]
    if "id" in value and not _is_id(value["id"], directory):
        expected = "a text" if directory.has_codes else "a whole number"
        faults.append(Fault(f"{path}.id", f"must be {expected}, not {quote(value['id'])}"))
    if "name" in value and not isinstance(value["name"], str):
        faults.append(Fault(f"{path}.name", f"must be a text, not {quote(value['name'])}"))
    return tuple(faults)


def _find(value: Any, directory: Directory, *, is_foreign: bool) -> _Found:
    if isinstance(value, dict):
        return _find_name(value["name"], directory) if is_foreign else _find_id(value["id"], directory)
    if _is_id(value, directory):
        entry, message = _find_id(value, directory)
        if entry is not None or not isinstance(value, str):
            return entry, message
    if isinstance(value, str):
        return _find_name(value, directory)
    kind = 'a name or {"id", "name"}' if directory.has_codes else 'a number, a name or {"id", "name"}'
    return None, f"must name a {directory.noun} by {kind}, not {quote(value)}"


def _find_id(id_: Id, directory: Directory) -> _Found:
    return directory.find(id_), _unknown(directory, f"with the id {quote(id_)}")


def _find_name(text: str, directory: Directory) -> _Found:
    fits = directory.named(text)
    if len(fits) == 1:
        return fits[0], ""
    fits = fits or directory.resembling(text)
    if len(fits) == 1:
        return None, f"{quote(text)} is not a whole name; if {fits[0]} is meant, write that name or the id"
    if fits:
        shown = ", ".join(map(str, fits[:SHOWN_FITS])) + (", …" if len(fits) > SHOWN_FITS else "")
        return None, f"{quote(text)} fits {len(fits)} {directory.plural}: {shown}; write the id"
    return None, _unknown(directory, quote(text))


def _unknown(directory: Directory, which: str) -> str:
    return f"no {directory.noun} {which} is known; synchronise if it is new"


def _is_id(value: Any, directory: Directory) -> bool:
    if directory.has_codes:
        return isinstance(value, str)
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return quote(value.get("name") or value.get("id")) if isinstance(value, dict) else quote(value)


def _shown_text(value: Any) -> str:
    name = value.get("name") if isinstance(value, dict) else value
    return name if isinstance(name, str) else ""
