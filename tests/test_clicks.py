"""Journeys of calls that the portal asks for: an event in → the exact effect in UIS and in the portal out."""

import contextlib
import itertools
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.utils import timezone

from crm_bitrix import fold, rounds
from crm_bitrix.serving import serving_credential
from integration import remote
from integration.models import Communication, Credential, EmployeeLink, InboxEvent, SettingsTab, State, UisItem
from telephony import dialling
from telephony.models import Dial, Record
from telephony.outcome import made_call_status
from tests.conftest import Product, set_filter, set_title
from tests.sandbox import outbox
from tests.sandbox.defaults import KNOWN_NO_DEAL_PHONE, KNOWN_PHONE

pytestmark = pytest.mark.django_db(transaction=True)

NEW_PHONE = "+79001112233"
PETR, ANNA, MARIA = 12, 15, 1
PETR_UIS, ANNA_UIS = 700101, 700102
OWN, OTHER = "+74950000010", "+74950000020"
FORM = "application/x-www-form-urlencoded"
SHOW = "telephony.externalCall.show"
REGISTER, FINISH, NOTIFY = "telephony.externalCall.register", "telephony.externalCall.finish", "im.notify.system.add"


@dataclass
class Desk:
    """The portal's people at work: they click, a visitor fills a form; `tasks` are dials that the queue was given."""

    product: Product
    tasks: list[int] = field(default_factory=list)

    def deliver(self, form: dict[str, str], *, work: bool = True) -> None:
        body = urlencode(form).encode()
        answer = self.product.client.post("/bitrix24/events/", data=body, content_type=FORM)
        assert answer.status_code == 200
        if work:
            self.product.work()

    def click(self, phone: str = KNOWN_PHONE, *, user_id: int = PETR, line: str = "", **more: Any) -> str:
        """Click a number; the lane works, nobody dials yet. Returns the CALL_ID."""
        form = self.form(phone, user_id=user_id, line=line, **more)
        self.deliver(form)
        return form["data[CALL_ID]"]

    def form(self, phone: str = KNOWN_PHONE, *, user_id: int = PETR, line: str = "", **more: Any) -> dict[str, str]:
        portal = self.product.sandbox.portal
        data = outbox.click(portal, phone=phone, user_id=user_id, line=line, entity=more.pop("entity", None))
        return outbox.event_form(portal, "ONEXTERNALCALLSTART", data | more, user_id=user_id)

    def leave_number(self, phone: str = NEW_PHONE, **changes: Any) -> dict[str, str]:
        """A visitor fills a callback form, which makes a lead."""
        portal = self.product.sandbox.portal
        data = self.product.sandbox.callback_form(phone=phone) | changes
        form = outbox.event_form(portal, "ONEXTERNALCALLBACKSTART", data)
        self.deliver(form)
        return form

    def dial(self) -> None:
        """Let the queue run what it was given, and the lane read what came of it."""
        while self.tasks:
            dialling.dial(self.tasks.pop(0))
        self.product.work()

    def call_back(self, by: str, **options: Any) -> None:
        """Switch callbacks on."""
        tab = self.product.credential.tabs.get(tab=SettingsTab.Tab.TELEPHONY)
        tab.options = {"form_callback": {"active": True, "by": by, "number": OWN, **options}}
        tab.save()

    def mode(self, mode: str) -> None:
        self.product.credential.tabs.filter(tab="telephony").update(options={"mode": mode})

    @property
    def dials(self) -> list[dict[str, Any]]:
        """The calls that UIS was asked for."""
        return list(self.product.sandbox.uis.dials.values())

    @property
    def asked(self) -> Communication:
        """The one call that was asked for."""
        return Communication.objects.exclude(external_id="").get()

    def sent(self, method: str) -> list[dict[str, Any]]:
        return [record.params for record in self.product.sandbox.portal.commands(method, ok=True)]


