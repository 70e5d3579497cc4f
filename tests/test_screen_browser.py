"""The settings screen in a real browser: tabs, a filter made with the keyboard, saving, and what is there then."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, expect

from crm_bitrix.known import load_known
from crm_bitrix.models import SyncRun
from integration.models import Credential, Portal
from integration.settings_document import AuthorKind, read_document, read_settings, save_settings
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


def section(frame: FrameLocator, path: str):
    return frame.locator(f'[data-section="{path}"]')


def test_filter_is_made_with_the_keyboard_and_saved_with_a_change_on_another_tab(visit, credential):
    keyboard = visit.page.keyboard
    frame = visit.open("/bitrix24/app/")
    frame.get_by_label("Страна номеров без кода").fill("KZ")
    frame.get_by_role("tab", name="Главная").focus()
    keyboard.press("ArrowRight")
    expect(frame.get_by_role("tab", name="Телефония")).to_be_focused()
    expect(frame.get_by_text("Есть несохранённые изменения: Главная")).to_be_visible()

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


def test_page_that_is_stale_shows_the_other_changes_and_overwrites_when_told(visit, credential):
    frame = visit.open("/bitrix24/app/")
    frame.get_by_label("Страна номеров без кода").fill("KZ")
    known = load_known(credential)
    settings = replace(read_settings(credential), alert_emails=("boss@example.com",))
    save_settings(credential, settings, known=known, author_kind=AuthorKind.BITRIX, author="Анна Смирнова")
    frame.get_by_role("button", name="Сохранить").first.click()
    alert = frame.get_by_role("alert")
    expect(alert).to_contain_text("настройки изменил кто-то ещё")
    expect(alert).to_contain_text("Анна Смирнова")
    alert.get_by_text("Показать изменения").click()
    expect(alert.get_by_text("main.alerts.emails").first).to_be_visible()
    assert read_settings(Credential.objects.get()).country == "RU"
    alert.get_by_role("button", name="Сохранить моё поверх").click()
    expect(frame.get_by_text("Сохранено: редакция")).to_be_focused()
    assert read_settings(Credential.objects.get()).country == "KZ"

    frame.locator("[data-revision] summary", has_text="Анна Смирнова").click()
    frame.get_by_role("button", name="Восстановить редакцию").click()
    expect(frame.get_by_text("Сохранено: редакция")).to_be_focused()
    assert read_settings(Credential.objects.get()).alert_emails == ("boss@example.com",)
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
        visit.page.wait_for_timeout(300)
        sizes = inner.evaluate(
            "() => { const e = document.documentElement;"
            " return [e.scrollWidth - e.clientWidth, e.scrollHeight - e.clientHeight]; }"
        )
        assert max(sizes) <= 0, name
    assert visit.troubles == []


def test_somebody_else_than_an_administrator_sees_but_cannot_change(visit, credential):
    assert Portal.objects.count() == 1
    frame = visit.open("/bitrix24/app/", user_id=12)
    expect(frame.get_by_label("Страна номеров без кода")).to_be_disabled()
    expect(frame.get_by_role("button", name="Сохранить")).to_have_count(0)
    frame.get_by_role("tab", name="Телефония").click()
    expect(frame.get_by_label("Передавать звонки")).to_be_visible()
    assert visit.troubles == []
