from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.rules.facts import FACTS, StreamKind
from integration.rules.titles import DEFAULT_TITLES, TITLE_KEYS, default_title, parse_title

MOSCOW = ZoneInfo("Europe/Moscow")
PATH = "telephony.incoming.titles.answered"


def render(text, facts, stream=StreamKind.INCOMING, language="ru"):
    title, faults = parse_title(text, stream=stream, path=PATH)
    assert faults == ()
    assert title.text == text
    return title.render(facts, zone=MOSCOW, language=language)


def messages(text, stream=StreamKind.INCOMING):
    _, faults = parse_title(text, stream=stream, path=PATH)
    assert all(fault.path == PATH for fault in faults)
    return [fault.message for fault in faults]


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        (
            "Звонок: {{client_name|contact_full_name|contact_phone_number}}",
            {"contact_phone_number": "+74951234567"},
            "Звонок: +7 495 123-45-67",
        ),
        (
            "Звонок: {{client_name|contact_full_name}}",
            {"client_name": " ", "contact_full_name": "Анна"},
            "Звонок: Анна",
        ),
        ('{{ client_name | "кто-то }} | там" }}', {}, "кто-то }} | там"),
        ('{{client_name|""}}x', {}, "x"),
        ("{client_name} }} {% load x %}", {}, "{client_name} }} {% load x %}"),
        ("{{client_name}}", {"client_name": "{{scenario_name}}", "scenario_name": "s"}, "{{scenario_name}}"),
        ("", {}, ""),
        (
            "{{talk_duration}} {{wait_duration}} {{total_duration}}",
            {"talk_duration": 65, "wait_duration": 0, "total_duration": 3723},
            "1:05 0:00 1:02:03",
        ),
        (
            "{{start_time}} {{time_of_day}} {{weekday}}",
            {"start_time": datetime(2026, 11, 22, 22, 5, tzinfo=UTC), "time_of_day": time(1, 5), "weekday": "mon"},
            "23.11.2026 01:05 01:05 понедельник",
        ),
        (
            "{{tags}} {{is_transfer}} {{visits_count}}",
            {"tags": ("VIP", "Москва"), "is_transfer": False, "visits_count": 3.0},
            "VIP, Москва нет 3",
        ),
        (
            "{{result}} {{missed_reason}} {{call_source}}",
            {"result": "missed", "missed_reason": "busy", "call_source": "va"},
            "пропущен занято va",
        ),
    ],
)
def test_rendering(text, facts, expected):
    assert render(text, facts) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Звонок: {{client_name}} ({{tags}})", "Звонок"),
        ("Звонок: {{scenario_name}} ({{tags}})", "Звонок: S."),
        ("{{client_name}}: {{scenario_name}}", "S."),
        ("{{scenario_name}} - {{client_name}} - конец", "S. - конец"),
        ("A ({{client_name}}, {{scenario_name}}) z", "A (S.) z"),
        ("A ({{scenario_name}}, {{client_name}}) z", "A (S.) z"),
        ("A ({{client_name}}: {{tags}}) «{{referrer}}» z", "A z"),
        ("{{client_name}}{{tags}}", ""),
        ("a {{client_name}} {{tags}} b", "a b"),
        ("a {{client_name}} / {{tags}} / {{referrer}} b", "a b"),
    ],
)
def test_an_empty_value_takes_its_separators_along(text, expected):
    assert render(text, {"scenario_name": "S."}) == expected


@pytest.mark.fault(39)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (5, ["must be a text, not 5"]),
        (None, ["must be a text, not null"]),
        ("x" * 501, ["must be at most 500 characters, not 501"]),
        ("x\0", ["holds a NUL character, which cannot be stored"]),
        ("\ud83d", ["holds half of a surrogate pair, which cannot be stored"]),
        ("{{}}", ["empty {{}}"]),
        ("{{ | }}", ["empty {{}}"]),
        ("{{client_name", ['"{{client_name" is not closed']),
        ('{{"x}}', ['"{{\\"x}}" is not closed']),
        ("{{client_name|}}", ["an empty alternative beside |"]),
        ("{{ settings.SECRET_KEY }} {{foo}}", ['unknown fact "settings.SECRET_KEY"', 'unknown fact "foo"']),
        ('{{"a" b "c"}}', ['unknown fact "\\"a\\" b \\"c\\""']),
        ("{{duration}}", ['"duration" is not a fact of incoming calls']),
    ],
)
def test_faults(text, expected):
    assert messages(text) == expected


@pytest.mark.fault(39)
def test_foreign_text_becomes_one_clean_line_of_255_characters():
    name = "Имя\0\r\n\x1b[31m \u202eевил 👩\u200d👩\u200d👧 \ud83d"
    assert render("{{client_name}}!", {"client_name": name}) == "Имя [31m евил 👩\u200d👩\u200d👧!"
    assert render("{{client_name}}", {"client_name": "ж" * 10_000}) == "ж" * 255
    assert render("ж" * 254 + "{{client_name}}", {"client_name": "👩\u200d👧"}) == "ж" * 254 + "👩"
    assert render("ж" * 253 + "{{client_name}}", {"client_name": "👩\u200d👧"}) == "ж" * 253 + "👩"


@given(
    st.text(), st.dictionaries(st.sampled_from(sorted(FACTS)), st.text() | st.none() | st.integers() | st.booleans())
)
def test_any_template_and_facts_render_to_a_clean_title(text, facts):
    template = text + "{{client_name}} ({{scenario_name|client_name}}) - {{tags}}"
    title, faults = parse_title(template, stream=StreamKind.INCOMING, path=PATH)
    if not faults:
        rendered = title.render(facts, zone=MOSCOW)
        assert len(rendered) <= 255
        assert rendered == rendered.strip()
        assert "  " not in rendered
        assert not any(character < " " for character in rendered)
        rendered.encode()


def test_a_responsible_name_and_end_facts_may_stand_in_titles():
    assert render("{{responsible_name}} {{talked_employees}}", {"responsible_name": "Мария"}) == "Мария"


@pytest.mark.parametrize("language", sorted(DEFAULT_TITLES))
@pytest.mark.parametrize("stream", StreamKind)
def test_built_in_titles_are_good_and_never_empty(language, stream):
    assert tuple(DEFAULT_TITLES[language][stream]) == TITLE_KEYS[stream]
    for key, text in DEFAULT_TITLES[language][stream].items():
        assert messages(text, stream) == []
        assert default_title(language, stream, key).render({}, zone=MOSCOW) != ""


def test_unknown_language_gets_english():
    assert default_title("kk", StreamKind.REQUEST, "received").text.startswith("Request")
    assert render("{{weekday}} {{is_transfer}}", {"weekday": "mon", "is_transfer": True}, language="kk") == "Monday yes"
