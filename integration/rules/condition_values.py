"""Operators of the fact types, and reading the `value` of one condition."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from types import MappingProxyType
from typing import Any

from integration.rules.facts import STREAM_NAMES, WEEKDAYS, Fact, FactType, StreamKind, choices_of
from integration.rules.faults import find_unstorable, join_codes, quote
from integration.rules.phones import normalise_phone

MAX_TEXT = 200
MAX_TEXTS = 500
MAX_LIST_FACT_TEXTS = 100
MAX_NUMBER = 10**15

# What a condition carries, and what export writes: JSON values, lists as tuples.
ConditionValue = str | int | float | bool | tuple[str, ...] | tuple[int | float, ...] | None

_EMPTY = ("empty", "not_empty")
_NUMBER_OPS = ("eq", "ne", "lt", "le", "gt", "ge", "between", *_EMPTY)
OPERATORS: Mapping[FactType, tuple[str, ...]] = MappingProxyType(
    {
        FactType.TEXT: ("eq", "ne", "contains", "not_contains", "starts", "ends", "mask", "in", "not_in", *_EMPTY),
        FactType.PHONE: ("eq", "ne", "in", "not_in", "starts", "mask", "contains", *_EMPTY),
        FactType.NUMBER: _NUMBER_OPS,
        FactType.DURATION: _NUMBER_OPS,
        FactType.CHOICE: ("eq", "ne", "in", "not_in", *_EMPTY),
        FactType.LIST: ("in", "not_in", "has_all", *_EMPTY),
        FactType.YES_NO: ("eq", *_EMPTY),
        FactType.DATETIME: ("lt", "ge", "between", *_EMPTY),
        FactType.TIME_OF_DAY: ("between", *_EMPTY),
        FactType.WEEKDAY: ("in", "not_in", *_EMPTY),
    }
)
TYPE_NAMES: Mapping[FactType, str] = MappingProxyType({type_: type_.value.replace("_", " ") for type_ in FactType})

_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d", re.ASCII)
_DIGITS = re.compile(r"\+?\d{1,15}", re.ASCII)
_DIGITS_MASK = re.compile(r"\+?[\d*?]{1,30}", re.ASCII)
_PHONE_SEPARATORS = re.compile(r"[\s()\-]")


class BadValue(Exception):
    """A value of a condition that cannot be accepted; `place` is `""` or the `[index]` inside the value."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place


@dataclass(frozen=True)
class ValueContext:
    """What one value is read against: its fact, the stream, and the country of phones without a code."""

    fact: Fact
    stream: StreamKind
    country: str


def takes_value(op: str) -> bool:
    """False for `empty` and `not_empty`, which have no `value` key."""
    return op not in _EMPTY


def parse_value(value: Any, op: str, context: ValueContext) -> ConditionValue:
    """Read the value of a condition whose operator fits the type of its fact.

    Returns what export writes: phones in E.164, lists as tuples. Raises BadValue.
    """
    if op in ("in", "not_in", "has_all"):
        return _parse_list(value, context)
    parse = _PHONE_PATTERNS.get(op) if context.fact.type is FactType.PHONE else None
    parse = parse or _SINGLE[context.fact.type]
    if op != "between":
        return parse(value, context)
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise BadValue("must be a pair [from, to]")
    return _check_order(_parse_items(value, parse, context), context.fact.type)


def parse_datetime(text: str) -> datetime:
    """Read "2026-11-22T09:00"; naive, in the zone of the UIS account. Raises ValueError."""
    if not _DATETIME.fullmatch(text) or not "1970" <= text[:4] <= "2100":
        # Years at the edges of the calendar overflow when they are moved between zones.
        raise ValueError(text)
    return datetime.fromisoformat(text)


def parse_time(text: str) -> time:
    """Read "09:00". Raises ValueError."""
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    return time(int(text[:2]), int(text[3:]))


def _parse_list(value: Any, context: ValueContext) -> tuple[str, ...]:
    limit = MAX_LIST_FACT_TEXTS if context.fact.type is FactType.LIST else MAX_TEXTS
    if not isinstance(value, list | tuple):
        raise BadValue(f"must be a list, not {quote(value)}")
    if not 1 <= len(value) <= limit:
        raise BadValue(f"must hold 1 to {limit} values, not {len(value)}")
    return _parse_items(value, _SINGLE[context.fact.type], context)


def _parse_items(values: Any, parse: "Callable[[Any, ValueContext], Any]", context: ValueContext) -> tuple[Any, ...]:
    parsed = []
    for index, value in enumerate(values):
        try:
            parsed.append(parse(value, context))
        except BadValue as error:
            raise BadValue(error.message, f"[{index}]") from None
    return tuple(parsed)


