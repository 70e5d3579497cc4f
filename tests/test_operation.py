"""What an operator sees: figures, readiness, and a log in which one notification can be followed."""

import json
import logging
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from crm_bitrix import heartbeat, holds
from crm_bitrix.errors import Cause, PortalError
from crm_bitrix.models import RequestLog
from integration import logs
from integration.logs import JsonFormatter, LineFormatter, MailOnce
from integration.masking import MaskingFilter
from integration.models import Alert, Lane
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "0123456789-metrics"
PHONE = "79001112233"


@pytest.fixture
def token(settings: Any) -> str:
    settings.METRICS_TOKEN = TOKEN
    return TOKEN


def scrape() -> dict[tuple[str, ...], float]:
    answer = Client().get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return {
        (sample.name.removeprefix("uis_bitrix24_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


# --- metrics


def test_figures_tell_of_queues_outcomes_budgets_and_processes(product: Product, token: str):
    product.play("answered_call", client_phone=PHONE)
    product.notify({"event": "in_call_session", "call_session_id": 1})
    heartbeat.beat()
    product.clock.shift(timedelta(seconds=30))
    Alert.objects.create(subject="service", code="tick_stopped")
    told = scrape()
    assert told["inbox_unread",] == 1
    assert told["inbox_oldest_seconds",] == 30
    assert sum(value for key, value in told.items() if key[0] == "communications") == 1
    assert told["requests", "ok"] > 0
    assert told["request_seconds", "0.95"] >= told["request_seconds", "0.5"]
    assert told["portals", "works"] == told["tokens", "usable"] == 1
    assert told["alerts", "tick_stopped"] == 1
    assert told["sign_of_life_seconds", "worker"] == 30
    assert told["lane_read_seconds", "0.5"] == 0


def test_a_portal_on_hold_and_an_account_without_points_are_counted(product: Product, token: str):
    holds.hold(product.portal, PortalError(Cause.HOLD, "PAYMENT_REQUIRED", code="PAYMENT_REQUIRED"))
    until = timezone.now() + timedelta(hours=1)
    Lane.objects.create(name=product.credential.channel, bucket_level=0, bucket_at=until, paused_until=until)
    told = scrape()
    assert (told["portals", "held"], told["portals", "works"]) == (1, 0)
    assert (told["uis_points_left_min",], told["uis_accounts_without_points",]) == (0, 1)
    assert told["lanes_paused",] == 1


@pytest.mark.parametrize("header", ["", "Bearer wrong", TOKEN, "Bearer "])
def test_figures_are_not_there_for_whoever_has_no_token(db: None, settings: Any, header: str):
    for expected in (TOKEN, ""):
        settings.METRICS_TOKEN = expected
        answer = Client().get("/metrics", headers={"authorization": header})
        assert (answer.status_code, answer.content) == (404, b"")


def test_a_scrape_costs_the_same_however_many_rows_there_are(
    product: Product, token: str, django_assert_max_num_queries: Any
):
    product.play("answered_call", client_phone=PHONE)
    with django_assert_max_num_queries(24):
        scrape()


# --- readiness


def test_ready_means_that_the_database_is_there_and_migrated(product: Product):
    assert Client().get("/readyz").status_code == 200
    last = MigrationRecorder(connection).migration_qs.filter(app="integration").order_by("-pk")[0]
    last.delete()
    answer = Client().get("/readyz")
    MigrationRecorder(connection).record_applied(last.app, last.name)
    assert (answer.status_code, answer.json()) == (503, {"database": "not migrated"})
    assert Client().get("/readyz").status_code == 200


# --- the log


def written(formatter: logging.Formatter, **extra: Any) -> str:
    out = StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    handler.addFilter(MaskingFilter())
    logger = logging.getLogger("tests.operation")
    logger.addHandler(handler)
    try:
        try:
            raise ValueError(f"refresh_token=abcdef phone +{PHONE}")
        except ValueError:
            logger.exception("call of %s failed", f"+{PHONE}", extra=extra)
    finally:
        logger.removeHandler(handler)
    return out.getvalue()


def test_a_line_of_json_tells_when_where_what_and_masks_everything():
    line = json.loads(written(JsonFormatter(), trace="3f2a", portal="b24.example", client=f"+{PHONE}"))
    assert (line["level"], line["logger"], line["trace"]) == ("ERROR", "tests.operation", "3f2a")
    assert line["at"].endswith("+00:00")
    assert "ValueError" in line["exception"]
    assert PHONE not in json.dumps(line)
    assert "abcdef" not in json.dumps(line)


def test_a_line_for_people_masks_its_traceback_too():
    text = written(LineFormatter("%(levelname)s %(message)s"), trace="3f2a")
    assert "trace=3f2a" in text
    assert PHONE not in text
    assert "abcdef" not in text


@pytest.mark.fault(28)
def test_an_error_is_mailed_once_an_hour_and_without_the_secret_of_an_address(
    settings: Any, monkeypatch: pytest.MonkeyPatch
):
    settings.ADMINS = [("ops", "ops@example.com")]
    moment = 1000.0
    monkeypatch.setattr(logs.time, "monotonic", lambda: moment)
    handler = MailOnce()
    handler.setFormatter(LineFormatter("%(message)s"))
    handler.addFilter(MaskingFilter())
    logger = logging.getLogger("tests.operation")
    logger.addHandler(handler)
    try:
        for _ in range(5):
            logger.error("Service Unavailable: /uis/3b241101-e2bb-4255-8caf-4136c566a962/the-secret/events/")
        assert len(mail.outbox) == 1
        moment += 3601
        logger.error("elsewhere")
    finally:
        logger.removeHandler(handler)
    assert len(mail.outbox) == 2
    assert "the-secret" not in f"{mail.outbox[0].subject} {mail.outbox[0].body}"


def test_one_id_leads_from_the_notification_to_the_request_at_the_portal(
    product: Product, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    story = product.sandbox.tell("missed_call", client_phone=PHONE)
    first = json.dumps(story.bodies[0], ensure_ascii=False)
    answer = product.client.post(product.events_path, data=first, content_type="application/json")
    story.post()
    trace = answer["X-Trace-Id"]
    for _ in range(3):
        product.pass_time(30)
    read = next(record for record in caplog.records if getattr(record, "trace", "") == trace)
    asked = [record for record in caplog.records if trace in getattr(record, "traces", ())]
    assert read.communication in asked[0].communications
    journalled = [row.pk for row in RequestLog.objects.all() if trace in row.detail.get("traces", ())]
    assert len(journalled) == len(asked)
    page = admin_page(product, f"/admin/crm_bitrix/requestlog/?q={trace}")
    assert f"/{journalled[0]}/" in page


def admin_page(product: Product, path: str) -> str:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client.get(path).content.decode()
