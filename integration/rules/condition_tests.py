"""Closures that decide one condition: read a fact once, then compare it.

A reader turns the run-time value of a fact into what its tests compare (folded text, digits, a set of texts), or None
when the fact is absent or of another type than the catalogue says. A test takes that and answers yes or no.
"""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, tzinfo
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from integration.rules.condition_values import ConditionValue, parse_datetime, parse_time
from integration.rules.facts import FactType
from integration.rules.phones import phone_digits

Reader = Callable[[Any], Any]
Test = Callable[[Any], bool]

# Longer texts take part with their beginning only, which bounds the work of 50 conditions on a hostile text.
MAX_COMPARED_CHARACTERS = 10_000
MAX_REMEMBERED_CHARACTERS = 200

_LISTS = (tuple, list)
_NUMBERS = (int, float)  # and not bool, which is an int to isinstance()


def fold_text(text: str) -> str:
    """Write a text the way texts are compared: composed, without outer spaces, case and ё."""
    return _fold_short(text) if len(text) <= MAX_REMEMBERED_CHARACTERS else _fold(text[:MAX_COMPARED_CHARACTERS])


def make_mask(mask: str) -> Callable[[str], object]:
    """Compile `*` (any run) and `?` (one character) into a matcher of whole folded texts.

    Every run is an atomic group that stops at the first fit and never gives it back, so there is no backtracking over
    runs: the time grows with mask × text at worst, never exponentially.
    """
    first, *pieces = [re.sub(r"\\\?", ".", re.escape(piece)) for piece in re.sub(r"\*+", "*", mask).split("*")]
    middle = "".join(f"(?>.*?{piece})" for piece in pieces[:-1])
    last = f".*{pieces[-1]}" if pieces else ""
    return re.compile(first + middle + last, re.DOTALL).fullmatch


def make_reader(type_: FactType) -> Reader:
    """The reader of a type of fact; it never raises, whatever the value."""
    return _READERS[type_]


def make_test(type_: FactType, op: str, value: ConditionValue, zone: tzinfo) -> Test:
    """The test of one condition on what the reader of its type returns; `zone` is where its times of day are meant."""
    if op == "empty":
        return lambda actual: actual is None
    if op == "not_empty":
        return lambda actual: actual is not None
    return _MAKERS[type_](op, value, zone)


def _fold(text: str) -> str:
    return normalize("NFC", text).strip().casefold().replace("ё", "е")


# For what settings and the CRM call things. The texts of events are new each time: to remember one costs more than to
# fold it.
_fold_short = lru_cache(maxsize=4096)(_fold)


def _read_text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    if len(value) > MAX_COMPARED_CHARACTERS:
        value = value[:MAX_COMPARED_CHARACTERS]
    return normalize("NFC", value).strip().casefold().replace("ё", "е") or None


def _read_phone(value: Any) -> str | None:
    return phone_digits(value) or None if isinstance(value, str) else None


