"""The vendor's batch: many commands in one request. Pure: texts in, texts out.

Source: https://apidocs.bitrix24.com/settings/how-to-call-rest-api/batch.html
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from crm_bitrix.actions import Command, Json, Question, Refusal, ResultOf

LIMIT = 50
REFERENCE = re.compile(r"\$(result|next|total|time|error)", re.IGNORECASE)


class BadAnswer(Exception):
    """A batch was answered, but not in the shape of an answer to a batch."""


@dataclass(frozen=True)
class BatchAnswer:
    """Per command its result or refusal; a command that was not answered is absent. `operating` per method:
    seconds of work time spent, and the moment (epoch seconds) when the oldest of it is forgiven. `totals`: how many
    rows a list has in all, where the portal says so."""

    results: Mapping[str, Json | Refusal]
    operating: Mapping[str, tuple[float, int]]
    totals: Mapping[str, int] = field(default_factory=dict)


def query(command: Command) -> str:
    """One command as `method?a=1&b[c]=2`: PHP's brackets, lists by index, yes/no as 1/0, None left out."""
    pairs = "&".join(f"{_quoted(name)}={quote(value, safe='')}" for name, value in _flat(command.params))
    return f"{command.method}?{pairs}" if pairs else command.method


@lru_cache(maxsize=1000)
def _quoted(name: str) -> str:
    """The name of a parameter: there are few, and every command repeats them."""
    return quote(name, safe="")


def _flat(value: Json, name: str = "") -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        items: Iterable[tuple[Any, Json]] = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    else:
        if value is not None:
            yield name, str(int(value)) if isinstance(value, bool) else str(value)
        return
    for key, part in items:
        yield from _flat(part, f"{name}[{key}]" if name else str(key))


def body(commands: Mapping[str, Command], *, halts: bool = False) -> dict[str, Json]:
    """The parameters of the batch request. It goes on after a refused command, unless it `halts` there."""
    return {"halt": int(halts), "cmd": {name: query(command) for name, command in commands.items()}}


def prefixed(command: Command, prefix: str) -> Command:
    """A read whose references speak of commands with this prefix to their names, in the batch's own spelling."""
    return Command(command.method, _spelled(command.params, prefix))


def _spelled(value: Json, prefix: str) -> Json:
    if isinstance(value, ResultOf):
        return Reference.to(f"{prefix}{value.action}", f"[{value.part}]")
    if isinstance(value, Mapping):
        return {key: _spelled(part, prefix) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(part, prefix) for part in value]
    return value


class Reference(str):
    """What the portal replaces by a part of the result of an earlier command of the same request."""

    __slots__ = ()

    @classmethod
    def to(cls, name: str, path: str) -> "Reference":
        """To the command of this name; the path is that of the part, as `[item][id]`."""
        return cls(f"$result[{name}]{path}")


def is_safe(command: Command) -> bool:
    """Say whether this command may go into a batch: a client's text could look like one of its references."""
    return not _mentions_reference(command.params)


def _mentions_reference(value: Json) -> bool:
    if isinstance(value, Reference):
        return False
    if isinstance(value, str):
        return REFERENCE.search(value) is not None
    if isinstance(value, Mapping):
        return any(_mentions_reference(part) for part in value.values())
    if isinstance(value, list | tuple):
        return any(_mentions_reference(part) for part in value)
    return False


def read(answer: Json, names: Iterable[str]) -> BatchAnswer:
    """Read the body of an answer to a batch.

    PHP sends an empty map as `[]`. Raises BadAnswer when the body is not an answer to a batch.
    """
    try:
        result = answer["result"]
        results, errors, times = (_mapping(result[part]) for part in ("result", "result_error", "result_time"))
        counted = _mapping(result.get("result_total", {}))
    except (KeyError, TypeError) as error:
        raise BadAnswer(f"no batch answer: {str(answer)[:200]}") from error
    outcome: dict[str, Json | Refusal] = {}
    for name in names:
        if name in errors:
            outcome[name] = _refusal(errors[name])
        elif name in results:
            outcome[name] = results[name]
    totals = {name: int(total) for name, total in counted.items() if str(total).isdigit()}
    return BatchAnswer(outcome, {name: _operating(time) for name, time in times.items()}, totals)


def _mapping(value: Json) -> Mapping[str, Json]:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list):
        return {str(index): part for index, part in enumerate(value)}
    raise TypeError(f"neither map nor list: {value!r:.100}")


def _refusal(error: Json) -> Refusal:
    if isinstance(error, Mapping):
        return Refusal(str(error.get("error", "")), str(error.get("error_description", "")))
    return Refusal("", str(error))


def _operating(time: Json) -> tuple[float, int]:
    if not isinstance(time, Mapping):
        return 0.0, 0
    return float(time.get("operating") or 0), int(time.get("operating_reset_at") or 0)


def pack(questions: Sequence[Question]) -> list[list[Question]]:
    """Distribute questions over requests of at most 50 commands; a question is never torn apart."""
    requests: list[list[Question]] = []
    room = 0
    for question in questions:
        if len(question.commands) > room:
            requests.append([])
            room = LIMIT
        requests[-1].append(question)
        room -= len(question.commands)
    return requests
