"""The settings screen: all of the document is on it, all of it can be changed there, nothing is lost or overwritten."""

import gzip
import json
import re

import pytest
from django.test import Client

from crm_bitrix.known import load_known
from crm_bitrix.models import BitrixItem, SyncRun
from integration.models import Credential, Portal, UisItem
from integration.models.portal import hash_secret
from integration.rules.document_export import dump_settings
from integration.settings_document import AuthorKind, read_document, read_settings, save_settings
from settings_ui.models import FrameSession
from settings_ui.screen_edits import find
from settings_ui.screen_form import BadForm, split_path, to_form_path
from settings_ui.screen_form import read_form as read_pairs
from tests.form_reader import FormReader, read_form
from tests.settings_world import COMPLETE, PORTAL, store

SCREEN = "/bitrix24/app/screen/"
TOKENS = {True: "token-of-an-administrator", False: "token-of-somebody"}


class Screen:
    """An administrator, or somebody else, at the screen of a portal whose settings are the complete example."""

    def __init__(self, credential: Credential, *, is_admin: bool = True) -> None:
        self.client = Client()
        self.credential = credential
        self.token = TOKENS[is_admin]
        self.page = ""

    def ask(self, path: str = "", **body):
        self.answer = self.client.post(
            SCREEN + path,
            json.dumps({"credential": str(self.credential.uuid), **body}),
            content_type="text/plain",
            headers={"x-app-session": self.token},
        )
        return self.answer

    def open(self) -> FormReader:
        assert self.ask().status_code == 200
        return self.read()

    def read(self) -> FormReader:
        self.page = self.answer.content.decode()
        return read_form(self.page)

    def save(self, form: FormReader, **more) -> FormReader:
        assert self.ask("save/", form=form.pairs, base=int(form.data["data-base"]), **more).status_code == 200
        return self.read()

    def edit(self, form: FormReader, section: str, do: str, at: str, value: str = "") -> FormReader:
        """The whole form after an edit of one section, put together as the browser does."""
        answer = self.ask("edit/", form=form.pairs, section=section, do=do, at=at, value=value)
        assert answer.status_code == 200, answer.content
        drawn = read_form(answer.content.decode())
        fields = [pair for pair in form.pairs if not in_section(pair[0], section)]
        form.pairs = [*fields, *drawn.pairs]
        return drawn

    @property
    def document(self):
        self.credential.refresh_from_db()
        return dump_settings(read_settings(self.credential), known=load_known(self.credential))


def in_section(name: str, section: str) -> bool:
    return name.startswith((f"{section}.", f"{section}[", f"{section}:"))


def change(form: FormReader, name: str, *values: str) -> None:
    """Type other values into the controls of this name."""
    place = next(index for index, pair in enumerate(form.pairs) if pair[0] == name)
    form.pairs = [pair for pair in form.pairs if pair[0] != name]
    form.pairs[place:place] = [[name, value] for value in values]


@pytest.fixture
def credential(db) -> Credential:
    portal = Portal.objects.create(member_id="a" * 32, domain=PORTAL, client_endpoint=f"https://{PORTAL}/rest/")
    credential = Credential.objects.create(portal=portal, name="Основной портал", uis_key="key")
    store(portal, credential)
    known = load_known(credential)
    parsed = read_document(credential, COMPLETE, known=known)
    assert parsed.settings, parsed.faults
    save_settings(credential, parsed.settings, known=known, author_kind=AuthorKind.COMMAND, author="")
    for is_admin, token in TOKENS.items():
        FrameSession.objects.create(
            token_hash=hash_secret(token), portal=portal, user_id=1, is_admin=is_admin, language="ru"
        )
    return credential


@pytest.fixture
def screen(credential) -> Screen:
    return Screen(credential)


def leaves(value, path=""):
    """Every place of the document that holds a value of its own."""
    if isinstance(value, dict) and set(value) != {"id", "name"} and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict) and set(value[0]) != {"id", "name"}:
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


def bare(value):
    """References without their names."""
    if isinstance(value, list):
        return [bare(one) for one in value]
    return value["id"] if isinstance(value, dict) and "id" in value else value


