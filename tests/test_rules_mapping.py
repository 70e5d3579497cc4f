import json
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.rules.facts import FACTS, StreamKind
from integration.rules.field_values import MULTIFIELDS, Unwritable, Writing, convert
from integration.rules.mapping import FieldInfo, MappingRow, Policy, dump_mapping, map_fields, parse_mapping

MOSCOW = ZoneInfo("Europe/Moscow")
WRITING = Writing(MOSCOW, "RU")
START = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
PATH = "telephony.incoming.mapping"
REASONS = {"44": "Не ответили", "45": "Не дождался"}


def by_code(*fields):
    return {field.code: field for field in fields}


LEAD = by_code(
    FieldInfo("utmSource", "string", title="UTM Source"),
    FieldInfo("comments", "text", title="Комментарий"),
    FieldInfo("sourceId", "crm_status", title="Источник", items={"CALL": "Звонок", "WEB": "Веб-сайт"}),
    FieldInfo("createdTime", "datetime", is_read_only=True),
    FieldInfo("typeId", "string", is_immutable=True),
    FieldInfo("opportunity", "double", title="Сумма"),
    FieldInfo("UF_CRM_REASON", "enumeration", title="Причина", items=REASONS),
    FieldInfo("UF_CRM_REASONS", "enumeration", title="Причины", items=REASONS, is_multiple=True),
    FieldInfo("UF_CRM_TAGS", "string", is_multiple=True),
    FieldInfo("UF_CRM_TEXT", "string", title="Текст"),
    FieldInfo("UF_CRM_TEXT2", "string", title="текст "),
    FieldInfo("UF_CRM_SECONDS", "integer"),
    FieldInfo("UF_CRM_DAY", "date"),
    FieldInfo("UF_CRM_TIME", "datetime"),
    FieldInfo("UF_CRM_OLD", "string", is_gone=True),
    FieldInfo("UF_CRM_FILE", "file"),
)
CONTACT = by_code(*(FieldInfo(code, "crm_multifield", is_multiple=True) for code in MULTIFIELDS))
FIELDS = {"lead": LEAD, "contact": CONTACT}


def parse(*rows, stream=StreamKind.INCOMING, kept=frozenset()):
    return parse_mapping(list(rows), stream=stream, country="RU", fields=FIELDS, path=PATH, kept=kept)


def raw(fact="utm_source", field="utmSource", **keys):
    return {"fact": fact, "object": "lead", "field": field, **keys}


def row(fact, field, policy="create", object_="lead", **keys):
    return MappingRow(object_, field, fact=fact, policy=Policy(policy), **keys)


def constant(text, field, policy="create", object_="lead"):
    return MappingRow(object_, field, constant=text, policy=Policy(policy))


def run(*rows, facts=None, when="create", current=None, at_end=True, **keys):
    return map_fields(
        rows, facts=facts or {}, fields=FIELDS, when=when, current=current, zone=MOSCOW, at_end=at_end, **keys
    )


# --- reading rows -------------------------------------------------------------------------------------------------


