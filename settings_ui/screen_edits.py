"""Edits that change the shape of a document on the screen: a condition more, a rule up, a row away. Pure.

A document that is being edited may be wrong anywhere; an edit leaves alone what it does not understand.
"""

import copy
from typing import Any

from integration.rules.condition_values import OPERATORS, takes_value
from integration.rules.document_streams import ASSIGN_OF
from integration.rules.facts import FACTS, FactType, StreamKind, facts_of
from integration.rules.responsible import OWNER_ORDER
from settings_ui.screen_form import BadForm, Path, split_path
from settings_ui.screen_presets import presets_of

_LISTS = (FactType.TEXT, FactType.PHONE, FactType.CHOICE, FactType.LIST, FactType.WEEKDAY)


def edit(document: dict[str, Any], *, do: str, at: str, value: str = "") -> str:
    """Change `document` in place; the path of what to focus. Raises BadForm.

    `do`: condition, group (a new one into the group at `at`, or into no conditions at all), row (a new one at the end
    of the list), remove, up, down, clone, move (of a member of a list; to the index `value`), preset (the ready-made
    filter `value`, besides what is there), refresh (nothing but what follows from what was chosen).
    """
    path = split_path(at)
    if do in ("condition", "group"):
        focus = _add_node(document, path, at, do)
    elif do == "row":
        focus = _add_row(document, path, at, value)
    elif do in ("remove", "up", "down", "move"):
        focus = _move(document, path, at, do, value)
    elif do == "clone":
        focus = _clone(document, path, at, value)
    elif do == "preset":
        focus = _add_preset(document, path, at, value)
    elif do == "refresh":
        focus = at
    else:
        raise BadForm(f"{do[:20]!r} is no edit")
    _settle(document)
    return focus


def find(document: Any, path: Path) -> Any:
    """What stands at a path of the form, None if nothing does."""
    here = document
    for part in path:
        here = _step(here, part)
    return here


def stream_of(path: Path) -> StreamKind:
    """The stream that a path lies in. Raises BadForm."""
    try:
        return StreamKind(str(path[1]))
    except (IndexError, ValueError):
        raise BadForm("no stream") from None


def join_of(value: Any) -> str | None:
    """all or any for a group, None for what is no group."""
    return next((key for key in ("all", "any") if isinstance(value, dict) and key in value), None)


def _step(here: Any, part: str | int) -> Any:
    if isinstance(here, list):
        return here[part] if isinstance(part, int) and part < len(here) else None
    if not isinstance(here, dict):
        return None
    join = join_of(here)
    return here.get(join if part == "nodes" and join else part)


def _add_node(document: dict[str, Any], path: Path, at: str, do: str) -> str:
    kind = stream_of(path)
    fact = next(each for each in facts_of(kind) if not each.is_titles_only)
    node: dict[str, Any] = {"fact": fact.name, "op": OPERATORS[fact.type][0]}
    group = find(document, path)
    join = join_of(group)
    if join is None:
        holder = find(document, path[:-1])
        if not isinstance(holder, dict):
            raise BadForm("no place for conditions")
        holder[path[-1]] = {"all": [node]}
        return f"{at}.nodes[0].fact"
    added = node if do == "condition" else {"any" if join == "all" else "all": [node]}
    group[join].append(added)
    return f"{at}.nodes[{len(group[join]) - 1}]" + (".fact" if do == "condition" else ".nodes[0].fact")


def _add_row(document: dict[str, Any], path: Path, at: str, value: str) -> str:
    rows, row = find(document, path), find(document, path[:-1])
    if path[-1] == "values" and isinstance(row, dict):
        row.setdefault("values", {})[""] = ""
        return at
    if not isinstance(rows, list):
        raise BadForm("no list")
    rows.append(_new_row(path, len(rows) + 1, value))
    return at if not isinstance(rows[-1], dict) else f"{at}[{len(rows) - 1}].{next(iter(rows[-1]))}"


def _new_row(path: Path, number: int, value: str) -> Any:
    if path[-1] == "rules":
        return {"name": f"{value} {number}".strip(), "active": True, "when": None, "assign": {"to": "user"}}
    if path[-1] == "mapping":
        fact = next(each for each in facts_of(stream_of(path)) if not each.is_titles_only)
        return {"fact": fact.name, "object": "lead", "field": "", "policy": "create", "values": {}, "format": None}
    if path[-1] == "numbers":
        return {"number": value, "source": None, "pipeline": None, "stage": None}
    if path[-1] == "employees":
        return {"uis": int(value) if value.isdecimal() else None, "bitrix": None, "card": "default", "line": None}
    return ""


