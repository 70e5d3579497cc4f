"""Whoever can mend a trouble is told of it: once, in time, and again when it is over."""

import re
import smtplib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from crm_bitrix import daily, heartbeat, holds, preflight, synchronise, telling, watch
from crm_bitrix.client import Client as PortalClient
from crm_bitrix.errors import CAUSES as ERRORS
from crm_bitrix.errors import Cause, PortalError
from crm_bitrix.models import BitrixItem
from integration import account_alerts, alerts
from integration.alert_causes import CAUSES
from integration.alerts import Trouble, settle
from integration.models import Alert, Communication, DayCount, InboxEvent, Lane, Portal, ReportCursor, SettingsTab
from integration.uis_errors import ACCOUNT_CODES
from telephony.models import Record
from tests.conftest import START, Product

pytestmark = pytest.mark.django_db(transaction=True)
RUNBOOK = Path(__file__).resolve().parent.parent / "docs" / "operations.md"


@pytest.fixture(autouse=True)
def staff(settings: Any) -> None:
    settings.ADMINS = [("ops", "ops@example.com")]


def minute(product: Product) -> list[str]:
    """Let a minute pass, look, and do what the queue was asked for; the causes that are open now."""
    product.clock.shift(timedelta(minutes=1))
    for name in (heartbeat.TICK, heartbeat.HEARTBEAT):
        Lane.objects.update_or_create(name=name, defaults={"rung_at": timezone.now()})
    watch.look_if_due()
    telling.tell()
    return sorted(Alert.objects.filter(resolved_at__isnull=True).values_list("code", flat=True))


def notices(product: Product) -> list[str]:
    return [record.params["MESSAGE"] for record in product.sandbox.portal.commands("im.notify.system.add", ok=True)]


def held(product: Product, code: str = "PAYMENT_REQUIRED") -> None:
    holds.hold(product.portal, PortalError(Cause.HOLD, f"{code} words of the vendor", code=code))


# --- a portal on hold


def test_a_hold_is_mailed_at_once_shown_on_the_screen_and_told_in_the_portal_when_it_is_over(product: Product):
    held(product)
    assert minute(product) == ["payment"]
    [letter] = mail.outbox
    assert letter.to == ["ops@example.com"]
    assert "не оплачены" in letter.subject
    assert "Не работает с 10:15" in letter.body  # the portal's clock
    assert "Оплатите" in letter.body
    assert "не пропадут" in letter.body
    assert notices(product) == []

    [shown] = alerts.open_alerts(product.portal)
    assert shown.sentence() == letter.body

    holds.resume(product.portal)
    assert minute(product) == []
    assert "Снова работает" in mail.outbox[1].body
    [told] = notices(product)
    assert "Снова работает" in told
    assert "с 10:15 до 10:17" in told
    assert alerts.open_alerts(product.portal) == []
    minute(product)
    assert (len(mail.outbox), len(notices(product))) == (2, 1)


def test_one_cause_is_mailed_once_a_day_however_long_it_lasts(product: Product):
    held(product)
    for _ in range(3):
        minute(product)
    assert len(mail.outbox) == 1
    product.clock.shift(timedelta(days=1))
    minute(product)
    assert len(mail.outbox) == 2
    assert "16.03 10:15" in mail.outbox[1].body


def test_a_trouble_that_comes_and_goes_does_not_ring_every_minute(product: Product):
    for _ in range(4):
        held(product)
        minute(product)
        holds.resume(product.portal)
        minute(product)
    assert Alert.objects.count() == 4
    assert len(mail.outbox) == 2
    assert len(notices(product)) == 1


@pytest.mark.parametrize("code", sorted({*watch.HOLDS, "something_new"}))
def test_every_hold_has_a_cause_with_a_remedy(product: Product, code: str):
    held(product, code)
    [cause] = minute(product)
    assert cause in CAUSES
    assert str(CAUSES[cause].remedy) in mail.outbox[0].body


def test_every_error_that_holds_a_portal_is_told_apart():
    assert {code for code, cause in ERRORS.items() if cause is Cause.HOLD} - watch.HOLDS.keys() == set()
    assert set(ACCOUNT_CODES) - watch.UIS.keys() == {"limit_exceeded"} - watch.UIS.keys()