def test_rows_are_read_with_their_defaults_and_written_back_whole():
    parsed = parse(
        raw(),
        raw("missed_reason", "Причина", policy="overwrite", values={"no_answer": "Не ответили", "in_queue": "45"}),
        raw("start_time", "UF_CRM_TEXT", policy="append", format="%d.%m.%Y %H:%M"),
        {"constant": "Телефония", "object": "lead", "field": "UF_CRM_TEXT"},
        {"fact": "contact_phone_number", "object": "contact", "field": "PHONE", "policy": "append"},
    )
    assert parsed.faults == parsed.warnings == ()
    assert [r.is_end_fact for r in parsed.rows] == [True, True, False, False, False]
    dumped = dump_mapping(parsed.rows)
    assert dumped[0] == {**raw(), "policy": "create", "values": {}, "format": None}
    assert list(dumped[3]) == ["constant", "object", "field", "policy", "values", "format"]
    assert dumped[1]["field"] == "UF_CRM_REASON"
    again = parse(*json.loads(json.dumps(dumped)))
    assert again == parsed
    assert dump_mapping(again.rows) == dumped


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (5, "[0]: must be an object, not 5"),
        ({**raw(), "constant": "x"}, "[0]: must have exactly one of fact and constant"),
        ({"object": "lead", "field": "utmSource"}, "[0]: must have exactly one of fact and constant"),
        (
            {"constant": "", "object": "lead", "field": "utmSource"},
            '[0].constant: must be a text of 1 to 255 characters, not ""',
        ),
        (raw("foo"), '[0].fact: unknown fact "foo"'),
        (raw(["x"]), "[0].fact: unknown fact a list"),
        (raw("duration"), '[0].fact: "duration" is not a fact of incoming calls'),
        (raw("responsible_name"), '[0].fact: "responsible_name" may stand in titles only'),
        ({**raw(), "object": "activity"}, '[0].object: must be one of lead, deal, contact, company, not "activity"'),
        ({"fact": "utm_source", "field": "utmSource"}, "[0].object: must be given"),
        ({"fact": "utm_source", "object": "lead"}, "[0].field: must be given"),
        (raw(field="UF_CRM_X"), '[0].field: lead has no field "UF_CRM_X"; synchronise if it is new'),
        (raw(field="Текст"), '[0].field: "Текст" fits 2 fields: UF_CRM_TEXT, UF_CRM_TEXT2; write the code'),
        (raw(policy="always"), '[0].policy: must be one of create, if_empty, overwrite, append, not "always"'),
        (raw(policy=None), "[0].policy: must be one of create, if_empty, overwrite, append, not null"),
        (raw(colour=1), "[0].colour: unknown key"),
        (raw(field="createdTime"), '[0].field: lead field "createdTime" cannot be written'),
        (
            raw(field="typeId", policy="overwrite"),
            '[0].policy: lead field "typeId" can be set at creation only; use create',
        ),
        (raw(field="UF_CRM_FILE"), '[0].field: fields of type "file" cannot be mapped'),
        (
            raw(field="opportunity", policy="append"),
            "[0].policy: append is only for text, phone, e-mail, site and messenger fields",
        ),
        (
            raw("tags", "opportunity"),
            '[0].field: lead field "opportunity" of type double does not take list; choose another or give values',
        ),
        (
            raw("utm_source", "UF_CRM_DAY"),
            '[0].field: lead field "UF_CRM_DAY" of type date does not take text; choose another or give values',
        ),
        (raw(format="%d.%m.%Y"), "[0].format: only for facts of type datetime and text fields"),
        (
            raw("start_time", "UF_CRM_DAY", format="%d.%m.%Y"),
            "[0].format: only for facts of type datetime and text fields",
        ),
        (raw("start_time", format="%c"), '[0].format: must be a date format like "%d.%m.%Y %H:%M", not "%c"'),
        (raw(values={"a": 1}), '[0].values: "a": must be texts of at most 255 characters'),
        (raw(values=[]), "[0].values: must be an object of at most 200 pairs of texts"),
        (raw(values={str(n): "x" for n in range(201)}), "[0].values: must be an object of at most 200 pairs of texts"),
        (
            raw("missed_reason", "UF_CRM_REASON", values={"busy": "Занято"}),
            '[0].values: "Занято" does not fit lead field "UF_CRM_REASON": unknown value',
        ),
        (
            {"constant": "много", "object": "lead", "field": "opportunity"},
            '[0].constant: "много" does not fit lead field "opportunity": not a number',
        ),
        (
            {"constant": "101", "object": "contact", "field": "PHONE"},
            '[0].constant: "101" does not fit contact field "PHONE": not a phone',
        ),
    ],
)
def test_faults_of_a_row(written, expected):
    parsed = parse(written)
    assert [str(fault) for fault in parsed.faults] == [PATH + expected]
    assert parsed.rows == ()


def test_faults_of_the_list():
    assert [str(f) for f in parse(raw(), raw(policy="append")).faults] == [
        f"{PATH}[1]: the same as row [0]: fact, object and field may stand once"
    ]
    assert [str(f) for f in parse(*[raw()] * 101).faults] == [f"{PATH}: at most 100 rows, not 101"]
    parsed = parse_mapping(None, stream=StreamKind.CHAT, country="RU", fields={}, path=PATH)
    assert [str(f) for f in parsed.faults] == [f"{PATH}: must be a list, not null"]