def _member(document: dict[str, Any], path: Path) -> tuple[list[Any], int]:
    rows, index = find(document, path[:-1]), path[-1]
    if not isinstance(rows, list) or not isinstance(index, int) or index >= len(rows):
        raise BadForm("no such row")
    return rows, index


def _move(document: dict[str, Any], path: Path, at: str, do: str, value: str) -> str:
    rows, index = _member(document, path)
    above = at[: at.rindex("[")]
    row = rows.pop(index)
    if do == "remove":
        return f"{above}[{min(index, len(rows) - 1)}]" if rows else above
    wanted = {"up": index - 1, "down": index + 1}.get(do, int(value) if value.isdecimal() else index)
    place = min(max(wanted, 0), len(rows))
    rows.insert(place, row)
    return f"{above}[{place}]"


def _clone(document: dict[str, Any], path: Path, at: str, mark: str) -> str:
    """A copy right behind its model; `mark` tells its name apart."""
    rows, index = _member(document, path)
    row = copy.deepcopy(rows[index])
    if isinstance(row, dict) and "name" in row:
        row["name"] = f"{row['name']} {mark}".strip()
    rows.insert(index + 1, row)
    return f"{at[: at.rindex('[')]}[{index + 1}]"


def _add_preset(document: dict[str, Any], path: Path, at: str, code: str) -> str:
    """The conditions of a ready-made filter, besides those that are there: all must hold."""
    holder, added = find(document, path[:-1]), presets_of(stream_of(path)).get(code)
    if not isinstance(holder, dict) or added is None:
        raise BadForm("no such filter")
    old = holder.get(path[-1])
    nodes = old["all"] if join_of(old) == "all" and isinstance(old["all"], list) else [old] if join_of(old) else []
    holder[path[-1]] = {"all": [*nodes, *copy.deepcopy(added)]}
    return f"{at}.nodes[{len(nodes)}].fact"


def _settle(document: dict[str, Any]) -> None:
    """Bring into line what depends on another choice: operators on the fact, values on the operator."""
    for tab, kinds in (("telephony", ("incoming", "outgoing")), ("chats", ("chat", "request"))):
        for kind in kinds:
            stream = find(document, (tab, kind))
            if not isinstance(stream, dict):
                continue
            stream["filter"] = _settle_tree(stream.get("filter"))
            rules = find(stream, ("responsible", "rules"))
            for rule in rules if isinstance(rules, list) else ():
                if isinstance(rule, dict):
                    rule["when"] = _settle_tree(rule.get("when"))
                    rule["assign"] = _settle_assign(rule.get("assign"), StreamKind(kind))


def _settle_tree(node: Any) -> Any:
    """A group without members is none at all."""
    join = join_of(node)
    if join is None:
        return _settle_condition(node) if isinstance(node, dict) and "fact" in node else node
    nodes = node[join] if isinstance(node[join], list) else []
    kept = [settled for each in nodes if (settled := _settle_tree(each)) is not None]
    return {join: kept} if kept else None


def _settle_condition(node: dict[str, Any]) -> dict[str, Any]:
    fact = FACTS.get(str(node.get("fact")))
    if fact is None:
        return node
    allowed = OPERATORS[fact.type]
    op = node.get("op") if node.get("op") in allowed else allowed[0]
    settled: dict[str, Any] = {"fact": fact.name, "op": op}
    if takes_value(str(op)):
        settled["value"] = _fit(node.get("value"), str(op), fact.type)
    return settled


def _fit(value: Any, op: str, type_: FactType) -> Any:
    """The typed value in the shape that the operator takes, as far as it can be kept."""
    if op == "between":
        pair = value if isinstance(value, list) else [value, ""]
        return [*pair, "", ""][:2]
    if op in ("in", "not_in", "has_all") and type_ in _LISTS:
        return value if isinstance(value, list) else [value] if value not in (None, "") else []
    if type_ is FactType.YES_NO:
        return value if isinstance(value, bool) else True
    single = value[0] if isinstance(value, list) and value else value
    return "" if isinstance(single, list | bool) or single is None else single


def _settle_assign(assign: Any, kind: StreamKind) -> Any:
    to = assign.get("to") if isinstance(assign, dict) else None
    if to not in tuple(map(str, ASSIGN_OF[kind])):
        return assign
    defaults: dict[str, dict[str, Any]] = {
        "user": {"user": None},
        "client_owner": {"order": list(OWNER_ORDER)},
        "talked": {"which": "last"},
        "rung": {"which": "last"},
        "operator": {},
        "spread": {"users": [], "only_at_work": False},
    }
    return {"to": to, **{key: assign.get(key, default) for key, default in defaults[to].items()}}
