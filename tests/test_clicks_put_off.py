"""Clicks and callbacks that UIS cannot begin now, and says so: tried again while they are fresh, begun once."""

from typing import Any

import pytest

from integration import remote
from integration.models import State
from integration.trace import explain
from telephony.models import Dial
from tests.conftest import Product
from tests.sandbox import clock
from tests.test_clicks import FINISH, NOTIFY, PETR, Desk, desk, grown

__all__ = ["desk"]

pytestmark = pytest.mark.django_db(transaction=True)


def starts(product: Product) -> list[str]:
    """The requests for calls that UIS has got, begun or not."""
    return [row["method"] for row in product.sandbox.uis.requests if row["method"].startswith("start.")]


def refuse_for_now(product: Product, *, reset_seconds: int, times: int = 1) -> None:
    """UIS has no points left for some calls; when they are back is what its oldest request of the minute says."""
    product.sandbox.uis.points = [clock.now() - 60 + reset_seconds]
    product.sandbox.uis.faults.fail_next(times, "limit_exceeded", match="start.")


def test_a_click_that_uis_cannot_begin_now_is_dialled_at_the_moment_that_uis_names(desk: Desk, product: Product):
    before = product.sandbox.portal.counts()
    refuse_for_now(product, reset_seconds=20)
    call_id = desk.click()
    desk.dial()
    assert (desk.asked.state, Dial.objects.get().state) == (State.RETRY, Dial.State.PLANNED)
    assert desk.asked.reason.startswith("UIS пока не начал звонок, следующая попытка: ")
    [[dialled, put_off]] = explain(desk.asked.trace, user_name=str)
    assert (dialled.title, dialled.text) == ("Звонок по клику", "UIS набирает номер")
    assert put_off.text.startswith("UIS пока не начал звонок: исчерпаны баллы Call API. Следующая попытка в ")
    assert product.sandbox.portal.telephony.cards.keys() == {(call_id, PETR)}
    product.pass_time(15)
    assert (desk.tasks, len(starts(product))) == ([], 1)
    product.pass_time(6)
    assert (desk.asked.state, desk.asked.reason) == (State.WAITING, "UIS набирает номер")
    desk.dial()
    product.pass_time(1)
    product.play("click_to_call")
    product.pass_time()
    assert (desk.asked.state, len(desk.dials), len(starts(product))) == (State.DONE, 1, 2)
    assert (Dial.objects.get().state, Dial.objects.get().error) == (Dial.State.ANSWERED, "")
    assert (desk.sent(NOTIFY), len(desk.sent(FINISH))) == ([], 1)
    assert grown(product, before) == {"calls": 1, "activities": 1, "records": 1}


def test_a_click_is_told_as_failed_only_when_it_is_stale_before_uis_can_begin_it(desk: Desk, product: Product):
    refuse_for_now(product, reset_seconds=25, times=5)
    call_id = desk.click()
    desk.dial()
    product.pass_time(26)
    product.sandbox.uis.points = [clock.now() - 35]
    desk.dial()
    assert (desk.asked.state, desk.sent(NOTIFY)) == (State.RETRY, [])
    product.pass_time(26)
    product.sandbox.uis.points = [clock.now() - 35]
    desk.dial()
    assert (desk.asked.state, Dial.objects.get().state) == (State.FAILED, Dial.State.FAILED)
    assert (len(starts(product)), desk.dials) == (3, [])
    [finished], [notice] = desk.sent(FINISH), desk.sent(NOTIFY)
    assert (finished["CALL_ID"], finished["STATUS_CODE"]) == (call_id, "OTHER")
    assert "исчерпаны баллы Call API" in notice["MESSAGE"]
    assert not product.sandbox.portal.telephony.cards
    product.pass_time(100)
    desk.dial()
    assert len(starts(product)) == 3


def test_a_moment_after_the_click_is_stale_is_not_waited_for(desk: Desk, product: Product):
    refuse_for_now(product, reset_seconds=59)
    desk.click()
    desk.dial()
    assert (desk.asked.state, len(desk.sent(NOTIFY))) == (State.FAILED, 1)


def test_a_callback_waits_longer_for_uis_than_a_click(desk: Desk, product: Product):
    desk.call_back("number")
    refuse_for_now(product, reset_seconds=59)
    desk.leave_number()
    desk.dial()
    assert desk.asked.state == State.RETRY
    product.pass_time(60)
    desk.dial()
    assert (len(desk.dials), desk.asked.reason) == (1, "идёт звонок")


def test_a_click_is_tried_until_uis_can_be_reached(desk: Desk, product: Product, monkeypatch: pytest.MonkeyPatch):
    desk.click()
    with monkeypatch.context() as patch:
        patch.setattr("integration.uis.remote.request", unreachable)
        desk.dial()
        product.pass_time(6)
        assert len(desk.tasks) == 1
        desk.tasks *= 2  # the queue runs it twice
        desk.dial()
    assert (desk.asked.state, starts(product)) == (State.RETRY, [])
    product.pass_time(6)
    desk.tasks *= 2
    desk.dial()
    assert len(desk.dials) == len(starts(product)) == 1


def unreachable(*_arguments: Any, **_more: Any) -> None:
    raise remote.RemoteError("no connection", remote.Outcome.NOT_SENT)


def test_a_try_without_an_answer_after_one_that_was_put_off_is_the_last(desk: Desk, product: Product):
    refuse_for_now(product, reset_seconds=10)
    desk.click()
    desk.dial()
    product.sandbox.uis.faults.fail_next(1, "drop_after", match="start.")
    product.pass_time(11)
    desk.dial()
    assert (Dial.objects.get().state, len(starts(product))) == (Dial.State.SENT, 2)
    assert desk.asked.reason == "UIS не ответил, начат ли звонок: ждём его уведомлений"
    for _ in range(3):
        product.pass_time(10)
        desk.dial()
    assert (len(starts(product)), len(desk.dials)) == (2, 1)
