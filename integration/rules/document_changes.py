"""What would change between two settings documents: path, old → new."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from integration.rules.document_keys import REF
from integration.rules.document_text import join_path

NOTHING = "–"


@dataclass(frozen=True)
class Change:
    """One difference; `old` and `new` are written as JSON, "–" where there was or will be nothing."""

    path: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path}: {self.old} → {self.new}"


def find_changes(old: Any, new: Any) -> tuple[Change, ...]:
    """Differences between two exported documents, in the order of their keys.

    Objects are compared key by key and lists of objects row by row; references and lists of texts are compared whole.
    """
    return tuple(_compare(old, new, ""))


def _compare(old: Any, new: Any, path: str) -> Iterator[Change]:
    if old == new and type(old) is type(new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and not (_is_leaf(old) or _is_leaf(new)):
        for key in dict.fromkeys([*old, *new]):
            at = join_path(path, key)
            if key in old and key in new:
                yield from _compare(old[key], new[key], at)
            else:
                yield Change(at, _write(old, key), _write(new, key))
    elif isinstance(old, list) and isinstance(new, list) and _has_rows(old) and _has_rows(new):
        for index in range(max(len(old), len(new))):
            at = f"{path}[{index}]"
            if index < min(len(old), len(new)):
                yield from _compare(old[index], new[index], at)
            else:
                yield Change(at, _write(old, index), _write(new, index))
    else:
        yield Change(path, json.dumps(old, ensure_ascii=False), json.dumps(new, ensure_ascii=False))


def _is_leaf(value: dict[str, Any]) -> bool:
    return tuple(value) == REF


def _has_rows(value: list[Any]) -> bool:
    return all(isinstance(item, dict) and not _is_leaf(item) for item in value)


def _write(holder: Any, key: Any) -> str:
    is_there = key in holder if isinstance(holder, dict) else key < len(holder)
    return json.dumps(holder[key], ensure_ascii=False) if is_there else NOTHING
