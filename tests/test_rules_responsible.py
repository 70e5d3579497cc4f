import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.rules.checks import compile_tree
from integration.rules.conditions import parse_tree
from integration.rules.facts import StreamKind
from integration.rules.responsible import (
    Assign,
    AssignTo,
    Candidates,
    ChosenBy,
    Rule,
    Talk,
    choose_responsible,
    needs_end,
)

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)
DEFAULT, ADMIN = 1, 99


def talk(user_id, minute=0, seconds=10, leg=0):
    return Talk(user_id, NINE + timedelta(minutes=minute), seconds, leg)


def check(fact, value):
    tree, faults = parse_tree(
        {"all": [{"fact": fact, "op": "eq", "value": value}]}, stream=StreamKind.INCOMING, country="RU", path="when"
    )
    assert not faults
    return compile_tree(tree, zone=UTC)


def rule(name="r", to="user", *user_ids, **keys):
    options = {key: keys.pop(key) for key in ("check", "holds_end_fact", "is_active") if key in keys}
    return Rule(name, Assign(AssignTo(to), user_ids=user_ids, **keys), **options)


def choose(*rules, candidates=None, stream=StreamKind.INCOMING, at_end=True, default=DEFAULT, **keys):
    options = {"facts": {}, "talked": None, "seed": "call:1", "fallback_id": ADMIN, **keys}
    return choose_responsible(
        rules, default, candidates=candidates or Candidates(), stream=stream, at_end=at_end, **options
    )


def made(choice):
    return choice.user_id, choice.by, choice.rule


def test_first_rule_that_fits_wins():
    rules = (
        rule("off", "user", 11, is_active=False),
        rule("other scenario", "user", 12, check=check("scenario_name", "Сервис")),
        rule("sales", "user", 13, check=check("scenario_name", "Продажи")),
        rule("never reached", "user", 14),
    )
    choice = choose(*rules, facts={"scenario_name": "продажи"})
    assert made(choice) == (13, ChosenBy.RULE, "sales")
    assert not choice.is_provisional
    condition = {"node": "all[0]", "fact": "scenario_name", "op": "eq", "actual": "продажи"}
    assert choice.trace == (
        {"step": "rule", "index": 0, "rule": "off", "outcome": "off"},
        {
            "step": "rule",
            "index": 1,
            "rule": "other scenario",
            "conditions": [{**condition, "value": "Сервис", "passed": False}],
            "outcome": "no_match",
        },
        {
            "step": "rule",
            "index": 2,
            "rule": "sales",
            "conditions": [{**condition, "value": "Продажи", "passed": True}],
            "outcome": "chosen",
            "user_id": 13,
        },
    )


def test_a_rule_that_yields_nobody_is_noted_and_the_next_is_tried():
    candidates = Candidates(active_user_ids=frozenset({13}))
    choice = choose(rule("dismissed", "user", 12), rule("active", "user", 13), candidates=candidates)
    assert made(choice) == (13, ChosenBy.RULE, "active")
    assert choice.trace[0] == {
        "step": "rule",
        "index": 0,
        "rule": "dismissed",
        "outcome": "nobody",
        "notes": [{"note": "not_active", "user_id": 12}],
    }


def test_no_rules_give_the_default_at_once():
    choice = choose(at_end=False, candidates=Candidates(rung=(12,)))
    assert made(choice) == (DEFAULT, ChosenBy.DEFAULT, None)
    assert not choice.is_provisional


@pytest.mark.parametrize(
    "waiting",
    [
        rule("end fact", "user", 12, holds_end_fact=True),
        rule("talked", "talked"),
        rule("rung", "rung", which="first"),
    ],
)
def test_at_the_start_a_rule_of_the_end_is_passed_over_and_the_ringing_one_is_responsible(waiting):
    candidates = Candidates(rung=(None, 20, 21), active_user_ids=frozenset({DEFAULT, 12, 21}))
    choice = choose(waiting, candidates=candidates, at_end=False)
    assert made(choice) == (21, ChosenBy.RINGING, None)
    assert choice.is_provisional
    assert choice.trace == (
        {"step": "rule", "index": 0, "rule": waiting.name, "outcome": "passed_over"},
        {"step": "ringing", "outcome": "chosen", "user_id": 21, "notes": [{"note": "not_active", "user_id": 20}]},
    )


def test_at_the_start_without_anybody_ringing_the_default_is_provisional():
    choice = choose(rule("talked", "talked"), at_end=False)
    assert made(choice) == (DEFAULT, ChosenBy.DEFAULT, None)
    assert choice.is_provisional


def test_a_later_rule_at_the_start_is_provisional_when_an_earlier_one_may_still_win():
    rules = (rule("talked", "talked"), rule("anna", "user", 15))
    start = choose(*rules, at_end=False)
    assert made(start) == (15, ChosenBy.RULE, "anna")
    assert start.is_provisional
    end = choose(*rules, candidates=Candidates(talks=(talk(12),)))
    assert made(end) == (12, ChosenBy.RULE, "talked")
    assert not end.is_provisional


