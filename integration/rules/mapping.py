"""Field mapping: which values a communication writes into which fields of its CRM objects."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from integration.rules.condition_tests import fold_text
from integration.rules.facts import FACTS, Facts, is_absent
from integration.rules.field_values import (
    MULTIFIELDS,
    TEXT_TYPES,
    FieldInfo,
    Unwritable,
    Writing,
    convert,
    table_key,
    takes_fact,
)
from integration.rules.mapping_rows import (
    OBJECTS,
    Fields,
    MappingRow,
    ParsedMapping,
    Policy,
    dump_mapping,
    parse_mapping,
)
from integration.rules.phones import normalise_phone

__all__ = [
    "OBJECTS",
    "FieldInfo",
    "Fields",
    "Mapped",
    "MappingRow",
    "ParsedMapping",
    "Policy",
    "dump_mapping",
    "map_fields",
    "parse_mapping",
]

MULTIFIELD_KEY = "fm"
SHOWN_CHARACTERS = 100

Current = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Mapped:
    """What to write: object → field → JSON value; only objects and fields with something to write.

    All multifields of an object stand together under "fm" as [{"typeId", "valueType", "value"}] (with "id" for a row to
    be changed). `warnings`: {"object", "field", "fact" or "constant", "reason", "value"} for the journal; reasons:
    no_field, read_only, immutable, type_not_supported, wrong_type, unknown_value, not_known (the present value was not
    read), and those of `field_values.convert`.
    """

    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: tuple[Mapping[str, Any], ...] = ()


def map_fields(
    rows: Sequence[MappingRow],
    *,
    facts: Facts,
    fields: Fields,
    when: str,
    current: Current | None,
    zone: tzinfo,
    at_end: bool,
    country: str = "RU",
    objects: Collection[str] = OBJECTS,
    only_end_facts: bool = False,
) -> Mapped:
    """Convert facts by the rows into values for the objects named in `objects`.

    `when`: "create" for objects this event makes or has made, "found" for those that were there before (policy `create`
    is then left out). `current`: object → field → present JSON value, multifields under "fm" as Bitrix24 returns them;
    an object that is missing there is being created now, and all its fields are empty. Facts of the end are used only
    with `at_end`; `only_end_facts` is for the second visit, when everything known at the start has been written. An
    absent fact writes nothing, nor does a value that is there already. Rows work one after another: of two rows with
    `create` or `if_empty` for one field the first non-empty wins, of two with `overwrite` the last.
    """
    drafts = {name: _Draft(name, fields.get(name, {}), when, (current or {}).get(name)) for name in OBJECTS}
    warnings: list[Mapping[str, Any]] = []
    plain = Writing(zone, country)
    for row in rows:
        is_due = at_end if row.is_end_fact else not only_end_facts
        if row.object not in objects or not is_due:
            continue
        raw = row.constant if row.constant is not None else facts.get(row.fact or "")
        if is_absent(raw):
            continue
        writing = replace(plain, format=row.format) if row.format else plain
        for reason, value in drafts[row.object].add(row, raw, writing):
            warnings.append(_warning(row, reason, value))
    return Mapped({name: draft.values for name, draft in drafts.items() if draft.values}, tuple(warnings))


Trouble = tuple[str, Any]


class _Draft:
    """The values for one object, filled row by row."""

    def __init__(
        self, name: str, fields: Mapping[str, FieldInfo], when: str, present: Mapping[str, Any] | None
    ) -> None:
        self.name = name
        self.fields = fields
        self.is_found = when == "found"
        self.present = present
        self.values: dict[str, Any] = {}

    def add(self, row: MappingRow, raw: Any, writing: Writing) -> list[Trouble]:
        """Take one row with the value it brings; returns what could not be written and why."""
        if self.is_found and row.policy is Policy.CREATE:
            return []
        target = self.fields.get(row.field)
        refusal = self._refusal(row, target)
        if refusal or target is None:
            return [(refusal or "no_field", raw)]
        new, troubles = _convert_all(row, raw, target, writing)
        if not new:
            return troubles
        if target.kind in MULTIFIELDS:
            self._add_multifield(row.policy, target.kind, new, writing.country)
        else:
            self._set(row.policy, target, new if target.is_multiple else new[0])
        return troubles

    def _refusal(self, row: MappingRow, target: FieldInfo | None) -> str | None:
        if target is None or target.is_gone:
            return "no_field"
        if target.is_read_only:
            return "read_only"
        if target.is_immutable and (self.is_found or self.present is not None):
            return "immutable"
        # Without the present value "if empty" and "append" would overwrite what somebody wrote.
        if self.is_found and self.present is None and row.policy is not Policy.OVERWRITE:
            return "not_known"
        fact = FACTS.get(row.fact or "")
        if fact is not None and not takes_fact(target, fact.type, has_table=bool(row.values)):
            return "wrong_type"
        return None

    def _set(self, policy: Policy, target: FieldInfo, value: Any) -> None:
        now = self.values.get(target.code, (self.present or {}).get(target.code))
        if policy is Policy.APPEND:
            value = _append(now, value)
        elif not _is_empty(now, target) and policy is not Policy.OVERWRITE:
            return
        if not _is_same(now, value, target.kind):
            self.values[target.code] = value

    def _add_multifield(self, policy: Policy, kind: str, new: Sequence[str], country: str) -> None:
        present = [dict(row) for row in (self.present or {}).get(MULTIFIELD_KEY) or () if row.get("typeId") == kind]
        added = self.values.get(MULTIFIELD_KEY, [])
        known = [*present, *(row for row in added if row["typeId"] == kind)]
        # At creation "create" adds like "append": phones of several facts do not exclude each other.
        if (known and policy is Policy.IF_EMPTY) or (present and policy is Policy.CREATE):
            return
        keys = {_multifield_key(kind, str(row.get("value", "")), country) for row in known}
        fresh = [value for value in new if _multifield_key(kind, value, country) not in keys]
        rows = [{"typeId": kind, "valueType": MULTIFIELDS[kind], "value": value} for value in dict.fromkeys(fresh)]
        if rows and present and policy is Policy.OVERWRITE and present[0].get("id"):
            rows[0] = {**rows[0], "id": present[0]["id"], "valueType": present[0].get("valueType", MULTIFIELDS[kind])}
        if rows:
            self.values[MULTIFIELD_KEY] = [*added, *rows]


def _convert_all(row: MappingRow, raw: Any, target: FieldInfo, writing: Writing) -> tuple[list[Any], list[Trouble]]:
    """The values to write – one, or several for a multiple field – and those that do not fit."""
    elements = raw if isinstance(raw, tuple) else (raw,)
    if row.values:
        elements = tuple(_look_up(row.values, item, writing) for item in elements)
    if isinstance(raw, tuple) and target.type in TEXT_TYPES and not target.is_multiple:
        elements = (", ".join(str(item) for item in elements if not is_absent(item)),)
    converted: list[Any] = []
    troubles: list[Trouble] = []
    for element in elements:
        if is_absent(element):
            continue
        try:
            value = convert(element, target, writing)
        except Unwritable as error:
            troubles.append((error.reason, element))
            continue
        if value != "" and value not in converted:
            converted.append(value)
    return converted, troubles


def _look_up(values: Mapping[str, str], value: Any, writing: Writing) -> Any:
    """The value by the value table; one that is not listed as it is."""
    key = table_key(value, writing)
    if key in values:
        return values[key]
    wanted = fold_text(key)
    return next((text for known, text in values.items() if fold_text(known) == wanted), value)


def _append(now: Any, value: Any) -> Any:
    if isinstance(value, list):
        have = list(now) if isinstance(now, list | tuple) else [now] if now else []
        return [*have, *(item for item in value if item not in have)]
    if not now:
        return value
    # Line by line, so that "1" is not taken for present in "10".
    lines = "\n".join(str(now).splitlines())
    added = "\n".join(str(value).splitlines())
    return now if f"\n{added}\n" in f"\n{lines}\n" else f"{now}\n{value}"


def _is_empty(now: Any, target: FieldInfo) -> bool:
    """Bitrix24 returns 0 for a sum nobody has entered."""
    if now is None:
        return True
    if target.kind in ("double", "money"):
        amount = str(now or "0").partition("|")[0]
        return amount.replace("0", "").strip(".") == ""
    return not now.strip() if isinstance(now, str) else now in ([], (), {})


def _is_same(now: Any, value: Any, kind: str) -> bool:
    """Whether the portal holds the value already, in whatever spelling it returns it."""
    if isinstance(value, list):
        return isinstance(now, list | tuple) and list(map(str, now)) == list(map(str, value))
    return now is not None and _spelling(str(now), kind) == _spelling(str(value), kind)


def _spelling(text: str, kind: str) -> Any:
    if kind == "date":
        return text[:10]
    if kind == "money":
        amount, _, currency = text.partition("|")
        return _spelling(amount, "double"), currency
    try:
        if kind in ("integer", "double"):
            number = Decimal(text)
            return number if number.is_finite() else text
        return datetime.fromisoformat(text) if kind == "datetime" else text
    except (InvalidOperation, ValueError):
        return text


def _multifield_key(kind: str, value: str, country: str) -> str:
    """What makes two values of a multifield the same one."""
    return (normalise_phone(value, country) or value) if kind == "PHONE" else fold_text(value)


def _warning(row: MappingRow, reason: str, value: Any) -> Mapping[str, Any]:
    source = {"fact": row.fact} if row.fact is not None else {"constant": row.constant}
    shown = ", ".join(value) if isinstance(value, tuple) else str(value)
    return {"object": row.object, "field": row.field, **source, "reason": reason, "value": shown[:SHOWN_CHARACTERS]}
