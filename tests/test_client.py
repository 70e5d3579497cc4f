"""The client of a portal: limits, tokens, answers of every kind."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.db import connection
from django.utils import timezone

from crm_bitrix import tokens
from crm_bitrix.actions import Command
from crm_bitrix.client import Client
from crm_bitrix.errors import Cause, PortalError
from crm_bitrix.models import RequestLog
from integration import lanes
from integration.models import Lane, Portal
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)
TIME = Command("server.time")


def fails(product: Product, status: int, body: Any) -> PortalError:
    with responses.RequestsMock() as mocked:
        url = f"{product.portal.client_endpoint}server.time.json"
        mocked.post(url, json=body, status=status) if not isinstance(body, str) else mocked.post(
            url, body=body, status=status
        )
        with pytest.raises(PortalError) as raised:
            Client(product.portal).call(TIME)
    return raised.value


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (503, {"error": "QUERY_LIMIT_EXCEEDED"}, Cause.BUSY),
        (429, {"error": "OPERATION_TIME_LIMIT", "time": {"operating_reset_at": 1_900_000_000}}, Cause.METHOD_BUSY),
        (503, {"error": "OVERLOAD_LIMIT"}, Cause.HOLD),
        (401, {"error": "PAYMENT_REQUIRED"}, Cause.HOLD),
        (500, {"error": "PORTAL_DELETED"}, Cause.HOLD),
        (403, {"error": "portal_deleted"}, Cause.HOLD),
        (401, {"error": "authorization_error"}, Cause.HOLD),
        (401, {"error": "APPLICATION_NOT_FOUND"}, Cause.HOLD),
        (403, {"error": "ACCESS_DENIED"}, Cause.REFUSED),
        (403, {"error": "insufficient_scope"}, Cause.REFUSED),
        (404, {"error": "ERROR_METHOD_NOT_FOUND"}, Cause.REFUSED),
        (400, {"error": "100", "error_description": "Invalid value"}, Cause.REFUSED),
        (200, {"error": "ERROR_PLACEMENT_MAX_COUNT"}, Cause.REFUSED),
        (500, {"error": "INTERNAL_SERVER_ERROR"}, Cause.UNKNOWN),
        (502, "<html>bad gateway</html>", Cause.DOWN),
        (503, "<html>maintenance</html>", Cause.DOWN),
        (504, "<html>timeout</html>", Cause.UNKNOWN),
        (200, "<html>login</html>", Cause.UNKNOWN),
        (200, '{"result": {"cut', Cause.UNKNOWN),
        (200, "[]", Cause.UNKNOWN),
        (302, "", Cause.MOVED),
    ],
)
@pytest.mark.fault(35)
def test_every_answer_has_a_meaning(product: Product, status: int, body: Any, cause: Cause):
    assert fails(product, status, body).cause == cause


def test_no_connection_is_not_an_unknown_outcome(product: Product):
    product.portal.client_endpoint = "http://127.0.0.1:9/rest/"
    with pytest.raises(PortalError) as raised:
        Client(product.portal).call(TIME)
    assert raised.value.cause == Cause.DOWN


def test_a_private_address_is_never_asked(product: Product, settings: Any):
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with pytest.raises(PortalError, match="not allowed"):
        Client(product.portal).call(TIME)
    assert not product.sandbox.portal.requests


@pytest.mark.fault(31)
def test_a_method_that_has_used_up_its_time_rests_and_the_others_go_on(product: Product):
    reset = int((timezone.now() + timedelta(minutes=9)).timestamp())
    with responses.RequestsMock() as mocked:
        mocked.post(
            f"{product.portal.client_endpoint}crm.item.add.json",
            json={"result": {}, "time": {"operating": 410.5, "operating_reset_at": reset}},
        )
        Client(product.portal).call(Command("crm.item.add", {"entityTypeId": 1}))
    story = product.play("missed_call", client_phone="79001112233")
    assert product.call(story).state == "retry"
    assert not product.sandbox.portal.commands("crm.item.add")
    assert product.sandbox.portal.commands("crm.item.list")
    product.pass_time(9 * 60 + 1)
    assert product.call(story).state == "done"


def test_who_waits_more_impatiently_finds_room_in_the_bucket_when_others_do_not(product: Product):
    name = product.portal.live_lane
    bucket, other = lanes.Bucket(name), lanes.Bucket(name)
    assert [bucket.take(level=lanes.BULK_LEVEL) for _ in range(25)] == [None] * 25
    assert bucket.take(level=lanes.BULK_LEVEL) == timezone.now() + timedelta(seconds=0.5)
    assert [other.take(level=lanes.LIVE_LEVEL) for _ in range(7)] == [None] * 7
    assert other.take(level=lanes.LIVE_LEVEL)
    assert [bucket.take(level=lanes.RING_LEVEL) for _ in range(8)] == [None] * 8
    assert bucket.take(level=lanes.RING_LEVEL)
    assert bucket.take(level=lanes.ROUTING_LEVEL) is None
    product.clock.shift(20)
    assert other.take(level=lanes.LIVE_LEVEL) is None
    assert round(Lane.objects.get(name=name).bucket_level) == 2


def test_a_request_prolongs_the_lease_that_it_is_made_under_and_none_is_made_without(product: Product):
    name = product.portal.live_lane
    bucket = lanes.Bucket(name, taken=lanes.acquire(name))
    product.clock.shift(40)
    assert bucket.take(level=lanes.LIVE_LEVEL) is None
    product.clock.shift(10)
    assert lanes.acquire(name) is None
    product.clock.shift(40)
    assert lanes.acquire(name)
    with pytest.raises(lanes.LeaseLost):
        bucket.take(level=lanes.LIVE_LEVEL)


def test_a_request_waits_a_moment_for_room_and_no_longer(product: Product):
    Lane.objects.filter(name=product.portal.live_lane).update(bucket_level=lanes.LIVE_LEVEL, bucket_at=timezone.now())
    began = timezone.now()
    Client(product.portal, patience_seconds=1).call(Command("server.time"))
    assert timezone.now() - began == timedelta(seconds=0.5)
    with pytest.raises(PortalError, match="bucket"):
        Client(product.portal).call(Command("server.time"))


def test_the_journal_of_many_requests_is_written_at_once(product: Product):
    before = RequestLog.objects.count()
    with Client(product.portal) as client:
        client.call(Command("server.time"))
        client.call(Command("server.time"))
        assert RequestLog.objects.count() == before
    assert RequestLog.objects.count() == before + 2


@pytest.mark.fault(30)
def test_a_portal_that_says_slow_down_is_left_in_peace_and_then_served(product: Product):
    product.sandbox.faults.fail_next(5, "503")
    story = product.play("missed_call", client_phone="79001112233")
    asked = len(product.sandbox.portal.requests)
    assert asked == 1
    for _ in range(150):
        product.pass_time(1)
    assert product.call(story).state == "done"
    assert product.call(story).attempts == 0


# --- tokens


@pytest.mark.smoke
def test_an_expired_token_is_renewed_once_and_the_request_repeated(product: Product):
    product.sandbox.portal.expire_tokens()
    assert Client(product.portal).call(TIME)
    stored = Portal.objects.get(pk=product.portal.pk)
    assert stored.token_version == 1
    assert stored.access_token == product.portal.access_token
    assert len(product.sandbox.oauth_log) == 1


@pytest.mark.fault(32)
def test_eight_workers_with_an_expired_token_make_one_renewal(product: Product):
    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time: the workers of SQLite are at most two")
    product.sandbox.portal.expire_tokens()
    outcomes: list[Any] = []

    def ask() -> None:
        try:
            outcomes.append(Client(Portal.objects.get(pk=product.portal.pk)).call(TIME))
        except PortalError as error:
            outcomes.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=ask) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert len(product.sandbox.oauth_log) == 1
    assert Portal.objects.get(pk=product.portal.pk).token_version == 1


def test_whoever_comes_second_to_a_renewal_waits_or_says_come_back(product: Product):
    late = Portal.objects.get(pk=product.portal.pk)
    Portal.objects.filter(pk=late.pk).update(refreshing_until=timezone.now() + timedelta(seconds=30))
    with pytest.raises(PortalError) as raised:
        tokens.renew(late, may_wait=False)
    assert raised.value.cause == Cause.BUSY
    Portal.objects.filter(pk=late.pk).update(token_version=1, access_token="x")
    tokens.renew(late, may_wait=False)
    assert late.token_version == 1


def test_a_renewal_whose_process_died_is_taken_over_after_half_a_minute(product: Product):
    product.sandbox.portal.expire_tokens()
    Portal.objects.filter(pk=product.portal.pk).update(refreshing_until=timezone.now() + timedelta(seconds=30))
    product.clock.shift(31)
    assert Client(Portal.objects.get(pk=product.portal.pk)).call(TIME)


@pytest.mark.fault(33)
def test_a_dead_pair_puts_the_portal_on_hold_and_nothing_is_lost(product: Product):
    product.sandbox.portal.revoke_tokens()
    story = product.play("missed_call", client_phone="79001112233")
    product.portal.refresh_from_db()
    assert "invalid_grant" in product.portal.hold_reason
    assert (product.call(story).state, product.call(story).attempts) == ("waiting", 0)
    assert product.call(story).due_at
    told = product.sandbox.connection()
    Portal.objects.filter(pk=product.portal.pk).update(access_token="", refresh_token="", token_version=5)
    product.portal.refresh_from_db()
    tokens.save_tokens(product.portal, told)
    from crm_bitrix import holds

    holds.resume(product.portal)
    product.work()
    assert product.call(story).state == "done"


def test_the_secret_goes_only_to_an_allowed_authorisation_server(product: Product):
    product.portal.oauth_host = "https://evil.example"
    with pytest.raises(PortalError, match="not an authorisation server"):
        tokens.renew(product.portal)


@pytest.mark.fault(36)
def test_a_renamed_portal_is_followed_only_as_the_authorisation_server_says(product: Product):
    old = product.portal.client_endpoint
    product.sandbox.portal.rename("localhost")
    story = product.play("missed_call", client_phone="79001112233")
    for _ in range(10):
        product.pass_time(1)
    product.portal.refresh_from_db()
    assert product.portal.client_endpoint != old
    assert product.call(story).state == "done"
