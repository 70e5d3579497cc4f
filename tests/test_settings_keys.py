"""The settings document: the rules of single keys, trees, titles and rows."""

# ruff: noqa: E501 (a row of a table reads better in one line)

import pytest

from integration.rules.document_export import dump_settings
from integration.rules.ruleset import CreateFor, NumberOptions
from integration.rules.settings_value import (
    FormCallback,
)
from tests.settings_edits import (
    INCOMING,
    REMOVED,
    STREAMS,
    edit,
    faults_of,
    good,
    warnings_of,
)
from tests.settings_world import COMPLETE, KNOWN


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
