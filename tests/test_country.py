"""Journeys of numbers that are written without a code: they are of the country that the settings name."""

import pytest

from integration.models import Communication, SettingsTab
from settings_ui.journal import Wanted, find
from tests.conftest import Product
from tests.test_clicks import Desk, desk  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db(transaction=True)
WRITTEN, MEANT = "80291234567", "+375291234567"


@pytest.fixture
def minsk(product: Product) -> Product:
    main = product.credential.tabs.get(tab=SettingsTab.Tab.MAIN)
    main.options = {**main.options, "country": "BY"}
    main.save()
    return product


@pytest.mark.parametrize("story", ["answered_call", "offline_request", "chat_finished"])
def test_a_client_is_known_by_his_number_however_it_is_written(minsk: Product, story: str):
    minsk.play(story, client_phone=WRITTEN)
    communication = Communication.objects.get()
    assert communication.client_phone == MEANT
    assert f"phone:{MEANT}" in communication.client_keys
    [lead] = [record.params for record in minsk.sandbox.portal.commands("crm.item.add", ok=True)]
    assert MEANT in {row["value"] for row in lead["fields"]["fm"]}


def test_without_a_country_it_is_a_russian_number_or_none(product: Product):
    product.play("answered_call", client_phone=WRITTEN)
    assert Communication.objects.get().client_phone != MEANT


def test_whom_a_form_wants_called_is_called_in_his_country(desk: Desk, minsk: Product):  # noqa: F811
    desk.call_back("number")
    desk.leave_number(phone="8 029 123-45-67")
    desk.dial()
    assert desk.asked.client_phone == MEANT
    assert [str(dial["contact"]) for dial in desk.dials] == [MEANT.removeprefix("+")]


def test_the_journal_finds_him_by_either_writing(minsk: Product):
    minsk.play("answered_call", client_phone=WRITTEN)
    for number in ("8 029 123-45-67", "+375 29 123-45-67"):
        assert find(minsk.portal, Wanted(number=number)).count() == 1
