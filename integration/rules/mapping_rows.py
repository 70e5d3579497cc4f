"""Rows of the field mapping: reading them from the settings document and writing them back."""

import dataclasses
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import Any

from integration.rules.condition_tests import fold_text
from integration.rules.facts import FACTS, STREAM_NAMES, Fact, FactType, Moment, StreamKind
from integration.rules.faults import Fault, find_unknown_keys, find_unstorable, join_codes, quote
from integration.rules.field_values import (
    TEXT_TYPES,
    FieldInfo,
    Unwritable,
    Writing,
    convert,
    is_supported,
    takes_fact,
)

MAX_ROWS = 100
MAX_PAIRS = 200
MAX_TEXT = 255
OBJECTS = ("lead", "deal", "contact", "company")
KEYS = ("fact", "constant", "object", "field", "policy", "values", "format")

_FORMAT = re.compile(r"(?:[^%\x00-\x1f]|%[dmYyHMS%]){1,50}")

Fields = Mapping[str, Mapping[str, FieldInfo]]


class Policy(StrEnum):
    """When a value is written: into what this event made, into empty fields, always, or added to what is there."""

    CREATE = "create"
    IF_EMPTY = "if_empty"
    OVERWRITE = "overwrite"
    APPEND = "append"


@dataclass(frozen=True)
class MappingRow:
    """One row: `fact` or `constant` goes to `field` (a code) of `object`; `values` is the value table.

    `is_end_fact`: the fact is known only when the event is over.
    """

    object: str
    field: str
    fact: str | None = None
    constant: str | None = None
    policy: Policy = Policy.CREATE
    values: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    format: str | None = None
    is_end_fact: bool = False


@dataclass(frozen=True)
class ParsedMapping:
    """Rows in the order of the document; with `faults` they must not be used. `warnings` do not prevent saving."""

    rows: tuple[MappingRow, ...]
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()


def parse_mapping(
    value: Any,
    *,
    stream: StreamKind,
    country: str,
    fields: Fields,
    path: str,
    kept: Collection[tuple[str, str]] = frozenset(),
) -> ParsedMapping:
    """Read the mapping rows of a stream.

    `fields`: object → code → field, as the last synchronisation saw them, gone ones included. `kept`: (object, code) of
    the rows of the present revision, or of the one being restored: what became of their fields since (gone, read-only,
    another type, other list values) is a warning, so that an old row never blocks saving something else. Every fault
    has its exact path.
    """
    if not isinstance(value, list | tuple):
        return ParsedMapping((), (Fault(path, f"must be a list, not {quote(value)}"),))
    if len(value) > MAX_ROWS:
        return ParsedMapping((), (Fault(path, f"at most {MAX_ROWS} rows, not {len(value)}"),))
    rows: list[MappingRow] = []
    faults: list[Fault] = []
    warnings: list[Fault] = []
    seen: dict[tuple[Any, ...], int] = {}
    for index, item in enumerate(value):
        parser = _RowParser(stream, country, fields, f"{path}[{index}]", kept)
        row = parser.parse(item)
        faults.extend(parser.faults)
        warnings.extend(parser.warnings)
        if row is None:
            continue
        first = seen.setdefault((row.fact, row.constant, row.object, row.field), index)
        if first != index:
            faults.append(
                Fault(f"{path}[{index}]", f"the same as row [{first}]: fact, object and field may stand once")
            )
        rows.append(row)
    return ParsedMapping(() if faults else tuple(rows), tuple(faults), tuple(warnings))


def dump_mapping(rows: tuple[MappingRow, ...]) -> list[dict[str, Any]]:
    """Write rows the way the settings document holds them, every key in its order."""
    return [
        {
            **({"fact": row.fact} if row.fact is not None else {"constant": row.constant}),
            "object": row.object,
            "field": row.field,
            "policy": row.policy.value,
            "values": dict(row.values),
            "format": row.format,
        }
        for row in rows
    ]


