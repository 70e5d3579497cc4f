"""Nothing personal is kept longer than it may be, and whoever asks is forgotten; nothing that is still needed goes."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from crm_bitrix.models import CrmAction, RequestLog
from integration import lanes, retention
from integration.journals import JOURNALS
from integration.models import AuditEntry, ClientLink, Communication, InboxEvent, Portal, State
from telephony.models import RoutingQuestion
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)
PHONE, OTHER = "79001112233", "79005556677"


def run(name: str, *args: str) -> Any:
    out = StringIO()
    call_command(name, *args, stdout=out)
    return json.loads(out.getvalue())


def refused(name: str, *args: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        call_command(name, *args, stdout=StringIO())
    return caught.value.returncode, str(caught.value)


def question(product: Product) -> None:
    phone = f"+{PHONE}"
    RoutingQuestion.objects.create(credential=product.credential, phone=phone, answer={}, reason="off", took_ms=1)


# --- retention


def test_what_is_older_than_it_may_be_kept_goes_and_what_is_still_needed_stays(product: Product):
    story = product.play("answered_call", client_phone=PHONE)
    for _ in range(3):
        product.pass_time(60)
    done = product.call(story)
    assert done.due_at is None
    Communication.objects.filter(pk=done.pk).update(report_at=None)
    product.notify({"event": "in_call_session", "call_session_id": 5})  # unread
    waiting = Communication.objects.create(
        portal=product.portal, credential=product.credential, kind="call", uis_id="9", due_at=timezone.now()
    )
    RoutingQuestion.objects.create(
        credential=product.credential, phone="+79001112233", answer={}, reason="off", took_ms=1
    )
    assert not any(retention.purge().values())

    product.clock.shift(timedelta(days=15))
    gone = retention.purge()
    assert (gone["events"] >= len(story.steps), gone["requests"] > 0, gone["questions"]) == (True, True, 1)
    assert InboxEvent.objects.get().folded_at is None
    assert not RequestLog.objects.exists()
    assert Communication.objects.count() == 2

    product.clock.shift(timedelta(days=90))
    assert retention.purge()["journal"] == 1
    assert Communication.objects.get() == waiting
    assert not CrmAction.objects.exists()


def test_the_log_of_requests_is_kept_for_as_long_as_the_market_asks(product: Product, settings: Any):
    settings.RETENTION_DAYS = {"requests": 3}
    RequestLog.objects.create(portal=product.portal, methods="profile", status="ok")
    product.clock.shift(timedelta(days=2, hours=23))
    assert retention.purge()["requests"] == 0
    product.clock.shift(timedelta(hours=2))
    assert retention.purge()["requests"] == 1


@pytest.mark.parametrize(("days", "said"), [({"requests": 2}, "E004"), ({"request": 9}, "E003"), ({"journal": 45}, "")])
def test_a_period_below_its_floor_is_refused_at_the_start(settings: Any, days: dict[str, int], said: str):
    settings.RETENTION_DAYS = days
    found = [one.id for one in run_checks() if one.id.startswith("integration.E")]
    assert found == ([f"integration.{said}"] if said else [])


def test_every_journal_is_a_table_with_the_column_that_is_named():
    from django.apps import apps

    for journal in JOURNALS.values():
        model = apps.get_model(journal.model)
        assert model._meta.get_field(journal.stored)
        assert journal.floor <= journal.days
        model._base_manager.filter(journal.over).exists()


def test_large_journals_go_in_small_parts_and_the_rest_is_asked_for(product: Product, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    monkeypatch.setattr(retention, "async_task", lambda name, **_options: asked.append(name))
    monkeypatch.setattr(retention, "AT_ONCE", 10)
    RequestLog.objects.bulk_create(
        RequestLog(portal=product.portal, methods="profile", status="ok", at=timezone.now()) for _ in range(25)
    )
    product.clock.shift(timedelta(days=8))
    assert retention.purge(seconds=0)["requests"] == 0
    assert asked == ["integration.retention.purge"]
    assert retention.purge()["requests"] == 25


def test_what_was_withheld_is_out_of_date_after_thirty_days(product: Product):
    row = Communication.objects.create(
        portal=product.portal, credential=product.credential, kind="call", state=State.WITHHELD
    )
    product.clock.shift(timedelta(days=29))
    retention.purge()
    row.refresh_from_db()
    assert row.state == State.WITHHELD
    product.clock.shift(timedelta(days=2))
    assert retention.purge()["withheld"] == 1
    row.refresh_from_db()
    assert (row.state, row.reason[:9]) == (State.IGNORED, "устарело:")


def test_the_purge_by_command_prints_its_counts(product: Product):
    RequestLog.objects.create(portal=product.portal, methods="profile", status="ok")
    product.clock.shift(timedelta(days=8))
    assert run("purge_personal_data")["requests"] == 1


# --- forgetting


def everything_stored() -> str:
    """All tables as somebody reads them who has the key."""
    rows: list[Any] = []
    for model in (Communication, InboxEvent, CrmAction, ClientLink, RoutingQuestion, AuditEntry, RequestLog):
        rows += [repr(row.__dict__) for row in model.objects.all()]
    return " ".join(rows)


def test_a_client_is_forgotten_whole_and_nobody_else(product: Product):
    told = product.play("answered_call", client_phone=PHONE)
    other = product.play("answered_call", client_phone=OTHER)
    product.notify(b'{"event": "unheard_of", "who": "8 (900) 111-22-33"}')
    product.work()
    RoutingQuestion.objects.create(
        credential=product.credential, phone="+79001112233", answer={}, reason="off", took_ms=1
    )
    assert PHONE in everything_stored()

    counts = run("forget_phone", "8 900 111-22-33", "--check")
    assert counts[product.portal.domain]["communications"] == 1
    assert PHONE in everything_stored()
    assert run("forget_phone", "8 900 111-22-33") == counts

    stored = everything_stored()
    assert PHONE not in stored
    assert "9001112233" not in stored
    assert OTHER in stored
    row = product.call(told)
    assert (row.reason, row.facts, row.due_at) == ("данные клиента удалены", {}, None)
    assert product.call(other).facts
    assert run("forget_phone", PHONE)[product.portal.domain]["communications"] == 0
    [entry] = AuditEntry.objects.filter(action="forgotten")
    assert "***" in entry.about


def test_a_forgotten_notification_does_not_come_back_when_it_is_repeated(product: Product):
    story = product.play("missed_call", client_phone=PHONE)
    run("forget_phone", PHONE)
    story.post()
    for _ in range(3):
        product.pass_time(60)
    assert "9001112233" not in everything_stored()


def test_all_clients_of_a_portal_are_forgotten_and_its_settings_stay(product: Product):
    product.play("answered_call", client_phone=PHONE)
    product.play("missed_call", client_phone=OTHER)
    counts = run("purge_personal_data", "--portal", product.portal.domain)
    assert counts["communications"] == 2
    stored = everything_stored()
    assert PHONE[1:] not in stored
    assert OTHER[1:] not in stored
    assert product.credential.streams.count() == 4


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("forget_phone", "nobody"), 2),
        (("forget_phone", PHONE, "--portal", "nowhere.bitrix24.ru"), 2),
        (("purge_personal_data", "--portal", "nowhere.bitrix24.ru"), 2),
        (("replay", "nobody", "--from", "2026-03-15"), 2),
        (("replay", "Основной портал", "--from", "soon"), 2),
    ],
)
def test_bad_input_ends_with_a_code_and_a_word(product: Product, args: tuple[str, ...], code: int):
    told, words = refused(*args)
    assert (told, bool(words)) == (code, True)


def test_nothing_is_forgotten_by_halves_while_the_lane_is_at_work(product: Product):
    story = product.play("answered_call", client_phone=PHONE)
    taken = lanes.acquire(product.portal.live_lane)
    for name, *args in (("forget_phone", PHONE), ("purge_personal_data", "--portal", product.portal.domain)):
        code, words = refused(name, *args)
        assert code == 1
        assert "try again" in words
    assert product.call(story).facts
    lanes.release(taken)
    lanes.pause(product.portal.live_lane, reason="the portal does not answer")
    assert run("forget_phone", PHONE)[product.portal.domain]["communications"] == 1


# --- replay


def test_what_failed_is_worked_on_once_more_and_nothing_is_done_twice(product: Product):
    story = product.play("answered_call", client_phone=PHONE)
    before = len(product.sandbox.portal.requests)
    Communication.objects.update(state=State.FAILED, reason="было")
    product.notify({"event": "in_call_session"})
    product.work()
    counts = run("replay", product.credential.name, "--from", "2026-03-16", "--failed")
    assert counts == {"events": 1, "communications": 1}
    product.pass_time(10)
    assert product.call(story).state == State.DONE
    made = product.sandbox.portal.counts()
    run("replay", str(product.credential.uuid), "--from", "2026-03-16")
    product.pass_time(10)
    assert product.sandbox.portal.counts() == made
    assert len(product.sandbox.portal.requests) >= before
    assert AuditEntry.objects.filter(action="replayed").count() == 2


# --- keys


def test_keys_are_rotated_and_the_old_one_can_be_taken_away(product: Product, settings: Any):
    product.play("answered_call", client_phone=PHONE)
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    facts = Communication.objects.get().facts
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    assert run("rotate_encryption_keys", "--check")["integration.Portal"] == 1
    counts = run("rotate_encryption_keys")
    assert {"integration.Portal", "integration.Communication", "integration.InboxEvent"} <= counts.keys()
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert Portal.objects.get().refresh_token == product.portal.refresh_token
    assert Communication.objects.get().facts == facts
    assert run("rotate_encryption_keys") == counts


def test_a_row_that_no_key_opens_stops_the_rotation_before_anything_is_changed(product: Product, settings: Any):
    before = stored_token()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    code, words = refused("rotate_encryption_keys")
    assert code == 1
    assert "FIELD_ENCRYPTION_KEYS" in words
    assert stored_token() == before


def stored_token() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token FROM integration_portal")
        return str(cursor.fetchone()[0])