def test_every_setting_is_on_the_screen_and_comes_back_as_it_was(screen):
    form = screen.open()
    document = screen.document
    posted = read_pairs((name, text) for name, text in form.pairs)
    for path, value in leaves({key: document[key] for key in ("main", "telephony", "chats")}):
        found = find(posted, split_path(to_form_path(path)))
        if path.endswith((".format", ".values")) and not value:
            continue  # shown where the fact is a date; an empty table has no control
        assert found == bare(value), path
    assert len(form.ids) == len(set(form.ids))


def test_saving_what_was_not_changed_makes_no_revision(screen):
    screen.save(screen.open())
    assert "сохранять нечего" in screen.page
    assert screen.credential.revisions.count() == 1


CHANGES = [
    ("main.active:yes", ["0"], False),
    ("main.country:text", ["KZ"], "KZ"),
    ("main.client_order:codes", ["lead", "company", "contact"], ["lead", "company", "contact"]),
    ("main.alerts.users:ids", ["Анна Смирнова (15)", "Пётр Иванов"], [15, 12]),
    ("main.alerts.emails:lines", ["a@example.com\r\nb@example.com"], ["a@example.com", "b@example.com"]),
    ("main.employees[0].card:null", ["never"], "never"),
    ("main.employees[0].line:null", ["0071"], "0071"),
    ("main.employees[0].bitrix:ref", [""], None),
    ("telephony.mode:null", ["webrtc"], "webrtc"),
    ("telephony.records:yes", ["0"], False),
    ("telephony.number_as_source:yes", ["0"], False),
    ("telephony.numbers[0].number:text", ["8 495 765-43-21"], "+74957654321"),
    ("telephony.numbers[0].source:null", [""], None),
    ("telephony.numbers[0].stage:null", ["WON"], "WON"),
    ("telephony.click_to_call.number:null", [""], None),
    ("telephony.form_callback.by:null", ["number"], "number"),
    ("telephony.form_callback.employee:ref", ["Анна Смирнова (15)"], 15),
    ("telephony.missed_call_message.reader:null", ["client"], "client"),
    ("telephony.missed_call_message.text:text", ["Перезвоним"], "Перезвоним"),
    ("telephony.incoming.personal_manager.only_at_work:yes", ["0"], False),
    ("telephony.incoming.filter.join:null", ["any"], None),
    ("telephony.incoming.responsible.rules[0].name:text", ["Свои"], "Свои"),
    ("telephony.incoming.responsible.rules[0].active:yes", ["0"], False),
    ("telephony.incoming.responsible.rules[0].assign.order:codes", ["contact", "deal"], ["contact", "deal"]),
    ("telephony.incoming.responsible.default:ref", ["anna@example.com"], 15),
    ("telephony.incoming.create.for:null", ["both"], "both"),
    ("telephony.incoming.create.stage:null", ["IN_PROCESS"], "IN_PROCESS"),
    ("telephony.incoming.create.source:null", ["WEB"], "WEB"),
    ("telephony.incoming.create.moment:null", ["end"], "end"),
    ("telephony.incoming.create.second_open:yes", ["1"], True),
    ("telephony.incoming.change_responsible_of:codes", ["", "deal"], ["deal"]),
    ("telephony.incoming.titles.missed:text", ["{{contact_phone_number}}"], "{{contact_phone_number}}"),
    ("telephony.incoming.mapping[0].policy:null", ["overwrite"], "overwrite"),
    ("telephony.incoming.mapping[2].format:null", ["%d.%m.%Y"], "%d.%m.%Y"),
    ("telephony.incoming.mapping[3].constant:text", ["Звонок"], "Звонок"),
    ("telephony.incoming.notify:yes", ["0"], False),
    ("telephony.outgoing.responsible.talked:null", [""], None),
    ("telephony.outgoing.filter.nodes[0].value:number", ["30"], 30),
    ("chats.chat.channels:channels", ["", "all"], "all"),
    ("chats.chat.create.what:null", ["activity"], "activity"),
    ("chats.chat.without_contacts:yes", ["1"], True),
    ("chats.request.create.for:null", ["new"], "new"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values", "expected"), CHANGES, ids=[name for name, _values, _new in CHANGES])
@pytest.mark.slow
def test_changed_setting_is_saved_and_exported(screen, name, values, expected):
    form = screen.open()
    change(form, name, *values)
    after = screen.save(form)
    assert not after.invalid, screen.page
    assert screen.credential.revisions.count() == 2
    found = find(screen.document, split_path(name.partition(":")[0]))
    assert bare(found) == expected
    again = screen.open()
    screen.save(again)
    assert "сохранять нечего" in screen.page


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("main.country:text", "Россия", "не страна"),
        ("main.alerts.emails:lines", "a@example.com\r\nnobody", "не адрес почты"),
        ("telephony.numbers[0].number:text", "12", "не номер телефона"),
        ("telephony.incoming.responsible.default:ref", "", "Обязательно, пока"),
        ("telephony.incoming.responsible.default:ref", "Иванов", "подходит нескольким"),
        ("telephony.incoming.filter.nodes[1].nodes[1].value:text", "abc", "Нужны цифры"),
        ("telephony.incoming.titles.answered:text", "{{nobody}}", "Нет такой переменной"),
        ("telephony.incoming.mapping[0].field:field", "UF_CRM_NO", "Нет поля"),
        ("chats.chat.responsible.rules[0].name:text", "", "Нужен текст"),
    ],
)
def test_fault_stands_at_its_field_and_in_the_summary(screen, name, value, words):
    form = screen.open()
    change(form, name, value)
    after = screen.save(form)
    id_ = "f-" + name.partition(":")[0].replace("[", "-").replace("]", "").replace(".", "-")
    assert f"{id_}-error" in after.invalid[id_]
    error = re.search(rf'id="{id_}-error">(.*?)</p>', screen.page)[1]
    assert words in error
    assert f'data-goto="{id_}"' in screen.page
    assert screen.credential.revisions.count() == 1
    typed = [text for named, text in after.pairs if named == name]
    assert typed == [value]