@pytest.mark.fault(41)
def test_a_field_that_changed_since_the_row_was_saved_warns_and_keeps_the_row():
    rows = (
        raw(field="createdTime"),
        raw(field="UF_CRM_OLD"),
        raw(field="UF_CRM_NEVER_SEEN"),
        raw("tags", "UF_CRM_DAY"),
    )
    kept = {("lead", "createdTime"), ("lead", "UF_CRM_NEVER_SEEN"), ("lead", "UF_CRM_DAY")}
    parsed = parse(*rows, kept=kept)
    assert parsed.faults == ()
    assert [r.field for r in parsed.rows] == ["createdTime", "UF_CRM_OLD", "UF_CRM_NEVER_SEEN", "UF_CRM_DAY"]
    assert [warning.path for warning in parsed.warnings] == [f"{PATH}[{index}].field" for index in range(4)]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([*FACTS, *LEAD, "lead"]) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["fact", "constant", "object", "field", "policy", "values", "format"]), inner
            )
        ),
        max_leaves=15,
    )
)
def test_garbage_gives_faults_and_never_an_exception(value):
    parse(value)
    parse_mapping(value, stream=StreamKind.CHAT, country="RU", fields=FIELDS, path=PATH)


# --- conversion ---------------------------------------------------------------------------------------------------


def field(type_, code="UF_X", **keys):
    return FieldInfo(code, type_, **keys)


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [
        ("  x\0y ", field("string"), "xy"),
        ("x" * 300, field("string"), "x" * 300),
        ("x" * 300, field("string", "utmSource"), "x" * 255),
        ("x" * 300, field("text", "comments"), "x" * 300),
        (START, field("string"), "23.11.2026 01:30"),
        (time(9, 5), field("string"), "09:05"),
        (65, field("string"), "65"),
        (2.0, field("string"), "2"),
        (True, field("string"), "Y"),
        ("1 200,50", field("double"), 1200.5),
        ("12", field("double"), 12),
        ("12.9", field("integer"), 12),
        (65, field("integer"), 65),
        ("1200,50|RUB", field("money"), "1200.50|RUB"),
        (1200, field("money", currency="KZT"), "1200.00|KZT"),
        ("Да", field("boolean"), "Y"),
        (False, field("char"), "N"),
        (2, field("boolean"), "Y"),
        (START, field("date"), "2026-11-23"),
        (START, field("datetime"), "2026-11-23T01:30:00+03:00"),
        ("2026-11-22", field("datetime"), "2026-11-22T00:00:00+03:00"),
        ("44", field("enumeration", items=REASONS), 44),
        ("не ответили ", field("enumeration", items=REASONS), 44),
        ("WEB", field("crm_status", items={"WEB": "Веб"}), "WEB"),
        ("Веб", field("crm_status", items={"1": "Веб"}), "1"),
        ("Анна Смирнова", field("user", items={"15": "Анна Смирнова"}), 15),
        ("15", field("employee"), 15),
        ("https://example.com/a?b", field("url"), "https://example.com/a?b"),
        ("Москва", field("address"), "Москва"),
        ("84951234567", field("crm_multifield", "PHONE"), "+74951234567"),
        ("a@b.ru", field("crm_multifield", "EMAIL"), "a@b.ru"),
    ],
)
def test_conversion(value, target, expected):
    assert convert(value, target, WRITING) == expected
    json.dumps(expected)


@pytest.mark.parametrize(
    ("value", "target", "reason"),
    [
        ("x", field("integer"), "not_a_number"),
        ("nan", field("double"), "not_a_number"),
        ("1e400", field("integer"), "not_a_number"),
        (True, field("integer"), "not_a_number"),
        (5, field("money"), "no_currency"),
        ("возможно", field("boolean"), "not_yes_or_no"),
        ("вчера", field("date"), "not_a_date"),
        ("0001-01-01", field("datetime"), "not_a_date"),
        ("46", field("enumeration", items=REASONS), "unknown_value"),
        ("x", field("enumeration", items={"1": "X", "2": "x "}), "unknown_value"),
        ("15", field("user", items={"16": "x"}), "unknown_value"),
        ("javascript:alert(1)", field("url"), "not_an_address"),
        ("101", field("crm_multifield", "PHONE"), "not_a_phone"),
        ("a@b", field("crm_multifield", "EMAIL"), "not_an_email"),
        ("x", field("file"), "type_not_supported"),
    ],
)
def test_what_does_not_fit_is_named(value, target, reason):
    with pytest.raises(Unwritable) as error:
        convert(value, target, WRITING)
    assert error.value.reason == reason


