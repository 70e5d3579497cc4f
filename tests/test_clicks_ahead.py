"""Clicks and callbacks while the portal's lane is held up: UIS is asked at once, the portal later, everything once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from crm_bitrix import fold, holds, lane
from crm_bitrix.errors import Cause, PortalError
from integration import lanes
from integration.models import InboxEvent, Lane, Portal, ResponsibleRule, State
from telephony import ahead, dialling
from telephony.models import Dial
from tests.conftest import Product
from tests.test_clicks import FINISH, NEW_PHONE, OWN, SHOW, Desk, desk

__all__ = ["desk"]

pytestmark = pytest.mark.django_db(transaction=True)

HINDRANCES = ("paused", "on hold", "a slow answer", "dead with its lease")


def hinder(product: Product, how: str) -> None:
    """Keep the lane from working for a long time."""
    if how == "paused":
        lanes.pause(product.portal.live_lane, reason="нет ответа", until=timezone.now() + timedelta(hours=1))
    elif how == "on hold":
        holds.hold(product.portal, PortalError(Cause.HOLD, "нет доступа", code="invalid_grant"))
    else:
        lanes.acquire(product.portal.live_lane)


def free(product: Product) -> None:
    Lane.objects.update(paused_until=None, lease_until=None, lease_token="")
    holds.resume(Portal.objects.get())


def wait_for_the_tick(product: Product) -> None:
    """Let the lane's patience run out: from now on only the tick may help."""
    product.clock.shift(ahead.PATIENCE + timedelta(seconds=1))
    lane.tick()


@pytest.mark.parametrize("how", HINDRANCES)
def test_a_click_is_dialled_while_the_lane_is_held_up_and_shown_when_it_is_free(desk: Desk, product: Product, how: str):
    hinder(product, how)
    call_id = desk.click()
    product.sandbox.portal.requests.clear()
    wait_for_the_tick(product)
    desk.dial()
    assert len(desk.dials) == 1
    assert (desk.asked.state, desk.asked.reason) == (State.WAITING, "UIS набирает номер")
    assert not product.sandbox.portal.requests
    free(product)
    product.work()
    assert [params["CALL_ID"] for params in desk.sent(SHOW)] == [call_id]
    product.play("click_to_call")
    product.pass_time()
    assert [params["CALL_ID"] for params in desk.sent(FINISH)] == [call_id]
    assert (desk.asked.state, len(desk.dials)) == (State.DONE, 1)
    assert not product.sandbox.portal.telephony.cards


def test_a_click_dialled_while_the_portal_was_away_for_an_hour_is_one_call(desk: Desk, product: Product):
    before = product.sandbox.portal.counts()["activities"]
    hinder(product, "on hold")
    call_id = desk.click()
    wait_for_the_tick(product)
    while desk.tasks:
        dialling.dial(desk.tasks.pop())
    product.play("click_to_call")
    product.clock.shift(timedelta(hours=1))
    free(product)
    product.work()
    product.pass_time()
    assert (desk.asked.state, len(desk.dials)) == (State.DONE, 1)
    assert [params["CALL_ID"] for params in desk.sent(FINISH)] == [call_id]
    assert product.sandbox.portal.counts()["activities"] == before + 1


def test_a_click_that_was_read_but_not_decided_is_dialled_too(desk: Desk, product: Product):
    hinder(product, "paused")
    desk.click()
    fold.fold(product.portal, {f"b24:{product.portal.pk}": None})
    assert not InboxEvent.objects.filter(folded_at=None).exists()
    wait_for_the_tick(product)
    assert len(desk.tasks) == 1


def test_a_callback_is_dialled_while_the_portal_is_away(desk: Desk, product: Product):
    desk.call_back("number")
    hinder(product, "paused")
    desk.leave_number()
    wait_for_the_tick(product)
    desk.dial()
    assert len(desk.dials) == 1


@pytest.mark.parametrize("again", ["the tick", "the lane"])
def test_whoever_decides_as_well_dials_no_second_time(desk: Desk, product: Product, again: str):
    hinder(product, "paused")
    desk.click()
    wait_for_the_tick(product)
    if again == "the lane":
        free(product)
        product.work()
    product.pass_time(3)
    desk.dial()
    assert (Dial.objects.count(), len(desk.dials)) == (1, 1)


def test_the_lane_decides_while_it_is_decided_ahead(desk: Desk, product: Product):
    """The tick has read the request; before it writes, the lane has decided and dialled."""
    desk.click()
    decided = desk.asked
    decided.facts.pop("crm:dial")
    ahead._decide(decided, timezone.now())
    assert (len(desk.tasks), [entry["step"] for entry in desk.asked.trace].count("dial")) == (1, 1)


@pytest.mark.parametrize("why", ["too old", "stopped by hand", "uninstalled", "no employee", "too young"])
def test_what_may_not_be_dialled_waits_for_the_lane(desk: Desk, product: Product, why: str):
    hinder(product, "paused")
    desk.click(user_id=999 if why == "no employee" else 12)
    if why == "too old":
        product.clock.shift(timedelta(seconds=61))
    if why == "stopped by hand":
        holds.hold(product.portal, PortalError(Cause.HOLD, "проверка", code=holds.BY_HAND))
    if why == "uninstalled":
        Portal.objects.update(uninstalled_at=timezone.now())
    if why == "too young":
        lane.tick()
    else:
        wait_for_the_tick(product)
    assert not desk.tasks
    assert not Dial.objects.exists()


def test_a_click_on_an_unknown_number_is_dialled_before_what_the_portal_made_of_it_is_brought_into_line(
    desk: Desk, product: Product
):
    """Whose the lead is hangs on who is at work: the portal is asked when it can be."""
    product.sandbox.portal.telephony.add_line(OWN, auto_create="Y")
    ResponsibleRule.objects.create(
        stream=product.stream("outgoing"), position=0, name="Команда",
        assign={"to": "spread", "users": [15], "only_at_work": True},
    )  # fmt: skip
    hinder(product, "paused")
    desk.click(NEW_PHONE, line=OWN)
    wait_for_the_tick(product)
    desk.dial()
    assert len(desk.dials) == 1
    free(product)
    product.work()
    leads = product.sandbox.portal.crm.items[1]
    assert str(leads[max(leads)]["assignedById"]) == "15"
    assert len(desk.dials) == 1


def test_one_request_that_cannot_be_read_ahead_keeps_no_other_from_being_dialled(
    desk: Desk, product: Product, monkeypatch: pytest.MonkeyPatch
):
    hinder(product, "paused")
    desk.click()
    desk.click(NEW_PHONE)
    read, broken = ahead.fold_event, InboxEvent.objects.order_by("id").first()

    def read_but_one(event, *rest):
        if event.pk == broken.pk:
            raise ValueError
        read(event, *rest)

    monkeypatch.setattr(ahead, "fold_event", read_but_one)
    wait_for_the_tick(product)
    assert len(desk.tasks) == 1
    assert InboxEvent.objects.filter(folded_at=None).get() == broken
