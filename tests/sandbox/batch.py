"""`batch`: how commands are written and how `$result[...]` is replaced, quirks included."""

import re
from typing import Any

from . import php

LIMIT = 50
SECONDS = 60.0
REFERENCE = re.compile(r"\$(?:result_)?(result|error|total|next|time)(\[\S*)", re.IGNORECASE)
STEP = re.compile(r"\[([^\]]*)\]")


def read_commands(cmd: Any) -> list[tuple[str, str, str]]:
    """`(key, method, query)` of each command; one given as an object is skipped without a word, as on the server."""
    pairs = cmd.items() if isinstance(cmd, dict) else enumerate(cmd)
    commands = []
    for key, command in pairs:
        if isinstance(command, str):
            method, _, query = command.split("#", 1)[0].partition("?")
            commands.append((str(key), method.strip().removesuffix(".json"), query))
    return commands


def resolve(params: Any, results: dict[str, Any]) -> Any:
    """Replace references in all values.

    The pattern takes everything up to the next white space, so text glued to a reference is lost. A path that leads
    nowhere leaves the deepest value found. A reference that is the whole value may bring an array.
    """
    if isinstance(params, dict):
        return {key: resolve(value, results) for key, value in params.items()}
    if isinstance(params, list):
        return [resolve(value, results) for value in params]
    if not isinstance(params, str):
        return params
    whole = REFERENCE.fullmatch(params)
    if whole:
        return _found(whole, results)
    return REFERENCE.sub(lambda match: _as_text(_found(match, results)), params)


def _found(match: re.Match[str], results: dict[str, Any]) -> Any:
    value: Any = results.get(match[1].lower(), {})
    for step in STEP.findall(match[2]):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            break
    return value


def _as_text(value: Any) -> str:
    if isinstance(value, dict | list):
        return "Array"
    return "1" if value is True else "" if value in (None, False) else str(value)


def maps(results: dict[str, Any]) -> dict[str, Any]:
    """The five maps of the answer; empty ones become `[]`."""
    return {
        "result": php.as_array(results["result"]),
        "result_error": php.as_array(results["error"]),
        "result_total": php.as_array(results["total"]),
        "result_next": php.as_array(results["next"]),
        "result_time": php.as_array(results["time"]),
    }
