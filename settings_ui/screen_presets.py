"""Ready-made filters: what most people want to keep out. Pure.

Each is a list of conditions that are added to a filter and may be changed there like any other.
"""

from collections.abc import Mapping
from typing import Any

from integration.rules.facts import StreamKind

Conditions = list[dict[str, Any]]

EXCLUSIONS, WORKING_HOURS, ANSWERED = "exclusions", "working_hours", "answered"

_WORKING_HOURS: Conditions = [
    {"fact": "weekday", "op": "in", "value": ["mon", "tue", "wed", "thu", "fri"]},
    {"fact": "time_of_day", "op": "between", "value": ["09:00", "18:00"]},
]
_ANSWERED: Conditions = [{"fact": "result", "op": "eq", "value": "answered"}]


def presets_of(kind: StreamKind) -> Mapping[str, Conditions]:
    """Code → conditions of the filters that a stream may use. The list of excluded numbers begins empty."""
    is_call = kind in (StreamKind.INCOMING, StreamKind.OUTGOING)
    phone = "contact_phone_number" if is_call else "visitor_phone_number"
    exclusions: Conditions = [{"fact": phone, "op": "not_in", "value": []}]
    answered = {} if kind is StreamKind.REQUEST else {ANSWERED: _ANSWERED}
    return {EXCLUSIONS: exclusions, WORKING_HOURS: _WORKING_HOURS, **answered}
