"""The settings document as text: strict JSON in, one stable writing out."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from integration.rules.faults import Fault, find_unstorable, quote

MAX_BYTES = 512 * 1024
DOCUMENT = "document"
ABOUT = "about"
"""The part of a document that is read for information and never stored."""


class _Object(dict[str, Any]):
    """A JSON object that remembers which keys were written twice."""

    twice: tuple[str, ...] = ()


def read_json(text: str | bytes) -> tuple[Any, tuple[Fault, ...]]:
    """Read the text of a settings document.

    Returns the parsed JSON and faults. A text that is no document at all gives None and one fault of the path
    `document`; keys given twice, numbers that are not finite and texts that no database takes are named by their own
    paths.
    """
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        return None, (Fault(DOCUMENT, f"must be at most {MAX_BYTES // 1024} KB"),)
    try:
        written = text.decode("utf-8") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        return None, (Fault(DOCUMENT, f"is not UTF-8: byte {error.start} cannot be read"),)
    try:
        value = json.loads(written.removeprefix("\ufeff"), object_pairs_hook=_make_object)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        return None, (Fault(DOCUMENT, f"is not JSON: {error.msg}, {place}"),)
    except RecursionError:
        return None, (Fault(DOCUMENT, "is nested too deep"),)
    except ValueError:
        # Python refuses to read a number of more than 4300 digits.
        return None, (Fault(DOCUMENT, "is not JSON that can be read: a number has too many digits"),)
    return value, tuple(_find_faults(value))


def write_json(document: Any) -> str:
    """Write a document the way export does: two spaces, no escaped Cyrillic, a line feed at the end."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def join_path(path: str, key: str) -> str:
    """The path of a key below a path; `path` is "" at the top. A foreign key is made printable and short."""
    shown = key if key.isidentifier() and len(key) <= 60 else quote(key)[1:-1]
    return f"{path}.{shown}" if path else shown


def _make_object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    if len(made) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        made.twice = tuple(key for key in made if counts[key] > 1)
    return made


def _find_faults(value: Any) -> Iterator[Fault]:
    """Walks with a stack of its own: JSON may be nested deeper than Python likes to call."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, _Object):
            yield from (Fault(join_path(path, key), "stands twice") for key in item.twice)
            waiting.extend((join_path(path, key), inner) for key, inner in reversed(item.items()))
        elif isinstance(item, list):
            waiting.extend((f"{path}[{index}]", inner) for index, inner in reversed(list(enumerate(item))))
        elif isinstance(item, float) and not math.isfinite(item):
            yield Fault(path or DOCUMENT, f"{item} is not a number of JSON")
        elif isinstance(item, str) and not path.startswith(ABOUT) and (unstorable := find_unstorable(item)):
            yield Fault(path or DOCUMENT, f"holds {unstorable}, which cannot be stored")
