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
    """A JSON value for people: one line per key, what is empty left out, references to other actions in words."""
    return "\n".join(_lines(value)) if isinstance(value, dict) and not _is_reference(value) else _inline(value)


def indented(value: Any) -> str:
    """A JSON value as it is written in a file."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def _lines(value: dict[str, Any]) -> list[str]:
    lines = []
    for key, part in value.items():
        if isinstance(part, dict) and part and not _is_reference(part):
            lines += [f"{key}:", *(f"    {line}" for line in _lines(part))]
        elif part is not None:
            lines.append(f"{key}: {_inline(part)}")
    return lines


def _inline(value: Any) -> str:
    if _is_reference(value):
        return "⟨{}.{}⟩".format(*value["$"]) if "$" in value else "".join(map(_inline, value["$+"]))
    if isinstance(value, dict | list | bool):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def _is_reference(value: Any) -> bool:
    """Parameters point to results of earlier actions as {"$": [action, part]}, inside a text as {"$+": […]}."""
    return isinstance(value, dict) and value.keys() in ({"$"}, {"$+"})