@pytest.fixture
def desk(product: Product, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(product)
    monkeypatch.setattr("telephony.dialling.async_task", lambda _task, dial_id: desk.tasks.append(dial_id))
    for number in (OWN, OTHER):
        UisItem.objects.create(credential=product.credential, kind="number", code=number, data={"is_active": True})
    product.credential.streams.filter(kind="outgoing").update(talked="last")
    return desk


def grown(product: Product, before: dict[str, int]) -> dict[str, int]:
    after = product.sandbox.portal.counts()
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def steps(communication: Communication) -> list[str]:
    return [entry["step"] for entry in communication.trace]


# --- clicks


def test_the_extension_of_a_clicked_number_is_dialled_in_tones(desk: Desk):
    desk.click(EXTENSION="доб. 12#")
    desk.dial()
    [dial] = desk.dials
    assert dial["dtmf_string"] == "12#"
    assert dial["contact"] == KNOWN_PHONE.lstrip("+")


@pytest.mark.parametrize("leads_on", [True, False])
def test_what_the_portal_makes_on_a_click_gets_title_fields_and_responsible(
    desk: Desk, product: Product, leads_on: bool
):
    portal, item = product.sandbox.portal, 1 if leads_on else 2
    portal.leads_on = leads_on
    portal.telephony.add_line(OWN, auto_create="Y")
    stream = product.stream("outgoing")
    set_title(stream, "answered", "Исходящий: {{contact_phone_number}}")
    set_title(stream, "unanswered", "Недозвон: {{responsible_name}}")
    product.portal.items.create(kind="field", code="lead.utmSource", name="UTM", data={"type": "string"})
    stream.field_mappings.create(position=0, constant="click", object="lead", field="utmSource")
    before = product.sandbox.portal.counts()

    desk.click(NEW_PHONE, line=OWN)
    made = portal.crm.items[item][max(portal.crm.items[item])]
    assert (made["title"], str(made["assignedById"])) == ("Исходящий: +7 900 111-22-33", str(PETR))
    assert made.get("utmSource") == ("click" if leads_on else None)
    desk.dial()
    [dial] = desk.dials
    product.play(
        "outgoing_unanswered",
        client_phone=NEW_PHONE,
        external_id=dial["external_id"],
        call_session_id=dial["call_session_id"],
    )
    product.pass_time(100)

    assert (desk.asked.state, desk.asked.reason) == (State.DONE, "создан лид" if leads_on else "создана сделка")
    assert made["title"] == "Недозвон: Мария Орлова"
    assert str(made["assignedById"]) == str(MARIA)
    kinds = {"leads": 1} if leads_on else {"contacts": 1, "deals": 1}
    assert grown(product, before) == {**kinds, "calls": 1, "activities": 1, "notifications": 1}


def test_an_answered_click_is_shown_dialled_finished_and_recorded_by_the_portals_own_call(desk: Desk, product: Product):
    before = product.sandbox.portal.counts()

    call_id = desk.click()
    assert (desk.asked.state, desk.asked.reason) == (State.WAITING, "UIS набирает номер")
    assert product.sandbox.portal.telephony.cards.keys() == {(call_id, PETR)}
    desk.dial()
    story = product.play("click_to_call")
    product.pass_time()

    [dial] = desk.dials
    assert (dial["method"], dial["contact"], dial["employee_id"]) == ("start.employee_call", "79000000001", PETR_UIS)
    assert (dial["direction"], dial["virtual_phone_number"]) == ("out", "74950000010")
    assert dial["external_id"] == desk.asked.external_id
    assert (desk.asked.uis_id, desk.asked.state) == (story.id, State.DONE)
    assert Communication.objects.count() == 1
    assert desk.sent(REGISTER) == []
    assert [params["CALL_ID"] for params in desk.sent(SHOW)] == [call_id]
    [finished] = desk.sent(FINISH)
    assert (finished["CALL_ID"], finished["STATUS_CODE"], str(finished["USER_ID"])) == (call_id, "200", str(PETR))
    assert int(finished["DURATION"]) > 0
    assert Record.objects.get().state == Record.State.DONE
    assert product.sandbox.portal.telephony.records.keys() == {call_id}
    assert not product.sandbox.portal.telephony.cards
    assert grown(product, before) == {"calls": 1, "activities": 1, "records": 1}
    assert desk.asked.responsible_id == PETR
    assert "dial" in steps(desk.asked)


@pytest.mark.fault(27)
def test_a_click_whose_session_is_told_before_uis_answers_is_one_communication_and_one_activity(
    desk: Desk, product: Product
):
    before = product.sandbox.portal.counts()
    desk.click()
    [task], desk.tasks = desk.tasks, []
    external_id = desk.asked.external_id
    story = product.sandbox.tell("outgoing_call", client_phone=KNOWN_PHONE, employees=[PETR_UIS])
    # What UIS says first carries no id of ours.
    assert story.bodies[0]["event"] == "out_call_session"
    assert "external_id" not in story.bodies[0]
    story.post([0])
    product.work()
    held = Communication.objects.get(uis_id=story.id)
    assert (held.state, held.external_id, held.actions.count()) == (State.WAITING, "", 0)
    assert held.reason.startswith("ждёт, не его ли заказали из портала")
    product.pass_time(3)
    assert desk.sent(REGISTER) == []

    answer_of_uis(task, external_id, int(story.id))
    product.work()

    assert Communication.objects.count() == 1
    assert (desk.asked.uis_id, desk.asked.events.count()) == (story.id, 3)
    for number in range(1, len(story.steps)):
        story.post([number])
        product.work()
    product.pass_time()
    assert (desk.asked.state, desk.sent(REGISTER)) == (State.DONE, [])
    assert grown(product, before) == {"calls": 1, "activities": 1, "records": 1}


def answer_of_uis(dial_id: int, external_id: str, session_id: int) -> None:
    """UIS has started the call long ago; only now its answer comes."""
    dial = Dial.objects.get(pk=dial_id)
    Dial.objects.filter(pk=dial_id).update(state=Dial.State.ANSWERED)
    assert dial.communication.external_id == external_id
    with transaction.atomic():
        dialling._tell(dial, state="answered", call_session_id=session_id)


def test_another_employees_call_to_that_number_is_not_held_up(desk: Desk, product: Product):
    desk.click()
    story = product.sandbox.tell("outgoing_call", client_phone=KNOWN_PHONE, employees=[ANNA_UIS])
    story.post([0])
    product.work()
    other = Communication.objects.get(uis_id=story.id)
    assert other.reason == "идёт звонок"
    assert [str(params["USER_ID"]) for params in desk.sent(REGISTER)] == [str(ANNA)]


def test_a_session_that_was_not_the_click_is_carried_over_after_ten_seconds(desk: Desk, product: Product):
    desk.click()
    desk.tasks.clear()
    story = product.sandbox.tell("outgoing_call", client_phone=KNOWN_PHONE, employees=[PETR_UIS])
    story.post([0])
    product.work()
    product.pass_time(11)
    assert Communication.objects.get(uis_id=story.id).reason == "идёт звонок"
    assert len(desk.sent(REGISTER)) == 1


def test_a_session_carried_over_before_it_was_known_to_be_the_click_leaves_one_activity(desk: Desk, product: Product):
    before = product.sandbox.portal.counts()
    call_id = desk.click()
    [task], desk.tasks = desk.tasks, []
    story = product.sandbox.tell("outgoing_call", client_phone=KNOWN_PHONE, employees=[PETR_UIS])
    story.post([0])
    product.work()
    product.pass_time(11)
    answer_of_uis(task, desk.asked.external_id, int(story.id))
    product.work()
    for number in range(1, len(story.steps)):
        story.post([number])
        product.work()
    product.pass_time()

    assert (desk.asked.state, desk.asked.reason) == (State.IGNORED, f"этот звонок передан как сессия UIS: {story.id}")
    assert Communication.objects.get(uis_id=story.id).state == State.DONE
    assert grown(product, before) == {"calls": 1, "activities": 1, "records": 1}
    assert [params["CALL_ID"] for params in desk.sent(FINISH)] != [call_id]
    assert not product.sandbox.portal.telephony.cards


@pytest.mark.fault(19)
def test_the_same_click_delivered_again_and_again_dials_once(desk: Desk, product: Product):
    form = desk.form()
    for _ in range(3):
        desk.deliver(form)
    desk.dial()
    # With other tokens and another time it is still the same call.
    desk.deliver(form | {"auth[access_token]": "0" * 70, "ts": str(int(form["ts"]) + 5)})
    product.pass_time(6)
    desk.dial()
    assert (len(desk.dials), Communication.objects.count(), InboxEvent.objects.filter(source="b24").count()) == (
        1,
        1,
        2,
    )


@pytest.mark.fault(20)
@pytest.mark.parametrize("is_late", ["sent late", "read late"])
def test_a_stale_click_is_journalled_and_never_dials(desk: Desk, product: Product, is_late: str):
    form = desk.form()
    if is_late == "sent late":
        form["ts"] = str(int(form["ts"]) - 600)
        desk.deliver(form)
    else:
        desk.deliver(form, work=False)
        product.bells.clear()
        product.pass_time(600)
    product.pass_time(60)
    assert desk.asked.state == State.IGNORED
    assert desk.asked.reason.startswith("Устарело")
    assert (desk.tasks, desk.dials, Dial.objects.count()) == ([], [], 0)
    assert not product.sandbox.portal.telephony.cards


def test_a_click_that_the_queue_kept_too_long_never_dials_and_says_so(desk: Desk, product: Product):
    call_id = desk.click()
    product.clock.shift(timedelta(seconds=61))
    desk.dial()
    assert desk.dials == []
    assert (desk.asked.state, Dial.objects.get().state) == (State.FAILED, Dial.State.FAILED)
    assert desk.asked.reason.startswith("звонок по клику не состоялся: Устарело")
    [finished] = desk.sent(FINISH)
    assert (finished["CALL_ID"], finished["STATUS_CODE"]) == (call_id, "OTHER")
    assert not product.sandbox.portal.telephony.cards


def test_uis_refuses_and_the_employee_is_told_what_to_do(desk: Desk, product: Product):
    product.sandbox.uis.employees[0]["phone_numbers"][0]["status"] = "inactive"
    call_id = desk.click()
    desk.dial()
    assert (desk.asked.state, Dial.objects.get().state) == (State.FAILED, Dial.State.FAILED)
    [finished] = desk.sent(FINISH)
    assert (finished["CALL_ID"], finished["STATUS_CODE"], finished["DURATION"]) == (call_id, "OTHER", "0")
    assert "нет активного телефона" in finished["FAILED_REASON"]
    [notice] = desk.sent(NOTIFY)
    assert str(notice["USER_ID"]) == str(PETR)
    assert notice["MESSAGE"].startswith(
        "Звонок на +7 900 000-00-01 не начат. У сотрудника в UIS нет активного телефона"
    )
    assert not product.sandbox.portal.telephony.cards
    product.pass_time(3600)
    assert len(desk.sent(NOTIFY)) == len(desk.sent(FINISH)) == 1


def test_a_click_of_an_employee_whom_uis_does_not_know_is_refused_at_once(desk: Desk, product: Product):
    call_id = desk.click(user_id=MARIA)
    assert (desk.tasks, desk.asked.state) == ([], State.FAILED)
    [finished] = desk.sent(FINISH)
    assert (finished["CALL_ID"], finished["STATUS_CODE"], str(finished["USER_ID"])) == (call_id, "OTHER", str(MARIA))
    [notice] = desk.sent(NOTIFY)
    assert "Вы не связаны с сотрудником UIS" in notice["MESSAGE"]


def test_a_number_that_cannot_be_dialled_is_refused(desk: Desk):
    desk.click("101")
    assert (desk.tasks, desk.asked.state) == ([], State.FAILED)
    assert "не читается" in desk.sent(FINISH)[0]["FAILED_REASON"]


@pytest.mark.parametrize("fault", ["drop_after", "truncated", "500"])
def test_a_lost_answer_never_dials_twice_and_the_notifications_decide(desk: Desk, product: Product, fault: str):
    before = product.sandbox.portal.counts()
    desk.click()
    product.sandbox.uis.faults.fail_next(1, fault, match="start.")
    desk.dial()
    assert Dial.objects.get().state == Dial.State.SENT
    assert desk.asked.reason == "UIS не ответил, начат ли звонок: ждём его уведомлений"
    for _ in range(3):
        product.pass_time(10)
        desk.dial()
    starts = [row for row in product.sandbox.uis.requests if row["method"].startswith("start.")]
    assert len(starts) == 1
    if desk.dials:
        product.play("click_to_call")
        product.pass_time()
        assert desk.asked.state == State.DONE
        assert grown(product, before) == {"calls": 1, "activities": 1, "records": 1}


def test_a_worker_killed_between_claim_and_call_never_dials_and_the_click_ends_by_itself(
    desk: Desk, product: Product, monkeypatch: pytest.MonkeyPatch
):
    call_id = desk.click()
    with monkeypatch.context() as patch:
        patch.setattr("integration.uis_calls.start_employee_call", killed)
        with pytest.raises(Killed):
            desk.dial()
    assert Dial.objects.get().state == Dial.State.SENT
    for seconds in (10, 60, 60, 60):
        product.pass_time(seconds)
        desk.dial()
    assert desk.dials == []
    assert desk.asked.state == State.FAILED
    assert "UIS не подтвердил, что звонок начат" in desk.asked.reason
    [finished] = desk.sent(FINISH)
    assert (finished["CALL_ID"], finished["STATUS_CODE"]) == (call_id, "OTHER")
    assert len(desk.sent(NOTIFY)) == 1


class Killed(BaseException):
    """What SIGKILL is to a process."""


def killed(*_arguments: Any, **_more: Any) -> None:
    raise Killed


def test_a_task_that_the_queue_lost_is_found_by_the_tick_and_one_that_runs_twice_dials_once(
    desk: Desk, product: Product
):
    desk.click()
    [task], desk.tasks = desk.tasks, []
    product.pass_time(6)
    assert desk.tasks == [task]
    desk.tasks.append(task)
    desk.dial()
    assert len(desk.dials) == 1


@pytest.mark.parametrize(("line", "number"), [("000001", True), ("", False)])
def test_with_the_widget_the_call_goes_to_the_employees_line_and_the_card_opens_on_answer(
    desk: Desk, product: Product, line: str, number: bool
):
    desk.mode("webrtc")
    EmployeeLink.objects.filter(uis_employee_id=PETR_UIS).update(line=line)
    desk.click()
    assert desk.sent(SHOW) == []
    desk.dial()
    params = product.sandbox.uis.requests[-1]["params"]
    assert params["employee"] == ({"id": PETR_UIS, "phone_number": line} if number else {"id": PETR_UIS})
    story = product.sandbox.tell("click_to_call")
    shown = []
    for step, (_at, body) in enumerate(story.steps):
        story.post([step])
        product.work()
        shown.append((body["event"], bool(desk.sent(SHOW))))
    assert dict(shown)["call_proceeding"] is False
    assert dict(shown)["call_connected"] is True
    assert not product.sandbox.portal.telephony.cards


@pytest.mark.parametrize(
    ("line", "chosen", "expected"),
    [
        ("74950000020", OWN, OTHER),
        ("74951111111", OTHER, OTHER),
        ("", None, OWN),
        ("REST_APP:7", None, OWN),
    ],
)
def test_the_client_sees_the_line_of_the_click_else_the_number_set_else_the_first(
    desk: Desk, product: Product, line: str, chosen: str | None, expected: str
):
    product.credential.tabs.filter(tab="telephony").update(options={"click_to_call": {"number": chosen}})
    desk.click(line=line)
    assert Dial.objects.get().params["virtual_phone_number"] == expected


def test_a_click_that_nobody_answers_ends_with_480_for_the_default_responsible(desk: Desk, product: Product):
    before = product.sandbox.portal.counts()
    call_id = desk.click()
    desk.dial()
    [dial] = desk.dials
    own = {"call_session_id": dial["call_session_id"], "external_id": dial["external_id"]}
    product.play("outgoing_unanswered", client_phone=KNOWN_PHONE, employees=[PETR_UIS], **own)
    product.pass_time()
    [finished] = desk.sent(FINISH)
    assert (finished["CALL_ID"], finished["STATUS_CODE"], str(finished["USER_ID"])) == (call_id, "480", str(MARIA))
    assert grown(product, before) == {"calls": 1, "activities": 1}
    assert not product.sandbox.portal.telephony.cards
    assert desk.asked.state == State.DONE


def test_a_click_on_a_deal_is_shown_in_that_deal_too(desk: Desk, product: Product):
    deal_id = next(iter(product.sandbox.portal.crm.items[2]))
    desk.click(entity=("DEAL", deal_id))
    desk.dial()
    product.play("click_to_call")
    assert [str(params["entityId"]) for params in desk.sent("crm.activity.binding.add")] == [str(deal_id)]


def test_a_click_that_the_filter_keeps_out_is_dialled_but_leaves_no_line_in_the_crm(desk: Desk, product: Product):
    set_filter(product.stream("outgoing"), {"all": [{"fact": "talk_duration", "op": "ge", "value": 1000}]})
    before = product.sandbox.portal.counts()
    desk.click()
    desk.dial()
    product.play("click_to_call")
    assert (desk.asked.state, grown(product, before)) == (State.IGNORED, {})
    assert not product.sandbox.portal.telephony.cards


def test_a_click_while_the_tab_is_off_is_withheld_and_then_too_old(desk: Desk, product: Product):
    product.credential.tabs.filter(tab="telephony").update(is_active=False)
    desk.click()
    assert (desk.asked.state, desk.tasks, product.sandbox.portal.requests) == (State.WITHHELD, [], [])
    product.credential.tabs.filter(tab="telephony").update(is_active=True)
    Communication.objects.update(due_at=timezone.now())
    product.pass_time(120)
    assert (desk.asked.state, desk.tasks) == (State.IGNORED, [])


def test_clicks_in_both_directions_of_one_client_stay_apart(desk: Desk, product: Product):
    before = product.sandbox.portal.counts()
    incoming = product.sandbox.tell("answered_call", client_phone=KNOWN_PHONE, employees=[ANNA_UIS])
    incoming.post([0, 1, 2, 3])
    product.work()
    desk.click()
    desk.dial()
    product.play("click_to_call")
    incoming.post(range(4, len(incoming.steps)))
    product.work()
    product.pass_time()
    assert sorted(Communication.objects.values_list("direction", "state")) == [("in", "done"), ("out", "done")]
    assert grown(product, before)["activities"] == 2
    assert [params["STATUS_CODE"] for params in desk.sent(FINISH)] == ["200", "200"]


def test_a_click_goes_to_the_account_that_has_the_line(desk: Desk, product: Product):
    other = Credential.objects.create(portal=product.portal, name="Второй", uis_key="other")
    UisItem.objects.create(credential=other, kind="number", code="+74957777777", data={"is_active": True})
    SettingsTab.objects.create(credential=other, tab="main", is_active=True)
    desk.click(line="74957777777")
    assert desk.asked.credential == other


def test_a_click_on_a_portal_without_an_account_stays_visible_as_an_event(desk: Desk, product: Product):
    form = desk.form()
    product.portal.credentials.all().delete()
    desk.deliver(form)
    assert "no credential" in InboxEvent.objects.get().error


# --- callbacks


@pytest.mark.parametrize(
    ("by", "options", "method"),
    [
        ("number", {}, "start.vnumber_call"),
        ("scenario", {"scenario": 300400}, "start.scenario_call"),
        ("employee", {"employee": ANNA}, "start.employee_call"),
    ],
)
def test_a_callback_is_registered_on_the_forms_object_and_dialled_as_set(
    desk: Desk, product: Product, by: str, options: dict[str, Any], method: str
):
    desk.call_back(by, **options)
    before = product.sandbox.portal.counts()
    form = desk.leave_number()
    desk.dial()
    [dial] = desk.dials
    assert (dial["method"], dial["contact"], dial["direction"]) == (method, "79001112233", "in")
    own = {"call_session_id": dial["call_session_id"], "external_id": dial["external_id"]}
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[ANNA_UIS], **own)
    product.pass_time()

    user = ANNA if by == "employee" else MARIA
    [registered] = desk.sent(REGISTER)
    assert {name: str(registered[name]) for name in ("USER_ID", "TYPE", "SHOW", "CRM_CREATE", "LINE_NUMBER")} == {
        "USER_ID": str(user),
        "TYPE": "4",
        "SHOW": "1",
        "CRM_CREATE": "0",
        "LINE_NUMBER": "74950000010",
    }
    assert (registered["CRM_ENTITY_TYPE"], str(registered["CRM_ENTITY_ID"])) == ("LEAD", form["data[CRM_ENTITY_ID]"])
    [finished] = desk.sent(FINISH)
    assert (finished["STATUS_CODE"], str(finished["USER_ID"])) == ("200", str(ANNA))
    assert (desk.asked.uis_id, desk.asked.state) == (story.id, State.DONE)
    # The lead is the form's own.
    assert grown(product, before) == {"leads": 1, "calls": 1, "activities": 1, "records": 1}
    assert not product.sandbox.portal.telephony.cards


