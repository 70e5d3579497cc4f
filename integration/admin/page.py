"""What a page of a journal shows: sections of rows, already in words, masked, in their order."""

import json
from dataclasses import dataclass
from typing import Any

from integration.trace import Step


@dataclass(frozen=True)
class Section:
    """A table. Without a `head` each row is a name and a value; a row may be marked by the state in its `looks`."""

    title: str
    rows: tuple[tuple[Any, ...], ...] = ()
    head: tuple[str, ...] = ()
    empty: str = ""


@dataclass(frozen=True)
class Trace:
    """The decisions about a communication."""

    title: str
    decisions: tuple[tuple[str, list[Step]], ...]
    empty: str = ""


@dataclass(frozen=True)
class Button:
    """An action of the journal's list, offered for the one row that the page shows."""

    action: str
    label: str


@dataclass(frozen=True)
class Page:
    """A page: its heading, how it stands, its sections, what can be done."""

    heading: str
    badge: str = ""
    look: str = "plain"
    reason: str = ""
    sections: tuple[Section | Trace, ...] = ()
    buttons: tuple[Button, ...] = ()


def pretty(value: Any) -> str:
    """A JSON value for people: a plain one as it is, others indented."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=2)
    return "" if value is None else str(value)