# --- policies -----------------------------------------------------------------------------------------------------

UTM = {"utm_source": "yandex"}


@pytest.mark.parametrize(
    ("policy", "when", "current", "expected"),
    [
        ("create", "create", None, "yandex"),
        ("create", "create", {"utmSource": ""}, "yandex"),
        ("create", "create", {"utmSource": "google"}, None),
        ("create", "found", {"utmSource": ""}, None),
        ("if_empty", "create", None, "yandex"),
        ("if_empty", "found", {"utmSource": None}, "yandex"),
        ("if_empty", "found", {"utmSource": "google"}, None),
        ("overwrite", "found", {"utmSource": "google"}, "yandex"),
        ("overwrite", "found", {"utmSource": "yandex"}, None),
        ("overwrite", "found", None, "yandex"),
        ("append", "create", None, "yandex"),
        ("append", "found", {"utmSource": "google"}, "google\nyandex"),
        ("append", "found", {"utmSource": "google\r\nyandex\r\nx"}, None),
        ("append", "found", {"utmSource": "yandex2"}, "yandex2\nyandex"),
    ],
)
def test_policies(policy, when, current, expected):
    mapped = run(row("utm_source", "utmSource", policy), facts=UTM, when=when, current=current and {"lead": current})
    assert mapped.values == ({} if expected is None else {"lead": {"utmSource": expected}})
    assert mapped.warnings == ()


@pytest.mark.parametrize("policy", ["if_empty", "append"])
def test_nothing_is_added_to_a_found_object_whose_fields_were_not_read(policy):
    mapped = run(row("utm_source", "utmSource", policy), facts=UTM, when="found", current={"contact": {}})
    assert mapped.values == {}
    assert [warning["reason"] for warning in mapped.warnings] == ["not_known"]


@pytest.mark.parametrize("empty", [None, "", "  ", ()])
@pytest.mark.parametrize("policy", list(Policy))
def test_an_empty_value_never_overwrites(policy, empty):
    name, code = ("tags", "UF_CRM_TAGS") if empty == () else ("utm_source", "utmSource")
    mapped = run(row(name, code, policy), facts={name: empty}, when="found", current={"lead": {code: "old"}})
    assert mapped.values == {}
    assert mapped.warnings == ()


def test_facts_of_the_end_wait_for_it_and_facts_of_the_start_are_not_repeated():
    rows = (row("scenario_name", "utmSource", "overwrite"), row("talk_duration", "UF_CRM_SECONDS", is_end_fact=True))
    facts = {"scenario_name": "Продажи", "talk_duration": 5}
    assert run(*rows, facts=facts, at_end=False).values == {"lead": {"utmSource": "Продажи"}}
    assert run(*rows, facts=facts).values == {"lead": {"utmSource": "Продажи", "UF_CRM_SECONDS": 5}}
    second = run(*rows, facts=facts, current={"lead": {"utmSource": "changed by hand"}}, only_end_facts=True)
    assert second.values == {"lead": {"UF_CRM_SECONDS": 5}}


def test_of_two_rows_the_first_creates_and_the_last_overwrites():
    facts = {"utm_source": "yandex", "utm_medium": "cpc"}
    for policy, expected in (
        ("create", "yandex"),
        ("if_empty", "yandex"),
        ("overwrite", "cpc"),
        ("append", "yandex\ncpc"),
    ):
        rows = (
            row("utm_source", "comments", policy),
            row("utm_medium", "comments", policy),
            constant("x", "utmSource"),
        )
        assert run(*rows, facts=facts).values == {"lead": {"comments": expected, "utmSource": "x"}}