def test_a_callback_told_twice_is_made_once_and_two_forms_are_two_callbacks(desk: Desk):
    desk.call_back("number")
    form = desk.leave_number()
    desk.deliver(form | {"auth[access_token]": "0" * 70})
    desk.dial()
    assert len(desk.dials) == 1
    desk.leave_number()
    desk.dial()
    assert len(desk.dials) == 2


def test_a_callback_that_uis_refuses_is_finished_and_the_default_responsible_is_told(desk: Desk, product: Product):
    desk.call_back("scenario", scenario=1)
    desk.leave_number()
    desk.dial()
    assert desk.asked.state == State.FAILED
    assert desk.sent(FINISH)[0]["STATUS_CODE"] == "OTHER"
    [notice] = desk.sent(NOTIFY)
    assert str(notice["USER_ID"]) == str(MARIA)
    assert "ждёт обратного звонка" in notice["MESSAGE"]
    assert not product.sandbox.portal.telephony.cards


def test_a_callback_whose_registration_was_lost_from_sight_is_ended_too_when_uis_refuses_it(
    desk: Desk, product: Product
):
    desk.call_back("scenario", scenario=1)
    product.sandbox.faults.fail_next(1, "drop_after", match=REGISTER)
    desk.leave_number()
    assert len(product.sandbox.portal.telephony.cards) == 1
    desk.dial()
    product.pass_time(60)
    assert desk.asked.state == State.FAILED
    assert [call["STATUS_CODE"] for call in desk.sent(FINISH)] == ["OTHER"]
    assert [str(call["SHOW"]) for call in desk.sent(REGISTER)] == ["1", "0"]
    portal = product.sandbox.portal.telephony
    assert (portal.calls, portal.cards, len(portal.statistics)) == ({}, {}, 1)


