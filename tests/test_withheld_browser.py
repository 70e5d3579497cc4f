"""The choice about what was withheld, in a real browser: read, pressed, carried out."""

import pytest
from playwright.sync_api import expect

from integration.models import Communication, Credential, State
from tests.test_every_screen_browser import configure, look_at, open_in
from tests.test_frame_browser import driver, visit, world

__all__ = ["driver", "visit", "world"]
pytestmark = pytest.mark.browser

WORDS = {
    "ru": ("Передать 2 удержанных", "Пропустить", "Передаётся обращений: 2"),
    "en": ("Hand over 2 withheld", "Skip", "Being handed over: 2"),
}


@pytest.mark.parametrize("language", ["ru", "en"])
def test_an_administrator_hands_over_what_was_withheld(visit, language, monkeypatch):
    monkeypatch.setattr("crm_bitrix.synchronise.async_task", lambda *_arguments, **_options: None)
    open_in(visit, language, "/bitrix24/install/")
    configure(visit)
    credential = Credential.objects.select_related("portal").get()
    for number, kind in enumerate(("call", "call", "chat")):
        Communication.objects.create(
            portal=credential.portal, credential=credential, kind=kind, uis_id=str(number), state=State.WITHHELD
        )
    frame = open_in(visit, language, "/bitrix24/app/")
    hand_over, skip, said = WORDS[language]
    expect(frame.get_by_role("button", name=skip)).to_have_count(2)
    assert look_at(visit.page, "withheld", language, first="[data-withheld-place]") == []

    frame.get_by_role("button", name=hand_over).click()

    expect(frame.locator("[data-withheld-place] [role=status]")).to_contain_text(said)
    expect(frame.get_by_role("button", name=hand_over)).to_have_count(0)
    states = sorted(Communication.objects.values_list("kind", "state"))
    assert states == [("call", State.RETRY), ("call", State.RETRY), ("chat", State.WITHHELD)]
    assert visit.troubles == []