def test_a_tariff_without_rest_holds_the_portal_but_a_missing_right_only_refuses(product: Product):
    client = PortalClient(product.portal)
    for words, cause in (
        ("REST API is available only on commercial plans", Cause.HOLD),
        ("Access denied.", Cause.REFUSED),
    ):
        from crm_bitrix.client import refusal

        assert refusal("ACCESS_DENIED", words, {}).cause is cause
    assert client.portal.hold_reason == ""


def test_a_portal_that_removed_the_application_is_mailed_once(product: Product):
    Portal.objects.update(uninstalled_at=timezone.now(), access_token="", refresh_token="")
    assert minute(product) == ["uninstalled"]
    product.clock.shift(timedelta(days=3))
    assert minute(product) == ["uninstalled"]
    assert len(mail.outbox) == 1


# --- who is told


def test_whom_the_settings_name_is_told_beside_the_connecting_administrator(product: Product):
    main = product.credential.tabs.get(tab=SettingsTab.Tab.MAIN)
    main.options = {"alerts": {"users": [12], "emails": ["it@example.com"]}}
    main.save()
    settle([Trouble("uis_key", product.portal, product.credential)], codes=watch.CODES)
    telling.tell()
    assert sorted(letter.to[0] for letter in mail.outbox) == ["it@example.com", "ops@example.com"]
    told = product.sandbox.portal.commands("im.notify.system.add", ok=True)
    assert sorted(int(record.params["USER_ID"]) for record in told) == [1, 12]
    assert {record.params["TAG"] for record in told} == {f"uis-uis_key-credential:{product.credential.pk}"}


def test_a_portal_reads_its_own_language(product: Product):
    Portal.objects.update(language="en")
    settle([Trouble("uis_key", product.portal, product.credential)], codes=watch.CODES)
    telling.tell()
    [told] = notices(product)
    assert "UIS does not accept the API key" in told
    assert not re.search("[А-яё]", told.replace(product.credential.name, ""))


def test_a_mail_server_that_is_away_is_tried_again(product: Product, monkeypatch: pytest.MonkeyPatch):
    held(product)
    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", _refuse)
        minute(product)
    assert mail.outbox == []
    minute(product)
    assert len(mail.outbox) == 1


def _refuse(*_: Any) -> None:
    raise smtplib.SMTPServerDisconnected("away")


# --- UIS


def poll(product: Product) -> None:
    ReportCursor.objects.update(next_at=timezone.now())
    Lane.objects.filter(name=product.credential.channel).update(paused_until=None, rung_at=None)
    product.pass_time()


@pytest.mark.fault(37)
def test_the_white_list_is_told_with_the_address_and_ends_with_the_first_answer(product: Product):
    product.sandbox.uis.faults.fail_always("ip_not_whitelisted")
    poll(product)
    assert minute(product) == ["uis_ip"]
    assert re.search(r"\d+\.\d+\.\d+\.\d+", mail.outbox[0].body)
    assert "белый список" in mail.outbox[0].body
    product.sandbox.uis.faults.clear()
    poll(product)
    assert minute(product) == []
    assert "Снова работает" in notices(product)[-1]


@pytest.mark.fault(37)
def test_points_are_told_of_only_when_they_are_gone_for_an_hour(product: Product):
    cursor = ReportCursor.objects.create(credential=product.credential, kind="calls", since=START)
    ReportCursor.objects.filter(pk=cursor.pk).update(code="limit_exceeded", error="…", failing_since=START)
    assert minute(product) == []
    product.clock.shift(timedelta(hours=1))
    assert "uis_points" in minute(product)


# --- the portal and the service do not keep pace


def test_a_portal_that_is_away_is_mailed_and_a_late_queue_told(product: Product):
    Lane.objects.filter(name=product.portal.live_lane).update(failures=watch.AWAY_FAILURES)
    assert minute(product) == ["portal_away"]
    Lane.objects.filter(name=product.portal.live_lane).update(failures=0)
    due = timezone.now() - timedelta(hours=1)
    Communication.objects.create(portal=product.portal, credential=product.credential, kind="call", due_at=due)
    assert minute(product) == ["queue_late"]


