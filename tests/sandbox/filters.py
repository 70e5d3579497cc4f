"""Filters of list methods: prefixes before the field name, nested groups, order."""

import re
from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from . import php
from .clock import parse_iso

PREFIX = re.compile(r"^(!=%|!%=|!=|!@|!%|>=|<=|><|=%|%=|=|!|>|<|@|%|\?)?(.*)$")
Row = dict[str, Any]
Read = Callable[[Row, str], Any]


def split_key(key: str) -> tuple[str, str]:
    """Prefix and field name of a filter key: `">=createdTime"` gives `(">=", "createdTime")`."""
    match = PREFIX.match(key)
    return (match[1] or "", match[2]) if match else ("", key)


def fields_of(filter_: Any) -> set[str]:
    """All field names a filter mentions, nested groups included."""
    names: set[str] = set()
    for key, value in _items(filter_):
        if key.isdigit() and isinstance(value, dict | list):
            names |= fields_of(value)
        elif key.lower() != "logic":
            names.add(split_key(key)[1])
    return names


def matches(row: Row, filter_: Any, read: Read = lambda row, name: row.get(name)) -> bool:
    """Say whether a row passes; `{"logic": "OR", 0: {...}, 1: {...}}` groups, the default is AND."""
    pairs = _items(filter_)
    outcomes = (
        matches(row, value, read) if key.isdigit() and isinstance(value, dict | list) else _holds(row, key, value, read)
        for key, value in pairs
        if key.lower() != "logic"
    )
    logic = next((str(value).upper() for key, value in pairs if key.lower() == "logic"), "AND")
    return any(outcomes) if logic == "OR" else all(outcomes)


def order_rows(rows: list[Row], order: dict[str, str], read: Read = lambda row, name: row.get(name)) -> list[Row]:
    """Sort by several fields, `{"id": "DESC", "title": "ASC"}`."""

    def compare(left: Row, right: Row) -> int:
        for name, direction in order.items():
            one, two = _comparable(read(left, name), read(right, name))
            if one != two:
                sign = 1 if one > two else -1
                return -sign if direction.upper() == "DESC" else sign
        return 0

    return sorted(rows, key=cmp_to_key(compare)) if order else rows


def _items(filter_: Any) -> list[tuple[str, Any]]:
    if isinstance(filter_, list):
        return [(str(number), value) for number, value in enumerate(filter_)]
    return [(str(key), value) for key, value in (filter_ or {}).items()]


def _holds(row: Row, key: str, wanted: Any, read: Read) -> bool:
    prefix, name = split_key(key)
    value = read(row, name)
    negative = prefix.startswith("!")
    kind = prefix.lstrip("!")
    if kind in ("%", "=%", "%=", "?"):
        return _is_like(value, wanted) != negative
    if kind in (">", ">=", "<", "<="):
        return _compare(value, kind, wanted)
    if kind == "><":
        low, high = php.rows(wanted)[:2]
        return _compare(value, ">=", low) and _compare(value, "<=", high)
    return _is_among(value, php.rows(wanted)) != negative


def _is_like(value: Any, wanted: Any) -> bool:
    text = str(wanted).strip("%").lower()
    return value is not None and text in str(value).lower()


def _is_among(value: Any, wanted: list[Any]) -> bool:
    values = value if isinstance(value, list) else [value]
    texts = {_text(one) for one in wanted}
    return any(_text(one) in texts for one in values) or (not values and "" in texts)


def _text(value: Any) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return "1"
    return str(value)


def _compare(value: Any, sign: str, wanted: Any) -> bool:
    if value in (None, ""):
        return False
    one, two = _comparable(value, wanted)
    return {">": one > two, ">=": one >= two, "<": one < two, "<=": one <= two}[sign]


def _comparable(one: Any, two: Any) -> tuple[Any, Any]:
    for convert in (float, lambda text: parse_iso(str(text))):
        try:
            return convert(one), convert(two)
        except (TypeError, ValueError):
            continue
    return _text(one), _text(two)