def test_a_callback_while_callbacks_are_off_registers_nothing_but_is_told(desk: Desk):
    desk.leave_number()
    assert (desk.tasks, desk.sent(REGISTER), desk.asked.state) == ([], [], State.FAILED)
    [notice] = desk.sent(NOTIFY)
    assert "выключен" in notice["MESSAGE"]


def test_a_callback_that_nobody_takes_is_never_a_missed_call(desk: Desk, product: Product):
    desk.call_back("number")
    desk.leave_number()
    desk.dial()
    [dial] = desk.dials
    own = {"call_session_id": dial["call_session_id"], "external_id": dial["external_id"]}
    product.play("missed_call", client_phone=NEW_PHONE, employees=[ANNA_UIS], **own)
    [finished] = desk.sent(FINISH)
    assert finished["STATUS_CODE"] == "480"


# --- calls made from the phone


@pytest.mark.parametrize("defaults", [False, True])
def test_a_call_from_the_phone_is_registered_at_its_first_word_and_shown_to_the_caller(
    desk: Desk, product: Product, defaults: bool
):
    story = product.sandbox.tell(
        "outgoing_call", client_phone=KNOWN_NO_DEAL_PHONE, employees=[ANNA_UIS], default_bodies=defaults
    )
    story.post([0])
    product.work()
    [registered] = desk.sent(REGISTER)
    assert (str(registered["TYPE"]), str(registered["USER_ID"]), str(registered["SHOW"])) == ("1", str(ANNA), "1")
    story.post(range(1, len(story.steps)))
    product.work()
    [finished] = desk.sent(FINISH)
    assert (finished["STATUS_CODE"], str(finished["USER_ID"])) == ("200", str(ANNA))
    assert Communication.objects.get().responsible_id == ANNA


