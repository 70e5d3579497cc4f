"""The settings document: every rule of its format, without a database."""

# ruff: noqa: E501 (a row of a table reads better in one line)

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.rules.conditions import Condition, Group
from integration.rules.document import parse_document
from integration.rules.document_changes import find_changes
from integration.rules.document_export import dump_settings
from integration.rules.document_keys import arrange
from integration.rules.document_text import MAX_BYTES, read_json, write_json
from integration.rules.facts import StreamKind
from integration.rules.faults import Fault
from integration.rules.known import Entry
from integration.rules.responsible import Assign, AssignTo
from integration.rules.ruleset import CardMoment, CreateFor, CreateWhat, CrmMode, NumberOptions
from integration.rules.settings_value import (
    CLIENT_ORDER,
    EmployeeSetting,
    FormCallback,
    NumberSetting,
    PersonalManager,
    default_settings,
)
from tests.settings_mutations import VALUES, mutations, shown
from tests.settings_world import COMPLETE, KNOWN, SMALLEST, without

INCOMING, OUTGOING, CHAT, REQUEST = StreamKind
REMOVED = object()
STREAMS = ["telephony.incoming", "telephony.outgoing", "chats.chat", "chats.request"]


def steps(path):
    return [int(index) if index else key for index, key in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)]


def edit(path, value, text=COMPLETE):
    """The example with one value put in another's place, added or taken away."""
    document = json.loads(text)
    *way, last = steps(path)
    place = document
    for step in way:
        place = place[step] if isinstance(place, list) else place.setdefault(step, {})
    if value is REMOVED:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return document


def parse(document, known=KNOWN, **options):
    text = document if isinstance(document, str | bytes) else json.dumps(document, ensure_ascii=False)
    return parse_document(text, known=known, **options)


def faults_of(document, known=KNOWN, **options):
    return [str(fault) for fault in parse(document, known, **options).faults]


def warnings_of(document, known=KNOWN, **options):
    parsed = parse(document, known, **options)
    assert parsed.faults == ()
    return [str(warning) for warning in parsed.warnings if not str(warning).startswith("chats.chat.filter: asks")]


def good(document, known=KNOWN):
    parsed = parse(document, known)
    assert [str(fault) for fault in parsed.faults] == []
    return parsed.settings


# The two examples


def test_the_complete_example_is_good_and_warns_only_of_its_filter_of_the_end():
    parsed = parse(COMPLETE)
    assert parsed.faults == ()
    assert [str(warning) for warning in parsed.warnings] == [
        "chats.chat.filter: asks for what is known only at the end, so whatever is created is created then, although "
        'chats.chat.create.moment is "start"'
    ]


def test_the_complete_example_is_read_whole():
    settings = good(COMPLETE)
    assert (settings.is_active, settings.country, settings.client_order) == (True, "RU", CLIENT_ORDER)
    assert (settings.alert_user_ids, settings.alert_emails) == ((1,), ("it@example.com",))
    assert settings.employees == (
        EmployeeSetting(501, 12, CardMoment.RING, None),
        EmployeeSetting(502, 15, CardMoment.ANSWER, "007321"),
    )
    telephony = settings.telephony
    assert telephony.numbers == (NumberSetting("+74951234567", NumberOptions("UIS_74951234567", 0, None)),)
    assert telephony.click_to_call_number == "+74951234567"
    assert telephony.form_callback == FormCallback(True, "scenario", 88, None, "+74951234567")
    assert telephony.missed_call_message.text.text == "Пропущенный звонок от {{contact_phone_number}}"
    incoming = settings.streams[INCOMING]
    assert incoming.personal_manager == PersonalManager(True, True)
    assert incoming.filter.nodes[1] == Group(
        "any",
        (
            Condition("scenario_name", "contains", "продажи"),
            Condition("contact_phone_number", "starts", "+7495"),
        ),
    )
    assert [rule.assign for rule in incoming.rules] == [
        Assign(AssignTo.CLIENT_OWNER),
        Assign(AssignTo.TALKED, which="last"),
        Assign(AssignTo.SPREAD, user_ids=(12, 15)),
        Assign(AssignTo.RUNG, which="last"),
    ]
    assert (incoming.create.item, incoming.create.stage_id, incoming.create.source_id) == ("lead", "NEW", "CALL")
    assert [row.is_end_fact for row in incoming.mapping] == [True, True, False, False]
    chat = settings.streams[CHAT]
    assert (chat.channels, chat.create.pipeline_id, chat.create.what) == ((31, 32), 3, CreateWhat.ITEM_AND_ACTIVITY)
    assert settings.streams[OUTGOING].talked == "first"
    assert settings.streams[REQUEST].without_contacts is True


def test_the_smallest_document_is_good_and_has_the_defaults_for_the_rest():
    settings = good(SMALLEST)
    default = default_settings()
    assert settings.is_active
    assert settings.telephony.is_active
    assert settings.streams[INCOMING].default_responsible_id == settings.streams[OUTGOING].default_responsible_id == 1
    assert settings.streams[CHAT] == default.streams[CHAT]
    assert settings.streams[REQUEST] == default.streams[REQUEST]
    assert settings.employees == ()


@pytest.mark.parametrize(
    "text", ['{"version": 1}', '{"version": 1, "about": {}, "main": {}, "telephony": {}, "chats": {}}']
)
def test_what_is_left_out_has_its_default(text):
    assert good(text) == default_settings()


