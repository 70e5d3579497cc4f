"""What is wrong with a setting, named by its place in the settings document."""

import json
from dataclasses import dataclass
from typing import Any

SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class Fault:
    """One error or warning of the settings document.

    `path` is made of keys and `[index]` counted from 0, from the top of the document
    (`telephony.incoming.filter.all[1].op`); `message` is English and says what was expected.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def find_unknown_keys(value: dict[Any, Any], known: tuple[str, ...], path: str) -> tuple[Fault, ...]:
    """A fault for each key of an object that the format does not have, in the order they were written."""
    return tuple(Fault(f"{path}.{_printable(str(key))}", "unknown key") for key in value if key not in known)


def quote(value: Any) -> str:
    """Show a foreign value inside a message: as JSON, one line, 60 characters at most, whatever it is."""
    if isinstance(value, str):
        return json.dumps(_printable(value), ensure_ascii=False)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 64 else "a number of many digits"
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else type(value).__name__


def join_codes(codes: tuple[str, ...]) -> str:
    """List the allowed codes for a message: `eq, ne, in`."""
    return ", ".join(codes)


def find_unstorable(text: str) -> str | None:
    """Name what keeps a text out of the database and out of UTF-8 (NUL, half a surrogate pair), or None."""
    if "\0" in text:
        return "a NUL character"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "half of a surrogate pair"
    return None


def _printable(text: str) -> str:
    shown = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
    # A lone surrogate cannot be written as UTF-8, so the message would fail where it is printed.
    return shown.encode("utf-8", "replace").decode("utf-8")
