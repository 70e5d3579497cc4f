"""The settings document: how it is read, what may be left out and what is refused, without a database."""

# ruff: noqa: E501 (a row of a table reads better in one line)

import json

import pytest

from integration.rules.conditions import Condition, Group
from integration.rules.document_export import dump_settings
from integration.rules.document_text import MAX_BYTES
from integration.rules.responsible import Assign, AssignTo
from integration.rules.ruleset import CardMoment, CreateWhat, NumberOptions
from integration.rules.settings_value import (
    CLIENT_ORDER,
    EmployeeSetting,
    FormCallback,
    NumberSetting,
    PersonalManager,
    default_settings,
)
from tests.settings_edits import (
    CHAT,
    INCOMING,
    OUTGOING,
    REMOVED,
    REQUEST,
    STREAMS,
    edit,
    faults_of,
    good,
    parse,
    steps,
)
from tests.settings_world import COMPLETE, KNOWN, SMALLEST


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