def test_somebody_else_than_an_administrator_reads_only(screen, credential):
    guest = Screen(credential, is_admin=False)
    form = guest.open()
    assert 'type="submit"' not in guest.page
    assert '<fieldset class="controls" disabled>' in guest.page
    for path in ("save/", "edit/", "search/", "preview/", "restore/", "import/", "sync/start/"):
        assert guest.ask(path, form=form.pairs, base=1).status_code == 403


def test_settings_of_another_portal_are_not_found(screen):
    other = Portal.objects.create(member_id="b" * 32, domain="other.example", client_endpoint="https://other.example/")
    foreign = Credential.objects.create(portal=other, name="Чужие", uis_key="key")
    for path in ("", "save/", "edit/", "search/", "preview/", "revision/", "restore/", "export/", "import/"):
        assert screen.ask(path, credential=str(foreign.uuid), form=[], base=0).status_code == 400


@pytest.mark.parametrize(
    "pairs",
    [
        [["a", "1"]], [["a:no", "1"]], [["a..b:text", "1"]], [["a" + ".a" * 99 + ":text", "1"]], [["[0]:text", "1"]],
        [["a:text", "1"], ["a.b:text", "1"]], [[":text", "1"]], [["a[0]:text", "1"], ["a.b:text", "2"]],
    ],
)  # fmt: skip
def test_what_is_no_form_is_refused(screen, pairs):
    with pytest.raises(BadForm):
        read_pairs((name, text) for name, text in pairs)
    assert screen.ask("save/", form=pairs, base=1).status_code == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"1", b'{"credential": 1}', b"\xff"])
def test_what_is_no_request_is_refused(screen, body):
    answer = screen.client.post(
        SCREEN + "save/", body, content_type="text/plain", headers={"x-app-session": screen.token}
    )
    assert answer.status_code == 400


# --- edits


def test_conditions_and_groups_are_added_changed_and_removed(screen):
    section = "telephony.outgoing.filter"
    form = screen.open()
    screen.edit(form, section, "group", section)
    assert screen.answer["X-Focus"] == f"{section}.nodes[1].nodes[0].fact"
    at = f"{section}.nodes[1].nodes[0]"
    change(form, f"{at}.fact:text", "weekday")
    screen.edit(form, section, "refresh", f"{at}.fact")
    change(form, f"{at}.value:codes", "", "sat", "sun")
    screen.edit(form, section, "remove", f"{section}.nodes[0]")
    assert not screen.save(form).invalid, screen.page
    weekend = {"fact": "weekday", "op": "in", "value": ["sat", "sun"]}
    assert screen.document["telephony"]["outgoing"]["filter"] == {"all": [{"any": [weekend]}]}


