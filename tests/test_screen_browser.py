"""The settings screen in a real browser: tabs, a filter made with the keyboard, saving, and what is there then."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from crm_bitrix import lane
from crm_bitrix.known import load_known
from crm_bitrix.models import SyncRun
from integration.models import Communication, Credential, Portal
from integration.settings_document import AuthorKind, read_document, read_settings, save_settings
from settings_ui.models import SettingsDraft
from tests.settings_world import COMPLETE, PORTAL, store
from tests.test_frame_browser import driver, visit, world

__all__ = ["driver", "visit", "world"]
pytestmark = pytest.mark.browser


@pytest.fixture
def credential(visit, monkeypatch) -> Credential:
    """The portal has the application, and its settings are the complete example."""
    monkeypatch.setattr("crm_bitrix.synchronise.async_task", lambda *_arguments, **_options: None)
    expect(visit.open().get_by_role("heading", level=1)).to_be_visible()
    credential = Credential.objects.select_related("portal").get()
    credential.uis_key = visit.world.uis.key
    credential.save()
    store(credential.portal, credential)
    known = load_known(credential)
    parsed = read_document(credential, COMPLETE.replace(PORTAL, credential.portal.domain), known=known)
    assert parsed.settings, parsed.faults
    save_settings(credential, parsed.settings, known=known, author_kind=AuthorKind.COMMAND, author="")
    return credential


EDITS = (
    ("main", "main", "f-main-country", "KZ"),
    (
        "telephony",
        "telephony.incoming.titles",
        "f-telephony-incoming-titles-missed",
        "Перезвонить {{contact_phone_number}}",
    ),
    ("chats", "chats.request.titles", "f-chats-request-titles-received", "Заявка"),
)
LAST = "Заявка с сайта"
WORDS = {
    "ru": {
        "main": "Главная", "telephony": "Телефония", "chats": "Чаты и офлайн заявки", "draft": "Черновик",
        "offer": "Черновик от", "resume": "Продолжить", "save": "Сохранить всё", "saved": "Сохранено: редакция",
    },
    "en": {
        "main": "Main", "telephony": "Telephony", "chats": "Chats and offline requests", "draft": "Draft",
        "offer": "Draft of", "resume": "Continue", "save": "Save all", "saved": "Saved: revision",
    },
}  # fmt: skip


def has_no_scroll_bar(page: Page) -> bool:
    """Nothing of the page lies beside its frame."""
    return page.frames[1].evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def drag_up(page: Page, handle: Locator, *, by: int) -> None:
    """Take something by its handle and, once it is taken, let it go so many pixels above, as a hand would."""
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    assert box
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 12, box["y"] + 2, steps=3)
    handle.locator('xpath=ancestor::*[contains(@class, "is-taken")]').wait_for()
    page.mouse.move(box["x"] + 20, box["y"] - by, steps=5)
    page.mouse.up()


def wait_for(found: Callable[[], Any]) -> Any:
    """What another process writes in its own time; fails after five seconds."""
    for _try in range(50):
        if result := found():
            return result
        time.sleep(0.1)
    raise AssertionError("nothing came")


def section(frame: FrameLocator, path: str):
    return frame.locator(f'[data-section="{path}"]')


@pytest.mark.parametrize("width", [1280, 390])
def test_filter_is_made_with_the_keyboard_and_saved_with_a_change_on_another_tab(visit, credential, width):
    visit.page.set_viewport_size({"width": width, "height": 800})
    keyboard = visit.page.keyboard
    frame = visit.open("/bitrix24/app/")
    frame.get_by_label("Страна номеров без кода").fill("KZ")
    frame.get_by_role("tab", name="Главная").focus()
    keyboard.press("ArrowRight")
    expect(frame.get_by_role("tab", name="Телефония")).to_be_focused()
    expect(frame.locator("#dirty")).to_have_text("Есть несохранённые изменения: Главная")

    filter_ = section(frame, "telephony.outgoing.filter")
    filter_.locator("summary").focus()
    keyboard.press("Enter")
    filter_.get_by_role("button", name="Добавить условие").focus()
    keyboard.press("Enter")
    fact = filter_.get_by_label("Что проверить").nth(1)
    expect(fact).to_be_focused()
    fact.select_option("virtual_number_name")
    expect(filter_.get_by_label("Как сравнить").nth(1)).to_contain_text("подходит под маску")
    expect(fact).to_be_focused()
    keyboard.press("Tab")
    expect(filter_.get_by_label("Как сравнить").nth(1)).to_be_focused()
    keyboard.press("Tab")
    keyboard.type("Сайт")

    frame.get_by_role("button", name="Сохранить").first.focus()
    keyboard.press("Enter")
    expect(frame.get_by_text("Сохранено: редакция")).to_be_focused()
    expect(filter_.get_by_label("Значение").last).to_have_value("Сайт")

    frame = visit.open("/bitrix24/app/")
    expect(frame.get_by_label("Страна номеров без кода")).to_have_value("KZ")
    frame.get_by_role("tab", name="Телефония").click()
    section(frame, "telephony.outgoing.filter").locator("summary").click()
    expect(section(frame, "telephony.outgoing.filter").get_by_label("Значение").last).to_have_value("Сайт")
    stored = read_settings(Credential.objects.get())
    assert stored.country == "KZ"
    assert visit.troubles == []


def test_mistake_on_a_tab_that_is_not_shown_is_found_by_its_link(visit, credential):
    frame = visit.open("/bitrix24/app/")
    frame.get_by_role("tab", name="Телефония").click()
    section(frame, "telephony.incoming.responsible").locator("summary").first.click()
    person = section(frame, "telephony.incoming.responsible").get_by_label("Ответственный по умолчанию")
    person.fill("Никто")
    frame.get_by_role("tab", name="Главная").click()
    frame.get_by_role("button", name="Сохранить").first.click()
    expect(frame.get_by_role("alert")).to_be_focused()
    frame.get_by_role("alert").get_by_role("link").click()
    expect(person).to_be_focused()
    expect(person).to_have_attribute("aria-invalid", "true")

    person.fill("анна")
    expect(person.locator("xpath=following-sibling::datalist/option")).to_have_count(1)
    person.fill("Анна Смирнова (15)")
    frame.get_by_role("button", name="Сохранить").first.click()
    expect(frame.get_by_text("Сохранено: редакция")).to_be_visible()
    assert visit.troubles == []


def test_title_shows_at_once_what_it_becomes(visit, credential):
    frame = visit.open("/bitrix24/app/")
    frame.get_by_role("tab", name="Чаты и офлайн заявки").click()
    titles = section(frame, "chats.request.titles")
    titles.locator("summary").first.click()
    titles.get_by_label("Заявка").fill("Заявка от ")
    titles.get_by_text("Вставить переменную").click()
    titles.get_by_role("button", name="Имя посетителя").click()
    expect(titles.get_by_label("Заявка")).to_have_value("Заявка от {{visitor_name}}")
    expect(titles.get_by_role("status")).to_have_text("Заявка от Ольга")
    assert visit.troubles == []


@pytest.mark.fault(42)
@pytest.mark.parametrize("width", [1280, 390])
def test_changes_of_two_administrators_are_shown_on_both_sides_and_saved_together(visit, credential, width):
    visit.page.set_viewport_size({"width": width, "height": 800})
    frame = visit.open("/bitrix24/app/")
    frame.get_by_label("Страна номеров без кода").fill("KZ")
    frame.get_by_role("tab", name="Телефония").click()
    frame.get_by_label("WebRTC-виджет").check()
    known = load_known(credential)
    settings = replace(read_settings(credential), alert_emails=("boss@example.com",), country="BY")
    save_settings(credential, settings, known=known, author_kind=AuthorKind.BITRIX, author="Анна Смирнова")
    frame.get_by_role("button", name="Сохранить всё").first.click()
    alert = frame.get_by_role("alert")
    expect(alert).to_be_focused()
    expect(alert).to_contain_text("Анна Смирнова")
    expect(alert.get_by_role("group", name="Страна номеров без кода")).to_contain_text("Было: RU")
    assert has_no_scroll_bar(visit.page)
    alert.get_by_role("button", name="Сохранить объединённое").click()
    expect(alert).to_be_focused()
    assert read_settings(Credential.objects.get()).telephony.mode == "ip"

    frame.get_by_label("Моё: KZ").check()
    alert.get_by_text("Что сохранится вместе").click()
    expect(alert.get_by_text("boss@example.com")).to_be_visible()
    alert.get_by_role("button", name="Сохранить объединённое").click()
    expect(frame.get_by_text("Сохранено: редакция")).to_be_focused()
    saved = read_settings(Credential.objects.get())
    assert (saved.country, saved.telephony.mode, saved.alert_emails) == ("KZ", "webrtc", ("boss@example.com",))

    frame.get_by_role("tab", name="Главная").click()
    frame.locator(".revisions summary", has_text="Анна Смирнова").click()
    frame.get_by_role("button", name="Восстановить редакцию").click()
    expect(frame.get_by_text("Сохранено: редакция")).to_be_focused()
    assert read_settings(Credential.objects.get()).country == "BY"
    assert [text for text in visit.troubles if "409" not in text] == []


@pytest.mark.parametrize(("width", "language"), [(1280, "ru"), (390, "en")])
def test_three_tabs_are_edited_closed_and_offered_again(visit, credential, width, language):
    words = WORDS[language]
    visit.page.set_viewport_size({"width": width, "height": 800})
    frame = visit.open(f"/bitrix24/app/&lang={language}")
    for tab, section_path, control, value in EDITS:
        frame.get_by_role("tab", name=words[tab]).click()
        card = section(frame, section_path)
        if card.get_attribute("open") is None:
            card.locator("summary").first.click()
        frame.locator(f"#{control}").fill(value)
        expect(frame.locator(f"#tab-{tab} [data-dot]")).to_be_visible()
        expect(card).to_have_class(re.compile("is-changed"))
    frame.locator("button[data-changes]:visible").first.click()
    expect(frame.locator(".savebar .changes:visible li")).to_have_count(3)
    frame.locator(f"#{EDITS[-1][2]}").fill(LAST)
    visit.page.evaluate("document.querySelector('iframe').remove()")  # as the portal does with a slider: at once
    draft = wait_for(lambda: SettingsDraft.objects.filter(document__chats__request__titles__received=LAST).first())
    assert draft.document["main"]["country"] == "KZ"
    assert read_settings(Credential.objects.get()).country == "RU"

    frame = visit.open(f"/bitrix24/app/&lang={language}")
    offer = frame.get_by_role("region", name=words["draft"])
    expect(offer).to_contain_text(words["offer"])
    expect(frame.locator("#f-main-country")).to_be_disabled()
    offer.get_by_role("button", name=words["resume"]).click()
    for tab, _section, control, value in (*EDITS[:-1], (*EDITS[-1][:-1], LAST)):
        frame.get_by_role("tab", name=words[tab]).click()
        expect(frame.locator(f"#{control}")).to_have_value(value)
    assert has_no_scroll_bar(visit.page)
    frame.get_by_role("button", name=words["save"]).first.click()
    expect(frame.get_by_text(words["saved"])).to_be_focused()
    assert read_settings(Credential.objects.get()).country == "KZ"
    assert not SettingsDraft.objects.exists()
    assert visit.troubles == []


def test_synchronisation_is_followed_to_its_end(visit, credential):
    frame = visit.open("/bitrix24/app/")
    SyncRun.objects.all().delete()
    frame.get_by_role("button", name="Синхронизировать сейчас").click()
    expect(frame.get_by_text("Идёт синхронизация")).to_be_visible()
    frame.get_by_label("Страна номеров без кода").fill("KZ")
    SyncRun.objects.update(state=SyncRun.State.DONE)
    expect(frame.get_by_text("Идёт синхронизация")).to_have_count(0)
    expect(frame.get_by_label("Страна номеров без кода")).to_have_value("KZ")
    assert visit.troubles == []


def test_settings_leave_as_a_file_and_come_back_unsaved(visit, credential):
    frame = visit.open("/bitrix24/app/")
    with visit.page.expect_download() as download:
        frame.get_by_role("button", name="Выгрузить в файл").click()
    text = Path(download.value.path()).read_text().replace('"country": "RU"', '"country": "KZ"')
    frame.get_by_label("Загрузить из файла").set_input_files(
        {"name": "settings.json", "mimeType": "application/json", "buffer": text.encode()}
    )
    expect(frame.get_by_text("ещё не сохранены")).to_be_focused()
    expect(frame.get_by_label("Страна номеров без кода")).to_have_value("KZ")
    assert read_settings(Credential.objects.get()).country == "RU"
    assert visit.troubles == []


@pytest.mark.parametrize("width", [1280, 390])
def test_no_tab_has_a_scroll_bar(visit, credential, width):
    visit.page.set_viewport_size({"width": width, "height": 800})
    frame = visit.open("/bitrix24/app/")
    for name in ("Главная", "Телефония", "Чаты и офлайн заявки"):
        frame.get_by_role("tab", name=name).click()
        inner = visit.page.frames[1]
        inner.evaluate("() => document.querySelectorAll('#screen details').forEach((one) => (one.open = true))")
        inner.wait_for_function(
            "() => { const e = document.documentElement;"
            " return e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight; }"
        )
    assert visit.troubles == []


def test_somebody_else_than_an_administrator_sees_but_cannot_change(visit, credential):
    assert Portal.objects.count() == 1
    frame = visit.open("/bitrix24/app/", user_id=12)
    expect(frame.get_by_label("Страна номеров без кода")).to_be_disabled()
    expect(frame.get_by_role("button", name="Сохранить")).to_have_count(0)
    frame.get_by_role("tab", name="Телефония").click()
    expect(frame.get_by_label("Передавать звонки")).to_be_visible()
    assert visit.troubles == []


def test_rules_are_dragged_copied_and_tried_before_anything_is_saved(visit, credential):
    """What is typed is played on an imaginary call; the master switch is told of on the other tabs at once."""
    frame = visit.open("/bitrix24/app/")
    frame.get_by_label("Интеграция активна").uncheck()
    frame.get_by_role("tab", name="Телефония").click()
    off = frame.get_by_role("tabpanel", name="Телефония").get_by_text("Не работает: выключена общая интеграция")
    expect(off).to_be_visible()
    frame.get_by_role("button", name="Включить").locator("visible=true").click()
    expect(frame.get_by_label("Интеграция активна")).to_be_checked()
    frame.get_by_role("tab", name="Телефония").click()
    expect(off).to_be_hidden()

    rules = section(frame, "telephony.incoming.responsible")
    rules.locator("summary").first.click()
    names = rules.get_by_label("Название правила")
    expect(names.nth(0)).to_have_value("Знакомый клиент")
    drag_up(visit.page, rules.locator("[data-handle]").nth(1), by=100)
    expect(names.nth(0)).to_have_value("Кто говорил")
    rules.get_by_role("button", name="Копировать").first.click()
    expect(names.nth(1)).to_have_value("Кто говорил копия")
    expect(rules.locator("[data-rule]").nth(1)).to_be_focused()

    filter_ = section(frame, "telephony.incoming.filter")
    filter_.locator("summary").first.click()
    expect(filter_.get_by_text("Событий ещё не было.")).to_be_visible()
    filter_.get_by_role("button", name="Рабочее время").click()
    expect(filter_.get_by_label("понедельник")).to_be_checked()

    country = frame.locator("#f-main-country")
    frame.get_by_role("tab", name="Главная").click()
    country.fill("Россия")
    country.press("Tab")
    expect(country).to_have_attribute("aria-invalid", "true")
    expect(country).to_have_attribute("aria-describedby", re.compile("f-main-country-error"))
    country.fill("RU")
    country.press("Tab")
    expect(country).not_to_have_attribute("aria-invalid", "true")

    frame.get_by_role("button", name="Проверить на событии").first.click()
    panel = frame.locator("#try")
    panel.get_by_label("Событие").select_option("call")
    panel.get_by_label("Телефон клиента").fill("+7 916 123-45-67")
    panel.get_by_label("Виртуальный номер").fill("+7 499 000-00-00")
    panel.get_by_role("button", name="Проверить", exact=True).click()
    expect(panel.get_by_text("Не попадёт в CRM")).to_be_visible()
    panel.get_by_role("button", name="Последние 100").click()
    expect(panel.get_by_role("region", name="Последние обращения")).to_be_visible()
    assert read_settings(Credential.objects.get()).streams["incoming"].rules[0].name == "Знакомый клиент"
    assert visit.troubles == []


PAIRS = """() => [...new FormData(document.querySelector("#settings"))]
    .filter(([name]) => name.includes(":")).map(String)"""
CHANGE = """() => {
    // What would keep the request of the end out of the CRM stays as it is; so does what asks for another setting.
    const kept = /^\\w+\\.active|form_callback\\.(by|scenario)|^chats\\.request\\.create/;
    const own = [...document.querySelector("#settings").elements].filter((one) => one.name?.includes(":"));
    const free = own.filter((one) => !kept.test(one.name) && !one.closest(".condition, .row, .place, .rule"));
    const type = (one, value) => {
        one.value = value;
        one.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const radios = new Map(free.filter((one) => one.type === "radio" && !one.checked).map((one) => [one.name, one]));
    for (const one of radios.values()) one.click();
    for (const one of free) {
        if (one.type === "checkbox" && !one.name.endsWith(":channels")) one.click();
        else if ("preview" in one.dataset) type(one, `${one.value} !`);
        else if (one.name.endsWith(".default:ref")) type(one, "Анна Смирнова (15)");
        else if (one.name.endsWith(".emails:lines")) type(one, `${one.value}\\nnew@example.com`);
        else if (one.name === "main.country:text") type(one, "KZ");
        else if (one.tagName === "SELECT" && !("refresh" in one.dataset)) {
            type(one, one.options[(one.selectedIndex + 1) % one.options.length].value);
        }
    }
}"""


@pytest.mark.parametrize("width", [1280, 390])
def test_settings_of_all_tabs_are_changed_saved_shown_again_and_effective_on_the_next_event(visit, credential, width):
    visit.page.set_viewport_size({"width": width, "height": 800})
    frame = visit.open("/bitrix24/app/")
    expect(frame.locator("#settings")).to_be_visible()
    inner = visit.page.frames[1]
    before = inner.evaluate(PAIRS)
    inner.evaluate(CHANGE)
    frame.get_by_role("tab", name="Чаты и офлайн заявки").click()
    rules = section(frame, "chats.request.responsible")  # its rule asks for what only the report of UIS tells
    rules.locator("summary").first.click()
    rules.get_by_role("button", name="Удалить правило").click()
    expect(rules.locator("[data-rule]")).to_have_count(0)
    typed = inner.evaluate(PAIRS)
    changed = {pair.partition(",")[0] for pair in set(before) ^ set(typed)}
    assert len(changed) > 50
    for tab in ("main", "telephony", "chats"):
        expect(frame.locator(f"#tab-{tab} [data-dot]")).to_be_visible()
    frame.get_by_role("button", name="Сохранить всё").first.click()
    expect(frame.get_by_text("Сохранено: редакция")).to_be_focused()
    expect(visit.open("/bitrix24/app/").locator("#settings")).to_be_visible()
    assert visit.page.frames[1].evaluate(PAIRS) == typed

    credential.refresh_from_db()
    secret = credential.set_new_secret()
    credential.save()
    visit.world.uis.events_url = f"{visit.product}/uis/{credential.uuid}/{secret}/events/"
    visit.world.tell("offline_request", client_phone="79005550101", name="Ольга").post()
    lane.drain(credential.portal.live_lane)
    made = [record.params["fields"] for record in visit.world.portal.commands("crm.item.add", ok=True)]
    told = Communication.objects.get(kind="request")
    assert "Заявка: Ольга !" in [fields.get("title") for fields in made], (told.state, told.reason)
    assert visit.troubles == []