@pytest.mark.parametrize(
    ("path", "default"),
    [
        ("main.active", False),
        ("main.country", "RU"),
        ("main.client_order", ["contact", "company", "lead"]),
        ("main.alerts", {"users": [], "emails": []}),
        ("main.employees", []),
        ("telephony.active", False),
        ("telephony.mode", "ip"),
        ("telephony.records", True),
        ("telephony.number_as_source", False),
        ("telephony.numbers", []),
        ("telephony.click_to_call", {"number": None}),
        ("telephony.form_callback", {"active": False, "by": "number", "scenario": None, "employee": None, "number": None}),
        ("telephony.missed_call_message", {"active": False, "reader": "operators", "text": ""}),
        ("telephony.incoming.personal_manager", {"active": False, "only_at_work": True}),
        ("telephony.incoming.responsible", {"rules": [], "default": None}),
        ("telephony.outgoing.responsible", {"rules": [], "talked": "last", "default": None}),
        (
            "telephony.incoming.create",
            {"for": "new", "item": "lead", "pipeline": None, "stage": None, "source": None, "moment": "start",
             "second_open": False},
        ),
        (
            "chats.request.create",
            {"for": "both", "what": "item_and_activity", "item": "lead", "pipeline": None, "stage": None,
             "source": None, "moment": "start", "second_open": False},
        ),
        ("chats.active", False),
        ("chats.chat.channels", "all"),
        ("chats.chat.without_contacts", False),
        *((f"{stream}.filter", None) for stream in STREAMS),
        *((f"{stream}.change_responsible_of", []) for stream in STREAMS),
        *((f"{stream}.mapping", []) for stream in STREAMS),
        *((f"{stream}.notify", True) for stream in STREAMS),
        ("telephony.incoming.titles", {"answered": "", "missed": ""}),
        ("telephony.outgoing.titles", {"answered": "", "unanswered": ""}),
        ("chats.chat.titles", {"answered": "", "missed": ""}),
        ("chats.request.titles", {"received": ""}),
    ],
)  # fmt: skip
def test_every_default_is_that_of_the_table_and_is_written_by_export(path, default):
    value = dump_settings(good('{"version": 1}'), known=KNOWN)
    for step in steps(path):
        value = value[step]
    assert value == default


@pytest.mark.parametrize(
    ("path", "key", "default"),
    [
        ("main.employees[0]", "card", "default"),
        ("main.employees[1]", "line", None),
        ("telephony.numbers[0]", "source", None),
        ("telephony.numbers[0]", "pipeline", None),
        ("telephony.incoming.responsible.rules[3]", "active", True),
        ("telephony.incoming.responsible.rules[3]", "when", None),
        ("telephony.incoming.responsible.rules[0].assign", "order", ["deal", "lead", "contact", "company"]),
        ("telephony.incoming.responsible.rules[2].assign", "only_at_work", False),
        ("telephony.incoming.mapping[1]", "values", {}),
        ("telephony.incoming.mapping[1]", "policy", "create"),
        ("telephony.incoming.mapping[2]", "format", None),
    ],
)
def test_a_key_left_out_of_a_row_has_its_default(path, key, default):
    settings = good(edit(f"{path}.{key}", REMOVED))
    value = dump_settings(settings, known=KNOWN)
    for step in steps(path):
        value = value[step]
    assert value[key] == default


# Rule 1: the text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "document: is not JSON: Expecting value, line 1, column 1"),
        ("{", "document: is not JSON: Expecting property name enclosed in double quotes, line 1, column 2"),
        (b"\xff{}", "document: is not UTF-8: byte 0 cannot be read"),
        ("[]", "document: must be an object, not a list"),
        ("null", "document: must be an object, not null"),
        ('"x"', 'document: must be an object, not "x"'),
        ("NaN", "document: must be an object, not nan"),
        ("{}", "version: must be given; this service reads version 1"),
        ('{"version": 2, "colour": 1}', "version: must be 1, not 2"),
        ('{"version": "1"}', 'version: must be 1, not "1"'),
        ('{"version": true}', "version: must be 1, not true"),
        ('{"version": 1.0}', "version: must be 1, not 1.0"),
        ('{"version": null}', "version: must be 1, not null"),
        ('{"version": 1, "main": ' + "[" * 100_000 + "]" * 100_000 + "}", "document: is nested too deep"),
        ('{"version": ' + "9" * 5000 + "}", "document: is not JSON that can be read: a number has too many digits"),
        (" " * (MAX_BYTES + 1), "document: must be at most 512 KB"),
        ("\u00a0" * (MAX_BYTES // 2 + 1), "document: must be at most 512 KB"),
    ],
)
def test_what_is_no_document_of_version_1_has_one_fault(text, fault):
    assert faults_of(text) == [fault]


def test_a_byte_order_mark_is_allowed_and_512_kb_are_enough():
    assert good("\ufeff" + SMALLEST) == good(SMALLEST)
    assert good(b"\xef\xbb\xbf" + SMALLEST.encode()) == good(SMALLEST)
    assert good(SMALLEST + " " * (MAX_BYTES - len(SMALLEST))) == good(SMALLEST)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ('{"version": 1, "main": {"active": true, "active": true}}', ["main.active: stands twice"]),
        ('{"version": 1, "main": {}, "main": {"x": 1, "x": 2}}', ["main: stands twice", "main.x: stands twice"]),
        ('{"version": 1, "about": {"a": 1, "a": 1}}', ["about.a: stands twice"]),
        ('{"version": 1, "version": 1}', ["version: stands twice"]),
        ('{"version": 1, "main": {"active": NaN}}', ["main.active: nan is not a number of JSON"]),
        ('{"version": 1, "about": [Infinity]}', ["about[0]: inf is not a number of JSON", "about: must be an object, not a list"]),
        ('{"version": 1, "main": {"active": -1e999}}', ["main.active: -inf is not a number of JSON"]),
        ('{"version": 1, "main": {"country": "\\u0000"}}', ["main.country: holds a NUL character, which cannot be stored"]),
    ],
)  # fmt: skip
def test_a_key_given_twice_and_a_number_that_is_none_are_named(text, faults):
    assert faults_of(text) == faults


def test_no_text_that_a_database_refuses_gets_through():
    half = "half of a surrogate pair, which cannot be stored"
    for path in (
        "telephony.incoming.mapping[2].format",
        "telephony.incoming.mapping[3].constant",
        "main.employees[1].line",
    ):
        assert faults_of(json.dumps(edit(path, "a\ud800"))) == [f"{path}: holds {half}"]
    assert good(json.dumps(edit("about.credential", "\ud800"))) == good(COMPLETE)