def test_a_call_from_the_phone_that_fails_is_the_default_responsibles_and_no_missed_call(desk: Desk, product: Product):
    product.play("outgoing_unanswered", client_phone=KNOWN_NO_DEAL_PHONE, employees=[ANNA_UIS])
    [finished] = desk.sent(FINISH)
    assert (finished["STATUS_CODE"], str(finished["USER_ID"])) == ("480", str(MARIA))
    assert Communication.objects.get().responsible_id == MARIA


# --- whatever dies


@pytest.mark.parametrize("is_called", [True, False])
def test_a_worker_killed_before_it_notes_the_answer_never_dials_again(
    desk: Desk, product: Product, monkeypatch: pytest.MonkeyPatch, is_called: bool
):
    before = product.sandbox.portal.counts()
    desk.click()
    with monkeypatch.context() as patch:
        patch.setattr("telephony.dialling.inbox.receive", killed)
        with pytest.raises(Killed):
            desk.dial()
    assert (len(desk.dials), Dial.objects.get().state) == (1, Dial.State.SENT)
    product.pass_time(10)
    desk.dial()
    if is_called:
        product.play("click_to_call")
    for seconds in (10, 60, 60, 60):
        product.pass_time(seconds)
        desk.dial()
    assert len(desk.dials) == 1
    assert desk.asked.state == (State.DONE if is_called else State.FAILED)
    assert grown(product, before)["activities"] == 1
    assert len(desk.sent(FINISH)) == 1


