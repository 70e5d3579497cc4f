"""The whole way in a browser: from a portal that knows nothing of UIS to the first call in its CRM."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from crm_bitrix import lane, synchronise
from integration.models import Communication, Credential, State
from tests.test_frame_browser import Visit, driver, visit, world

__all__ = ["driver", "visit", "world"]
pytestmark = pytest.mark.browser
PETR = 700101


@pytest.fixture
def work(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What the queue would do: every task that was asked for meanwhile, in the test's own thread."""
    tasks: list[tuple[Callable[..., None], object]] = []
    monkeypatch.setattr("integration.lanes.async_task", lambda _name, key, **_more: tasks.append((lane.drain, key)))
    monkeypatch.setattr(
        "crm_bitrix.synchronise.async_task", lambda _name, key, **_more: tasks.append((synchronise.work, key))
    )

    def drain() -> None:
        while tasks:
            task, key = tasks.pop(0)
            task(key)

    return drain


def test_from_nothing_to_the_first_delivered_call(visit: Visit, work: Callable[[], None]):
    frame = visit.open()
    frame.get_by_label("Ключ API").fill(visit.world.uis.key)
    frame.get_by_role("button", name="Проверить и подключить").first.click()
    address = frame.get_by_label("Адрес для уведомлений")
    expect(address).to_be_visible()
    visit.world.uis.events_url = address.input_value()

    frame.get_by_role("button", name="Синхронизировать сейчас").click()
    expect(frame.get_by_text("Идёт синхронизация")).to_be_visible()
    work()
    expect(frame.get_by_text("Идёт синхронизация")).to_have_count(0)

    frame.get_by_label("Интеграция активна").check()
    frame.get_by_role("tab", name="Телефония").click()
    frame.get_by_label("Передавать звонки").check()
    frame.get_by_role("button", name="Сохранить").first.click()
    expect(frame.get_by_text("Сохранено: редакция")).to_be_visible()

    visit.world.play("answered_call", client_phone="79001112233", employees=[PETR])
    work()
    call = Communication.objects.get()
    assert (call.state, call.credential) == (State.DONE, Credential.objects.get()), call.reason
    assert [*visit.world.portal.crm.items[1].values()][-1]["title"].endswith("+7 900 111-22-33")

    frame = visit.open("/bitrix24/app/")
    frame.get_by_role("button", name="Проверить связь").click()
    for name in ("Битрикс24 отвечает", "UIS принимает ключ API", "Адрес для уведомлений", "Событие Битрикс24"):
        expect(frame.locator(".check-good", has_text=name)).to_be_visible()
    work()
    expect(frame.locator(".check-good", has_text="Сервис разобрал событие")).to_be_visible()
    expect(frame.locator(".check-good", has_text="Звонок передан в CRM")).to_be_visible()

    frame.locator("[data-journal] button").click()
    expect(frame.locator("#rows tr")).to_contain_text(["Доставлено"])
    assert visit.troubles == []