def test_what_would_not_fit_when_it_is_exported_is_refused():
    texts = [f"{number:03}" for number in range(500)]
    condition = {"fact": "client_name", "op": "in", "value": texts}
    document = json.loads(COMPLETE)
    for tab, stream in (("telephony", "incoming"), ("telephony", "outgoing"), ("chats", "chat"), ("chats", "request")):
        document[tab][stream]["filter"] = {"all": [condition] * 20}
    text = json.dumps(document, separators=(",", ":"))
    assert len(text) < MAX_BYTES
    assert faults_of(text) == ["document: is more than 512 KB when every key is written; shorten its lists"]


# Rule 3: keys and types

OBJECTS = [
    "", "main", "main.alerts", "main.employees[0]", "main.employees[0].uis", "main.employees[0].bitrix", "telephony",
    "telephony.numbers[0]", "telephony.numbers[0].source", "telephony.numbers[0].pipeline", "telephony.click_to_call",
    "telephony.form_callback", "telephony.form_callback.scenario", "telephony.missed_call_message",
    "telephony.incoming.personal_manager", "telephony.incoming.responsible.rules[0]",
    "telephony.incoming.responsible.rules[0].assign", "telephony.incoming.responsible.rules[1].assign",
    "telephony.incoming.responsible.rules[2].assign", "telephony.incoming.responsible.rules[2].assign.users[0]",
    "telephony.incoming.filter.all[0]", "telephony.incoming.filter.all[1].any[0]",
    "telephony.incoming.responsible.rules[2].when.all[1].any[0]", "telephony.incoming.mapping[0]",
    "telephony.incoming.create.stage", "chats", "chats.chat.channels[0]", "chats.chat.create.pipeline",
    "chats.request.responsible.rules[0].assign", "chats.request.responsible.rules[0].assign.user", *STREAMS,
    *(f"{stream}.{part}" for stream in STREAMS for part in ("responsible", "create", "titles")),
]  # fmt: skip


@pytest.mark.parametrize("path", OBJECTS)
def test_an_unknown_key_is_named_at_every_depth(path):
    place = f"{path}.colour" if path else "colour"
    assert faults_of(edit(place, 1)) == [f"{place}: unknown key"]


@pytest.mark.parametrize(
    "path",
    [
        "telephony.outgoing.personal_manager", "chats.chat.personal_manager", "telephony.incoming.channels",
        "chats.request.channels", "telephony.incoming.without_contacts", "telephony.outgoing.without_contacts",
        "telephony.incoming.responsible.talked", "chats.chat.responsible.talked", "telephony.incoming.create.what",
        "telephony.outgoing.create.what", "telephony.incoming.titles.unanswered", "telephony.outgoing.titles.missed",
        "chats.request.titles.answered", "chats.chat.titles.received",
        "telephony.incoming.responsible.rules[0].assign.which", "telephony.incoming.responsible.rules[1].assign.order",
        "chats.chat.responsible.rules[0].assign.user",
    ],
)  # fmt: skip
def test_a_key_of_another_stream_or_action_is_unknown(path):
    assert faults_of(edit(path, None)) == [f"{path}: unknown key"]


YES_NO = [
    "main.active", "telephony.active", "telephony.records", "telephony.number_as_source",
    "telephony.form_callback.active", "telephony.missed_call_message.active",
    "telephony.incoming.personal_manager.active", "telephony.incoming.personal_manager.only_at_work",
    "telephony.incoming.responsible.rules[0].active", "telephony.incoming.responsible.rules[2].assign.only_at_work",
    "chats.active", "chats.chat.without_contacts", "chats.request.without_contacts",
    *(f"{stream}.notify" for stream in STREAMS), *(f"{stream}.create.second_open" for stream in STREAMS),
]  # fmt: skip


@pytest.mark.parametrize("path", YES_NO)
@pytest.mark.parametrize(("value", "shown"), [(1, "1"), (0, "0"), ("true", '"true"'), (None, "null"), ([], "a list")])
def test_yes_or_no_is_true_or_false_and_nothing_else(path, value, shown):
    assert faults_of(edit(path, value)) == [f"{path}: must be true or false, not {shown}"]


CODES = [
    ("main.employees[0].card", "default, ring, answer, never"),
    ("telephony.mode", "ip, webrtc"),
    ("telephony.form_callback.by", "scenario, number, employee"),
    ("telephony.missed_call_message.reader", "operators, client"),
    ("telephony.incoming.responsible.rules[1].assign.which", "first, last, longest"),
    ("telephony.incoming.responsible.rules[3].assign.which", "first, last"),
    ("telephony.incoming.responsible.rules[0].assign.to", "user, client_owner, talked, rung, spread"),
    ("chats.chat.responsible.rules[0].assign.to", "user, client_owner, operator, spread"),
    ("chats.request.responsible.rules[0].assign.to", "user, client_owner, operator, spread"),
    ("telephony.incoming.mapping[0].object", "lead, deal, contact, company"),
    ("telephony.incoming.mapping[0].policy", "create, if_empty, overwrite, append"),
    ("chats.chat.create.what", "item, activity, item_and_activity"),
    ("chats.request.create.what", "item, activity, item_and_activity"),
    *((f"{stream}.create.for", "new, repeat, both, none") for stream in STREAMS),
    *((f"{stream}.create.item", "lead, deal") for stream in ["telephony.incoming", "telephony.outgoing", "chats.request"]),
    *((f"{stream}.create.moment", "start, end") for stream in STREAMS),
]  # fmt: skip


