"""What a filter says to a communication, in words for the journal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integration.rules.conditions import Check, flatten_trace
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
    if outcome is None or outcome.passed:
        return None
    conditions = flatten_trace(outcome)
    failed: Mapping[str, Any] = next((row for row in conditions if not row["passed"]), {})
    return Refused(
        f"не прошёл фильтр: {failed.get('fact')} {failed.get('op')} {failed.get('value')}",
        {"step": "filter", "passed": False, "conditions": conditions},
    )
