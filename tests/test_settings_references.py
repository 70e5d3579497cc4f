"""The settings document: people, pipelines, numbers and other things that it refers to."""

from dataclasses import replace

import pytest

from crm_bitrix.affected import Affected, find_affected
from crm_bitrix.known import load_known
from integration.models import UisItem
from integration.rules.document_export import dump_settings
from integration.rules.known import LEADS, Entry, Known
from integration.rules.ruleset import CardMoment, NumberOptions
from integration.rules.settings_value import EmployeeSetting, NumberSetting, default_settings
from settings_ui.screen_lint import read_shown
from tests.conftest import Product
from tests.settings_edits import (
    CHAT,
    INCOMING,
    REMOVED,
    edit,
    faults_of,
    good,
    steps,
    warnings_of,
)
from tests.settings_world import COMPLETE, KNOWN, without

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


def test_a_stage_of_leads_that_a_virtual_number_names_and_that_has_vanished_is_told_of():
    settings = default_settings()
    number = NumberSetting("+74951234567", NumberOptions(stage_id="PROCESSED"))
    settings = replace(settings, telephony=replace(settings.telephony, numbers=(number,)))
    known = Known(stages={LEADS: (Entry("PROCESSED", "Обработан", is_gone=True),)})
    assert find_affected(settings, known) == (Affected("telephony.numbers[0].stage", "Обработан", "gone"),)


@pytest.mark.django_db(transaction=True)
def test_a_number_in_the_writing_of_its_country_is_known_to_the_screen(product: Product):
    UisItem.objects.create(credential=product.credential, kind="number", code="+442079460958", name="Лондон", data={})
    document = {"main": {"country": "GB"}, "telephony": {"click_to_call": {"number": "020 7946 0958"}}}
    assert read_shown(product.credential, document, load_known(product.credential)).warnings == ()