def _check_order(pair: tuple[Any, ...], type_: FactType) -> tuple[Any, ...]:
    """Refuse a range that could never be true; texts of one format sort like the times they mean."""
    if type_ is FactType.TIME_OF_DAY:
        if pair[0] == pair[1]:
            raise BadValue("from and to must differ: the end is excluded")
    elif pair[0] > pair[1] or (type_ is FactType.DATETIME and pair[0] == pair[1]):
        relation = "before" if type_ is FactType.DATETIME else "at most"
        raise BadValue(f"from ({quote(pair[0])}) must be {relation} to ({quote(pair[1])})")
    return pair


def _parse_text(value: Any, context: ValueContext) -> str:
    if not isinstance(value, str):
        raise BadValue(f"must be a text, not {quote(value)}")
    if not value.strip() or len(value) > MAX_TEXT:
        raise BadValue(f"must be a text of 1 to {MAX_TEXT} characters")
    unstorable = find_unstorable(value)
    if unstorable:
        raise BadValue(f"holds {unstorable}, which cannot be stored")
    return value


def _parse_phone(value: Any, context: ValueContext) -> str:
    phone = normalise_phone(value, context.country) if isinstance(value, str) else None
    if phone is None:
        raise BadValue(f'{quote(value)} is not a phone number; write it like "+74951234567"')
    return phone


def _parse_digits(pattern: re.Pattern[str], expected: str) -> "Callable[[Any, ValueContext], str]":
    def parse(value: Any, context: ValueContext) -> str:
        digits = _PHONE_SEPARATORS.sub("", value) if isinstance(value, str) else ""
        if not pattern.fullmatch(digits):
            raise BadValue(f"must be {expected} with the country code, + optional; not {quote(value)}")
        return digits

    return parse


def _parse_number(value: Any, context: ValueContext) -> int | float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # Written so that NaN is refused too.
    if not is_number or not abs(value) <= MAX_NUMBER:
        raise BadValue(f"must be a number, not {quote(value)}")
    number: int | float = value
    return number


def _parse_duration(value: Any, context: ValueContext) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_NUMBER:
        raise BadValue(f"must be whole seconds, 0 or more; not {quote(value)}")
    return value


def _parse_choice(value: Any, context: ValueContext) -> str:
    codes = choices_of(context.fact, context.stream)
    if context.fact.is_open:
        return _parse_text(value, context)
    if not isinstance(value, str) or value not in codes:
        raise BadValue(
            f"{quote(value)} is not a value of {context.fact.name} of {STREAM_NAMES[context.stream]}; "
            f"use {join_codes(codes)}"
        )
    return value


def _parse_yes_no(value: Any, context: ValueContext) -> bool:
    if not isinstance(value, bool):
        raise BadValue(f"must be true or false, not {quote(value)}")
    return value


def _parse_written(read: Callable[[str], Any], expected: str) -> "Callable[[Any, ValueContext], str]":
    def parse(value: Any, context: ValueContext) -> str:
        try:
            read(value if isinstance(value, str) else "")
        except ValueError:
            raise BadValue(f"must be {expected}, not {quote(value)}") from None
        return str(value)

    return parse


def _parse_weekday(value: Any, context: ValueContext) -> str:
    if not isinstance(value, str) or value not in WEEKDAYS:
        raise BadValue(f"{quote(value)} is not a weekday; use {join_codes(WEEKDAYS)}")
    return value


_PHONE_PATTERNS: Mapping[str, Callable[[Any, ValueContext], str]] = {
    "starts": _parse_digits(_DIGITS, "digits"),
    "contains": _parse_digits(_DIGITS, "digits"),
    "mask": _parse_digits(_DIGITS_MASK, "digits, * and ?"),
}
_SINGLE: Mapping[FactType, Callable[[Any, ValueContext], Any]] = {
    FactType.TEXT: _parse_text,
    FactType.PHONE: _parse_phone,
    FactType.NUMBER: _parse_number,
    FactType.DURATION: _parse_duration,
    FactType.CHOICE: _parse_choice,
    FactType.LIST: _parse_text,
    FactType.YES_NO: _parse_yes_no,
    FactType.DATETIME: _parse_written(parse_datetime, 'a time like "2026-11-22T09:00"'),
    FactType.TIME_OF_DAY: _parse_written(parse_time, 'a time of day like "09:00"'),
    FactType.WEEKDAY: _parse_weekday,
}
