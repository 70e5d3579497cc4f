"""The journal in a real browser, inside the frame of another site, at both widths and in both languages."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from crm_bitrix.models import BitrixItem, CrmAction
from integration.models import Communication, Credential, InboxEvent, Portal, State
from settings_ui.models import FrameSession, Reveal
from tests.test_frame_browser import driver, keep, visit, world

__all__ = ["driver", "visit", "world"]

pytestmark = pytest.mark.browser

WIDER = """() => [...document.querySelectorAll("body *")]
    .filter((one) => one.checkVisibility())
    .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
    .filter((one) => !one.closest(".visually-hidden, thead, .scroll, .results, .page-table"))
    .map((one) => one.outerHTML.slice(0, 120))"""
TRACE = [
    {"step": "client", "state": "new", "candidates": [], "deals": []},
    {
        "step": "rule",
        "index": 0,
        "rule": "Москва",
        "outcome": "no_match",
        "conditions": [
            {"node": "0", "fact": "virtual_phone_number", "op": "eq", "value": "+74951234567", "actual": "+74950000010",
             "passed": False}
        ],
        "notes": [],
    },
    {"step": "default", "outcome": "chosen", "user_id": 12},
    {"step": "title", "title": "+7 900 111-00-01"},
]  # fmt: skip
REASONS = {
    State.DONE: "создан лид",
    State.FAILED: "портал отказал: crm.item.add – обязательное поле «Источник» не заполнено",
    State.IGNORED: "не прошёл фильтр: contact_phone_number starts +7495",
    State.WAITING: "ждёт отчёта UIS о звонке",
    State.WITHHELD: "интеграция или вкладка «Телефония» выключена",
    State.RETRY: "исход неизвестен, проверяем",
    State.NEW: "",
}


def fill(count=9):
    """Calls in every state, with what belongs to them."""
    portal, credential, now = Portal.objects.get(), Credential.objects.get(), timezone.now()
    for number in range(count):
        state = list(REASONS)[number % len(REASONS)]
        start = now - timedelta(minutes=7 * number)
        row = Communication.objects.create(
            portal=portal,
            credential=credential,
            kind="call",
            direction="out" if number % 4 == 3 else "in",
            uis_id=str(5000000101 + number),
            client_phone=f"+7900111000{number % 10}",
            facts={
                "call_session_id": str(5000000101 + number),
                "contact_phone_number": f"+7900111000{number % 10}",
                "virtual_phone_number": "74950000010",
                "direction": "in",
                "start_time": start.isoformat(),
                "end": {"at": start.isoformat(), "talk_seconds": 75, "employee_id": 700101},
            },
            state=state,
            reason=REASONS[state],
            due_at=now + timedelta(minutes=5) if state == State.RETRY else None,
            responsible_id=12,
            crm_object="lead:42" if state == State.DONE else "",
            trace=TRACE,
            started_at=start,
        )
        CrmAction.objects.create(
            communication=row,
            key="lead",
            seq=0,
            method="crm.item.add",
            params={"fields": {"title": "+7 900 111-00-01"}},
            creates="lead",
            state="done" if state == State.DONE else "failed",
            result={"id": 42} if state == State.DONE else {},
            error="" if state == State.DONE else "обязательное поле «Источник» не заполнено",
        )
        InboxEvent.objects.create(
            channel=credential.channel, source="uis", name="call_session_finished", dedupe_key=str(number),
            communication=row, folded_at=now,
        )  # fmt: skip
    BitrixItem.objects.get_or_create(portal=portal, kind="user", code="12", defaults={"name": "Пётр Иванов"})


def open_journal(visit, language="ru"):
    frame = visit.open("/bitrix24/app/")
    expect(frame.get_by_role("heading", level=1)).to_be_visible()
    FrameSession.objects.update(language=language)
    frame.locator("[data-journal] button").click()
    expect(frame.get_by_role("heading", level=1)).to_have_text("Журнал" if language == "ru" else "Journal")
    return frame


@pytest.fixture
def installed(visit):
    expect(visit.open().get_by_role("heading", level=1)).to_be_visible()
    return visit


def test_administrator_finds_a_call_reads_why_and_tries_again(installed):
    visit = installed
    frame = open_journal(visit)
    expect(frame.get_by_role("heading", name="Пока ни одного обращения")).to_be_visible()
    keep(visit.page, "journal-empty")
    fill()
    frame = open_journal(visit)
    keep(visit.page, "journal")
    frame.get_by_role("link", name="Открыть в CRM").first.click()
    visit.page.wait_for_function("window.heard.some((text) => text.startsWith('openPath:'))")

    frame.get_by_label("Состояние").select_option("failed")
    frame.get_by_role("button", name="Показать", exact=True).click()
    expect(frame.locator("#rows tr")).to_have_count(2)
    frame.get_by_role("button", name="Подробнее об обращении").first.click()
    expect(frame.locator("#drawer-title")).to_be_focused()
    expect(frame.locator("#drawer")).to_contain_text("Правило 1: Москва")
    expect(frame.locator("#drawer")).to_contain_text("+7 900 ***-**-01")
    keep(visit.page, "journal-details")
    frame.get_by_role("button", name="Показать номер").click()
    expect(frame.locator("#drawer")).to_contain_text("+7 900 111-00-01")
    assert Reveal.objects.count() == 1
    frame.get_by_role("button", name="Прогнать через текущие настройки").click()
    expect(frame.locator("#rehearsal")).to_contain_text("Ничего не отправлено")
    keep(visit.page, "journal-rehearsal")
    visit.page.keyboard.press("Escape")
    expect(frame.locator("#drawer")).to_be_hidden()
    expect(frame.get_by_role("button", name="Подробнее об обращении").first).to_be_focused()

    frame.get_by_role("button", name="Повторить все неуспешные").click()
    expect(frame.get_by_role("status").last).to_contain_text("Передано 0 из 2")
    Communication.objects.filter(state=State.RETRY).update(state=State.DONE, due_at=None)
    expect(frame.locator("#list")).to_contain_text("Передано 2 из 2", timeout=8000)
    frame.get_by_role("button", name="Обновить список").click()
    expect(frame.locator("#list")).to_contain_text("Ничего не нашлось")
    frame.get_by_role("button", name="Сбросить").click()
    expect(frame.locator("#rows tr")).to_have_count(9)
    frame.get_by_role("button", name="К настройкам").click()
    expect(frame.get_by_role("heading", level=1)).not_to_have_text("Журнал")
    assert visit.troubles == []


def test_more_rows_come_and_one_is_tried_again(installed):
    visit = installed
    fill(60)
    Communication.objects.filter(state=State.FAILED).update(reason="отказ")
    frame = open_journal(visit)
    frame.get_by_role("button", name="Показать ещё").click()
    expect(frame.locator("#rows tr")).to_have_count(60)
    frame.get_by_role("button", name="Повторить", exact=True).first.click()
    expect(frame.locator("#rows")).to_contain_text("Поставлено в очередь")
    assert Communication.objects.filter(state=State.FAILED, due_at__isnull=False).count() == 1
    assert visit.troubles == []


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("width", [1280, 390, 360])
def test_journal_fits_its_frame(installed, width, language):
    visit = installed
    fill()
    visit.page.set_viewport_size({"width": width, "height": 800})
    frame = open_journal(visit, language)
    visit.page.wait_for_timeout(300)
    assert visit.page.frames[1].evaluate(WIDER) == []
    if width == 1280:
        keep(visit.page, f"journal-{language}")
    frame.locator("#rows [data-details]").first.click()
    expect(frame.locator("#drawer-title")).to_be_visible()
    assert visit.page.frames[1].evaluate(WIDER) == []
    assert visit.troubles == []
