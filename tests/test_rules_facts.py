from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from integration.rules.facts import (
    FACTS,
    FactType,
    Moment,
    StreamKind,
    choices_of,
    derive_time_facts,
    facts_of,
    is_absent,
    moment,
)

INCOMING, OUTGOING, CHAT, REQUEST = StreamKind


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("contact_phone_number", (Moment.START, Moment.START, None, None)),
        ("visitor_phone_number", (None, None, Moment.START, Moment.START)),
        ("result", (Moment.END, Moment.END, Moment.END, None)),
        ("employee_full_name", (None, None, Moment.START, Moment.END)),
        ("utm_source", (Moment.END, Moment.END, Moment.START, Moment.START)),
        ("tags", (Moment.END, Moment.END, Moment.END, Moment.END)),
        ("text", (None, None, None, Moment.START)),
        ("no_such_fact", (None, None, None, None)),
    ],
)
def test_moment_of_a_fact_in_each_stream(name, expected):
    assert tuple(moment(name, stream) for stream in StreamKind) == expected


def test_the_catalogue_is_whole():
    assert [len(facts_of(stream)) for stream in StreamKind] == [61, 61, 47, 43]
    assert all(fact.moments for fact in FACTS.values())
    assert [fact.name for fact in FACTS.values() if fact.is_titles_only] == ["responsible_name"]


def test_choices_differ_by_stream_and_only_uis_codes_are_open():
    assert choices_of(FACTS["result"], OUTGOING) == ("answered", "unanswered")
    assert choices_of(FACTS["result"], CHAT) == ("answered", "missed")
    assert choices_of(FACTS["utm_source"], CHAT) == ()
    choices = {fact.name: fact.is_open for fact in FACTS.values() if fact.type is FactType.CHOICE}
    assert choices == {
        "client_state": False,
        "call_source": True,
        "result": False,
        "missed_reason": False,
        "chat_channel_type": True,
        "initiator": True,
    }


def test_time_facts_are_in_the_zone_of_the_account():
    start = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
    assert derive_time_facts(start, ZoneInfo("Europe/Moscow")) == {
        "start_time": start,
        "time_of_day": time(1, 30),
        "weekday": "mon",
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, True), ("", True), (" ", True), ((), True), (0, False), (False, False)],
)
def test_absent_is_none_or_empty_but_not_zero(value, expected):
    assert is_absent(value) is expected