class _RowParser:
    """Reads one foreign row; keeps its faults and warnings."""

    def __init__(
        self, stream: StreamKind, country: str, fields: Fields, path: str, kept: Collection[tuple[str, str]]
    ) -> None:
        self.stream = stream
        self.country = country
        self.fields = fields
        self.path = path
        self.kept = kept
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []

    def refuse(self, key: str, message: str) -> None:
        self.faults.append(Fault(f"{self.path}.{key}" if key else self.path, message))

    def refuse_new(self, target: tuple[str, str], key: str, message: str) -> None:
        """A fault of a new row, a warning for one that was good when it was written."""
        if target in self.kept:
            self.warnings.append(Fault(f"{self.path}.{key}", message))
        else:
            self.refuse(key, message)

    def parse(self, value: Any) -> MappingRow | None:
        if not isinstance(value, dict):
            self.refuse("", f"must be an object, not {quote(value)}")
            return None
        self.faults.extend(find_unknown_keys(value, KEYS, self.path))
        fact, constant = self.parse_source(value)
        object_ = self.parse_code(value, "object", OBJECTS, None)
        policy = self.parse_code(value, "policy", tuple(Policy), Policy.CREATE)
        values = self.parse_values(value.get("values", {}))
        target = self.find_field(object_, value.get("field")) if object_ else None
        format_ = self.parse_format(value.get("format"), fact, target)
        if self.faults or target is None or object_ is None:
            return None
        row = MappingRow(
            object=object_,
            field=target.code,
            fact=fact.name if fact else None,
            constant=constant,
            policy=Policy(policy or Policy.CREATE),
            values=values,
            format=format_,
            is_end_fact=fact is not None and fact.moments[self.stream] is Moment.END,
        )
        self.check_field(row, fact, target)
        return None if self.faults else row

    def parse_source(self, value: dict[str, Any]) -> tuple[Fact | None, str | None]:
        if ("fact" in value) == ("constant" in value):
            self.refuse("", "must have exactly one of fact and constant")
            return None, None
        if "constant" in value:
            return None, self.parse_text(value["constant"], "constant")
        name = value["fact"]
        fact = FACTS.get(name) if isinstance(name, str) else None
        if fact is None:
            self.refuse("fact", f"unknown fact {quote(name)}")
        elif fact.is_titles_only:
            self.refuse("fact", f"{quote(name)} may stand in titles only")
        elif self.stream not in fact.moments:
            self.refuse("fact", f"{quote(name)} is not a fact of {STREAM_NAMES[self.stream]}")
        return fact, None

    def parse_text(self, value: Any, key: str) -> str | None:
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT or find_unstorable(value):
            self.refuse(key, f"must be a text of 1 to {MAX_TEXT} characters, not {quote(value)}")
            return None
        return value

    def parse_code(self, value: dict[str, Any], key: str, codes: tuple[str, ...], default: str | None) -> str | None:
        code = value.get(key, default)
        if key not in value and default is None:
            self.refuse(key, "must be given")
        elif not isinstance(code, str) or code not in codes:
            self.refuse(key, f"must be one of {join_codes(codes)}, not {quote(code)}")
        else:
            return code
        return None

    def parse_values(self, value: Any) -> dict[str, str]:
        if not isinstance(value, dict) or len(value) > MAX_PAIRS:
            self.refuse("values", f"must be an object of at most {MAX_PAIRS} pairs of texts")
            return {}
        for key, text in value.items():
            is_text = isinstance(key, str) and isinstance(text, str) and max(len(key), len(text)) <= MAX_TEXT
            if not is_text or find_unstorable(key + text):
                self.refuse("values", f"{quote(key)}: must be texts of at most {MAX_TEXT} characters")
        return dict(value)

    def parse_format(self, value: Any, fact: Fact | None, target: FieldInfo | None) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or not _FORMAT.fullmatch(value):
            self.refuse("format", f'must be a date format like "%d.%m.%Y %H:%M", not {quote(value)}')
        elif fact is None or fact.type is not FactType.DATETIME or (target and target.type not in TEXT_TYPES):
            self.refuse("format", "only for facts of type datetime and text fields")
        else:
            return value
        return None

    def find_field(self, object_: str, written: Any) -> FieldInfo | None:
        """The field by its code, or by its title as the screen shows it."""
        if not isinstance(written, str):
            self.refuse("field", "must be given" if written is None else f"must be a text, not {quote(written)}")
            return None
        known = self.fields.get(object_, {})
        if written in known:
            return known[written]
        titled = [field for field in known.values() if written.strip() and fold_text(field.title) == fold_text(written)]
        if len(titled) > 1:
            shown = ", ".join(field.code for field in titled)
            self.refuse("field", f"{quote(written)} fits {len(titled)} fields: {shown}; write the code")
            return None
        if not titled and (object_, written) in self.kept:
            return FieldInfo(written, type="", is_gone=True)
        if not titled:
            self.refuse("field", f"{object_} has no field {quote(written)}; synchronise if it is new")
        return titled[0] if titled else None

    def check_field(self, row: MappingRow, fact: Fact | None, target: FieldInfo) -> None:
        """Whether the field takes what the row brings."""
        place, name = (row.object, row.field), f"{row.object} field {quote(row.field)}"
        if target.is_gone:
            self.warnings.append(Fault(f"{self.path}.field", f"{name} no longer exists; the row is skipped"))
        elif target.is_read_only:
            self.refuse_new(place, "field", f"{name} cannot be written")
        elif target.is_immutable and row.policy is not Policy.CREATE:
            self.refuse_new(place, "policy", f"{name} can be set at creation only; use create")
        elif not is_supported(target):
            self.refuse_new(place, "field", f"fields of type {quote(target.kind)} cannot be mapped")
        elif row.policy is Policy.APPEND and not target.takes_append:
            self.refuse_new(place, "policy", "append is only for text, phone, e-mail, site and messenger fields")
        elif fact is not None and not takes_fact(target, fact.type, has_table=bool(row.values)):
            message = f"{name} of type {target.kind} does not take {fact.type.value.replace('_', ' ')}"
            self.refuse_new(place, "field", f"{message}; choose another or give values")
        else:
            self.check_texts(row, target, place)

    def check_texts(self, row: MappingRow, target: FieldInfo, place: tuple[str, str]) -> None:
        """Whether the field takes the constant and every result of the value table."""
        writing = Writing(UTC, self.country)
        results = [("values", key, text) for key, text in row.values.items() if text]
        if row.constant is not None:
            results.append(("constant", row.constant, row.values.get(row.constant, row.constant)))
        for key, _, text in results:
            try:
                convert(text, dataclasses.replace(target, currency=target.currency or "RUB"), writing)
            except Unwritable as error:
                reason = error.reason.replace("_", " ")
                self.refuse_new(
                    place, key, f"{quote(text)} does not fit {row.object} field {quote(row.field)}: {reason}"
                )