def test_last_condition_takes_its_filter_with_it_and_a_new_one_begins_a_filter(screen):
    section = "telephony.outgoing.filter"
    form = screen.open()
    screen.edit(form, section, "remove", f"{section}.nodes[0]")
    screen.save(form)
    assert screen.document["telephony"]["outgoing"]["filter"] is None
    form = screen.open()
    screen.edit(form, section, "condition", section)
    change(form, f"{section}.nodes[0].value:text", "8 (916) 123-45-67")
    screen.save(form)
    phone = {"fact": "contact_phone_number", "op": "eq", "value": "+79161234567"}
    assert screen.document["telephony"]["outgoing"]["filter"] == {"all": [phone]}


def test_rule_is_dropped_in_another_place_and_copied(screen):
    section = "telephony.incoming.responsible"
    names = [rule["name"] for rule in screen.document["telephony"]["incoming"]["responsible"]["rules"]]
    form = screen.open()
    screen.edit(form, section, "move", f"{section}.rules[3]", "1")
    assert screen.answer["X-Focus"] == f"{section}.rules[1]"
    screen.edit(form, section, "clone", f"{section}.rules[0]", "копия")
    assert not screen.save(form).invalid, screen.page
    rules = screen.document["telephony"]["incoming"]["responsible"]["rules"]
    assert [rule["name"] for rule in rules] == [names[0], f"{names[0]} копия", names[3], names[1], names[2]]
    assert rules[0] | {"name": ""} == rules[1] | {"name": ""}


def test_ready_made_filters_are_added_to_what_is_there(screen):
    section = "telephony.incoming.filter"
    before = screen.document["telephony"]["incoming"]["filter"]["all"]
    form = screen.open()
    screen.edit(form, section, "preset", section, "working_hours")
    screen.edit(form, section, "preset", section, "exclusions")
    change(form, f"{section}.nodes[4].value:lines", "8 (916) 123-45-67")
    assert not screen.save(form).invalid, screen.page
    after = screen.document["telephony"]["incoming"]["filter"]["all"]
    assert after == [
        *before,
        {"fact": "weekday", "op": "in", "value": ["mon", "tue", "wed", "thu", "fri"]},
        {"fact": "time_of_day", "op": "between", "value": ["09:00", "18:00"]},
        {"fact": "contact_phone_number", "op": "not_in", "value": ["+79161234567"]},
    ]


def test_ready_made_filter_goes_beside_conditions_of_which_one_is_enough(screen):
    section = "chats.chat.filter"
    before = screen.document["chats"]["chat"]["filter"]
    form = screen.open()
    screen.edit(form, section, "preset", section, "answered")
    assert not screen.save(form).invalid, screen.page
    answered = {"fact": "result", "op": "eq", "value": "answered"}
    assert screen.document["chats"]["chat"]["filter"] == {"all": [before, answered]}


def test_numbers_and_names_that_uis_does_not_have_are_named_and_can_be_saved(screen, credential):
    UisItem.objects.create(credential=credential, kind="number", code="+74957654321", name="Сайт")
    screen.open()
    assert "В UIS такого нет: &quot;+74951234567&quot;" in screen.page
    UisItem.objects.create(credential=credential, kind="number", code="+74951234567", name="Сайт")
    form = screen.open()
    assert "В UIS такого нет" not in screen.page
    section = "telephony.outgoing.filter"
    change(form, f"{section}.nodes[0].fact:text", "scenario_name")
    screen.edit(form, section, "refresh", f"{section}.nodes[0].fact")
    change(form, f"{section}.nodes[0].op:null", "eq")
    change(form, f"{section}.nodes[0].value:text", "Обратный завонок")
    saved = screen.save(form)
    assert not saved.invalid
    assert 'id="f-telephony-outgoing-filter-nodes-0-value-warning"' in screen.page


