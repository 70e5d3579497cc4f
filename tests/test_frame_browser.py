"""The installer in a real browser: inside a frame of another site, with cookies and storage blocked.

The portal is 127.0.0.1, the service localhost: two sites for a browser, and both may do without https.
"""

import os
import re
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import FrameLocator, Page, expect, sync_playwright

from integration.models import Credential, Portal
from settings_ui.models import FrameSession
from tests.sandbox import Sandbox

pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--no-sandbox",
    "--test-third-party-cookie-phaseout",
    # A frame with a process of its own is clicked by its former layout while the portal fits its height: clicks miss.
    "--disable-site-isolation-trials",
]
HEAR = """
window.heard = [];
window.addEventListener("message", (event) => window.heard.push(String(event.data)));
window.addEventListener("securitypolicyviolation", (event) => console.error("CSP: " + event.violatedDirective));
"""
STORAGE = "() => { try { localStorage.setItem('a', 'b'); return 'open'; } catch (error) { return error.name; } }"


@pytest.fixture(scope="module")
def driver():
    """The browser's driver. It runs a loop in this thread, where Django would refuse to ask the database."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as driver:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield driver


@pytest.fixture
def world():
    """A sandbox in real time: a browser has a clock of its own."""
    with Sandbox().serve() as world:
        yield world
    assert not world.slips, world.slips


@dataclass
class Visit:
    """A person who opens the application on the portal."""

    page: Page
    world: Sandbox
    product: str
    troubles: list[str] = field(default_factory=list)

    def open(self, path: str = "/bitrix24/install/", *, user_id: int = 1) -> FrameLocator:
        self.page.goto(f"{self.world.url}/page/frame?user_id={user_id}&url={self.product}{path}")
        return self.page.frame_locator("iframe")

    def heard(self, command: str) -> int:
        """How many times the portal was told this."""
        return sum(text.startswith(f"{command}:") for text in self.page.evaluate("window.heard"))


@pytest.fixture
def visit(driver, live_server, settings, monkeypatch, world):
    monkeypatch.setattr("integration.lanes.async_task", lambda *_, **__: None)
    told = world.connection()
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.BITRIX24_CLIENT_ID = told["client_id"]
    settings.BITRIX24_CLIENT_SECRET = told["client_secret"]
    settings.BITRIX24_OAUTH_URLS = [told["oauth_url"]]
    settings.UIS_DATA_API_URL = told["uis"]["data_api_url"]
    settings.UIS_CALL_API_URL = told["uis"]["call_api_url"]
    settings.PUBLIC_URL = product = live_server.url
    browser = driver.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=ARGUMENTS)
    page = browser.new_page(locale="ru-RU", viewport={"width": 1280, "height": 800})
    page.add_init_script(HEAR)
    guest = Visit(page, world, product)
    page.on("console", lambda message: guest.troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: guest.troubles.append(str(error)))
    yield guest
    browser.close()


def keep(page: Page, name: str) -> None:
    """Keep a picture when a directory for pictures is named."""
    place = os.environ.get("SCREENSHOTS")
    for width in (1280, 390) if place else ():
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(300)
        page.screenshot(path=f"{place}/{name}-{width}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.fault(14)
def test_installer_finishes_and_leads_to_the_addresses_without_cookies_and_storage(visit):
    frame = visit.open()
    expect(frame.get_by_role("heading", name="До первого звонка в CRM")).to_be_visible()
    inner = visit.page.frames[1]
    assert inner.evaluate(STORAGE) == "SecurityError"
    assert inner.evaluate("document.cookie") == ""
    visit.page.wait_for_function("window.heard.some((text) => text.startsWith('setInstallFinish:'))")
    assert (visit.heard("setInstallFinish"), visit.heard("setTitle")) == (1, 1)
    assert Portal.objects.get().refresh_token
    keep(visit.page, "installer")

    frame.get_by_label("Ключ API").fill("foreign-key")
    frame.get_by_role("button", name="Проверить и подключить").click()
    expect(frame.get_by_role("alert")).to_contain_text("UIS не принимает ключ API")
    expect(frame.get_by_role("alert")).to_be_focused()
    keep(visit.page, "refused")

    frame.get_by_label("Ключ API").fill(visit.world.uis.key)
    frame.get_by_role("button", name="Проверить и подключить").click()
    expect(frame.get_by_label("Адрес для уведомлений")).to_have_value(re.compile(f"^{visit.product}/uis/"))
    frame.get_by_role("button", name="Скопировать").first.click()
    expect(frame.locator("#notice")).to_have_text("Скопировано")
    keep(visit.page, "addresses")
    assert Credential.objects.get().uis_key == visit.world.uis.key
    assert visit.troubles == []


@pytest.mark.fault(11)
def test_session_that_ends_while_typing_is_renewed_and_nothing_is_lost(visit):
    frame = visit.open("/bitrix24/app/")
    frame.get_by_label("Ключ API").fill(visit.world.uis.key)
    FrameSession.objects.all().delete()
    frame.get_by_role("button", name="Проверить и подключить").click()
    expect(frame.get_by_label("Адрес для уведомлений")).to_be_visible()
    assert Credential.objects.get().uis_key == visit.world.uis.key
    assert visit.heard("refreshAuth") == 1
    assert FrameSession.objects.count() == 1
    assert [text for text in visit.troubles if "401" not in text] == []


@pytest.mark.fault(13)
def test_page_of_another_site_cannot_frame_the_application(visit):
    with Sandbox().serve() as stranger:
        visit.page.goto(f"{stranger.url}/page/frame")
        asked = visit.world.frame()
        visit.page.evaluate(
            """([url, body]) => {
                const frame = document.createElement("iframe");
                frame.name = "stolen";
                document.body.append(frame);
                const form = document.createElement("form");
                Object.assign(form, { method: "post", action: url, target: "stolen" });
                for (const [name, value] of Object.entries(body)) {
                    const input = document.createElement("input");
                    Object.assign(input, { type: "hidden", name, value });
                    form.append(input);
                }
                document.body.append(form);
                form.submit();
            }""",
            [f"{visit.product}/bitrix24/app/?DOMAIN={visit.world.portal.domain}&PROTOCOL=0", asked["body"]],
        )
        visit.page.wait_for_timeout(500)
        assert visit.page.frames[-1].url.startswith("chrome-error:")
    assert any("frame-ancestors" in text or "ancestor" in text for text in visit.troubles)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("user_id", [1, 12])
def test_page_fits_its_frame_without_scroll_bars(visit, width, user_id):
    expect(visit.open().get_by_role("heading", level=1)).to_be_visible()
    visit.page.set_viewport_size({"width": width, "height": 800})
    frame = visit.open("/bitrix24/app/", user_id=user_id)
    expect(frame.get_by_role("heading", name="До первого звонка в CRM")).to_be_visible()
    visit.page.wait_for_timeout(300)
    keep(visit.page, f"user{user_id}")
    visit.page.set_viewport_size({"width": width, "height": 800})
    visit.page.wait_for_timeout(300)
    sizes = visit.page.frames[1].evaluate(
        "() => { const e = document.documentElement;"
        " return [e.scrollWidth - e.clientWidth, e.scrollHeight - e.clientHeight]; }"
    )
    assert sizes[0] <= 0
    assert sizes[1] <= 0
    assert visit.troubles == []


def test_connect_page_shows_what_to_do(visit):
    visit.page.goto(f"{visit.product}/connect/?name=&portal=acme")
    expect(visit.page.get_by_label("Адрес Битрикс24")).to_have_attribute("aria-invalid", "true")
    keep(visit.page, "connect")
    visit.page.goto(f"{visit.product}/bitrix24/app/")
    expect(visit.page.get_by_role("heading", name="Откройте приложение из Битрикс24")).to_be_visible()
    keep(visit.page, "closed")
    visit.page.goto(f"{visit.product}/bitrix24/oauth/?state=x")
    expect(visit.page.get_by_role("link", name="Начать подключение заново")).to_be_visible()
    keep(visit.page, "explain")
