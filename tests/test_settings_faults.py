"""The settings document: faults, warnings and changes are told; and what any mutation of the example leads to."""

# ruff: noqa: E501 (a row of a table reads better in one line)

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.rules.document import parse_document
from integration.rules.document_changes import find_changes
from integration.rules.document_export import dump_settings
from integration.rules.document_text import read_json, write_json
from integration.rules.faults import Fault
from integration.rules.ruleset import CrmMode
from tests.settings_edits import (
    edit,
    faults_of,
    good,
    parse,
    warnings_of,
)
from tests.settings_mutations import VALUES, mutations, shown
from tests.settings_world import COMPLETE, KNOWN, without


def test_all_faults_are_reported_at_once_in_one_line_each():
    document = edit("telephony.incoming.filter.all[1].any[0].op", "like")
    del document["telephony"]["incoming"]["responsible"]["default"]
    document["chats"]["chat"]["colour"] = 1
    document["telephony"]["outgoing"]["responsible"]["rules"] = [
        {"name": "x", "assign": {"to": "user", "user": "Иванов"}},
        {"name": "y", "assign": {"to": "user", "user": 12}},
    ]
    document["telephony"]["incoming"]["mapping"][2] |= {"object": "lead", "field": "UF_CRM_X"}
    assert sorted(faults_of(document)) == [
        "chats.chat.colour: unknown key",
        'telephony.incoming.filter.all[1].any[0].op: "like" is not an operator of text; use eq, ne, contains, '
        "not_contains, starts, ends, mask, in, not_in, empty, not_empty",
        'telephony.incoming.mapping[2].field: lead has no field "UF_CRM_X"; synchronise if it is new',
        "telephony.incoming.responsible.default: must be given while telephony.active is true",
        'telephony.outgoing.responsible.rules[0].assign.user: "Иванов" fits 2 people: Пётр Иванов (12), '
        "Олег Иванов (31); write the id",
    ]
    assert parse(document).settings is None


def test_faults_are_one_line_whatever_the_key():
    document = edit("main", {"a\nb": 1, "x" * 500: 2, "\ud800": 3})
    for fault in faults_of(json.dumps(document)):
        assert "\n" not in fault
        assert len(fault) < 100
        fault.encode()


@pytest.mark.parametrize(
    ("change", "warnings"),
    [
        ({}, []),
        (
            {"rules": [{"name": "A", "assign": {"to": "user", "user": 1}}, {"name": "B", "assign": {"to": "user", "user": 12}},
                       {"name": "C", "active": False, "assign": {"to": "user", "user": 12}},
                       {"name": "D", "assign": {"to": "user", "user": 12}}]},
            ["telephony.outgoing.responsible.rules[1]", "telephony.outgoing.responsible.rules[3]"],
        ),
        (
            {"rules": [{"name": "A", "active": False, "assign": {"to": "user", "user": 1}},
                       {"name": "B", "assign": {"to": "user", "user": 12}}]},
            [],
        ),
        (
            {"rules": [{"name": "A", "when": {"all": [{"fact": "client_name", "op": "empty"}]},
                        "assign": {"to": "user", "user": 1}}, {"name": "B", "assign": {"to": "user", "user": 12}}]},
            [],
        ),
    ],
)  # fmt: skip
def test_a_rule_below_one_without_conditions_is_warned_of(change, warnings):
    document = edit("telephony.outgoing.responsible", {"default": 1, **change})
    told = warnings_of(document)
    assert [warning.split(": ")[0] for warning in told] == warnings
    for warning in told:
        assert 'is never reached as long as "A" above (rules[0]), which has no conditions, finds a person' in warning


def test_leads_on_a_portal_without_leads_are_warned_of():
    assert warnings_of(COMPLETE, without(crm_mode=CrmMode.DEALS)) == [
        f"{stream}.create.item: the portal works without leads; deals are made"
        for stream in ["telephony.incoming", "telephony.outgoing", "chats.request"]
    ]


@pytest.mark.parametrize(
    ("stream", "create", "is_told"),
    [
        ("telephony.incoming", {}, True),
        ("telephony.incoming", {"moment": "end"}, False),
        ("telephony.incoming", {"for": "none"}, False),
        ("telephony.outgoing", {"for": "both"}, True),
    ],
)
def test_a_filter_of_the_end_moves_creation_and_is_warned_of(stream, create, is_told):
    document = edit(f"{stream}.filter", {"any": [{"fact": "talk_duration", "op": "ge", "value": 5}]})
    document["telephony"][stream.split(".")[1]]["create"] = create
    assert [warning.split(":")[0] for warning in warnings_of(document)] == ([f"{stream}.filter"] if is_told else [])


def test_changes_are_told_by_path_old_and_new():
    old = dump_settings(good(COMPLETE), known=KNOWN)
    document = edit("telephony.mode", "webrtc")
    document["main"]["employees"].pop()
    document["main"]["client_order"] = ["lead", "contact", "company"]
    document["telephony"]["incoming"]["create"]["stage"] = None
    document["telephony"]["incoming"]["filter"] = None
    new = dump_settings(good(document), known=KNOWN)
    assert [str(change) for change in find_changes(old, new)] == [
        'main.client_order: ["contact", "company", "lead"] → ["lead", "contact", "company"]',
        'main.employees[1]: {"uis": {"id": 502, "name": "Смирнова Анна"}, "bitrix": {"id": 15, "name": "Анна Смирнова"}, '
        '"card": "answer", "line": "007321"} → –',
        'telephony.mode: "ip" → "webrtc"',
        f"telephony.incoming.filter: {json.dumps(old['telephony']['incoming']['filter'], ensure_ascii=False)} → null",
        'telephony.incoming.create.stage: {"id": "NEW", "name": "Не обработан"} → null',
    ]
    assert find_changes(old, old) == ()


# Any mutation of the example is either good and stable, or refused at its place.


def is_near(fault, path):
    """True if the fault is told at the place of the change, above it, below it or beside it."""
    place, beside = shown(path), shown(path[:-1])
    if fault.path in ("document", "version") or fault.path.startswith(place) or place.startswith(fault.path):
        return True
    return bool(beside) and fault.path.startswith(beside)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(mutations())
def test_any_mutation_round_trips_or_is_refused_at_its_place(mutation):
    text, path = mutation
    try:
        written = text.encode()
    except UnicodeEncodeError:
        written = text
    parsed = parse_document(written, known=KNOWN)
    assert (parsed.settings is None) == bool(parsed.faults)
    for fault in parsed.faults:
        assert isinstance(fault, Fault)
        assert "\n" not in str(fault)
        str(fault).encode()
    if parsed.settings is None:
        assert any(is_near(fault, path) for fault in parsed.faults) or is_far_reaching(path)
        return
    first = write_json(dump_settings(parsed.settings, known=KNOWN))
    again = parse_document(first.encode(), known=KNOWN)
    assert again.faults == ()
    assert again.settings == parsed.settings
    assert write_json(dump_settings(again.settings, known=KNOWN)) == first


def is_far_reaching(path):
    """Keys that change the meaning of others: the portal of the document, the country, what a stage belongs to."""
    return path[:1] == ("about",) or path == ("main", "country") or path[-1:] == ("active",) or "create" in path


@given(st.text(max_size=200) | VALUES.map(json.dumps))
def test_any_text_that_is_no_document_is_refused(text):
    parsed = parse_document(text, known=KNOWN)
    assert parsed.settings is None
    assert [fault.path for fault in parsed.faults] in (["document"], ["version"])
    assert read_json(text) == read_json(text.encode("utf-8", "surrogatepass")) or "\ud800" in text
