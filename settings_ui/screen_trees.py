"""Condition trees as the screen draws them: groups within groups, and the controls of each condition."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from integration.fact_names import operator_name
from integration.rules.condition_values import OPERATORS, takes_value
from integration.rules.conditions import MAX_DEPTH
from integration.rules.facts import FACTS, WEEKDAYS, Fact, FactType, Moment, StreamKind, choices_of, moment
from settings_ui import screen_fields as fields
from settings_ui.screen_choices import UIS_LISTS, Option, code_name, facts_by_moment
from settings_ui.screen_controls import draw_field, draw_value
from settings_ui.screen_edits import join_of, stream_of
from settings_ui.screen_fields import Field
from settings_ui.screen_form import split_path
from settings_ui.screen_sheet import Control, Sheet

_INPUT_TYPES: Mapping[FactType, str] = {
    FactType.DATETIME: "datetime-local",
    FactType.TIME_OF_DAY: "time",
    FactType.PHONE: "tel",
}


def draw_tree(sheet: Sheet, path: str) -> Control:
    """The conditions at a path; `is_none` where there are none."""
    value = sheet.value(path)
    kind = stream_of(split_path(path))
    if join_of(value) is None:
        return {"path": path, "id": sheet.place(path), "is_none": True, "errors": sheet.errors(path)}
    return _node(sheet, path, value, kind, facts_by_moment(kind), depth=1)


def count_conditions(value: Any) -> int:
    """How many conditions a tree holds."""
    join = join_of(value)
    if join is None:
        return int(isinstance(value, dict))
    return sum(map(count_conditions, value[join])) if isinstance(value[join], list) else 0


def codes_of(fact: Fact | None, kind: StreamKind) -> list[Option]:
    """The values that a fact may have, [] where they are not a few."""
    if fact is None:
        return []
    codes = WEEKDAYS if fact.type is FactType.WEEKDAY else choices_of(fact, kind)
    return [(code, code_name(code)) for code in codes]


def _node(sheet: Sheet, path: str, value: Any, kind: StreamKind, facts: Any, *, depth: int) -> Control:
    join = join_of(value)
    id_ = sheet.place(path)
    if join is None:
        return _condition(sheet, path, value if isinstance(value, dict) else {}, kind, facts)
    nodes = value[join] if isinstance(value[join], list) else []
    sheet.place(f"{path}.nodes", id_)
    return {
        "is_group": True,
        "path": path,
        "id": id_,
        "join": draw_value(sheet, fields.one_of("join", _("Группа"), fields.JOINS), f"{path}.join", join),
        "nodes": [
            _node(sheet, f"{path}.nodes[{index}]", one, kind, facts, depth=depth + 1) for index, one in enumerate(nodes)
        ],
        "depth": depth,
        "may_nest": depth < MAX_DEPTH,
        "errors": [*sheet.errors(path, exact=True), *sheet.errors(f"{path}.nodes", exact=True)],
    }


def _condition(sheet: Sheet, path: str, value: dict[str, Any], kind: StreamKind, facts: Any) -> Control:
    fact = FACTS.get(str(value.get("fact")))
    source = draw_field(sheet, Field("fact", _("Что проверить"), refresh=True), path)
    source |= {"widget": "fact", "groups": facts}
    operators = tuple((op, operator_name(op)) for op in (OPERATORS[fact.type] if fact else ()))
    op = str(value.get("op"))
    operator = draw_field(sheet, fields.one_of("op", _("Как сравнить"), operators, refresh=True), path)
    has_value = fact is not None and takes_value(op)
    return {
        "path": path,
        "id": sheet.place(path),
        "controls": [source, operator, *(_values(sheet, f"{path}.value", fact, op, kind) if has_value else [])],
        "is_end": fact is not None and moment(fact, kind) is Moment.END,
        "errors": sheet.errors(path, exact=True),
    }


def _values(sheet: Sheet, path: str, fact: Fact, op: str, kind: StreamKind) -> list[Control]:
    if op == "between":
        return _pair(sheet, path, fact)
    value, codes = sheet.value(path), codes_of(fact, kind)
    if fact.type is FactType.YES_NO:
        field = fields.one_of("value", _("Значение"), (("1", _("да")), ("0", _("нет"))), kind="yes")
        return [draw_value(sheet, field, path, "1" if value is True else "0")]
    control = draw_value(sheet, _value_field(fact, op, codes), path, value)
    return [control | {"input_type": _INPUT_TYPES.get(fact.type, "text")}]


def _value_field(fact: Fact, op: str, codes: list[Option]) -> Field:
    if op in ("in", "not_in", "has_all"):
        if codes:
            return Field("value", _("Значения"), widget="codes", kind="codes", choices=tuple(codes))
        return Field("value", _("Значения"), _("По одному в строке."), widget="lines", kind="lines")
    if codes:
        return fields.one_of("value", _("Значение"), tuple(codes), kind="text")
    if fact.type in (FactType.NUMBER, FactType.DURATION):
        return Field("value", _("Секунд") if fact.type is FactType.DURATION else _("Значение"), kind="number")
    plain = Field("value", _("Значение"))
    return replace(plain, search=fact.name) if fact.name in UIS_LISTS else plain


def _pair(sheet: Sheet, path: str, fact: Fact) -> list[Control]:
    reads = "number" if fact.type in (FactType.NUMBER, FactType.DURATION) else "text"
    both = []
    for index, label in enumerate((_("от"), _("до"))):
        at = f"{path}[{index}]"
        control = draw_value(sheet, Field("value", label, kind=reads), at, sheet.value(at))
        both.append(control | {"input_type": _INPUT_TYPES.get(fact.type, "text")})
    sheet.place(path, both[0]["id"])
    both[0]["errors"] = [*both[0]["errors"], *sheet.errors(path, exact=True)]
    return both
