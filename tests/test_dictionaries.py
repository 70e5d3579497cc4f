"""Parsing of a portal's and an account's answers, comparing with what is known, and writing it down: tables."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from crm_bitrix import lines, portal_parsing
from crm_bitrix.actions import Refusal
from crm_bitrix.affected import Affected, find_affected
from crm_bitrix.lines import Line
from crm_bitrix.models import BitrixItem
from integration import dictionary_rows, uis_dictionaries
from integration.models import Portal
from integration.rules.dictionaries import Change, Entry, Incomplete, Known, Part, clean, compare, number
from integration.rules.known import Entry as KnownEntry
from integration.rules.known import Known as KnownOnes
from integration.rules.settings_value import default_settings

NOW = datetime(2026, 3, 16, 7, 15, tzinfo=UTC)
USER = {"ID": "12", "ACTIVE": True, "NAME": "Пётр", "LAST_NAME": "Иванов", "EMAIL": "p@acme.example"}


def status(directory: str, code: str, **fields: Any) -> dict[str, Any]:
    return {"ENTITY_ID": directory, "STATUS_ID": code, "NAME": code.title(), "SORT": "10", **fields}


def test_a_user_is_read_whole():
    full = {
        "UF_PHONE_INNER": 101,
        "UF_DEPARTMENT": ["5", 7],
        "WORK_PHONE": "8 916 1",
        "PERSONAL_MOBILE": "",
        "PERSONAL_PHONE": "8 916 1",
        "WORK_POSITION": "Менеджер\x00",
    }
    [entry] = portal_parsing.parse_users([[USER | full]], 1)
    assert entry == Entry(
        "12",
        "Пётр Иванов",
        {
            "is_active": True,
            "first_name": "Пётр",
            "last_name": "Иванов",
            "email": "p@acme.example",
            "extension": "101",
            "phones": ["8 916 1"],
            "departments": [5, 7],
            "position": "Менеджер",
        },
    )


@pytest.mark.parametrize(
    ("row", "name", "is_active"),
    [
        ({"ID": 3, "ACTIVE": "Y", "LAST_NAME": "Орлова", "UF_DEPARTMENT": False}, "Орлова", True),
        ({"ID": 3, "ACTIVE": False, "EMAIL": "m@acme.example", "NAME": None}, "m@acme.example", False),
        ({"ID": 3, "ACTIVE": "N"}, "3", False),
    ],
)
def test_a_user_with_little_in_his_profile_has_a_name_all_the_same(row: Any, name: str, is_active: bool):
    [entry] = portal_parsing.parse_users([[row]], 1)
    assert (entry.name, entry.data["is_active"]) == (name, is_active)


@pytest.mark.parametrize(
    ("pages", "total"),
    [
        ([[USER]], 2),
        ([[]], 0),
        ([[USER], [USER]], 2),
        (["unexpected"], 1),
        ([None], 1),
        ([[{"NAME": "без номера"}]], 1),
        ([["строка"]], 1),
    ],
)
def test_users_that_may_not_be_all_are_refused(pages: Any, total: int):
    with pytest.raises(Incomplete):
        portal_parsing.parse_users(pages, total)


def test_a_list_that_php_wrote_as_a_map_is_a_list():
    assert [entry.code for entry in portal_parsing.parse_users([{"0": USER, "2": USER | {"ID": "9"}}], 2)] == [
        "9",
        "12",
    ]


@pytest.mark.parametrize(
    ("row", "kind", "code", "data"),
    [
        (status("SOURCE", "CALL"), "source", "CALL", {"sort": 10}),
        (status("INDUSTRY", "IT"), "status", "INDUSTRY:IT", {"id": "IT", "directory": "INDUSTRY", "sort": 10}),
        (
            status("STATUS", "JUNK", SEMANTICS="F"),
            "stage",
            "STATUS:JUNK",
            {"id": "JUNK", "object": "lead", "pipeline": None, "semantics": "F", "sort": 10},
        ),
        (
            status("DEAL_STAGE", "WON", EXTRA={"SEMANTICS": "success"}),
            "stage",
            "DEAL_STAGE:WON",
            {"id": "WON", "object": "deal", "pipeline": 0, "semantics": "S", "sort": 10},
        ),
        (
            status("DEAL_STAGE_3", "C3:NEW", EXTRA=[]),
            "stage",
            "DEAL_STAGE_3:C3:NEW",
            {"id": "C3:NEW", "object": "deal", "pipeline": 3, "semantics": "", "sort": 10},
        ),
        (
            status("DEAL_STAGES_OF_OURS", "A"),
            "status",
            "DEAL_STAGES_OF_OURS:A",
            {"id": "A", "directory": "DEAL_STAGES_OF_OURS", "sort": 10},
        ),
    ],
)
def test_each_entry_of_the_crm_directories_finds_its_kind(row: Any, kind: str, code: str, data: Any):
    found = portal_parsing.parse_statuses([row], 1)
    [entry] = found[kind]
    assert (entry.code, entry.data) == (code, data)


@pytest.mark.parametrize(("answer", "total"), [([status("SOURCE", "A")], 2), ([], 0), ([{"ENTITY_ID": "SOURCE"}], 1)])
def test_directories_that_may_not_be_whole_are_refused(answer: Any, total: int):
    with pytest.raises(Incomplete):
        portal_parsing.parse_statuses(answer, total)


def test_fields_are_read_with_their_lists_and_phones_apart():
    answer = {
        "fields": {
            "UF_CRM_1": {
                "type": "enumeration",
                "title": "Интерес",
                "isDynamic": True,
                "items": [{"ID": "41", "VALUE": "Цена"}],
            },
            "fm": {"type": "crm_multifield", "isMultiple": True, "title": "Связь"},
            "typeId": {"type": "crm_status", "statusType": "CONTACT_TYPE", "isReadOnly": False},
        }
    }
    entries = {entry.code: entry for entry in portal_parsing.parse_fields("contact", answer)}
    assert set(entries) == {f"contact.{code}" for code in ("UF_CRM_1", "PHONE", "EMAIL", "WEB", "IM", "typeId")}
    assert entries["contact.UF_CRM_1"].data["items"] == [{"id": "41", "name": "Цена"}]
    assert entries["contact.UF_CRM_1"].data["is_custom"] is True
    assert (entries["contact.PHONE"].data["field"], entries["contact.PHONE"].data["is_multiple"]) == ("PHONE", True)
    assert entries["contact.typeId"].data["directory"] == "CONTACT_TYPE"


@pytest.mark.parametrize(
    ("parse", "answer"),
    [
        (portal_parsing.parse_mode, 3),
        (portal_parsing.parse_mode, []),
        (lambda answer: portal_parsing.parse_pipelines(answer, None), {"categories": []}),
        (lambda answer: portal_parsing.parse_pipelines(answer, 2), {"categories": [{"id": 0, "name": "а"}]}),
        (lambda answer: portal_parsing.parse_pipelines(answer, None), True),
        (lambda answer: portal_parsing.parse_fields("lead", answer), {"fields": []}),
        (lambda answer: portal_parsing.parse_fields("lead", answer), {"fields": {"title": "string"}}),
        (lambda answer: portal_parsing.parse_open_lines(answer, 2), [{"ID": "1"}, {"ID": "2"}]),
        (lambda answer: portal_parsing.parse_departments([answer], 2), [{"ID": "1", "NAME": "Акме"}]),
        (portal_parsing.parse_lines, [{"NAME": "без номера"}]),
    ],
)
def test_an_answer_of_another_shape_tells_nothing(parse: Any, answer: Any):
    with pytest.raises(Incomplete):
        parse(answer)


def test_what_changed_is_told_and_nothing_is_removed_twice():
    known = [
        Known(Entry("1", "А")),
        Known(Entry("2", "Б", {"sort": 1})),
        Known(Entry("3", "В"), is_missing=True),
        Known(Entry("4", "Г"), is_missing=True),
        Known(Entry("5", "Д")),
    ]
    read = [Entry("1", "А"), Entry("2", "Б", {"sort": 2}), Entry("3", "В"), Entry("6", "Е")]
    assert compare(known, read) == Change(
        total=4,
        added=(Entry("6", "Е"),),
        changed=(Entry("2", "Б", {"sort": 2}),),
        removed=(Entry("5", "Д"),),
        returned=(Entry("3", "В"),),
    )


@pytest.mark.parametrize(
    ("value", "text", "whole"),
    [
        (None, "", None),
        (True, "", None),
        ([1], "", None),
        (" 12 ", "12", 12),
        (0, "0", 0),
        ("", "", None),
        ("a\x00b", "ab", None),
        (1.5, "1.5", None),
    ],
)
def test_texts_and_numbers_of_vendors_are_taken_as_they_come(value: Any, text: str, whole: int | None):
    assert (clean(value), number(value)) == (text, whole)


@pytest.mark.django_db
def test_storing_marks_and_unmarks_within_its_prefix_only(django_assert_max_num_queries: Any):
    owner = {"portal": Portal.objects.create(member_id="1", domain="acme.bitrix24.ru")}
    lead, deal = (Entry("lead.a", "А"), Entry("lead.b", "Б")), (Entry("deal.a", "А" * 300),)

    def store(*parts: Part) -> Change:
        return dictionary_rows.store(BitrixItem, owner, parts, now=NOW)["field"]

    store(Part("field", lead, "lead."), Part("field", deal, "deal."))

    with django_assert_max_num_queries(4):
        change = store(Part("field", lead[:1], "lead."))

    assert change.removed == (lead[1],)
    missing = BitrixItem.objects.filter(missing_since__isnull=False)
    assert [row.code for row in missing] == ["lead.b"]
    assert store(Part("field", lead, "lead."), Part("field", deal, "deal.")) == Change(total=3, returned=(lead[1],))
    assert not missing.all().exists()
    with django_assert_max_num_queries(1):
        again = store(Part("field", lead, "lead."), Part("field", deal, "deal."))
    assert again == Change(total=3)


@pytest.mark.parametrize(
    ("line", "existing", "method", "creates"),
    [
        (Line("+7495", "Основной", True), [], lines.ADD, "Y"),
        (Line("+7495", "Основной", False), [Entry("+7495", "Основной", {"creates": True})], lines.UPDATE, "N"),
        (Line("+7495", "Новое имя", True), [Entry("+7495", "Основной", {"creates": True})], lines.UPDATE, "Y"),
    ],
)
def test_a_line_that_differs_is_sent(line: Line, existing: list[Entry], method: str, creates: str):
    [command] = lines.plan_lines([line], existing).values()
    assert (command.method, command.params["CRM_AUTO_CREATE"]) == (method, creates)


def test_a_line_that_is_right_is_left_alone_and_one_of_a_vanished_number_too():
    existing = [Entry("+7495", "Основной", {"creates": True}), Entry("+7499", "Старый", {"creates": True})]
    assert lines.plan_lines([Line("+7495", "Основной", True)], existing) == {}


def test_a_line_that_exists_already_is_a_success_and_another_refusal_is_told():
    commands = lines.plan_lines([Line("+1", "а", True), Line("+2", "б", True)], [])
    answers = {"line_+1": Refusal("ERROR_CORE", "Line already exists"), "line_+2": Refusal("ACCESS_DENIED", "нет прав")}
    counts, problems = lines.read_outcome(commands, answers)
    assert counts == {"added": 1, "changed": 0}
    assert problems == ["линия +2: ACCESS_DENIED: нет прав"]
    assert [entry.code for entry in lines.lines_after([], commands, answers)] == ["+1"]


def test_the_mark_of_the_older_integration_is_not_shown():
    row = {
        "id": 5,
        "last_name": "(bitrix24) Иванов",
        "first_name": "Пётр",
        "extension": None,
        "phone_numbers": None,
        "groups": [{"group_id": 1}],
    }
    entry = uis_dictionaries.employee_entry(row)
    assert (entry.code, entry.name, entry.data["last_name"]) == ("5", "Иванов Пётр", "Иванов")
    assert (entry.data["extension"], entry.data["phones"], entry.data["groups"]) == ("", [], [1])


def test_settings_that_speak_of_vanished_entries_are_found_by_their_path():
    settings = default_settings()
    incoming = settings.streams["incoming"]
    known = KnownOnes(users=(KnownEntry(15, "Анна", is_gone=True), KnownEntry(12, "Пётр", is_active=False)))
    streams = {
        **settings.streams,
        "incoming": replace(incoming, default_responsible_id=15),
        "chat": replace(settings.streams["chat"], default_responsible_id=12),
    }
    assert find_affected(replace(settings, streams=streams, alert_user_ids=(99,)), known) == (
        Affected("telephony.incoming.responsible.default", "Анна", "gone"),
        Affected("chats.chat.responsible.default", "Пётр", "dismissed"),
    )