def test_a_sum_of_zero_counts_as_empty():
    target = row("visits_count", "opportunity", "if_empty")
    for now in (0, "0.00", None):
        assert run(target, facts={"visits_count": 3}, when="found", current={"lead": {"opportunity": now}}).values
    assert not run(target, facts={"visits_count": 3}, when="found", current={"lead": {"opportunity": 10}}).values


@pytest.mark.parametrize(
    ("fact", "value", "code", "now"),
    [
        ("visits_count", 5, "opportunity", "5.00"),
        ("start_time", START, "UF_CRM_TIME", "2026-11-22T22:30:00+00:00"),
        ("start_time", START, "UF_CRM_DAY", "2026-11-23T03:00:00+03:00"),
        ("tags", ("VIP",), "UF_CRM_TAGS", ["VIP"]),
        ("talk_duration", 5, "UF_CRM_SECONDS", "5"),
    ],
)
def test_what_is_there_in_another_spelling_is_not_written_again(fact, value, code, now):
    assert (
        run(row(fact, code, "overwrite"), facts={fact: value}, when="found", current={"lead": {code: now}}).values == {}
    )


def test_value_table_and_lists():
    values = {"no_answer": "Не ответили", "IN_QUEUE": "45", "busy": ""}
    reason = row("missed_reason", "UF_CRM_REASON", values=values)
    assert run(reason, facts={"missed_reason": "no_answer"}).values == {"lead": {"UF_CRM_REASON": 44}}
    assert run(reason, facts={"missed_reason": "in_queue"}).values == {"lead": {"UF_CRM_REASON": 45}}
    assert run(reason, facts={"missed_reason": "busy"}).values == {}
    unknown = run(reason, facts={"missed_reason": "declined"})
    assert unknown.values == {}
    assert unknown.warnings == (
        {
            "object": "lead",
            "field": "UF_CRM_REASON",
            "fact": "missed_reason",
            "reason": "unknown_value",
            "value": "declined",
        },
    )
    tags = {"tags": ("не ответили", "VIP", "45")}
    both = run(
        row("tags", "UF_CRM_REASONS"),
        row("tags", "UF_CRM_REASON"),
        row("tags", "UF_CRM_TAGS"),
        row("tags", "comments"),
        facts=tags,
    )
    assert both.values == {
        "lead": {
            "UF_CRM_REASONS": [44, 45],
            "UF_CRM_REASON": 44,
            "UF_CRM_TAGS": ["не ответили", "VIP", "45"],
            "comments": "не ответили, VIP, 45",
        }
    }
    assert [(warning["field"], warning["value"]) for warning in both.warnings] == [
        ("UF_CRM_REASONS", "VIP"),
        ("UF_CRM_REASON", "VIP"),
    ]
    yes_no = row("is_transfer", "comments", values={"true": "Переведён"})
    assert run(yes_no, facts={"is_transfer": True}).values == {"lead": {"comments": "Переведён"}}


def test_append_to_a_multiple_field_adds_what_is_missing():
    target = row("tags", "UF_CRM_TAGS", "append")
    current = {"lead": {"UF_CRM_TAGS": ["VIP"]}}
    mapped = run(target, facts={"tags": ("VIP", "Москва")}, when="found", current=current)
    assert mapped.values == {"lead": {"UF_CRM_TAGS": ["VIP", "Москва"]}}
    assert run(target, facts={"tags": ("VIP",)}, when="found", current=current).values == {}


def fm(kind, value, **keys):
    return {"typeId": kind, "valueType": MULTIFIELDS[kind], "value": value, **keys}


@pytest.mark.parametrize(
    ("policy", "present", "expected"),
    [
        ("append", [fm("PHONE", "8 (495) 123-45-67")], []),
        ("append", [fm("PHONE", "+79161234567")], [fm("PHONE", "+74951234567")]),
        ("if_empty", [fm("EMAIL", "a@b.ru")], [fm("PHONE", "+74951234567")]),
        ("if_empty", [fm("PHONE", "+79161234567")], []),
        ("overwrite", [fm("PHONE", "+79161234567", id=7)], [fm("PHONE", "+74951234567", id=7)]),
        ("overwrite", [], [fm("PHONE", "+74951234567")]),
        ("create", [], []),
    ],
)
def test_multifields_of_a_found_contact(policy, present, expected):
    target = row("contact_phone_number", "PHONE", policy, "contact")
    facts = {"contact_phone_number": "+74951234567"}
    mapped = run(target, facts=facts, when="found", current={"contact": {"fm": present}})
    assert mapped.values == ({"contact": {"fm": expected}} if expected else {})


