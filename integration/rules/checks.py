"""Condition trees at work: each is compiled into a check, which answers for the facts of an event and tells how.

A check evaluates every condition, also those that can no longer change the answer, because its trace is what the
journal shows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, tzinfo
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from integration.rules.condition_tests import Reader, Test, make_reader, make_test
from integration.rules.conditions import Condition, Group, Tree, leaves_of
from integration.rules.facts import FACTS, Facts

SHOWN_ITEMS = 20
SHOWN_CHARACTERS = 200

_SHOWN_AS_THEY_ARE = (bool, int, float)

_Readers = Mapping[str, Reader]
_Verdict = Callable[[Sequence[bool]], bool]


class Reading:
    """The facts of one event as conditions compare them and as traces show them.

    Each is worked on once, when it is first asked for, however many conditions of however many checks ask.
    """

    __slots__ = ("_compared", "_facts", "_shown")

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._compared: dict[str, Any] = {}
        self._shown: dict[str, Any] = {}

    def compare(self, readers: _Readers) -> Mapping[str, Any]:
        """The name of a fact → what is compared of it, for these facts and all that were asked for before."""
        known, compared = self._facts.get, self._compared
        for name, read in readers.items():
            if name not in compared:
                compared[name] = read(known(name))
        return compared

    def show(self, names: Iterable[str]) -> Mapping[str, Any]:
        """The name of a fact → the fact as short JSON, for these names and all that were asked for before."""
        shown = self._shown
        for name in names:
            if name not in shown:
                shown[name] = _shorten(self._facts.get(name))
        return shown


class Outcome(NamedTuple):
    """Answer of a check: `passed`, and every condition with its own answer, in the order of the tree.

    `rows` are those of the trace without what the event says; they are filled in when the trace is asked for, so a
    check that nobody looks into pays nothing for it. A named tuple, because it is made for every rule of every event.
    """

    passed: bool
    check: "Check"
    answers: Sequence[bool]
    event: Reading


@dataclass(frozen=True, eq=False)
class Check:
    """A compiled tree. Call it with the facts of one event to get its `Outcome`; it never raises."""

    tree: Tree
    rows: tuple[dict[str, Any], ...]
    readers: _Readers
    _tests: tuple[tuple[Test, str], ...]
    _verdict: _Verdict

    @property
    def facts(self) -> frozenset[str]:
        """The names of the facts that it asks for."""
        return frozenset(self.readers)

    def __call__(self, facts: Facts) -> Outcome:
        """Evaluate every condition."""
        return self.ask(Reading(facts))

    def ask(self, event: Reading) -> Outcome:
        """Evaluate every condition for an event that other checks are asked about, too."""
        compared = event.compare(self.readers)
        answers = [test(compared[name]) for test, name in self._tests]
        return Outcome(self._verdict(answers), self, answers, event)


def compile_tree(tree: Tree, *, zone: tzinfo) -> Check:
    """Make the check of a parsed tree; `zone` is the UIS account's, in which the dates of conditions are meant."""
    leaves = tuple(leaves_of(tree))
    types = {leaf.fact: FACTS[leaf.fact].type for _, leaf in leaves}
    return Check(
        tree=tree,
        rows=tuple(_make_row(place, leaf) for place, leaf in leaves),
        readers={name: make_reader(type_) for name, type_ in types.items()},
        _tests=tuple((make_test(types[leaf.fact], leaf.op, leaf.value, zone), leaf.fact) for _, leaf in leaves),
        _verdict=_compile_group(tree, iter(range(len(leaves)))),
    )


def flatten_trace(outcome: Outcome) -> list[dict[str, Any]]:
    """The trace as JSON: {"node", "fact", "op", "value", "actual", "passed"} per condition.

    `node` is the place in the tree, like `all[1].any[0]`. Long texts are cut at 200 characters and long lists at 20
    items; the tree itself is in the settings document.
    """
    rows, shown = outcome.check.rows, outcome.event.show(outcome.check.readers)
    trace = []
    for row, passed in zip(rows, outcome.answers, strict=True):
        # A copy with its last two values replaced takes half the time of a new dictionary.
        told = row.copy()
        told["actual"] = shown[row["fact"]]
        told["passed"] = passed
        trace.append(told)
    return trace


def find_failed(outcome: Outcome) -> int | None:
    """The number of the first condition that keeps the tree from holding, in the order of the tree; None if it holds.

    One that failed in a group of which another is enough keeps nothing from holding.
    """
    return _find_failed(outcome.check.tree, iter(range(len(outcome.answers))), outcome.answers)


def _find_failed(node: Condition | Group, numbers: Iterator[int], answers: Sequence[bool]) -> int | None:
    if isinstance(node, Condition):
        number = next(numbers)
        return None if answers[number] else number
    failed = [_find_failed(child, numbers, answers) for child in node.nodes]
    holds = node.join == "any" and None in failed
    return None if holds else next((number for number in failed if number is not None), None)


def _make_row(place: str, leaf: Condition) -> dict[str, Any]:
    """A row of the trace that the event has still to be put into."""
    return {
        "node": place,
        "fact": leaf.fact,
        "op": leaf.op,
        "value": _shorten(leaf.value),
        "actual": None,
        "passed": False,
    }


def _compile_group(group: Group, numbers: Iterator[int]) -> _Verdict:
    """The verdict of a group from the answers of all conditions, which are numbered in the order of the tree."""
    join = all if group.join == "all" else any
    parts: list[_Verdict] = []
    for are_groups, nodes in groupby(group.nodes, key=lambda node: isinstance(node, Group)):
        if are_groups:
            parts.extend(_compile_group(node, numbers) for node in nodes if isinstance(node, Group))
        else:
            parts.append(_compile_run(join, [next(numbers) for _ in nodes]))
    return parts[0] if len(parts) == 1 else lambda answers: join([part(answers) for part in parts])


def _compile_run(join: Callable[[Iterable[bool]], bool], numbers: Sequence[int]) -> _Verdict:
    """The verdict of conditions that follow each other."""
    pick = itemgetter(slice(numbers[0], numbers[-1] + 1))
    return lambda answers: join(pick(answers))


def _shorten(value: Any) -> Any:
    """A fact or a condition's value as short JSON; dates in ISO form."""
    if isinstance(value, str):
        return value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
    if value is None or isinstance(value, _SHOWN_AS_THEY_ARE):
        return value
    if isinstance(value, tuple | list):
        shown = [_shorten(item) for item in value[:SHOWN_ITEMS]]
        return shown if len(value) <= SHOWN_ITEMS else [*shown, "…"]
    return value.isoformat() if isinstance(value, date | time) else str(value)[:SHOWN_CHARACTERS]