@pytest.mark.parametrize(("path", "codes"), CODES)
@pytest.mark.parametrize(("value", "shown"), [("x", '"x"'), (None, "null"), (1, "1"), (["ip"], "a list")])
def test_a_code_is_one_of_the_list(path, codes, value, shown):
    assert faults_of(edit(path, value)) == [f"{path}: must be one of {codes}, not {shown}"]


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("telephony.outgoing.responsible.talked", "x", "must be null or one of first, last, longest, not \"x\""),
        ("telephony.outgoing.responsible.talked", False, "must be null or one of first, last, longest, not false"),
        ("main", [], "must be an object, not a list"),
        ("main", None, "must be an object, not null"),
        ("telephony", 5, "must be an object, not 5"),
        ("telephony.incoming", "x", 'must be an object, not "x"'),
        ("telephony.incoming.responsible", None, "must be an object, not null"),
        ("telephony.incoming.titles", None, "must be an object, not null"),
        ("telephony.click_to_call", None, "must be an object, not null"),
        ("main.employees", {}, "must be a list, not an object"),
        ("main.alerts.users", None, "must be a list, not null"),
        ("main.alerts.emails", "it@example.com", 'must be a list, not "it@example.com"'),
        ("telephony.numbers", None, "must be a list, not null"),
        ("telephony.incoming.responsible.rules", None, "must be a list, not null"),
        ("telephony.incoming.mapping", None, "must be a list, not null"),
        ("telephony.incoming.change_responsible_of", "lead", 'must be a list, not "lead"'),
        ("chats.chat.channels", None, 'must be "all" or a list of channels, not null'),
        ("chats.chat.channels", "some", 'must be "all" or a list of channels, not "some"'),
        ("main.employees[0]", 1, "must be an object, not 1"),
        ("telephony.incoming.responsible.rules[0]", None, "must be an object, not null"),
        ("telephony.incoming.responsible.rules[0].assign", "user", 'must be an object, not "user"'),
        ("telephony.incoming.responsible.rules[0].name", 5, "must be a text, not 5"),
        ("telephony.incoming.responsible.rules[0].name", "", "must be a text of 1 to 80 characters"),
        ("telephony.incoming.responsible.rules[0].name", "я" * 81, "must be a text of 1 to 80 characters"),
        ("telephony.incoming.responsible.rules[0].name", "a\0", "holds a NUL character, which cannot be stored"),
        ("main.employees[0].line", 7, "must be a text, not 7"),
        ("main.employees[0].line", " ", "must be a text of 1 to 50 characters"),
        ("main.country", "ZZ", '"ZZ" is not a country; write two letters like "RU"'),
        ("main.country", "Россия", '"Россия" is not a country; write two letters like "RU"'),
        ("main.country", 7, '7 is not a country; write two letters like "RU"'),
        ("main.country", None, 'null is not a country; write two letters like "RU"'),
        ("about", 5, "must be an object, not 5"),
        ("about.portal", None, "must be a text, not null"),
        ("telephony.incoming.titles.missed", None, "must be a text, not null"),
        ("telephony.missed_call_message.text", 5, "must be a text, not 5"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(path, value, fault):
    assert faults_of(edit(path, value)) == [f"{path}: {fault}"]


@pytest.mark.parametrize(
    "path",
    [
        "main.employees[0].uis", "main.employees[0].bitrix", "telephony.numbers[0].number",
        "telephony.incoming.responsible.rules[0].name", "telephony.incoming.responsible.rules[0].assign",
        "telephony.incoming.responsible.rules[0].assign.to", "telephony.incoming.responsible.rules[1].assign.which",
        "telephony.incoming.responsible.rules[2].assign.users", "telephony.incoming.responsible.rules[3].assign.which",
        "chats.request.responsible.rules[0].assign.user", "telephony.incoming.mapping[0].object",
        "telephony.incoming.mapping[0].field", "telephony.incoming.filter.all[0].fact",
        "telephony.incoming.filter.all[0].op", "telephony.incoming.filter.all[0].value", "main.employees[0].uis.id",
        "main.employees[0].uis.name",
    ],
)  # fmt: skip
def test_what_must_be_given_is_missed(path):
    assert faults_of(edit(path, REMOVED)) == [f"{path}: must be given"]


NULLABLE = [
    "main.employees[0].line", "main.employees[0].bitrix", "telephony.numbers[0].source", "telephony.numbers[0].pipeline",
    "telephony.numbers[0].stage", "telephony.click_to_call.number", "telephony.form_callback.employee",
    "telephony.outgoing.responsible.talked", "telephony.incoming.responsible.rules[0].when",
    "telephony.incoming.mapping[2].format", "chats.chat.create.pipeline",
    *(f"{stream}.filter" for stream in STREAMS), *(f"{stream}.create.stage" for stream in STREAMS),
    *(f"{stream}.create.source" for stream in STREAMS),
]  # fmt: skip


@pytest.mark.parametrize("path", NULLABLE)
def test_null_is_none_where_the_table_says_so(path):
    value = dump_settings(good(edit(path, None)), known=KNOWN)
    for step in steps(path):
        value = value[step]
    assert value is None


def test_any_key_is_accepted_inside_about():
    assert good(edit("about", {"portal": "acme.bitrix24.ru", "colour": {"deep": [1, None]}})) == good(COMPLETE)
    assert good(edit("about", REMOVED)) == good(COMPLETE)


# Rule 4: order


def test_order_is_kept_in_rules_orders_and_lists():
    document = edit("main.client_order", ["lead", "contact", "company"])
    document["telephony"]["incoming"]["responsible"]["rules"].reverse()
    document["telephony"]["incoming"]["responsible"]["rules"][3]["assign"]["order"] = ["company", "deal"]
    document["main"]["employees"].reverse()
    document["chats"]["chat"]["channels"].reverse()
    settings = good(document)
    assert settings.client_order == ("lead", "contact", "company")
    assert [rule.assign.to for rule in settings.streams[INCOMING].rules] == ["rung", "spread", "talked", "client_owner"]
    assert settings.streams[INCOMING].rules[3].assign.order == ("company", "deal")
    assert [employee.uis_employee_id for employee in settings.employees] == [502, 501]
    assert settings.streams[CHAT].channels == (32, 31)
    assert settings != good(COMPLETE)


# Rule 5: references

PERSON = "telephony.incoming.responsible.default"


@pytest.mark.parametrize(
    ("value", "id_"),
    [
        (12, 12),
        ("Пётр Иванов", 12),
        ("  пётр ИВАНОВ ", 12),
        ("petr@example.com", 12),
        ("PETR@Example.com", 12),
        ({"id": 12, "name": "Пётр Иванов"}, 12),
        ({"id": 12, "name": "Мария Орлова"}, 12),
        ({"id": 12, "name": ""}, 12),
    ],
)
def test_a_person_is_named_by_id_name_address_or_both_and_the_id_counts(value, id_):
    assert good(edit(PERSON, value)).streams[INCOMING].default_responsible_id == id_
    document = edit("about", REMOVED)
    document["telephony"]["incoming"]["responsible"]["default"] = value
    assert good(document).streams[INCOMING].default_responsible_id == id_


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (99, "", "no person with the id 99 is known; synchronise if it is new"),
        (-1, "", "no person with the id -1 is known; synchronise if it is new"),
        ("Никто", "", 'no person "Никто" is known; synchronise if it is new'),
        ("", "", 'no person "" is known; synchronise if it is new'),
        ("12", "", 'no person "12" is known; synchronise if it is new'),
        ("Иванов", "", '"Иванов" fits 2 people: Пётр Иванов (12), Олег Иванов (31); write the id'),
        ("Юлия Двойная", "", '"Юлия Двойная" fits 2 people: Юлия Двойная (51), Юлия Двойная (52); write the id'),
        ("Орлова", "", '"Орлова" is not a whole name; if Мария Орлова (1) is meant, write that name or the id'),
        ({"id": 99, "name": "Пётр Иванов"}, "", "no person with the id 99 is known; synchronise if it is new"),
        ({"id": "12", "name": "Пётр Иванов"}, ".id", 'must be a whole number, not "12"'),
        ({"id": True, "name": "Мария Орлова"}, ".id", "must be a whole number, not true"),
        ({"id": 12, "name": None}, ".name", "must be a text, not null"),
        ({"id": 12}, ".name", "must be given"),
        ({"name": "Пётр Иванов"}, ".id", "must be given"),
        ({"id": 12, "name": "Пётр Иванов", "x": 1}, ".x", "unknown key"),
        (True, "", 'must name a person by a number, a name or {"id", "name"}, not true'),
        (12.0, "", 'must name a person by a number, a name or {"id", "name"}, not 12.0'),
        ([12], "", 'must name a person by a number, a name or {"id", "name"}, not a list'),
    ],
)
def test_a_person_nobody_knows_is_refused(value, path, message):
    assert faults_of(edit(PERSON, value)) == [f"{PERSON}{path}: {message}"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("main.employees[0].uis", 7, "no UIS employee with the id 7 is known; synchronise if it is new"),
        ("main.employees[0].uis", None, 'must name a UIS employee by a number, a name or {"id", "name"}, not null'),
        ("main.employees[0].bitrix", 7, "no person with the id 7 is known; synchronise if it is new"),
        ("main.alerts.users[0]", None, 'must name a person by a number, a name or {"id", "name"}, not null'),
        ("telephony.numbers[0].source", "NO", 'no source "NO" is known; synchronise if it is new'),
        ("telephony.numbers[0].source", 5, 'must name a source by a name or {"id", "name"}, not 5'),
        ("telephony.numbers[0].pipeline", 9, "no pipeline with the id 9 is known; synchronise if it is new"),
        ("telephony.numbers[0].pipeline", "0", 'no pipeline "0" is known; synchronise if it is new'),
        ("telephony.form_callback.scenario", 89, "no scenario with the id 89 is known; synchronise if it is new"),
        ("chats.chat.channels[0]", "Факс", 'no channel "Факс" is known; synchronise if it is new'),
        ("chats.chat.create.stage", "C9:NEW", 'no stage "C9:NEW" is known; synchronise if it is new'),
        ("telephony.incoming.responsible.rules[2].assign.users[1]", 99,
         "no person with the id 99 is known; synchronise if it is new"),
        ("chats.request.responsible.rules[0].assign.user", None,
         'must name a person by a number, a name or {"id", "name"}, not null'),
    ],
)  # fmt: skip
def test_every_reference_must_be_known(path, value, message):
    assert faults_of(edit(path, value)) == [f"{path}: {message}"]