def test_a_call_that_uis_tells_of_after_it_was_given_up_stays_one_activity_and_keeps_its_record(
    desk: Desk, product: Product, monkeypatch: pytest.MonkeyPatch
):
    before = product.sandbox.portal.counts()
    desk.click()
    with monkeypatch.context() as patch:
        patch.setattr("telephony.dialling.inbox.receive", killed)
        with pytest.raises(Killed):
            desk.dial()
    product.pass_time(200)
    assert desk.asked.state == State.FAILED
    shown = len(desk.sent(SHOW))
    product.play("click_to_call")
    product.pass_time()
    [external_id] = {dial["external_id"] for dial in desk.dials}
    assert {call.external_id or external_id for call in Communication.objects.all()} == {external_id}
    assert len(desk.sent(SHOW)) <= shown + 1
    assert not product.sandbox.portal.telephony.cards
    assert grown(product, before)["activities"] <= 2


def test_the_notifications_of_a_click_in_reverse_order_and_many_times_end_the_same(desk: Desk, product: Product):
    before = product.sandbox.portal.counts()
    desk.click()
    desk.dial()
    story = product.sandbox.tell("click_to_call")
    for number in reversed(range(len(story.steps))):
        for _ in range(5):
            story.post([number])
        product.work()
    product.pass_time()
    assert Communication.objects.get().state == State.DONE
    assert grown(product, before) == {"calls": 1, "activities": 1, "records": 1}
    assert not product.sandbox.portal.telephony.cards