def test_the_staff_are_written_to_without_the_queue_when_the_queue_stands_still(product: Product):
    minute(product)
    heartbeat.ask()
    for _ in range(4):
        product.clock.shift(timedelta(minutes=1))
        heartbeat._note(heartbeat.TICK)
        watch.look_if_due()
    [letter] = mail.outbox
    assert "очередь сервиса стоит" in letter.subject
    assert minute(product) == []


def test_the_queues_own_schedule_notices_that_the_tick_stands_still(product: Product):
    minute(product)
    for _ in range(4):
        product.clock.shift(timedelta(minutes=1))
        heartbeat.beat()
        watch.look_if_due()
    assert Alert.objects.get(resolved_at__isnull=True).code == "tick_stopped"


def test_a_service_that_starts_after_a_night_suspects_nobody(product: Product):
    minute(product)
    product.clock.shift(timedelta(hours=9))
    watch.look_if_due()
    assert not Alert.objects.exists()


def test_one_look_a_minute_whoever_asks_costs_one_query_in_between(product: Product, django_assert_num_queries: Any):
    minute(product)
    with django_assert_num_queries(1):
        watch.look_if_due()


# --- figures of an account


def reported(product: Product, state: str, count: int, *, hours_ago: float = 1) -> None:
    begin = timezone.now() - timedelta(hours=hours_ago)
    for _ in range(count):
        Communication.objects.create(
            portal=product.portal,
            credential=product.credential,
            kind="call",
            uis_id=str(Communication.objects.count() + 1),
            state=state,
            started_at=begin,
        )


def open_codes() -> list[str]:
    return sorted(Alert.objects.filter(resolved_at__isnull=True).values_list("code", flat=True))


def test_calls_known_from_reports_only_tell_that_notifications_do_not_come(product: Product):
    reported(product, "done", 2)
    account_alerts.look(product.credential, timezone.now())
    assert open_codes() == ["no_notifications"]
    product.notify({"event": "in_call_session", "call_session_id": 1})
    account_alerts.look(product.credential, timezone.now())
    assert open_codes() == []
    assert InboxEvent.objects.exists()


def test_a_settled_day_that_misses_calls_is_told_until_they_are_here(product: Product):
    yesterday = (START - timedelta(days=1)).date()
    DayCount.objects.create(credential=product.credential, kind="call", day=yesterday, in_uis=3)
    account_alerts.look(product.credential, START)
    assert Alert.objects.get().detail == "15.03: 0 / 3"
    reported(product, "done", 3, hours_ago=24)
    account_alerts.look(product.credential, START)
    assert open_codes() == []


def test_many_failures_are_told_and_a_few_are_not(product: Product):
    product.notify({"event": "in_call_session", "call_session_id": 1})
    reported(product, "failed", 4)
    account_alerts.look(product.credential, timezone.now())
    assert open_codes() == []
    reported(product, "failed", 1)
    account_alerts.look(product.credential, timezone.now())
    assert open_codes() == ["failures"]


def test_recordings_given_up_are_told_once_until_they_are_sent_again_or_forgotten(product: Product):
    minute(product)
    since = len(mail.outbox)
    story = product.play("answered_call")
    call = product.call(story)
    lost = [call.records.create(record_id=f"r{number}", filename="r.mp3") for number in range(2)]
    assert minute(product) == []
    Record.objects.filter(pk__in=[one.pk for one in lost]).update(state=Record.State.FAILED, due_at=None)
    assert minute(product) == ["records"]
    [shown] = alerts.open_alerts(product.portal)
    assert shown.detail == "2"
    assert "«Ошибка записи»" in shown.sentence()
    assert "записи части звонков не переданы (2)" in notices(product)[-1]
    product.clock.shift(timedelta(days=2))
    assert minute(product) == ["records"]
    Record.objects.filter(pk=lost[0].pk).send_again()
    assert minute(product) == ["records"]
    product.clock.shift(timedelta(days=5))
    assert minute(product) == []
    told = [letter.subject for letter in mail.outbox[since:] if "записи" in letter.subject]
    assert len(told) == 1


