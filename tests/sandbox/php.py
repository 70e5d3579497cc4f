"""How PHP reads and writes: bracketed keys, truth of a flag, arrays that are lists or maps."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl


def is_true(value: Any) -> bool:
    """PHP's truth: the strings "N" and "false" are true, "0" and "" are false."""
    return value not in (None, False, 0, 0.0, "", "0") and value not in ([], {})


def nest(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Build nested maps from bracketed keys: `a[b][]=1` gives `{"a": {"b": ["1"]}}`."""
    tree: dict[str, Any] = {}
    for key, value in pairs:
        head, _, rest = key.partition("[")
        parts = [head, *rest.removesuffix("]").split("][")] if rest else [head]
        _put(tree, parts, value)
    return {key: as_array(value) for key, value in tree.items()}


def parse_query(query: str) -> dict[str, Any]:
    """Read the query of a batch command."""
    return nest(parse_qsl(query, keep_blank_values=True))


def as_array(value: Any) -> Any:
    """Turn maps whose keys are 0..n-1 into lists, all the way down, as PHP's JSON encoder does."""
    if isinstance(value, list):
        return [as_array(one) for one in value]
    if not isinstance(value, dict):
        return value
    if all(str(key) == str(number) for number, key in enumerate(value)):
        return [as_array(one) for one in value.values()]
    return {key: as_array(one) for key, one in value.items()}


def rows(value: Any) -> list[Any]:
    """Values of a PHP array, whether it came as a list or as a map."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else [value]


def _put(node: dict[str, Any], parts: list[str], value: Any) -> None:
    for part in parts[:-1]:
        name = part or str(len(node))
        below = node.get(name)
        if not isinstance(below, dict):
            below = {}
            node[name] = below
        node = below
    node[parts[-1] or str(len(node))] = value