def test_rules_are_added_moved_and_removed(screen):
    section = "telephony.incoming.responsible"
    names = [rule["name"] for rule in screen.document["telephony"]["incoming"]["responsible"]["rules"]]
    form = screen.open()
    screen.edit(form, section, "down", f"{section}.rules[0]")
    screen.edit(form, section, "remove", f"{section}.rules[3]")
    screen.edit(form, section, "row", f"{section}.rules", "Правило")
    change(form, f"{section}.rules[3].assign.to:null", "spread")
    drawn = screen.edit(form, section, "refresh", f"{section}.rules[3].assign.to")
    assert f"{section}.rules[3].assign.users:ids" in dict(drawn.pairs)
    change(form, f"{section}.rules[3].assign.users:ids", "", "Пётр Иванов (12)", "")
    assert not screen.save(form).invalid, screen.page
    rules = screen.document["telephony"]["incoming"]["responsible"]["rules"]
    assert [rule["name"] for rule in rules] == [names[1], names[0], names[2], "Правило 4"]
    assert rules[3]["assign"] == {"to": "spread", "users": [{"id": 12, "name": "Пётр Иванов"}], "only_at_work": False}


def test_rows_are_added_and_value_tables_filled(screen):
    form = screen.open()
    screen.edit(form, "telephony.outgoing.mapping", "row", "telephony.outgoing.mapping")
    at = "telephony.outgoing.mapping[0]"
    change(form, f"{at}.fact:some", "")
    screen.edit(form, "telephony.outgoing.mapping", "refresh", f"{at}.fact")
    change(form, f"{at}.constant:text", "Телефония")
    change(form, f"{at}.field:field", "UTM источник (utmSource)")
    screen.edit(form, "telephony.outgoing.mapping", "row", f"{at}.values")
    change(form, f"{at}.values:pairs", "Телефония", "Тел")
    screen.edit(form, "telephony.numbers", "row", "telephony.numbers", "+74957654321")
    screen.edit(form, "main.employees", "remove", "main.employees[0]")
    screen.edit(form, "main.employees", "row", "main.employees", "501")
    assert not screen.save(form).invalid, screen.page
    document = screen.document
    row = document["telephony"]["outgoing"]["mapping"][0]
    assert (row["constant"], row["field"], row["values"]) == ("Телефония", "utmSource", {"Телефония": "Тел"})
    assert document["telephony"]["numbers"][1]["number"] == "+74957654321"
    assert document["main"]["employees"][1]["uis"] == {"id": 501, "name": "Иванов Пётр"}
    assert document["main"]["employees"][1]["bitrix"] is None


@pytest.mark.parametrize(
    ("do", "at"),
    [
        ("fly", "main"),
        ("remove", "main.employees[9]"),
        ("row", "main"),
        ("condition", "main.x"),
        ("up", "main.active"),
        ("clone", "main.employees[9]"),
        ("preset", "telephony.incoming.filter"),
    ],
)
def test_edit_that_is_none_is_refused(screen, do, at):
    form = screen.open()
    assert screen.ask("edit/", form=form.pairs, section="main", do=do, at=at).status_code == 400


def test_end_facts_are_marked_and_rules_are_said_in_words(screen):
    screen.open()
    assert "Известно только после завершения." in screen.page
    assert "Если Клиент не равно «новый», назначить: ответственный за клиента в CRM." in screen.page


# --- searching, preview, history, files, synchronisation


def test_search_finds_people_and_fields_by_any_word(screen):
    assert screen.ask("search/", where="people", text="иванов").json()["found"] == [
        "Пётр Иванов (12)",
        "Олег Иванов (31)",
    ]
    assert screen.ask("search/", where="employees", text="анна").json()["found"] == ["Смирнова Анна (502)"]
    assert screen.ask("search/", where="fields.lead", text="utm").json()["found"] == ["UTM источник (utmSource)"]
    assert screen.ask("search/", where="secrets", text="").status_code == 400


def test_conditions_offer_what_uis_knows(screen, credential):
    UisItem.objects.create(credential=credential, kind="number", code="+74951234567", name="Сайт")
    assert screen.ask("search/", where="virtual_phone_number", text="495").json()["found"] == ["+74951234567"]
    assert screen.ask("search/", where="scenario_name", text="обрат").json()["found"] == ["Обратный звонок"]


def test_rule_that_is_never_reached_is_named_at_once(screen):
    form = screen.open()
    section = "telephony.incoming.responsible"
    change(form, f"{section}.rules[3].active:yes", "1")
    screen.edit(form, section, "up", f"{section}.rules[3]")
    assert "До этого правила дело не дойдёт" in screen.answer.content.decode()