# --- before it hurts


@pytest.mark.fault(50)
def test_an_owner_of_the_token_with_narrowed_rights_is_told_before_duplicates_can_arise(product: Product):
    preflight.check(product.portal)
    assert open_codes() == []
    product.sandbox.portal.users[1]["ADMIN"] = False
    preflight.check(product.portal)
    assert open_codes() == ["token_owner"]
    assert "дубли" in alerts.open_alerts(product.portal)[0].sentence()
    product.sandbox.portal.users[1]["ADMIN"] = True
    preflight.check(product.portal)
    assert open_codes() == []


def field(product: Product, code: str, **data: Any) -> None:
    BitrixItem.objects.create(
        portal=product.portal, kind="field", code=code, name="Город", data={"type": "string", **data}
    )


def test_a_required_field_that_nothing_fills_is_told_of_the_objects_that_are_made(product: Product):
    field(product, "lead.UF_CRM_CITY", is_required=True, is_custom=True)
    field(product, "company.UF_CRM_CITY", is_required=True, is_custom=True)
    preflight.check(product.portal)
    assert Alert.objects.get().detail == "lead: Город"
    for stream in product.credential.streams.all():
        stream.field_mappings.create(
            position=0, fact="virtual_phone_number", object="lead", field="UF_CRM_CITY", policy="create"
        )
    preflight.check(product.portal)
    assert open_codes() == []


def test_a_source_that_vanished_from_the_portal_is_told(product: Product):
    BitrixItem.objects.create(
        portal=product.portal, kind="source", code="SITE", name="Сайт", missing_since=timezone.now()
    )
    product.credential.streams.filter(kind="incoming").update(source_id="SITE")
    preflight.check(product.portal)
    assert (open_codes(), Alert.objects.get().detail) == (["broken_settings"], "Сайт")


def test_settings_that_are_switched_off_hurt_nobody(product: Product):
    product.credential.streams.update(default_responsible_id=777)
    product.credential.tabs.filter(tab="main").update(is_active=False)
    preflight.check(product.portal)
    assert open_codes() == []


def test_portals_beyond_one_task_are_asked_for_in_the_next(product: Product, monkeypatch: pytest.MonkeyPatch):
    asked: list[Any] = []
    monkeypatch.setattr(preflight, "SLICE", 1)
    monkeypatch.setattr(preflight, "async_task", lambda name, after, **_options: asked.append((name, after)))
    assert preflight.check_portals() == 1
    assert asked == [("crm_bitrix.preflight.check_portals", product.portal.pk)]
    assert preflight.check_portals(product.portal.pk) == 0


def test_the_parts_of_the_day_follow_each_other(product: Product, monkeypatch: pytest.MonkeyPatch):
    asked: list[Any] = []
    monkeypatch.setattr(daily, "async_task", lambda _name, *args, **_options: asked.append(args))
    for position in range(len(daily.PARTS)):
        daily.run(position)
    assert asked == [(number,) for number in range(1, len(daily.PARTS))]


def test_a_switch_of_the_crm_mode_is_news_once_and_its_end_is_none(product: Product, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(synchronise, "async_task", lambda *_args, **_options: None)
    synchronise.run(synchronise.start(product.portal, by="test"))
    assert open_codes() == []
    product.sandbox.portal.leads_on = False
    synchronise.run(synchronise.start(product.portal, by="test"))
    assert open_codes() == ["crm_mode"]
    telling.tell()
    assert "режим CRM" in notices(product)[-1]
    product.clock.shift(timedelta(days=1, hours=1))
    preflight.check_portals()
    telling.tell()
    assert "crm_mode" not in open_codes()
    assert not any("Снова работает" in text for text in notices(product))


# --- the runbook


@pytest.mark.parametrize("code", sorted(CAUSES))
def test_every_alert_has_a_chapter_in_the_runbook(code: str):
    assert re.search(rf"^#### `{code}`", RUNBOOK.read_text(), re.MULTILINE)
    assert code in {*watch.CODES, *watch.SERVICE_CODES.values(), *account_alerts.CODES, *preflight.CODES}
