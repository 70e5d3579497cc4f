"""Bodies of notifications: the shape of the sample payloads filled with the values of a story."""

import json
from functools import cache
from pathlib import Path
from typing import Any

PAYLOADS = Path(__file__).resolve().parents[1] / "payloads"
SAME_VALUE = {"call_record_duration": "file_duration"}

Values = dict[str, Any]


@cache
def _shape(event: str, default: bool) -> dict[str, Any]:
    own = PAYLOADS / f"{event}.json"
    vendor = PAYLOADS / f"default.{event}.json"
    path = vendor if default and vendor.exists() else own
    return json.loads(path.read_text())


def body(event: str, values: Values, *, default: bool = False) -> dict[str, Any]:
    """One notification.

    Our own template is flat and names its event; the vendor's default body is nested and does not. Events without a
    vendor default come in our own shape. Keys that the story does not know are null, as UIS sends them.
    """
    filled = _fill(_shape(event, default), values)
    if not default or "event" in filled:
        filled["event"] = event
    return filled


def _fill(shape: dict[str, Any], values: Values) -> dict[str, Any]:
    literals = ("schema", "event", "notification_name")
    return {
        key: _fill(sample, values)
        if isinstance(sample, dict)
        else sample
        if key in literals
        else values.get(SAME_VALUE.get(key, key))
        for key, sample in shape.items()
    }
