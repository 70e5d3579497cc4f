"""The addresses that UIS calls: what is stored, what is refused, what is answered."""

import json
import threading
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.models import Communication, InboxEvent
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)
PAYLOADS = Path(__file__).parent / "payloads"
VARIANTS = json.loads((PAYLOADS / "_wire-variants.json").read_text())["cases"]


@pytest.mark.smoke
@pytest.mark.fault(21)
def test_a_wrong_secret_gets_an_empty_404_and_stores_nothing(product: Product):
    for path in (
        product.events_path.replace(product.secret, "x" * 43),
        product.events_path.replace(str(product.credential.uuid), "00000000-0000-4000-8000-000000000000"),
    ):
        answer = product.client.post(path, data=b"{}", content_type="application/json")
        assert (answer.status_code, answer.content) == (404, b"")
    assert not InboxEvent.objects.exists()
    assert not product.bells


@pytest.mark.fault(21)
def test_the_previous_secret_works_until_its_time_is_over(product: Product):
    old = product.events_path
    now = timezone.now()
    new_secret = product.credential.set_new_secret(keep_previous_until=now + timezone.timedelta(days=1))
    product.credential.save()
    new = old.replace(product.secret, new_secret)
    assert [product.client.post(path, b"{}", "text/plain").status_code for path in (old, new)] == [200, 200]
    product.clock.shift(86_401)
    assert [product.client.post(path, b"{}", "text/plain").status_code for path in (old, new)] == [404, 200]


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[" * 10_000,
        b'{"a": NaN}',
        b'{"call_session_id": ' + b"9" * 400 + b"}",
        b"\x00" * 50,
    ],
)
def test_what_cannot_be_read_is_kept_and_visible(product: Product, body: bytes):
    assert product.notify(body) == 200
    product.work()
    event = InboxEvent.objects.get()
    assert event.folded_at
    assert event.error.startswith(("не читается", "не поддерживается"))
    assert bytes(event.body or b"") == body


@pytest.mark.fault(22)
def test_a_body_of_five_megabytes_is_refused(product: Product):
    assert product.notify(b"x" * 5_000_000) == 413
    assert not InboxEvent.objects.exists()


@pytest.mark.smoke
@pytest.mark.fault(23)
def test_an_event_that_we_do_not_know_is_kept_and_says_so(product: Product):
    assert product.notify({"event": "moon_landing", "call_session_id": 1}) == 200
    product.work()
    assert InboxEvent.objects.get().error == "не поддерживается: moon_landing"
    assert not Communication.objects.exists()


@pytest.mark.parametrize("name", VARIANTS)
def test_every_way_of_writing_a_notification_is_read(product: Product, name: str):
    raw = VARIANTS[name]
    if name.startswith("get_"):
        answer = product.client.get(f"{product.events_path}?event=call_session_finished&{raw}")
    else:
        answer = product.client.post(product.events_path, data=raw.encode(), content_type="text/html")
    assert answer.status_code == 200
    product.work()
    event = InboxEvent.objects.get()
    assert event.error == ""
    assert event.communication is not None
    assert event.communication.uis_id.startswith("50000001")


@pytest.mark.fault(25)
def test_the_same_notification_twenty_times_is_stored_once(product: Product):
    story = product.sandbox.tell("missed_call", client_phone="79001112233")
    assert {status for _ in range(20) for status in story.post([0])} == {200}
    assert InboxEvent.objects.count() == 1


@pytest.mark.fault(28)
def test_a_database_that_is_away_is_told_as_503(product: Product, monkeypatch: pytest.MonkeyPatch):
    from django.db import OperationalError

    def away(*_parts: object, **_named: object) -> bool:
        raise OperationalError("the database is away")

    monkeypatch.setattr("integration.views.take_in", away)
    assert product.notify({"event": "in_call_session"}) == 503


def test_an_event_for_a_portal_on_hold_waits_for_it(product: Product):
    product.portal.hold_reason = "PAYMENT_REQUIRED"
    product.portal.save()
    story = product.sandbox.tell("missed_call", client_phone="79001112233")
    assert set(story.post()) == {200}
    product.pass_time(60)
    assert not product.sandbox.portal.requests
    from crm_bitrix import holds

    product.portal.refresh_from_db()
    holds.resume(product.portal)
    product.work()
    assert product.call(story).state == "done"


@pytest.mark.parametrize(("notification", "statements"), [("new", 1), ("repeated", 2)])
def test_accepting_a_notification_costs_one_statement(
    product: Product, monkeypatch: pytest.MonkeyPatch, notification: str, statements: int
):
    product.notify({"event": "in_call_session", "number": 1})
    monkeypatch.setattr("integration.ringer.leave", lambda _credential: None)
    with CaptureQueriesContext(connection) as captured:
        product.notify({"event": "in_call_session", "number": 1 if notification == "repeated" else 2})
    assert len(captured) == statements, captured.captured_queries


@pytest.mark.fault(28)
def test_a_kept_connection_that_the_database_has_closed_refuses_no_notification(product: Product):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no connections that another could close")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [process] = cursor.fetchone()
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_terminate_backend(%s, 1000)", [process])
    assert product.notify({"event": "in_call_session"}) == 200
    assert InboxEvent.objects.count() == 1


def test_notifications_that_come_at_once_are_all_stored(product: Product, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("integration.ringer.leave", lambda _credential: None)
    statuses: list[int] = []

    def deliver(number: int) -> None:
        try:
            statuses.extend(product.notify({"event": "in_call_session", "number": n}) for n in (number, -number))
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 16
    assert InboxEvent.objects.count() == 16