@pytest.mark.parametrize(
    ("which", "expected"),
    [("first", 12), ("last", 14), ("longest", 13)],
)
def test_who_talked(which, expected):
    talks = (
        talk(None, minute=0, seconds=900),
        talk(11, minute=0, seconds=0),
        talk(14, minute=9, seconds=40, leg=4),
        talk(12, minute=1, seconds=40, leg=1),
        talk(13, minute=2, seconds=30, leg=2),
        talk(13, minute=4, seconds=30, leg=3),
    )
    choice = choose(rule("talked", "talked", which=which), candidates=Candidates(talks=talks))
    assert choice.user_id == expected
    assert choice.trace[0]["notes"] == [{"note": "unmatched", "count": 1}]


@pytest.mark.parametrize("which", ["first", "last", "longest"])
def test_equal_talks_go_to_the_smaller_leg(which):
    talks = (talk(12, leg=7), talk(13, leg=2), talk(14, leg=5))
    assert choose(rule("talked", "talked", which=which), candidates=Candidates(talks=talks)).user_id == 13


@pytest.mark.parametrize("talks", [(), (talk(None),), (talk(12, seconds=0),)])
def test_nobody_matched_talked_so_the_next_rule_decides(talks):
    choice = choose(rule("talked", "talked"), rule("anna", "user", 15), candidates=Candidates(talks=talks))
    assert made(choice) == (15, ChosenBy.RULE, "anna")


@pytest.mark.parametrize(("which", "expected"), [("first", 12), ("last", 13)])
def test_who_was_rung(which, expected):
    candidates = Candidates(rung=(None, 12, 13, None))
    assert choose(rule("rung", "rung", which=which), candidates=candidates).user_id == expected


@pytest.mark.parametrize(
    ("order", "active", "expected"),
    [
        (("deal", "lead", "contact", "company"), {21, 22, 23}, 21),
        (("company", "contact", "deal"), {21, 22, 23}, 23),
        (("deal", "contact"), {23, DEFAULT}, 23),
        (("company",), {21, DEFAULT}, DEFAULT),
    ],
)
def test_owner_of_the_client_in_the_order_of_the_rule(order, active, expected):
    candidates = Candidates(owners={"deal": 21, "lead": 22, "contact": 23}, active_user_ids=frozenset(active))
    assert choose(rule("owner", "client_owner", order=order), candidates=candidates, at_end=False).user_id == expected


def test_operator_is_known_at_the_start_of_a_chat_but_only_at_the_end_of_a_request():
    operator = rule("operator", "operator")
    candidates = Candidates(operator_id=12)
    assert choose(operator, candidates=candidates, stream=StreamKind.CHAT, at_end=False).user_id == 12
    request = choose(operator, candidates=candidates, stream=StreamKind.REQUEST, at_end=False)
    assert made(request) == (DEFAULT, ChosenBy.DEFAULT, None)
    assert request.is_provisional
    assert choose(operator, candidates=candidates, stream=StreamKind.REQUEST).user_id == 12
    assert needs_end(operator.assign, StreamKind.REQUEST)


def test_outgoing_call_goes_to_who_talked_and_then_to_the_default():
    answered = Candidates(talks=(talk(12), talk(13, minute=1)), rung=(12,))
    assert made(choose(stream=StreamKind.OUTGOING, talked="last", candidates=answered)) == (13, ChosenBy.TALKED, None)
    assert made(choose(stream=StreamKind.OUTGOING, talked=None, candidates=answered)) == (1, ChosenBy.DEFAULT, None)
    unanswered = choose(stream=StreamKind.OUTGOING, talked="last", candidates=Candidates(rung=(12,)))
    assert made(unanswered) == (DEFAULT, ChosenBy.DEFAULT, None)
    start = choose(stream=StreamKind.OUTGOING, talked="last", candidates=Candidates(rung=(12,)), at_end=False)
    assert made(start) == (12, ChosenBy.RINGING, None)
    assert start.is_provisional


def test_talked_is_for_outgoing_calls_only():
    assert made(choose(talked="last", candidates=Candidates(talks=(talk(12),)))) == (DEFAULT, ChosenBy.DEFAULT, None)


