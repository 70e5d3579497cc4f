"""Condition trees: what a filter and a responsible rule ask of the facts.

`parse_tree` reads the settings document, `dump_tree` writes it back; `checks.compile_tree` makes what runs on every
event.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from integration.rules.condition_values import (
    OPERATORS,
    TYPE_NAMES,
    BadValue,
    ConditionValue,
    ValueContext,
    parse_value,
    takes_value,
)
from integration.rules.facts import FACTS, STREAM_NAMES, Fact, Moment, StreamKind, moment
from integration.rules.faults import Fault, find_unknown_keys, join_codes, quote

MAX_DEPTH = 4
MAX_NODES = 50
MAX_CONDITIONS = 50


@dataclass(frozen=True)
class Condition:
    """One question to one fact; `value` as export writes it, lists as tuples, None for `empty` and `not_empty`."""

    fact: str
    op: str
    value: ConditionValue = None


@dataclass(frozen=True)
class Group:
    """Conditions and groups joined by `all` (every one) or `any` (at least one)."""

    join: str
    nodes: "tuple[Condition | Group, ...]"


Tree = Group


def parse_tree(value: Any, *, stream: StreamKind, country: str, path: str) -> tuple[Tree | None, tuple[Fault, ...]]:
    """Read a condition tree of the settings document.

    `value` is parsed JSON of any kind; None means "no conditions" and gives (None, ()). Faults are collected over the
    whole tree, each with its exact path below `path`; with any fault the tree is None. Depth is bounded before it is
    walked, so a hostile document costs no more than its size.
    """
    if value is None:
        return None, ()
    parser = _TreeParser(stream, country)
    tree = parser.parse_group(value, path, depth=1)
    if parser.conditions > MAX_CONDITIONS:
        parser.faults.append(Fault(path, f"at most {MAX_CONDITIONS} conditions in a tree, not {parser.conditions}"))
    return (None, tuple(parser.faults)) if parser.faults else (tree, ())


def dump_tree(tree: Tree | None) -> dict[str, Any] | None:
    """Write a tree the way the settings document holds it; parsing the answer gives the same tree."""
    return None if tree is None else {tree.join: [_dump_node(node) for node in tree.nodes]}


def leaves_of(group: Group, prefix: str = "") -> Iterator[tuple[str, Condition]]:
    """The conditions in the order of the tree, each with its place, like `all[1].any[0]`; `prefix` is the group's."""
    for index, node in enumerate(group.nodes):
        place = f"{prefix}{group.join}[{index}]"
        if isinstance(node, Group):
            yield from leaves_of(node, f"{place}.")
        else:
            yield place, node


def facts_of_tree(tree: Tree) -> frozenset[str]:
    """The names of the facts that a tree asks for."""
    return frozenset(leaf.fact for _, leaf in leaves_of(tree))


def holds_end_fact(tree: Tree | None, stream: StreamKind) -> bool:
    """True if some condition asks for a fact that the stream knows only when the event is over."""
    return tree is not None and any(moment(leaf.fact, stream) is Moment.END for _, leaf in leaves_of(tree))


class _TreeParser:
    """Walks one foreign tree; keeps its faults and how many conditions it met."""

    def __init__(self, stream: StreamKind, country: str) -> None:
        self.stream = stream
        self.country = country
        self.faults: list[Fault] = []
        self.conditions = 0

    def refuse(self, path: str, message: str) -> None:
        self.faults.append(Fault(path, message))

    def parse_node(self, value: Any, path: str, depth: int) -> Condition | Group | None:
        if isinstance(value, dict) and ("all" in value or "any" in value):
            return self.parse_group(value, path, depth)
        return self.parse_condition(value, path)

    def parse_group(self, value: Any, path: str, depth: int) -> Group | None:
        if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= {"all", "any"}:
            self.refuse(path, 'must be a group: an object with exactly one key, "all" or "any"')
            return None
        if depth > MAX_DEPTH:
            self.refuse(path, f"groups may be nested {MAX_DEPTH} deep at most")
            return None
        ((join, items),) = value.items()
        path = f"{path}.{join}"
        if not isinstance(items, list | tuple) or not 1 <= len(items) <= MAX_NODES:
            count = f", not {len(items)}" if isinstance(items, list | tuple) else ""
            self.refuse(path, f"must be a list of 1 to {MAX_NODES} conditions or groups{count}")
            return None
        nodes = [self.parse_node(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(items)]
        return Group(join, tuple(node for node in nodes if node is not None))

    def parse_condition(self, value: Any, path: str) -> Condition | None:
        self.conditions += 1
        if not isinstance(value, dict):
            self.refuse(path, f"must be a condition or a group, not {quote(value)}")
            return None
        self.faults.extend(find_unknown_keys(value, ("fact", "op", "value"), path))
        fact = self.parse_fact(value, path)
        op = self.parse_op(value, path, fact)
        if fact is None or op is None:
            return None
        if not takes_value(op):
            if "value" in value:
                self.refuse(f"{path}.value", f'"{op}" takes no value')
            return Condition(fact.name, op)
        if "value" not in value:
            self.refuse(f"{path}.value", "must be given")
            return None
        try:
            parsed = parse_value(value["value"], op, ValueContext(fact, self.stream, self.country))
        except BadValue as error:
            self.refuse(f"{path}.value{error.place}", error.message)
            return None
        return Condition(fact.name, op, parsed)

    def parse_fact(self, value: dict[Any, Any], path: str) -> Fact | None:
        name = value.get("fact")
        fact = FACTS.get(name) if isinstance(name, str) else None
        if "fact" not in value:
            self.refuse(f"{path}.fact", "must be given")
        elif not isinstance(name, str):
            self.refuse(f"{path}.fact", f"must be the name of a fact, not {quote(name)}")
        elif fact is None:
            self.refuse(f"{path}.fact", f"unknown fact {quote(name)}")
        elif fact.is_titles_only:
            self.refuse(f"{path}.fact", f"{quote(name)} may stand in titles only")
        elif self.stream not in fact.moments:
            self.refuse(f"{path}.fact", f"{quote(name)} is not a fact of {STREAM_NAMES[self.stream]}")
        else:
            return fact
        return None

    def parse_op(self, value: dict[Any, Any], path: str, fact: Fact | None) -> str | None:
        op = value.get("op")
        if "op" not in value:
            self.refuse(f"{path}.op", "must be given")
        elif fact is not None:
            allowed = OPERATORS[fact.type]
            if isinstance(op, str) and op in allowed:
                return op
            name = TYPE_NAMES[fact.type]
            self.refuse(f"{path}.op", f"{quote(op)} is not an operator of {name}; use {join_codes(allowed)}")
        return None


def _dump_node(node: Condition | Group) -> dict[str, Any]:
    if isinstance(node, Group):
        return {node.join: [_dump_node(child) for child in node.nodes]}
    dumped: dict[str, Any] = {"fact": node.fact, "op": node.op}
    if takes_value(node.op):
        dumped["value"] = list(node.value) if isinstance(node.value, tuple) else node.value
    return dumped
