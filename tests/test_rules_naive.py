"""The pure parts against what one would write first: simple, slow, and obviously right."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_bitrix.actions import Answer, Done
from integration.events import RawEvent
from integration.rules.checks import compile_tree
from integration.rules.conditions import parse_tree
from integration.rules.facts import StreamKind
from integration.rules.field_values import FieldInfo
from integration.rules.mapping import MappingRow, Policy, map_fields
from integration.rules.observations import merge
from integration.rules.responsible import Assign, AssignTo, Candidates, Rule
from integration.rules.ruleset import Employee, make_ruleset, make_stream
from integration.rules.titles import parse_title
from telephony.events import parse_call
from telephony.plan import decide_call
from tests.sandbox import Sandbox

MOSCOW = ZoneInfo("Europe/Moscow")
INCOMING = StreamKind.INCOMING
TEXTS = ("scenario_name", "contact_full_name", "client_name")
words = st.text(alphabet="абвXYZ", min_size=1, max_size=5)
known = st.fixed_dictionaries(dict.fromkeys(TEXTS, words))


# --- titles


@given(st.lists(st.tuples(words, st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3)), max_size=4), known)
def test_a_title_is_its_words_and_the_first_known_of_each_choice(pieces, facts):
    template = "".join(f"{word}{{{{{'|'.join(names)}}}}}" for word, names in pieces)
    title, faults = parse_title(template, stream=INCOMING, path="")
    assert faults == ()
    assert title.render(facts, zone=MOSCOW) == "".join(f"{word}{facts[names[0]]}" for word, names in pieces)


# --- responsible rules

rules = st.lists(st.tuples(st.booleans(), st.sampled_from(TEXTS), words, st.integers(1, 6)), max_size=6)


def make_rule(is_active: bool, fact: str, value: str, user_id: int) -> Rule:
    document = {"all": [{"fact": fact, "op": "contains", "value": value}]}
    tree, _faults = parse_tree(document, stream=INCOMING, country="RU", path="")
    assert tree
    return Rule("", Assign(AssignTo.USER, (user_id,)), compile_tree(tree, zone=MOSCOW), is_active=is_active)


@given(rules, known, st.frozensets(st.integers(1, 6)), st.integers(1, 6))
def test_the_responsible_is_of_the_first_rule_that_fits_and_names_somebody_active(drawn, facts, active, default_id):
    fitting = [user for is_on, fact, value, user in drawn if is_on and value.casefold() in facts[fact].casefold()]
    naive = next((user for user in (*fitting, default_id) if user in active), 99)
    stream = make_stream(INCOMING, rules=tuple(make_rule(*one) for one in drawn), default_responsible_id=default_id)
    choice = make_ruleset(stream, fallback_user_id=99).choose_responsible(
        INCOMING, facts=facts, candidates=Candidates(active_user_ids=active), at_end=True, seed="1"
    )
    assert choice.user_id == naive


# --- mapping

FIELDS = {name: FieldInfo(name, "string", "") for name in ("first", "second")}
rows = st.lists(
    st.builds(
        MappingRow,
        object=st.just("lead"),
        field=st.sampled_from(sorted(FIELDS)),
        fact=st.sampled_from(TEXTS),
        policy=st.sampled_from(Policy),
    ),
    max_size=5,
)


def map_naively(
    rows: list[MappingRow], facts: dict[str, str], present: dict[str, str], *, found: bool
) -> dict[str, str]:
    fields = dict(present)
    for row in rows:
        value, old = facts[row.fact or ""], fields.get(row.field, "")
        if row.policy is Policy.OVERWRITE:
            fields[row.field] = value
        elif row.policy is Policy.APPEND:
            fields[row.field] = old if value in old.splitlines() else f"{old}\n{value}".strip()
        elif not old and not (found and row.policy is Policy.CREATE):
            fields[row.field] = value
    return fields


@given(rows, known, st.dictionaries(st.sampled_from(sorted(FIELDS)), words), st.booleans())
def test_fields_end_up_as_if_the_rows_were_carried_out_one_after_another(rows, facts, present, found):
    mapped = map_fields(
        rows,
        facts=facts,
        fields={"lead": FIELDS},
        when="found" if found else "create",
        current={"lead": present} if found else None,
        zone=MOSCOW,
        at_end=True,
    )
    before = present if found else {}
    assert before | mapped.values.get("lead", {}) == map_naively(rows, facts, before, found=found)


# --- plans

START = datetime(2026, 3, 16, 7, 15, tzinfo=UTC)
RULESET = make_ruleset(
    make_stream(INCOMING, default_responsible_id=1),
    employees={700101: Employee(12), 700102: Employee(15)},
    active_user_ids=frozenset({1, 12, 15}),
)


@pytest.fixture(scope="module")
def stories() -> dict[str, list[dict[str, Any]]]:
    kinds = ("answered_call", "missed_call", "transfer", "voice_mail", "group_call")
    begin = START.timestamp()
    return {kind: Sandbox().tell(kind, client_phone="79001112233", start_at=begin).bodies for kind in kinds}


def carry_out(decision: Any, done: dict[str, Done]) -> tuple[list[str], dict[str, Any]]:
    """Let a portal that knows nobody answer and obey; the keys of what was new to it, and what is remembered."""
    try:
        question = next(decision)
        while True:
            question = decision.send(Answer({name: {} for name, _command in question.commands}))
    except StopIteration as stop:
        plan = stop.value
    new = [action for action in plan.actions if action.key not in done]
    for number, action in enumerate(new):
        result = {"id": 500 + number, "CALL_ID": "call", "CRM_ACTIVITY_ID": 7, "value": True}
        done[action.key] = Done(action.key, action.params, result)
    return [action.key for action in new], dict(plan.learned)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_told_in_whatever_order_each_thing_is_done_once(stories, data):
    kind = data.draw(st.sampled_from(sorted(stories)))
    bodies = [body for body in stories[kind] if body["event"] != "call_session_finished"]
    end = next(body for body in stories[kind] if body["event"] == "call_session_finished")
    told = data.draw(st.lists(st.sampled_from(bodies), max_size=12))
    told.insert(data.draw(st.integers(0, len(told))), end)
    now = START + timedelta(minutes=5)
    facts, ranks, done, keys = {}, {}, {}, []
    for body in told:
        observed = parse_call(RawEvent(body["event"], body), zone=MOSCOW, country="RU", received_at=now)
        facts, ranks = merge(facts, ranks, observed)
        new, learned = carry_out(decide_call(facts, done, RULESET, now), done)
        keys += new
        facts |= learned
    later = now + timedelta(minutes=5)
    keys += carry_out(decide_call(facts, done, RULESET, later), done)[0]
    facts |= carry_out(decide_call(facts, done, RULESET, later), done)[1]

    assert carry_out(decide_call(facts, done, RULESET, later), done)[0] == []
    assert len(keys) == len(set(keys))
    assert {"lead", "register", "finish"} <= set(keys)
    talked = end["talk_time_duration"] > 0
    assert done["finish"].params["STATUS_CODE"] == ("200" if talked else "304")
    assert done["finish"].params["DURATION"] == (end["talk_time_duration"] if talked else 0)