@pytest.mark.parametrize("place", range(12))
def test_a_lane_killed_anywhere_still_dials_a_click_once(
    desk: Desk, product: Product, monkeypatch: pytest.MonkeyPatch, place: int
):
    """Die at the n-th step that writes or asks, while the click is taken in; come back with the tick."""
    before = product.sandbox.portal.counts()
    with monkeypatch.context() as patch:
        count = itertools.count()
        for name in ("take_in", "_close_together"):
            patch.setattr(f"crm_bitrix.fold.{name}", dying(getattr(fold, name), count, place))
        for name in ("write", "close"):
            patch.setattr(f"crm_bitrix.rounds.{name}", dying(getattr(rounds, name), count, place))
        patch.setattr("integration.remote.request", dying(remote.request, count, place))
        patch.setattr("integration.lanes.release", lambda *_arguments: None)  # the dead keep their lease
        with contextlib.suppress(Killed):
            desk.click()
    for seconds in (1, 5, 5, 40, 5):
        product.pass_time(seconds)
        desk.dial()
    assert Communication.objects.count() == 1
    if desk.dials:
        product.play("click_to_call")
        product.pass_time(10)
        product.pass_time(60)
        assert grown(product, before) == {"calls": 1, "activities": 1, "records": 1}
    assert len(desk.dials) <= 1
    assert not product.sandbox.portal.telephony.cards