@pytest.mark.parametrize(
    ("value", "id_"), [("CALL", "CALL"), ("Звонок", "CALL"), ("call", "WEB2"), ("WEB2", "WEB2"), ("веб-сайт", "WEB")]
)
def test_a_text_is_an_id_first_and_then_a_name(value, id_):
    assert good(edit("telephony.incoming.create.source", value)).streams[INCOMING].create.source_id == id_


def test_pipelines_stages_channels_scenarios_and_employees_are_named_too():
    document = edit("chats.chat.create.pipeline", "чаты")
    document["chats"]["chat"]["create"]["stage"] = "Новый чат"
    document["chats"]["chat"]["channels"] = ["Чат на сайте", 31]
    document["telephony"]["form_callback"]["scenario"] = "обратный звонок"
    document["main"]["employees"][0]["uis"] = "Иванов Пётр"
    settings = good(document)
    assert settings.streams[CHAT].create.pipeline_id == 3
    assert settings.streams[CHAT].create.stage_id == "C3:NEW"
    assert settings.streams[CHAT].channels == (32, 31)
    assert settings.telephony.form_callback.scenario_id == 88
    assert settings.employees[0].uis_employee_id == 501


@pytest.mark.parametrize(
    ("portal", "id_"),
    [("acme.bitrix24.ru", 12), ("ACME.bitrix24.ru ", 12), ("other.bitrix24.ru", 15), ("", 15)],
)
def test_in_a_document_of_another_portal_the_name_counts(portal, id_):
    document = edit("about", {"portal": portal})
    document["telephony"]["incoming"]["responsible"]["default"] = {"id": 12, "name": "Анна Смирнова"}
    assert good(document).streams[INCOMING].default_responsible_id == id_


