"""Filters of list methods: prefixes before the field name, nested groups, order."""

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from . import php
from .clock import parse_iso

PREFIX = re.compile(r"^(!=%|!%=|!=|!@|!%|>=|<=|><|=%|%=|=|!|>|<|@|%|\?)?(.*)$")
Row = dict[str, Any]
Read = Callable[[Row, str], Any]
Test = Callable[[Row], bool]


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


def select_rows(rows: Iterable[Row], filter_: Any, read: Read = lambda row, name: row.get(name)) -> list[Row]:
    """Rows that pass; `{"logic": "OR", 0: {...}, 1: {...}}` groups, the default is AND."""
    if not filter_:
        return list(rows)
    return list(filter(_test_of(filter_, read), rows))


def first_rows(rows: Iterable[Row], filter_: Any, number: int) -> list[Row]:
    """The first rows that pass, in the order they have; nobody after them is looked at."""
    passing = filter(_test_of(filter_, lambda row, name: row.get(name)), rows) if filter_ else rows
    return list(islice(passing, number))


def order_rows(rows: list[Row], order: dict[str, str], read: Read = lambda row, name: row.get(name)) -> list[Row]:
    """Sort by several fields, `{"id": "DESC", "title": "ASC"}`; numbers before texts, empty values first."""
    for name, direction in reversed(list(order.items())):
        rows = sorted(rows, key=lambda row: _rank(read(row, name)), reverse=direction.upper() == "DESC")
    return rows


def _rank(value: Any) -> tuple[int, Any]:
    if value in (None, ""):
        return (0, "")
    try:
        return (1, float(value))
    except (TypeError, ValueError):
        return (2, str(value))


def _test_of(filter_: Any, read: Read) -> Test:
    pairs = _items(filter_)
    tests = [
        _test_of(value, read) if key.isdigit() and isinstance(value, dict | list) else _condition(key, value, read)
        for key, value in pairs
        if key.lower() != "logic"
    ]
    if len(tests) == 1:
        return tests[0]
    logic = next((str(value).upper() for key, value in pairs if key.lower() == "logic"), "AND")
    decide = any if logic == "OR" else all
    return lambda row: decide(test(row) for test in tests)


def _items(filter_: Any) -> list[tuple[str, Any]]:
    if isinstance(filter_, list):
        return [(str(number), value) for number, value in enumerate(filter_)]
    return [(str(key), value) for key, value in (filter_ or {}).items()]


def _condition(key: str, wanted: Any, read: Read) -> Test:
    prefix, name = split_key(key)
    negative = prefix.startswith("!")
    kind = prefix.lstrip("!")
    if kind in ("%", "=%", "%=", "?"):
        return lambda row: _is_like(read(row, name), wanted) != negative
    if kind in (">", ">=", "<", "<="):
        return lambda row: _compare(read(row, name), kind, wanted)
    if kind == "><":
        low, high = php.rows(wanted)[:2]
        return lambda row: _compare(read(row, name), ">=", low) and _compare(read(row, name), "<=", high)
    texts = {_text(one) for one in php.rows(wanted)}
    return lambda row: _is_among(read(row, name), texts) != negative


def _is_like(value: Any, wanted: Any) -> bool:
    text = str(wanted).strip("%").lower()
    return value is not None and text in str(value).lower()


def _is_among(value: Any, texts: set[str]) -> bool:
    if isinstance(value, list):
        return any(_text(one) in texts for one in value) or (not value and "" in texts)
    return _text(value) in texts


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
