"""The staff's pages as people see them: readable for everybody, in both languages; the tabs work there too."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import ConsoleMessage, Page, expect

from integration.models import Alert, Communication, Credential, SettingsRevision
from integration.settings_document import read_settings
from settings_ui.models import SettingsDraft
from telephony.models import Call
from tests.test_admin import path_of
from tests.test_every_screen_browser import OPEN, configure, look_at
from tests.test_frame_browser import Visit, driver, visit, world
from tests.test_journal_browser import fill

__all__ = ["driver", "visit", "world"]
pytestmark = pytest.mark.browser

PASSWORD = "only-for-tests"


@pytest.fixture
def credential(visit: Visit) -> Credential:
    """The portal has the application, with the complete example of the settings; the staff has one member."""
    expect(visit.open().get_by_role("heading", level=1)).to_be_visible()
    configure(visit)
    User.objects.create_superuser("root", password=PASSWORD)
    return Credential.objects.select_related("portal").get()


def staff_page(visit: Visit, language: str) -> Page:
    """The login page in a browser of the staff, which tells what goes wrong in it."""

    def hear(message: ConsoleMessage) -> None:
        # What has no address is of axe's doing: it writes styles where it looks, which our policy forbids.
        if message.type == "error" and message.location["url"]:
            visit.troubles.append(message.text)

    page = visit.page.context.browser.new_page(locale=language, viewport={"width": 1280, "height": 800})
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    page.on("console", hear)
    page.on("pageerror", lambda error: visit.troubles.append(str(error)))
    page.goto(f"{visit.product}/admin/")
    return page


def log_in(page: Page) -> None:
    page.fill("#id_username", "root")
    page.fill("#id_password", PASSWORD)
    page.press("#id_password", "Enter")
    expect(page.locator("#user-tools")).to_be_visible()


def tabs_of(credential: Credential) -> str:
    return f"/admin/integration/credential/{credential.pk}/settings/"


def paths(credential: Credential) -> Iterator[tuple[str, str]]:
    """One page of each kind: what Django makes, what our own templates make, and the tabs."""
    yield "index", "/admin/"
    yield "credential", path_of(Credential, "change", credential.pk)
    yield "tabs", tabs_of(credential)
    yield "calls", path_of(Call)
    yield "call", path_of(Call, "change", Communication.objects.order_by("pk").first().pk)
    yield "alerts", path_of(Alert)
    yield "alert", path_of(Alert, "change", Alert.objects.latest("pk").pk)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_pages_of_the_staff_are_readable_for_everybody(visit: Visit, credential: Credential, language: str):
    fill()
    Alert.objects.create(subject=f"portal:{credential.portal_id}", portal=credential.portal, code="queue_late")
    page = staff_page(visit, language)
    faults = look_at(page, "admin-login", language)
    log_in(page)
    for name, path in paths(credential):
        page.goto(f"{visit.product}{path}")
        faults += look_at(page, f"admin-{name}", language)
    assert not faults, "\n".join(faults)
    assert visit.troubles == []


def test_staff_edit_all_three_tabs_in_the_admin_and_save_them_at_once(visit: Visit, credential: Credential):
    page = staff_page(visit, "ru")
    log_in(page)
    page.goto(f"{visit.product}{path_of(Credential, 'change', credential.pk)}")
    page.locator(f"a[href='{tabs_of(credential)}']").first.click()
    page.wait_for_url(f"**{tabs_of(credential)}")
    page.fill("#f-main-country", "KZ")
    page.locator("#tab-telephony").click()
    page.evaluate(OPEN)
    page.fill("#f-telephony-incoming-titles-missed", "Перезвонить {{contact_phone_number}}")
    page.locator("#tab-chats").click()
    page.locator("#tab-main").click()
    expect(page.locator("#f-main-country")).to_have_value("KZ")
    page.get_by_role("button", name="Сохранить всё").first.click()
    expect(page.get_by_text("Сохранено: редакция").first).to_be_visible()

    page.reload()
    expect(page.locator("#f-main-country")).to_have_value("KZ")
    credential.refresh_from_db()
    settings = read_settings(credential)
    assert settings.country == "KZ"
    saved = SettingsRevision.objects.latest("number")
    assert (saved.author_kind, saved.author) == ("staff", "root")
    assert "Перезвонить {{contact_phone_number}}" in str(saved.document)
    assert not SettingsDraft.objects.exists()
    assert visit.troubles == []