def test_in_a_document_of_another_portal_an_unknown_name_is_a_fault_and_a_bare_id_is_an_id():
    document = edit("about.portal", "other.bitrix24.ru")
    document["telephony"]["incoming"]["responsible"]["default"] = {"id": 12, "name": "Иван Чужой"}
    document["telephony"]["outgoing"]["responsible"]["default"] = 12
    assert faults_of(document) == [f'{PERSON}: no person "Иван Чужой" is known; synchronise if it is new']


def test_a_whole_document_moves_to_a_portal_with_other_ids():
    def moved(entries, by):
        return tuple(Entry(entry.id + by if isinstance(entry.id, int) else entry.id, entry.name) for entry in entries)

    there = without(
        portal_domain="other.bitrix24.ru",
        users=moved(KNOWN.users, 1000),
        scenarios=moved(KNOWN.scenarios, 5),
        channels=moved(KNOWN.channels, 5),
        employees=moved(KNOWN.employees, 5),
    )
    settings = good(COMPLETE, there)
    assert settings.alert_user_ids == (1001,)
    assert settings.streams[CHAT].channels == (36, 37)
    assert settings.employees[0] == EmployeeSetting(506, 1012, CardMoment.RING, None)


@pytest.mark.parametrize(
    ("path", "value", "warning"),
    [
        (PERSON, 42, "Лев Исчезнувший (42) no longer exists; it is kept and skipped"),
        (PERSON, "Лев Исчезнувший", "Лев Исчезнувший (42) no longer exists; it is kept and skipped"),
        (PERSON, 41, "Иван Прежний (41) is dismissed"),
        ("main.employees[0].bitrix", 40, "Вера (40) has no surname"),
        ("chats.request.responsible.rules[0].assign.user", 41, "Иван Прежний (41) is dismissed"),
        ("telephony.numbers[0].pipeline", 4, "Старая (4) no longer exists; it is kept and skipped"),
    ],
)
def test_what_has_vanished_and_who_is_dismissed_or_has_no_surname_is_accepted_with_a_warning(path, value, warning):
    assert warnings_of(edit(path, value)) == [f"{path}: {warning}"]


# Rule 6: phones


@pytest.mark.parametrize(
    "path", ["telephony.numbers[0].number", "telephony.click_to_call.number", "telephony.form_callback.number"]
)
@pytest.mark.parametrize("written", ["+74951234567", "8 (495) 123-45-67", "7495 1234567", "(495) 123-45-67"])
def test_phones_are_read_in_any_writing_and_written_in_one(path, written):
    value = dump_settings(good(edit(path, written)), known=KNOWN)
    for step in steps(path):
        value = value[step]
    assert value == "+74951234567"


@pytest.mark.parametrize(
    "path", ["telephony.numbers[0].number", "telephony.click_to_call.number", "telephony.form_callback.number"]
)
@pytest.mark.parametrize(
    ("value", "shown"), [("112", '"112"'), ("anonymous", '"anonymous"'), (74951234567, "74951234567")]
)
def test_what_is_no_phone_is_refused(path, value, shown):
    assert faults_of(edit(path, value)) == [f'{path}: {shown} is not a phone number; write it like "+74951234567"']


def test_phones_without_a_code_are_read_with_the_country():
    document = edit("main.country", "kz")
    document["telephony"]["click_to_call"]["number"] = "8 (727) 250-10-20"
    document["telephony"]["incoming"]["filter"] = {
        "all": [{"fact": "contact_phone_number", "op": "eq", "value": "727 250 10 20"}]
    }
    settings = good(document)
    assert settings.country == "KZ"
    assert settings.telephony.click_to_call_number == "+77272501020"
    assert settings.streams[INCOMING].filter.nodes[0].value == "+77272501020"


# Rule 7: export


@pytest.mark.parametrize("text", [COMPLETE, SMALLEST, '{"version": 1}'])
def test_export_import_export_gives_the_same_bytes(text):
    settings = good(text)
    first = write_json(dump_settings(settings, known=KNOWN))
    again = good(first)
    assert again == settings
    assert write_json(dump_settings(again, known=KNOWN)) == first


def test_export_writes_every_key_in_the_order_of_the_example():
    written = dump_settings(good(COMPLETE), known=KNOWN)
    example = json.loads(COMPLETE)
    del example["about"]

    def check(ours, theirs, path):
        if isinstance(theirs, dict):
            assert [key for key in ours if key in theirs] == list(theirs) or path.endswith("values"), path
            for key, value in theirs.items():
                check(ours[key], value, f"{path}.{key}")
        elif isinstance(theirs, list):
            assert len(ours) == len(theirs)
            for index, value in enumerate(theirs):
                check(ours[index], value, f"{path}[{index}]")
        else:
            assert ours == theirs, path

    check(written, example, "")
    assert [
        change.path for change in find_changes(example, written) if not re.search("values|format", change.path)
    ] == []


def test_export_is_two_spaces_plain_cyrillic_and_a_final_line_feed():
    text = write_json(dump_settings(good(COMPLETE), known=KNOWN))
    assert text.startswith('{\n  "version": 1,\n  "main": {\n    "active": true,')
    assert text.endswith("}\n")
    assert "Мария Орлова" in text
    assert "\\u" not in text


def test_references_are_written_with_present_names():
    renamed = tuple(Entry(user.id, "Мария Новая" if user.id == 1 else user.name) for user in KNOWN.users)
    document = dump_settings(good(COMPLETE), known=without(users=renamed))
    assert document["telephony"]["incoming"]["responsible"]["default"] == {"id": 1, "name": "Мария Новая"}
    assert document["telephony"]["incoming"]["create"]["stage"] == {"id": "NEW", "name": "Не обработан"}
    assert dump_settings(good(COMPLETE), known=without(users=()))["main"]["alerts"]["users"] == [1]


def test_an_order_of_keys_that_was_lost_is_brought_back():
    document = dump_settings(good(COMPLETE), known=KNOWN)

    def shuffled(value):
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in sorted(value, key=lambda key: (len(key), key))}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert write_json(arrange(shuffled(document))) == write_json(document)


# Keys