@pytest.mark.parametrize(
    ("fallback_id", "active", "expected", "tail"),
    [
        (ADMIN, {ADMIN}, ADMIN, {"step": "fallback", "outcome": "chosen", "user_id": ADMIN}),
        (
            ADMIN,
            {5},
            ADMIN,
            {
                "step": "fallback",
                "outcome": "chosen",
                "user_id": ADMIN,
                "notes": [{"note": "not_active", "user_id": ADMIN}],
            },
        ),
        (None, {5}, None, {"step": "fallback", "outcome": "nobody"}),
    ],
)
def test_an_inactive_default_gives_way_to_the_connecting_administrator(fallback_id, active, expected, tail):
    choice = choose(candidates=Candidates(active_user_ids=frozenset(active)), fallback_id=fallback_id)
    assert made(choice) == (expected, ChosenBy.FALLBACK, None)
    assert choice.trace == (
        {"step": "default", "outcome": "nobody", "notes": [{"note": "not_active", "user_id": DEFAULT}]},
        tail,
    )


def test_spreading_is_even_and_moves_only_the_events_of_who_left():
    team = tuple(range(10, 20))
    spread = rule("spread", "spread", *team)
    before = {number: choose(spread, seed=f"call:{number}").user_id for number in range(2000)}
    counts = Counter(before.values())
    assert set(counts) == set(team)
    assert max(counts.values()) < 1.5 * min(counts.values())
    without = Candidates(active_user_ids=frozenset(team) - {13})
    after = {number: choose(spread, seed=f"call:{number}", candidates=without).user_id for number in range(2000)}
    assert {number for number in before if before[number] != after[number]} == {n for n in before if before[n] == 13}


def test_spreading_over_those_at_work():
    at_work = Candidates(at_work_user_ids=frozenset({11}))
    team = rule("spread", "spread", 10, 11, is_only_at_work=True)
    assert {choose(team, seed=str(n), candidates=at_work).user_id for n in range(20)} == {11}
    assert {choose(team, seed=str(n)).user_id for n in range(20)} == {10, 11}
    nobody = choose(team, candidates=Candidates(at_work_user_ids=frozenset()))
    assert made(nobody) == (DEFAULT, ChosenBy.DEFAULT, None)
    assert nobody.trace[0]["notes"] == [{"note": "not_at_work", "user_id": 10}, {"note": "not_at_work", "user_id": 11}]


ids = st.integers(1, 6)
assigns = st.builds(
    Assign,
    to=st.sampled_from(AssignTo),
    user_ids=st.lists(ids, min_size=1, max_size=3).map(tuple),
    order=st.permutations(["deal", "lead", "contact", "company"]).map(tuple),
    which=st.sampled_from(["first", "last"]),
    is_only_at_work=st.booleans(),
)
rules = st.lists(
    st.builds(
        Rule,
        name=st.just("r"),
        assign=assigns,
        check=st.sampled_from([None, check("scenario_name", "a"), check("scenario_name", "b")]),
        holds_end_fact=st.booleans(),
        is_active=st.booleans(),
    ),
    max_size=5,
)
people = st.builds(
    Candidates,
    owners=st.dictionaries(st.sampled_from(["deal", "lead", "contact", "company"]), ids),
    talks=st.lists(st.builds(talk, st.none() | ids, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))).map(
        tuple
    ),
    rung=st.lists(st.none() | ids).map(tuple),
    operator_id=st.none() | ids,
    active_user_ids=st.none() | st.frozensets(ids),
    at_work_user_ids=st.none() | st.frozensets(ids),
)


@given(
    rules=rules,
    candidates=people,
    stream=st.sampled_from(StreamKind),
    at_end=st.booleans(),
    default=st.none() | ids,
    talked=st.none() | st.sampled_from(["first", "last"]),
)
def test_whatever_the_rules_the_choice_is_active_stable_and_explained(
    *, rules, candidates, stream, at_end, default, talked
):
    def run(at_end):
        return choose(
            *rules,
            candidates=candidates,
            stream=stream,
            at_end=at_end,
            default=default,
            talked=talked,
            facts={"scenario_name": "a"},
        )

    choice = run(at_end)
    assert choice == run(at_end)
    json.dumps(choice.trace)
    if choice.by is ChosenBy.FALLBACK:
        assert choice.user_id == ADMIN
    else:
        assert candidates.active_user_ids is None or choice.user_id in candidates.active_user_ids
    assert not (at_end and choice.is_provisional)
    if not at_end and not choice.is_provisional:
        assert made(run(True)) == made(choice)


def test_a_fact_is_read_once_however_many_rules_ask_for_it():
    class Facts(dict):
        """Facts that remember what was asked for."""

        def __init__(self, *told):
            super().__init__(*told)
            self.asked = Counter()

        def get(self, name, default=None):
            self.asked[name] += 1
            return super().get(name, default)

    facts = Facts({"scenario_name": "Продажи"})
    choice = choose(*[rule(str(n), "user", n, check=check("scenario_name", f"№ {n}")) for n in range(20)], facts=facts)
    assert [entry["outcome"] for entry in choice.trace] == ["no_match"] * 20 + ["chosen"]
    assert facts.asked == {"scenario_name": 2}  # to be compared, and to be shown
