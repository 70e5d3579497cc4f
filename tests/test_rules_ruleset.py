import dataclasses
from datetime import UTC

import pytest

from integration.rules.facts import StreamKind
from integration.rules.responsible import Assign, AssignTo, Candidates, Rule
from integration.rules.ruleset import (
    CardMoment,
    CreateFor,
    CreateWhat,
    CrmMode,
    Employee,
    NumberOptions,
    TelephonyOptions,
    make_ruleset,
    make_stream,
)
from integration.rules.titles import parse_title

INCOMING, OUTGOING, CHAT, REQUEST = StreamKind


def test_builders_fill_in_the_defaults_of_the_settings_document():
    ruleset = make_ruleset()
    created = {kind: (stream.create.for_, stream.create.what) for kind, stream in ruleset.streams.items()}
    assert created == {
        INCOMING: (CreateFor.NEW, CreateWhat.ITEM),
        OUTGOING: (CreateFor.NEW, CreateWhat.ITEM),
        CHAT: (CreateFor.BOTH, CreateWhat.ITEM_AND_ACTIVITY),
        REQUEST: (CreateFor.BOTH, CreateWhat.ITEM_AND_ACTIVITY),
    }
    assert [stream.talked for stream in ruleset.streams.values()] == [None, "last", None, None]
    with pytest.raises(dataclasses.FrozenInstanceError):
        ruleset.revision = 2


def test_a_virtual_number_wins_over_the_stream():
    stream = make_stream(INCOMING, create={"item": "deal", "pipeline_id": 3, "stage_id": "C3:NEW", "source_id": "CALL"})
    numbers = {
        "+74951234567": NumberOptions(source_id="UIS_1", pipeline_id=0),
        "+74957654321": NumberOptions(source_id="UIS_2"),
    }
    ruleset = make_ruleset(stream, telephony=TelephonyOptions(numbers=numbers))

    def options(number):
        created = ruleset.create_options(INCOMING, number)
        return created.source_id, created.pipeline_id, created.stage_id

    assert options("+74951234567") == ("UIS_1", 0, None)
    assert options("+74957654321") == ("UIS_2", 3, "C3:NEW")
    assert options("+78005553535") == options(None) == ("CALL", 3, "C3:NEW")


def test_a_pipeline_of_a_virtual_number_leaves_the_stage_of_leads_alone():
    stream = make_stream(INCOMING, create={"item": "lead", "stage_id": "IN_PROCESS"})
    numbers = {"+74951234567": NumberOptions(pipeline_id=3, stage_id="C3:NEW")}
    ruleset = make_ruleset(stream, telephony=TelephonyOptions(numbers=numbers))
    created = ruleset.create_options(INCOMING, "+74951234567")
    assert (created.item, created.pipeline_id, created.stage_id) == ("lead", None, "IN_PROCESS")


def test_a_portal_without_leads_makes_deals_in_no_stage_of_leads():
    stream = make_stream(INCOMING, create={"item": "lead", "stage_id": "IN_PROCESS"})
    numbers = {
        "+74951234567": NumberOptions(stage_id="PROCESSED"),
        "+74957654321": NumberOptions(pipeline_id=3, stage_id="C3:NEW"),
    }
    ruleset = make_ruleset(stream, crm_mode=CrmMode.DEALS, telephony=TelephonyOptions(numbers=numbers))

    def options(number):
        created = ruleset.create_options(INCOMING, number)
        return created.item, created.pipeline_id, created.stage_id

    assert options(None) == options("+74951234567") == ("deal", None, None)
    assert options("+74957654321") == ("deal", 3, "C3:NEW")


def test_the_source_is_call_or_web_unless_set():
    ruleset = make_ruleset(make_stream(OUTGOING, create={"source_id": "UC_1"}))
    assert [ruleset.create_options(kind).source_id for kind in StreamKind] == ["CALL", "UC_1", "WEB", "WEB"]


def test_a_filter_of_the_end_moves_creation_to_the_end():
    assert make_ruleset(make_stream(INCOMING, filter_needs_end=True)).create_options(INCOMING).moment == "end"
    assert make_ruleset(make_stream(CHAT, create={"moment": "end"})).streams[CHAT].creates_at_end
    assert not make_ruleset().streams[INCOMING].creates_at_end


@pytest.mark.parametrize(
    ("mode", "card", "expected"),
    [
        ("ip", CardMoment.DEFAULT, CardMoment.RING),
        ("webrtc", CardMoment.DEFAULT, CardMoment.ANSWER),
        ("webrtc", CardMoment.RING, CardMoment.RING),
        ("ip", CardMoment.NEVER, CardMoment.NEVER),
    ],
)
def test_moment_of_the_card(mode, card, expected):
    ruleset = make_ruleset(telephony=TelephonyOptions(mode=mode), employees={501: Employee(12, card)})
    assert ruleset.card_moment(501) is expected
    assert ruleset.bitrix_user_id(501) == 12
    assert ruleset.bitrix_user_id(502) is ruleset.bitrix_user_id(None) is None


def test_title_falls_back_to_the_built_in_one_when_it_is_empty():
    title, _ = parse_title("{{client_name}}", stream=INCOMING, path="")
    ruleset = make_ruleset(make_stream(INCOMING, titles={"answered": title}), language="en", zone=UTC)

    def title_of(result, facts):
        return ruleset.render_title(INCOMING, result, facts, responsible_id=None)

    assert title_of("answered", {"client_name": "Anna"}) == "Anna"
    assert title_of("answered", {}) == "Call: hidden number"
    assert title_of("missed", {"client_name": "Anna"}) == "Missed call: Anna"


def test_choosing_the_responsible_uses_the_rules_of_the_stream():
    rule = Rule("Анна", Assign(AssignTo.USER, user_ids=(15,)))
    ruleset = make_ruleset(make_stream(CHAT, rules=(rule,)), fallback_user_id=99)

    def choose(stream, active):
        candidates = Candidates(active_user_ids=frozenset(active))
        return ruleset.choose_responsible(stream, facts={}, candidates=candidates, at_end=True, seed="chat:1").user_id

    assert choose(CHAT, {1, 15}) == 15
    assert choose(CHAT, {1}) == 1
    assert choose(INCOMING, {15}) == 99
