"""What was withheld while a tab was off: handed over or passed by."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integration import withheld
from integration.models import Communication, SettingsTab, State
from tests.conftest import Product
from tests.test_screen import Screen, credential, screen

__all__ = ["credential", "screen"]

pytestmark = pytest.mark.django_db(transaction=True)
NEW_PHONE = "79001112233"
PETR = 700101
TELEPHONY = SettingsTab.Tab.TELEPHONY


def switch(product: Product, *, on: bool) -> None:
    product.credential.tabs.filter(tab=TELEPHONY).update(is_active=on)


def withhold(product: Product, number: int = 2) -> list[Any]:
    switch(product, on=False)
    phones = [f"7900111223{one}" for one in range(number)]
    stories = [product.play("answered_call", client_phone=phone, employees=[PETR]) for phone in phones]
    switch(product, on=True)
    return stories


def leads(product: Product) -> int:
    return sum(bool(lead["originId"]) for lead in product.sandbox.portal.crm.items[1].values())


def test_what_was_withheld_is_handed_over_after_what_is_happening_now(product: Product):
    stories = withhold(product)
    product.pass_time(40 * 60)
    assert [(one.tab, one.count, one.is_active) for one in withheld.withheld_of(product.credential)] == [
        (TELEPHONY, 2, True)
    ]
    assert leads(product) == 0

    assert withheld.hand_over(product.credential, TELEPHONY) == 2
    ranks = set(Communication.objects.values_list("rank_at", flat=True))
    assert ranks == {timezone.now() + timedelta(hours=1)}
    product.work()
    product.pass_time()

    assert [product.call(story).state for story in stories] == [State.DONE] * 2
    assert leads(product) == len(product.sandbox.portal.commands("telephony.externalCall.finish", ok=True)) == 2
    assert not product.sandbox.portal.telephony.card_log
    assert withheld.withheld_of(product.credential) == ()


def test_what_was_passed_by_stays_in_the_journal_whatever_is_told_of_it(product: Product):
    [story] = withhold(product, 1)
    assert withheld.skip(product.credential, TELEPHONY) == 1
    story.post()
    product.notify({"event": "set_mark", "call_session_id": story.call_session_id, "tag_id": 1, "tag_name": "Целевой"})
    for _ in range(3):
        product.pass_time(300)
    call = product.call(story)
    assert (call.state, call.reason) == (State.IGNORED, withheld.SKIPPED)
    assert "tag:1" in call.facts
    assert leads(product) == 0


def test_nothing_is_handed_over_while_the_tab_is_off(product: Product):
    [story] = withhold(product, 1)
    product.credential.tabs.filter(tab="main").update(is_active=False)
    [row] = withheld.withheld_of(product.credential)
    assert not row.is_active
    with pytest.raises(withheld.StillOff):
        withheld.hand_over(product.credential, TELEPHONY)
    assert product.call(story).state == State.WITHHELD


@pytest.mark.parametrize(("way", "state"), [("hand_over", State.RETRY), ("skip", State.IGNORED)])
def test_the_page_offers_the_choice_and_carries_it_out(screen: Screen, way: str, state: str):
    for kind in ("call", "chat"):
        Communication.objects.create(
            portal=screen.credential.portal, credential=screen.credential, kind=kind, uis_id="1", state=State.WITHHELD
        )
    screen.open()
    assert "Передать 1 удержанных" in screen.answer.content.decode()
    assert screen.ask("withheld/", tab="telephony", way=way).status_code == 200
    assert "обращений: 1" in screen.answer.content.decode()
    assert Communication.objects.get(kind="call").state == state
    assert Communication.objects.get(kind="chat").state == State.WITHHELD
    assert screen.ask("withheld/", tab="main", way=way).status_code == 400