def _read_code(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _read_number(value: Any) -> int | float | None:
    return value if type(value) in _NUMBERS else None


def _read_list(value: Any) -> frozenset[str] | None:
    if not isinstance(value, _LISTS):
        return None
    return frozenset([fold_text(item) for item in value if isinstance(item, str) and item.strip()]) or None


def _read_yes_no(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _read_datetime(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


def _read_time(value: Any) -> time | None:
    return value.replace(tzinfo=None) if isinstance(value, time) else None


def _make_text_test(op: str, value: Any, zone: tzinfo) -> Test:
    if op in ("in", "not_in"):
        return _make_membership(op, frozenset(map(fold_text, value)))
    return _make_string_test(op, fold_text(value))


def _make_phone_test(op: str, value: Any, zone: tzinfo) -> Test:
    if op in ("in", "not_in"):
        return _make_membership(op, frozenset(map(phone_digits, value)))
    return _make_string_test(op, value.removeprefix("+"))


def _make_code_test(op: str, value: Any, zone: tzinfo) -> Test:
    if op in ("in", "not_in"):
        return _make_membership(op, frozenset(value))
    return _make_string_test(op, value)


def _make_membership(op: str, allowed: frozenset[str]) -> Test:
    if op == "in":
        return allowed.__contains__
    return lambda actual: actual not in allowed


def _make_string_test(op: str, value: str) -> Test:
    matches = make_mask(value) if op == "mask" else None
    tests: Mapping[str, Test] = {
        "eq": lambda actual: actual == value,
        "ne": lambda actual: actual != value,
        "contains": lambda actual: actual is not None and value in actual,
        "not_contains": lambda actual: actual is None or value not in actual,
        "starts": lambda actual: actual is not None and actual.startswith(value),
        "ends": lambda actual: actual is not None and actual.endswith(value),
        "mask": lambda actual: actual is not None and matches is not None and matches(actual) is not None,
    }
    return tests[op]


def _make_number_test(op: str, value: Any, zone: tzinfo) -> Test:
    if op == "between":
        low, high = value
        return lambda actual: actual is not None and low <= actual <= high
    if op == "ne":
        return lambda actual: bool(actual != value)
    tests: Mapping[str, Test] = {
        "eq": lambda actual: actual is not None and actual == value,
        "lt": lambda actual: actual is not None and actual < value,
        "le": lambda actual: actual is not None and actual <= value,
        "gt": lambda actual: actual is not None and actual > value,
        "ge": lambda actual: actual is not None and actual >= value,
    }
    return tests[op]


def _make_list_test(op: str, value: Any, zone: tzinfo) -> Test:
    wanted = frozenset(map(fold_text, value))
    tests: Mapping[str, Test] = {
        "in": lambda actual: actual is not None and not wanted.isdisjoint(actual),
        "not_in": lambda actual: actual is None or wanted.isdisjoint(actual),
        "has_all": lambda actual: actual is not None and wanted <= actual,
    }
    return tests[op]


def _make_yes_no_test(op: str, value: Any, zone: tzinfo) -> Test:
    return lambda actual: actual is value


def _make_datetime_test(op: str, value: Any, zone: tzinfo) -> Test:
    texts = value if op == "between" else (value,)
    # In UTC, because two times of the same zone are compared by the clock on the wall, wrong when clocks change.
    bounds = [parse_datetime(text).replace(tzinfo=zone).astimezone(UTC) for text in texts]
    if op == "between":
        low, high = bounds
        return lambda actual: actual is not None and low <= actual < high
    compare, bound = _COMPARISONS[op], bounds[0]
    return lambda actual: actual is not None and compare(actual, bound)


def _make_time_test(op: str, value: Any, zone: tzinfo) -> Test:
    low, high = map(parse_time, value)
    if low < high:
        return lambda actual: actual is not None and low <= actual < high
    return lambda actual: actual is not None and (actual >= low or actual < high)


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
_READERS: Mapping[FactType, Reader] = {
    FactType.TEXT: _read_text,
    FactType.PHONE: _read_phone,
    FactType.NUMBER: _read_number,
    FactType.DURATION: _read_number,
    FactType.CHOICE: _read_code,
    FactType.LIST: _read_list,
    FactType.YES_NO: _read_yes_no,
    FactType.DATETIME: _read_datetime,
    FactType.TIME_OF_DAY: _read_time,
    FactType.WEEKDAY: _read_code,
}
_MAKERS: Mapping[FactType, Callable[[str, Any, tzinfo], Test]] = {
    FactType.TEXT: _make_text_test,
    FactType.PHONE: _make_phone_test,
    FactType.NUMBER: _make_number_test,
    FactType.DURATION: _make_number_test,
    FactType.CHOICE: _make_code_test,
    FactType.LIST: _make_list_test,
    FactType.YES_NO: _make_yes_no_test,
    FactType.DATETIME: _make_datetime_test,
    FactType.TIME_OF_DAY: _make_time_test,
    FactType.WEEKDAY: _make_code_test,
}
