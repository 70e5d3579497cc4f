"""The posted form of the screen → a settings document, as it was typed. Pure.

A control is called `path:kind`: its place in the document, and how its text is read. Groups of conditions stand there
as `join` and `nodes`, so that changing И to ИЛИ moves no control. Nothing is checked here: what cannot be read stays a
text, and `read_document` names it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

MAX_PARTS = 24

_PART = re.compile(r"([A-Za-z_]\w*)|\[(\d{1,5})\]")
_LABEL = re.compile(r".*\(([\w.:-]+)\)\s*", re.DOTALL)
_NUMBER = re.compile(r"-?\d{1,18}")
_DECIMAL = re.compile(r"-?\d{1,18}[.,]\d{1,9}")
_OMIT = object()

Pairs = Iterable[tuple[str, str]]
Path = tuple[str | int, ...]


class BadForm(ValueError):
    """What came is not a form of this screen."""


class _Rows(dict[int, Any]):
    """Members of a list by their index, until the list is made."""


def read_form(pairs: Pairs) -> dict[str, Any]:
    """Build the document a form stands for. Raises BadForm."""
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        texts.setdefault(name, []).append(text.replace("\r\n", "\n"))
    document: dict[Any, Any] = {"version": 1}
    for name, given in texts.items():
        path, _, kind = name.partition(":")
        if kind not in _READ:
            raise BadForm(f"{name[:100]!r} is no control of the screen")
        value = _READ[kind](given)
        if value is not _OMIT:
            _put(document, split_path(path), value)
    made = _finish(document)
    if not isinstance(made, dict):
        raise BadForm("the form is no document")
    return made


def split_path(path: str) -> Path:
    """`a.b[0].c` → ("a", "b", 0, "c"). Raises BadForm."""
    parts: list[str | int] = []
    position = 0
    while position < len(path):
        found = _PART.match(path, position)
        if found is None or len(parts) >= MAX_PARTS:
            raise BadForm(f"{path[:100]!r} is no path")
        parts.append(found[1] or int(found[2]))
        position = found.end() + (path[found.end() : found.end() + 1] == ".")
    return tuple(parts)


def to_form_path(path: str) -> str:
    """The path of a fault, as controls are called: `filter.all[1].any[0]` → `filter.nodes[1].nodes[0]`."""
    return re.sub(r"\.(?:all|any)(?=\[|$)", ".nodes", path)


def id_of_label(text: str) -> int | str | None:
    """What somebody means by a text in a searching control: "Мария Орлова (1)" and "1" → 1, a name stays a name."""
    text = text.strip()
    found = _LABEL.fullmatch(text)
    id_ = found[1] if found and _NUMBER.fullmatch(found[1]) else text
    return int(id_) if _NUMBER.fullmatch(id_) else id_ or None


def _code_of_label(texts: Sequence[str]) -> str:
    text = texts[-1].strip()
    found = _LABEL.fullmatch(text)
    return found[1] if found else text


def _number(texts: Sequence[str]) -> int | float | str:
    text = texts[-1].strip()
    if _DECIMAL.fullmatch(text):
        return float(text.replace(",", "."))
    return int(text) if _NUMBER.fullmatch(text) else text


def _ids(texts: Sequence[str]) -> list[Any]:
    return [id_ for text in texts if (id_ := id_of_label(text)) is not None]


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    both = zip(texts[::2], texts[1::2], strict=False)
    return {key: value for key, value in both if key or value}


_READ: Mapping[str, Callable[[Sequence[str]], Any]] = {
    "text": lambda texts: texts[-1],
    "null": lambda texts: texts[-1] or None,
    "some": lambda texts: texts[-1] or _OMIT,
    "yes": lambda texts: texts[-1] == "1",
    "number": _number,
    "ref": lambda texts: id_of_label(texts[-1]),
    "field": _code_of_label,
    "codes": lambda texts: [text for text in texts if text],
    "ids": _ids,
    "lines": lambda texts: [line for line in texts[-1].split("\n") if line.strip()],
    "pairs": _pairs,
    "channels": lambda texts: "all" if "all" in texts else _ids(texts),
    "none": lambda texts: None,
    "list": lambda texts: _Rows(),
}


def _put(holder: dict[Any, Any], path: Path, value: Any) -> None:
    for part, following in pairwise(path):
        holder = holder.setdefault(part, _Rows() if isinstance(following, int) else {})
        if not isinstance(holder, dict) or isinstance(holder, _Rows) != isinstance(following, int):
            raise BadForm(f"{path[0]} stands twice")
    if not path or isinstance(holder, _Rows) != isinstance(path[-1], int):
        raise BadForm("a control without a place")
    if not isinstance(value, _Rows) or path[-1] not in holder:
        holder[path[-1]] = value


def _finish(value: Any) -> Any:
    if isinstance(value, _Rows):
        return [_finish(value[index]) for index in sorted(value)]
    if not isinstance(value, dict):
        return value
    if "join" in value:
        return {"any" if value["join"] == "any" else "all": _finish(value.get("nodes", _Rows()))}
    return {key: _finish(inner) for key, inner in value.items()}