@pytest.fixture
def large(credential) -> Credential:
    """A portal with 5 000 employees on both sides, 500 fields, and a hundred virtual numbers."""
    portal = credential.portal
    people = range(10_000, 15_000)
    rows = [
        BitrixItem(
            portal=portal, kind="user", code=str(id_), name=f"Сотрудник {id_}",
            data={"last_name": "С", "email": f"{id_}@example.com", "is_active": True},
        )
        for id_ in people
    ]  # fmt: skip
    rows += [
        BitrixItem(
            portal=portal, kind="field", code=f"{object_}.UF_CRM_{number}", name=f"Поле {number}",
            data={"type": "string", "items": []},
        )
        for object_ in ("lead", "deal", "contact", "company")
        for number in range(125)
    ]  # fmt: skip
    BitrixItem.objects.bulk_create(rows)
    employees = [
        UisItem(credential=credential, kind="employee", code=str(id_), name=f"Сотрудник {id_}", data={"email": ""})
        for id_ in people
    ]
    numbers = [UisItem(credential=credential, kind="number", code=f"+7495{id_:07}", name="") for id_ in range(100)]
    UisItem.objects.bulk_create([*employees, *numbers])
    return credential


@pytest.mark.slow
def test_screen_of_a_large_portal_is_small_and_costs_few_queries(large, django_assert_max_num_queries):
    screen = Screen(large)
    with django_assert_max_num_queries(30):
        screen.open()
    assert len(gzip.compress(screen.page.encode(), 6)) <= 100_000
    form = screen.read()
    change(form, "main.country:text", "KZ")
    with django_assert_max_num_queries(30):
        screen.ask("draft/", form=form.pairs, base=1)
    assert len(screen.ask("search/", where="people", text="сотрудник").json()["found"]) == 50


def test_preview_fills_a_title_with_an_invented_call(screen):
    asked = {"stream": "incoming", "text": "Звонок: {{client_name}} ({{contact_phone_number}})"}
    assert screen.ask("preview/", **asked).json()["title"] == "Звонок: Ольга Петрова (+7 916 123-45-67)"
    assert screen.ask("preview/", stream="incoming", text="{{").json()["title"] == ""
    assert screen.ask("preview/", stream="x", text="").status_code == 400


def test_old_revision_is_shown_and_restored(screen):
    form = screen.open()
    change(form, "telephony.mode:null", "webrtc")
    screen.save(form)
    assert screen.credential.revisions.get(number=2).author == "Мария Орлова (1)"
    shown = screen.ask("revision/", number=2).content.decode()
    assert "Режим работы телефонии" in shown
    assert screen.ask("revision/", number=9).status_code == 404
    screen.ask("restore/", number=1)
    assert screen.document["telephony"]["mode"] == "ip"
    assert screen.credential.revisions.count() == 3


def test_export_is_a_file_that_import_shows_unsaved(screen):
    text = screen.ask("export/").content.decode()
    document = json.loads(text)
    document["telephony"]["mode"] = "webrtc"
    assert screen.ask("import/", file=json.dumps(document)).status_code == 200
    form = screen.read()
    assert "ещё не сохранены" in screen.page
    assert screen.document["telephony"]["mode"] == "ip"
    screen.save(form)
    assert screen.document["telephony"]["mode"] == "webrtc"


def test_file_with_faults_changes_nothing(screen):
    screen.ask("import/", file='{"version": 1, "main": {"country": "Z"}}')
    screen.read()
    assert "Файл не подходит" in screen.page
    assert screen.credential.revisions.count() == 1


def test_synchronisation_is_started_once_and_shown(screen, monkeypatch):
    monkeypatch.setattr("crm_bitrix.synchronise.async_task", lambda *_arguments, **_options: None)
    assert "data-running" in screen.ask("sync/start/").content.decode()
    screen.ask("sync/start/")
    assert SyncRun.objects.count() == 1
    assert "data-running" in screen.ask("sync/").content.decode()


def test_screen_speaks_english(screen):
    FrameSession.objects.update(language="en")
    screen.open()
    assert "Telephony" in screen.page
    assert "Сохранить" not in screen.page
    assert "Добавить условие" not in screen.page