def dying(real: Any, count: Any, place: int) -> Any:
    def step(*arguments: Any, **named: Any) -> Any:
        if next(count) == place:
            raise Killed
        result = real(*arguments, **named)
        if next(count) == place:
            raise Killed
        return result

    return step


# --- who talked, and how it ended


@pytest.mark.parametrize(("talked", "expected"), [("first", PETR), ("last", ANNA), ("longest", ANNA), ("", MARIA)])
def test_an_outgoing_call_is_the_responsibility_of_who_talked_as_set(
    desk: Desk, product: Product, talked: str, expected: int
):
    product.credential.streams.filter(kind="outgoing").update(talked=talked)
    desk.click()
    desk.dial()
    [dial] = desk.dials
    own = {"call_session_id": dial["call_session_id"], "external_id": dial["external_id"]}
    story = product.sandbox.tell("transfer", client_phone=KNOWN_PHONE, employees=[PETR_UIS, ANNA_UIS], **own)
    for body in story.bodies:
        if "direction" in body:
            body["direction"] = "out"
    story.post(range(1, len(story.steps)))
    product.work()
    product.pass_time(120)
    assert desk.asked.responsible_id == expected


@pytest.mark.parametrize(
    ("reason", "is_answered", "code"),
    [
        ("operator_disconnects", True, "200"),
        ("subscriber_busy", False, "486"),
        ("subscriber_not_responsible", False, "480"),
        ("no_success_subscriber_call", False, "480"),
        ("", False, "480"),
        ("subscriber_number_problems", False, "404"),
        ("operator_not_responsible", False, "OTHER"),
        ("not_enough_money", False, "OTHER"),
        ("a code of tomorrow", False, "OTHER"),
    ],
)
def test_the_reason_of_the_end_becomes_a_code_that_is_never_missed(reason: str, is_answered: bool, code: str):
    assert made_call_status(reason, is_answered=is_answered) == code


# --- who serves


def test_a_click_is_served_by_the_line_then_by_the_user_then_by_the_oldest_that_is_on(product: Product):
    portal = product.portal
    off, second = (Credential.objects.create(portal=portal, name=name) for name in ("Выключенная", "Вторая"))
    SettingsTab.objects.create(credential=second, tab="main", is_active=True)
    product.credential.tabs.filter(tab="main").update(is_active=False)
    UisItem.objects.create(credential=off, kind="number", code=OTHER)
    EmployeeLink.objects.create(credential=off, uis_employee_id=1, bitrix_user_id=99)
    assert serving_credential(portal, line=OTHER, user_id=PETR) == off
    assert serving_credential(portal, line=OWN, user_id=PETR) == product.credential
    assert serving_credential(portal, line="", user_id=99) == off
    assert serving_credential(portal, line="", user_id=None) == second