@pytest.mark.parametrize(
    ("path", "value", "faults"),
    [
        ("main.client_order", ["contact", "lead"],
         ["main.client_order: must name each of contact, company, lead once; missing: company"]),
        ("main.client_order", [], ["main.client_order: must name each of contact, company, lead once; missing: contact, company, lead"]),
        ("main.client_order", ["contact", "lead", "lead"], ['main.client_order[2]: "lead" stands twice']),
        ("main.client_order", ["contact", "deal", "lead"],
         ['main.client_order[1]: must be one of contact, company, lead, not "deal"']),
        ("main.alerts.users", [1, "Мария Орлова"], ["main.alerts.users[1]: Мария Орлова (1) stands twice"]),
        ("main.alerts.emails", ["it@example.com", "IT@example.com"], ['main.alerts.emails[1]: "IT@example.com" stands twice']),
        ("main.alerts.emails", ["it", 5], ['main.alerts.emails[0]: "it" is not an e-mail address',
                                           "main.alerts.emails[1]: 5 is not an e-mail address"]),
        ("main.employees[1].uis", 501, ["main.employees[1].uis: Иванов Пётр (501) stands twice"]),
        ("main.employees[1].bitrix", 12, ["main.employees[1].bitrix: Пётр Иванов (12) stands twice"]),
        ("telephony.numbers[1]", {"number": "8 495 123-45-67"},
         ['telephony.numbers[1].number: "+74951234567" stands twice']),
        ("telephony.numbers[0].number", None, ["telephony.numbers[0].number: must be given"]),
        ("telephony.form_callback.scenario", None,
         ['telephony.form_callback.scenario: must be given while telephony.form_callback.by is "scenario"']),
        ("telephony.form_callback.by", "employee",
         ['telephony.form_callback.employee: must be given while telephony.form_callback.by is "employee"']),
        ("telephony.form_callback.number", None,
         ["telephony.form_callback.number: must be given while telephony.form_callback.active is true"]),
        ("telephony.incoming.create.pipeline", 3,
         ['telephony.incoming.create.pipeline: only with telephony.incoming.create.item "deal"; leads have no pipelines']),
        ("telephony.incoming.create.stage", "C3:NEW",
         ['telephony.incoming.create.stage: "C3:NEW" is a stage of pipeline Чаты (3), not of leads']),
        ("chats.chat.create.stage", "IN_PROCESS",
         ['chats.chat.create.stage: "IN_PROCESS" is a stage of leads, not of pipeline Чаты (3)']),
        ("chats.chat.create.stage", {"id": "WON", "name": "Успех"},
         ['chats.chat.create.stage: "Успех" is a stage of pipeline Продажи (0), not of pipeline Чаты (3)']),
        ("telephony.numbers[0].stage", "C3:NEW",
         ['telephony.numbers[0].stage: "C3:NEW" is a stage of pipeline Чаты (3), not of pipeline Продажи (0)']),
        ("telephony.incoming.change_responsible_of", ["lead", "lead", "task"],
         ['telephony.incoming.change_responsible_of[1]: "lead" stands twice',
          'telephony.incoming.change_responsible_of[2]: must be one of deal, lead, contact, company, not "task"']),
        ("telephony.incoming.responsible.rules[0].assign.order", [],
         ["telephony.incoming.responsible.rules[0].assign.order: must name at least one of deal, lead, contact, company"]),
        ("telephony.incoming.responsible.rules[0].assign.order", ["deal", "deal"],
         ['telephony.incoming.responsible.rules[0].assign.order[1]: "deal" stands twice']),
        ("telephony.incoming.responsible.rules[2].assign.users", [],
         ["telephony.incoming.responsible.rules[2].assign.users: must name 1 to 50 people, not 0"]),
        ("telephony.incoming.responsible.rules[2].assign.users", [1] * 51,
         ["telephony.incoming.responsible.rules[2].assign.users: must name 1 to 50 people, not 51"]),
        ("telephony.incoming.responsible.rules[2].assign.users", [12, 12],
         ["telephony.incoming.responsible.rules[2].assign.users[1]: Пётр Иванов (12) stands twice"]),
        ("telephony.incoming.responsible.rules[3].assign.which", "longest",
         ['telephony.incoming.responsible.rules[3].assign.which: must be one of first, last, not "longest"']),
        ("telephony.outgoing.responsible.rules[0]", {"name": "x", "assign": {"to": "rung", "which": "last"}},
         ['telephony.outgoing.responsible.rules[0].assign.to: must be one of user, client_owner, talked, spread, not "rung"']),
        ("telephony.outgoing.responsible.rules[0]", {"name": "x", "assign": {"to": "operator"}},
         ['telephony.outgoing.responsible.rules[0].assign.to: must be one of user, client_owner, talked, spread, not "operator"']),
        ("chats.chat.channels", [31, 31], ["chats.chat.channels[1]: Telegram-бот (31) stands twice"]),
    ],
)  # fmt: skip
def test_rules_of_single_keys(path, value, faults):
    assert faults_of(edit(path, value)) == faults


@pytest.mark.parametrize(("stream", "tab"), [(stream, stream.split(".", maxsplit=1)[0]) for stream in STREAMS])
@pytest.mark.parametrize("value", [REMOVED, None])
def test_the_default_responsible_must_be_given_while_the_tab_is_active(stream, tab, value):
    document = edit(f"{stream}.responsible.default", value)
    assert faults_of(document) == [f"{stream}.responsible.default: must be given while {tab}.active is true"]
    document[tab]["active"] = False
    assert faults_of(document) == []


def test_an_active_tab_without_its_streams_misses_both_defaults():
    assert faults_of('{"version": 1, "chats": {"active": true}}') == [
        "chats.chat.responsible.default: must be given while chats.active is true",
        "chats.request.responsible.default: must be given while chats.active is true",
    ]


