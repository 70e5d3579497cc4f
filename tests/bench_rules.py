"""What deciding costs: a tree of 50 conditions with its full trace, and a whole decision about a call.

The texts of every event are new, as in life; the trees, rules and titles are compiled once, as in a ruleset. Compared
with what one would write first: a walk over the JSON of the tree that keeps the same trace, and a json-logic library,
which keeps none. Ours keeps what it found of every condition, and writes rows of it when somebody asks for them; the
walk writes its rows at once, so ours is measured with its rows written, too. Times are those of the process, for other
processes of the machine are nobody's merit.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from json_logic import jsonLogic

from integration.rules.checks import Check, compile_tree, flatten_trace
from integration.rules.conditions import parse_tree
from integration.rules.facts import FactType, StreamKind, facts_of
from integration.rules.field_values import FieldInfo
from integration.rules.filtering import refuse
from integration.rules.mapping import MappingRow, map_fields
from integration.rules.responsible import Assign, AssignTo, Candidates, Rule
from integration.rules.ruleset import Ruleset, make_ruleset, make_stream
from integration.rules.titles import parse_title
from tests.bench_figures import Figure, Goal, alternate

ZONE = ZoneInfo("Europe/Moscow")
STREAM = StreamKind.INCOMING
EVENTS, QUICK_EVENTS = 2000, 100
TEXTS = [fact.name for fact in facts_of(STREAM) if fact.type is FactType.TEXT and not fact.is_titles_only]
Json = Any


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """The figures of the rules; there is one part."""
    events = QUICK_EVENTS if quick else EVENTS
    runs = 1 if quick else 7
    for texts, goal in ((5, Goal("≤", 20)), (25, None)):
        tree = make_tree(texts)
        check = _check(tree)
        logic = to_json_logic(tree)
        told = {
            "ours": check,
            "written": lambda facts, check=check: flatten_trace(check(facts)),
            "walk": lambda facts, tree=tree: walk(tree, facts, []),
            "json-logic": lambda facts, logic=logic: jsonLogic(logic, facts),
        }
        for facts in _events(20, texts):
            assert check(facts).passed == walk(tree, facts, []) == bool(jsonLogic(logic, facts))
        got = alternate(
            {name: lambda run=run, texts=texts: _each(run, _events(events, texts)) for name, run in told.items()},
            runs=runs,
        )
        name = f"50 conditions with the full trace, {texts} new texts in each event"
        ours, written = tuple(got["ours"]), tuple(got["written"])
        yield Figure(name, ours, "µs", "a plain walk with the same trace", tuple(got["walk"]), goal)
        yield Figure(f"{name}, written as JSON", written, "µs", "a plain walk with the same trace", tuple(got["walk"]))
        yield Figure(name, ours, "µs", "json-logic, no trace", tuple(got["json-logic"]))
    ruleset = make_rules()
    whole = alternate({"ours": lambda: _each(lambda facts: decide(ruleset, facts), _events(events, 5))}, runs=runs)
    text = "a whole decision: filter, 20 rules, title, 30 mapped fields"
    yield Figure(text, tuple(whole["ours"]), "µs", goal=Goal("≤", 300))


def _each(run: Callable[[Mapping[str, Any]], object], events: Sequence[Mapping[str, Any]]) -> float:
    """Microseconds of the process for one event."""
    began = time.process_time()
    for facts in events:
        run(facts)
    return (time.process_time() - began) / len(events) * 1e6


_told = 0


def _events(number: int, texts: int) -> list[dict[str, Any]]:
    """So many events whose texts nobody has seen before."""
    global _told  # noqa: PLW0603 - a counter of the whole run: no text may come twice
    events = []
    for _ in range(number):
        _told += 1
        named = {name: f"Отдел продаж {_told}-{place}" for place, name in enumerate(TEXTS[:texts])}
        events.append(
            {"contact_phone_number": f"+7495{_told:07d}", "talk_duration": _told % 20, "tags": ("VIP",), **named}
        )
    return events


def make_tree(texts: int) -> Json:
    """Fifty conditions of all kinds in three groups; `texts` of the facts they ask for are texts."""
    leaves = [
        *[_leaf(TEXTS[number % texts], "contains", f"слово {number}") for number in range(25)],
        *[_leaf("contact_phone_number", "starts", f"+749{number}") for number in range(10)],
        *[_leaf("talk_duration", "ge", number) for number in range(10)],
        *[_leaf("tags", "in", ["VIP", f"тег {number}"]) for number in range(5)],
    ]
    return {"all": [{"any": leaves[:20]}, {"all": leaves[20:40]}, {"any": [{"all": leaves[40:]}]}]}


def _leaf(fact: str, op: str, value: Json) -> Json:
    return {"fact": fact, "op": op, "value": value}


def _parsed(tree: Json) -> Any:
    parsed, faults = parse_tree(tree, stream=STREAM, country="RU", path="")
    assert parsed, faults
    return parsed


def walk(node: Json, facts: Mapping[str, Any], trace: list[Json]) -> bool:
    """What one would write first: recursion over the document, everything folded where it is compared."""
    if "fact" not in node:
        ((join, nodes),) = node.items()
        passed = [walk(child, facts, trace) for child in nodes]
        return all(passed) if join == "all" else any(passed)
    actual, value = facts.get(node["fact"]), node["value"]
    if node["op"] == "contains":
        result = actual is not None and value.strip().casefold() in str(actual).strip().casefold()
    elif node["op"] == "starts":
        result = actual is not None and str(actual).startswith(value)
    elif node["op"] == "ge":
        result = actual is not None and actual >= value
    else:
        result = any(tag.casefold() in {item.casefold() for item in value} for tag in actual or ())
    trace.append({**node, "actual": actual, "passed": result})
    return result


def to_json_logic(node: Json) -> Json:
    """The same tree in the language of the library; `starts` as the beginning of the text."""
    if "fact" not in node:
        ((join, nodes),) = node.items()
        return {"and" if join == "all" else "or": [to_json_logic(child) for child in nodes]}
    actual, value = {"var": [node["fact"], ""]}, node["value"]
    if node["op"] == "contains":
        return {"in": [value, actual]}
    if node["op"] == "starts":
        return {"==": [{"substr": [actual, 0, len(value)]}, value]}
    if node["op"] == "ge":
        return {">=": [actual, value]}
    return {"or": [{"in": [item, actual]} for item in value]}


def make_rules() -> Ruleset:
    """A filter of ten conditions, 20 rules of three of which the last one fits, a title, 30 mapped fields."""
    texts = [_leaf(TEXTS[number % 5], "ne", "нет") for number in range(9)]
    rules = tuple(
        Rule(
            f"Правило {number}",
            Assign(AssignTo.USER, user_ids=(number + 1,)),
            _check({"all": [*texts[:2], _leaf("talk_duration", "ge", 0 if number == 19 else 1000)]}),
        )
        for number in range(20)
    )
    title, faults = parse_title("Звонок: {{client_name|contact_phone_number}} {{tags}}", stream=STREAM, path="")
    assert not faults
    mapping = tuple(MappingRow("lead", f"UF_CRM_{number}", fact=TEXTS[number % 5]) for number in range(30))
    fields = {row.field: FieldInfo(row.field, "string", "") for row in mapping}
    stream = make_stream(
        STREAM,
        filter=_check({"all": [*texts, _leaf("talk_duration", "ge", 0)]}),
        rules=rules,
        titles={"answered": title},
        mapping=mapping,
    )
    return make_ruleset(stream, fields={"lead": fields})


def _check(tree: Json) -> Check:
    return compile_tree(_parsed(tree), zone=ZONE)


def decide(ruleset: Ruleset, facts: Mapping[str, Any]) -> tuple[int | None, str, Mapping[str, Any]]:
    """What a decision about a call takes from the rules: may it pass, whose is it, its title, its fields."""
    rules = ruleset.streams[STREAM]
    assert refuse(rules.filter, facts) is None
    choice = ruleset.choose_responsible(STREAM, facts=facts, candidates=Candidates(), at_end=True, seed="1")
    title = ruleset.render_title(STREAM, "answered", facts, responsible_id=choice.user_id)
    mapped = map_fields(
        rules.mapping, facts=facts, fields=ruleset.fields, when="create", current=None, zone=ZONE, at_end=True
    )
    assert (choice.user_id, len(mapped.values["lead"])) == (20, 30)
    return choice.user_id, title, mapped.values
