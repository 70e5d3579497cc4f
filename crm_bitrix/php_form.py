"""Form bodies as PHP writes them: `auth[member_id]=1&data[A][]=2` becomes nested maps. Pure.

Django's QueryDict keeps such keys flat. Whatever arrives, the answer is a map of texts and maps, or BadForm.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

MAX_BYTES = 1_048_576
MAX_FIELDS = 1000
MAX_DEPTH = 6

_KEY = re.compile(r"([^\[]+)((?:\[[^\[\]]*\])*)", re.DOTALL)

Form = dict[str, Any]


class BadForm(Exception):
    """A body that is larger, longer or deeper than any form of the vendor's."""


def parse(body: bytes) -> Form:
    """Read a form body; every leaf is a text, of equal keys the last one counts, as in PHP.

    A key whose brackets do not match is taken as it stands, one without a name is left out; `a[]` counts up from 0.
    Bytes that are no UTF-8 become the replacement character. Raises BadForm.
    """
    if len(body) > MAX_BYTES:
        raise BadForm(f"more than {MAX_BYTES} bytes")
    try:
        pairs = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise BadForm(str(error)) from error
    form: Form = {}
    for key, value in pairs:
        if key:
            _put(form, _parts(key), value)
    return form


def _parts(key: str) -> list[str]:
    found = _KEY.fullmatch(key)
    if found is None:
        return [key]
    inner = found[2][1:-1].split("][") if found[2] else []
    if len(inner) >= MAX_DEPTH:
        raise BadForm(f"deeper than {MAX_DEPTH} levels")
    return [found[1], *inner]


def _put(node: Form, parts: list[str], value: str) -> None:
    for part in parts[:-1]:
        name = part or _next(node)
        if not isinstance(node.get(name), dict):
            node[name] = {}
        node = node[name]
    node[parts[-1] or _next(node)] = value


def _next(node: Form) -> str:
    number = len(node)
    while str(number) in node:
        number += 1
    return str(number)


def text(form: Mapping[str, Any], name: str) -> str:
    """A text of the form, "" when it is missing or something else."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def branch(form: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A map inside the form, empty when it is missing or something else: PHP drops empty arrays."""
    value = form.get(name)
    return value if isinstance(value, dict) else {}