def test_a_number_without_a_pipeline_takes_a_stage_of_what_calls_create():
    document = edit("telephony.numbers[0]", {"number": "+74951234567", "stage": "В работе"})
    assert good(document).telephony.numbers[0].options == NumberOptions(None, None, "IN_PROCESS")
    document["telephony"]["outgoing"]["create"] |= {"item": "deal", "pipeline": "Чаты"}
    document["telephony"]["numbers"][0]["stage"] = "Чат закрыт"
    assert good(document).telephony.numbers[0].options.stage_id == "C3:WON"
    document["telephony"]["numbers"][0]["stage"] = "Успех"
    assert faults_of(document) == [
        'telephony.numbers[0].stage: "Успех" is a stage of pipeline Продажи (0), not of leads or pipeline Чаты (3)'
    ]


def test_a_deal_without_a_pipeline_goes_to_the_first_one():
    document = edit("telephony.incoming.create", {"item": "deal", "stage": "NEW"})
    create = good(document).streams[INCOMING].create
    assert (create.item, create.pipeline_id, create.stage_id, create.for_) == ("deal", None, "NEW", CreateFor.NEW)
    written = dump_settings(good(document), known=KNOWN)["telephony"]["incoming"]["create"]
    assert written["stage"] == {"id": "NEW", "name": "Новая"}


def test_the_form_callback_needs_no_number_while_it_is_off():
    document = edit("telephony.form_callback", {"active": False, "by": "employee", "employee": "Мария Орлова"})
    assert good(document).telephony.form_callback == FormCallback(False, "employee", None, 1, None)


def test_an_employee_may_belong_to_nobody_and_several_may():
    document = edit("main.employees[0].bitrix", None)
    document["main"]["employees"][1]["bitrix"] = None
    assert [employee.bitrix_user_id for employee in good(document).employees] == [None, None]


# Sections 4 to 7 are read by conditions, titles and mapping rows, which have tables of their own: here the paths.


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("telephony.incoming.filter.all[1].any[0].op", "like",
         'telephony.incoming.filter.all[1].any[0].op: "like" is not an operator of text; use eq, ne, contains, '
         "not_contains, starts, ends, mask, in, not_in, empty, not_empty"),
        ("telephony.incoming.filter", {"all": []},
         "telephony.incoming.filter.all: must be a list of 1 to 50 conditions or groups, not 0"),
        ("telephony.incoming.filter", [],
         'telephony.incoming.filter: must be a group: an object with exactly one key, "all" or "any"'),
        ("telephony.incoming.filter.all[0].value[1]", "12",
         'telephony.incoming.filter.all[0].value[1]: "12" is not a phone number; write it like "+74951234567"'),
        ("chats.request.filter", {"any": [{"fact": "result", "op": "eq", "value": "answered"}]},
         'chats.request.filter.any[0].fact: "result" is not a fact of requests'),
        ("chats.request.responsible.rules[0].when.all[0].op", "between",
         'chats.request.responsible.rules[0].when.all[0].op: "between" is not an operator of text; use eq, ne, contains, '
         "not_contains, starts, ends, mask, in, not_in, empty, not_empty"),
        ("telephony.incoming.titles.missed", "{{", 'telephony.incoming.titles.missed: "{{" is not closed'),
        ("telephony.incoming.titles.missed", "{{}}", "telephony.incoming.titles.missed: empty {{}}"),
        ("telephony.incoming.titles.missed", "{{x}}", 'telephony.incoming.titles.missed: unknown fact "x"'),
        ("telephony.incoming.titles.missed", "{{visitor_name}}",
         'telephony.incoming.titles.missed: "visitor_name" is not a fact of incoming calls'),
        ("telephony.incoming.titles.missed", "x" * 501, "telephony.incoming.titles.missed: must be at most 500 characters, not 501"),
        ("telephony.missed_call_message.text", "{{x}}", 'telephony.missed_call_message.text: unknown fact "x"'),
        ("telephony.incoming.mapping[2].field", "UF_CRM_X",
         'telephony.incoming.mapping[2].field: contact has no field "UF_CRM_X"; synchronise if it is new'),
        ("telephony.incoming.mapping[0].field", "Канал",
         'telephony.incoming.mapping[0].field: "Канал" fits 2 fields: UF_CRM_CHANNEL, UF_CRM_CHANNEL_2; write the code'),
        ("telephony.incoming.mapping[0].field", "id", 'telephony.incoming.mapping[0].field: lead field "id" cannot be written'),
        ("telephony.incoming.mapping[0].constant", "x", "telephony.incoming.mapping[0]: must have exactly one of fact and constant"),
        ("telephony.incoming.mapping[4]", {"fact": "utm_source", "object": "lead", "field": "UTM источник"},
         "telephony.incoming.mapping[4]: the same as row [0]: fact, object and field may stand once"),
        ("telephony.incoming.mapping[1].values", {"a": 1}, 'telephony.incoming.mapping[1].values: "a": must be texts of at most 255 characters'),
        ("telephony.incoming.mapping", [{}] * 101, "telephony.incoming.mapping: at most 100 rows, not 101"),
    ],
)  # fmt: skip
def test_faults_of_trees_titles_and_rows_have_their_place_in_the_document(path, value, fault):
    assert faults_of(edit(path, value)) == [fault]


def test_a_field_may_be_written_by_its_title_and_is_exported_by_its_code():
    settings = good(edit("telephony.incoming.mapping[0].field", "utm ИСТОЧНИК"))
    assert settings == good(COMPLETE)


def test_value_tables_are_sorted_since_no_database_promises_their_order():
    assert list(good(COMPLETE).streams[INCOMING].mapping[1].values) == ["in_queue", "no_answer"]


def test_a_vanished_field_and_a_row_that_was_good_once_are_warnings():
    path = "telephony.incoming.mapping[0].field"
    assert warnings_of(edit(path, "UF_CRM_OLD")) == [
        f'{path}: lead field "UF_CRM_OLD" no longer exists; the row is skipped'
    ]
    assert warnings_of(edit(path, "id"), kept={("lead", "id")}) == [f'{path}: lead field "id" cannot be written']
    assert warnings_of(edit(path, "UF_GONE"), kept={("lead", "UF_GONE")}) == [
        f'{path}: lead field "UF_GONE" no longer exists; the row is skipped'
    ]


# Section 8


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
