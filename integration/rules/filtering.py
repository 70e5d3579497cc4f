"""What a filter says to a communication, in words for the journal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integration.rules.checks import Check, find_failed, flatten_trace
from integration.rules.facts import Facts


@dataclass(frozen=True)
class Refused:
    """A communication that the filter keeps out: the condition that failed first, and all of them."""

    reason: str
    trace: Mapping[str, Any]


def passed_trace(check: Check | None, known: Facts) -> tuple[Mapping[str, Any], ...]:
    """Every condition of a filter that the communication has passed, for the journal; () where there is none."""
    if check is None:
        return ()
    return ({"step": "filter", "passed": True, "conditions": flatten_trace(check(known))},)


def refuse(check: Check | None, known: Facts) -> Refused | None:
    """None for a communication that passes."""
    outcome = check(known) if check is not None else None
    if outcome is None or outcome.passed or (failed := find_failed(outcome)) is None:
        return None
    conditions = flatten_trace(outcome)
    return Refused(
        f"не прошёл фильтр: {_question(conditions[failed])}",
        {"step": "filter", "passed": False, "conditions": conditions},
    )


def _question(row: Mapping[str, Any]) -> str:
    """Fact, operator and value in codes, as `integration.reasons.show_reason` takes them apart again."""
    value = row.get("value")
    values = value if isinstance(value, list | tuple) else () if value is None else (value,)
    said = ", ".join(str(one).lower() if isinstance(one, bool) else str(one) for one in values)
    return f"{row.get('fact')} {row.get('op')} {said}".strip()