def test_multifields_of_a_new_contact_come_together_and_once():
    rows = (
        row("contact_phone_number", "PHONE", "create", "contact"),
        constant("8 495 123 45 67", "PHONE", object_="contact"),
        constant("+79161234567", "PHONE", object_="contact"),
        constant("a@b.ru", "EMAIL", object_="contact"),
    )
    assert run(*rows, facts={"contact_phone_number": "+74951234567"}).values == {
        "contact": {"fm": [fm("PHONE", "+74951234567"), fm("PHONE", "+79161234567"), fm("EMAIL", "a@b.ru")]}
    }


@pytest.mark.fault(41)
@pytest.mark.parametrize(
    ("target", "facts", "reason"),
    [
        (row("utm_source", "UF_CRM_NONE"), UTM, "no_field"),
        (row("utm_source", "UF_CRM_OLD"), UTM, "no_field"),
        (row("utm_source", "x", object_="company"), UTM, "no_field"),
        (row("utm_source", "createdTime"), UTM, "read_only"),
        (row("utm_source", "UF_CRM_DAY"), UTM, "wrong_type"),
        (row("utm_source", "UF_CRM_FILE"), UTM, "wrong_type"),
        (row("utm_source", "UF_CRM_SECONDS"), UTM, "not_a_number"),
    ],
)
def test_a_row_that_cannot_be_written_is_skipped_with_a_warning(target, facts, reason):
    mapped = run(target, row("utm_source", "utmSource"), facts=facts)
    assert mapped.values == {"lead": {"utmSource": "yandex"}}
    assert [warning["reason"] for warning in mapped.warnings] == [reason]
    json.dumps(mapped.warnings)


def test_an_immutable_field_is_set_at_birth_only():
    assert run(row("utm_source", "typeId"), facts=UTM).values == {"lead": {"typeId": "yandex"}}
    late = run(row("utm_source", "typeId"), facts=UTM, current={"lead": {}})
    assert (late.values, [warning["reason"] for warning in late.warnings]) == ({}, ["immutable"])


def test_only_the_named_objects_are_filled():
    rows = (row("utm_source", "utmSource"), constant("a@b.ru", "EMAIL", object_="contact"))
    assert set(run(*rows, facts=UTM, objects=("contact",)).values) == {"contact"}


fact_values = st.one_of(
    st.none(),
    st.text(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.datetimes(timezones=st.just(UTC)),
    st.times(),
    st.lists(st.text(max_size=5), max_size=3).map(tuple),
)
any_rows = st.builds(
    MappingRow,
    object=st.sampled_from(["lead", "contact"]),
    field=st.sampled_from([*LEAD, *CONTACT]),
    fact=st.sampled_from(sorted(FACTS)),
    policy=st.sampled_from(Policy),
    values=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)
present_values = st.one_of(st.none(), st.text(max_size=5), st.integers(), st.booleans(), st.lists(st.text(max_size=3)))


@given(
    rows=st.lists(any_rows, max_size=5),
    facts=st.dictionaries(st.sampled_from(sorted(FACTS)), fact_values),
    when=st.sampled_from(["create", "found"]),
    present=st.none() | st.dictionaries(st.sampled_from(sorted(LEAD)), present_values),
)
def test_mapping_never_raises_writes_json_and_settles(rows, facts, when, present):
    current = None if present is None else {"lead": present, "contact": {}}
    mapped = run(*rows, facts=facts, when=when, current=current)
    json.dumps([mapped.values, mapped.warnings])
    written = mapped.values.get("lead", {})
    after = {"lead": {**(present or {}), **written}, "contact": mapped.values.get("contact", {})}
    again = run(*rows, facts=facts, when=when, current=after)
    was_read = when == "create" or present is not None
    has_one_row_per_field = len({r.field for r in rows}) == len(rows)
    if was_read and has_one_row_per_field:
        assert again.values == {}
