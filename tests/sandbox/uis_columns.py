"""Which columns the reports have, and which come unasked."""

import json
from pathlib import Path
from typing import Any

from .uis_rows import columns

REPORTS: dict[str, tuple[str, str, frozenset[str]]] = {
    "get.calls_report": ("calls", "start_time", frozenset({"include_ongoing_calls"})),
    "get.call_legs_report": ("legs", "start_time", frozenset()),
    "get.chats_report": ("chats", "date_time", frozenset()),
    "get.chat_messages_report": ("chat_messages", "date_time", frozenset({"chat_id", "chat_ids"})),
    "get.offline_messages_report": ("offline_messages", "date_time", frozenset({"include_tech_offline_messages"})),
}
"""Method: attribute of the account, the column that cannot be filtered, parameters of its own."""

DEFAULT_COLUMNS: dict[str, list[str]] = json.loads((Path(__file__).parent / "uis_columns.json").read_text())
"""Columns that come when none are asked for."""


def known_columns(method: str, rows: list[dict[str, Any]]) -> set[str]:
    """All columns one may ask for."""
    if method in REPORTS:
        return set(columns(method.removeprefix("get.").removesuffix("_report")))
    return {name for row in rows for name in row if not name.startswith("_")}
