"""Every screen as people see it: in the frame, in both languages, at both widths – readable for everybody, and kept as
a picture when a directory for pictures is named (`make screenshots`)."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, FrameLocator, Page, expect

from crm_bitrix.known import load_known
from crm_bitrix.models import BitrixItem
from integration.models import Credential, Portal, SettingsRevision, UisItem
from integration.settings_document import AuthorKind, read_document, save_settings
from tests.sandbox.uis_account import UisAccount
from tests.settings_world import COMPLETE, PORTAL, store
from tests.test_frame_browser import Visit, driver, visit, world
from tests.test_journal_browser import REASONS, TRACE, WIDER, fill

__all__ = ["driver", "visit", "world"]
pytestmark = pytest.mark.browser

WIDTHS = (1280, 390)
TALLEST = 960
SERIOUS = ("serious", "critical")
RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
}
RUSSIAN = re.compile(r"[А-Яа-яЁё][А-Яа-яЁё -]*")
WORDS = """() => {
    const told = [document.title, document.body.innerText];
    for (const one of document.querySelectorAll("[aria-label], [placeholder], [title]"))
        told.push(one.ariaLabel, one.placeholder, one.title);
    return told.filter(Boolean).join("\\n");
}"""
OPEN = """() => document.querySelectorAll("details:not([open])").forEach((one) => {
    one.open = true;
    one.dataset.shut = "";
})"""
SHUT = "() => document.querySelectorAll('details[data-shut]').forEach((one) => (one.open = false))"
SCROLL = "(first) => document.querySelector(first).scrollIntoView()"
TO_TOP = "() => scrollTo(0, 0)"
QUOTED = """() => [...document.querySelectorAll("body [lang=ru], [id$=-preview]")].map((one) => one.innerText)"""


def look_at(page: Page, name: str, language: str, *, first: str = "") -> list[str]:
    """What is wrong with a screen at either width, with all of it open at last; keeps its pictures, which begin with
    what `first` selects, or with the portal around it. What axe sees is the same in both languages."""
    shown, wide = page.frames[-1], []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(200)
        wide += shown.evaluate(WIDER)
        keep(page, f"{name}-{language}-{width}", first)
    shown.evaluate(OPEN)
    wide += shown.evaluate(WIDER)
    words = russian(shown) if language == "en" else findings(shown)
    shown.evaluate(SHUT)
    page.set_viewport_size({"width": WIDTHS[0], "height": 800})
    return [f"{name}: {fault}" for fault in (*dict.fromkeys(wide), *words)]


def keep(page: Page, name: str, first: str) -> None:
    """In a window as high as the page: of a frame of another site Chromium paints what is in sight only."""
    place = os.environ.get("SCREENSHOTS")
    if place and not name.startswith("check-"):
        width = page.evaluate("innerWidth")
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": min(height, TALLEST)})
        page.evaluate(TO_TOP)
        if first:
            page.frames[-1].evaluate(SCROLL, first)
        page.wait_for_timeout(300)
        page.screenshot(path=f"{place}/{name}.png")


def findings(frame: Frame) -> list[str]:
    """What axe finds that keeps somebody from using the screen."""
    found = Axe().run(frame, options=RULES).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found if one["impact"] in SERIOUS for node in one["nodes"]]


def russian(frame: Frame) -> list[str]:
    """Russian words on an English screen that no user has written, and that are not marked as words of UIS's own."""
    text, quoted = frame.evaluate(f"() => [({WORDS})(), ({QUOTED})()]")  # at once: a preview may just be coming
    for name in sorted({*written(), *quoted}, key=len, reverse=True):
        text = text.replace(name, "")
    return sorted({found.strip() for found in RUSSIAN.findall(text)})


def written() -> set[str]:
    """The names and texts that come from people: of the dictionaries, the settings and the journal."""
    names = {name for model in (BitrixItem, UisItem) for name in model.objects.values_list("name", flat=True)}
    names |= {text for text in leaves(json.loads(COMPLETE)) if isinstance(text, str)}
    names |= {text for text in leaves(TRACE) if isinstance(text, str)} | set(REASONS.values())
    names |= {*SettingsRevision.objects.values_list("note", flat=True), UisAccount.name}
    return {name for name in names if RUSSIAN.search(name)}


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = [*value.values(), *value.keys()]
    if isinstance(value, list):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def configure(visit: Visit) -> None:
    """Give the installed portal a key, its dictionaries and the complete example of the settings."""
    credential = Credential.objects.select_related("portal").get()
    credential.uis_key = visit.world.uis.key
    credential.save()
    store(credential.portal, credential)
    known = load_known(credential)
    parsed = read_document(credential, COMPLETE.replace(PORTAL, Portal.objects.get().domain), known=known)
    assert parsed.settings, parsed.faults
    save_settings(credential, parsed.settings, known=known, author_kind=AuthorKind.COMMAND, author="")


def open_in(visit: Visit, language: str, path: str) -> FrameLocator:
    target = f"{visit.product}{path}"
    visit.page.goto(f"{visit.world.url}/page/frame?lang={language}&url={target}")
    frame = visit.page.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_be_visible()
    return frame


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_screen_is_readable_for_everybody(visit, language, monkeypatch):
    monkeypatch.setattr("crm_bitrix.synchronise.async_task", lambda *_arguments, **_options: None)
    page, faults = visit.page, []

    def look(name: str, **options: str) -> None:
        faults.extend(look_at(page, name, language, **options))

    open_in(visit, language, "/bitrix24/install/")
    look("installer")
    configure(visit)
    fill()
    frame = open_in(visit, language, "/bitrix24/app/")
    for tab in ("main", "telephony", "chats"):
        frame.locator(f"#tab-{tab}").click()
        look(tab, first="" if tab == "main" else ".tabs")
    frame.locator("[data-post$='/check/']").click()
    expect(frame.locator("#check h3").first).to_be_visible()
    look("check")
    frame.locator("[data-journal] button").click()
    expect(frame.locator("#rows tr")).to_have_count(9)
    look("journal")
    frame.locator("#rows [data-details]").first.click()
    expect(frame.locator("#drawer-title")).to_be_visible()
    look("journal-details")
    frame.locator("#drawer [data-rehearse]").click()
    expect(frame.locator("#rehearsal .rehearsal")).to_be_visible()
    look("rehearsal")
    stranger = page.context.browser.new_page(locale=language)
    stranger.goto(f"{visit.product}/connect/")
    faults += look_at(stranger, "connect", language)
    assert not faults, "\n".join(faults)
    assert visit.troubles == []
