"""The edge: how often, how large, and what every answer says to a browser."""

import io
import logging
from urllib.parse import urlencode

import pytest
from django.core import mail
from django.db import OperationalError, connection
from django.test import Client, RequestFactory

from integration import edge
from integration.models import Attempts
from tests.frame_posts import APP, INSTALL, open_frame
from tests.generated_routes import all_routes
from tests.sandbox.outbox import event_form
from tests.test_bitrix_events import post

RENEW = "/bitrix24/session/renew/"
SAMPLES = {
    "uuid": "00000000-0000-4000-8000-000000000000",
    "credential_uuid": "00000000-0000-4000-8000-000000000000",
    "secret": "x" * 43,
    "code": "DEFAULT",
    "pk": "1",
    "number": "1",
}


ROUTES = [*(route.path(**SAMPLES) for route in all_routes()), "/admin/login/", "/admin/"]


def test_every_route_is_found():
    assert {"/healthz", "/connect/", APP, INSTALL, RENEW, "/bitrix24/events/", "/api/schema/"} <= set(ROUTES)
    assert not [path for path in ROUTES if "<" in path]
    assert len(ROUTES) > 30


# --- headers


@pytest.mark.django_db
@pytest.mark.fault(13)
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", ROUTES)
def test_every_answer_tells_the_browser_what_it_may_do(path, method, settings):
    settings.SECURE_HSTS_SECONDS = 31_536_000
    answer = getattr(Client(), method)(path, secure=True)
    assert answer.status_code < 500
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Strict-Transport-Security"] == "max-age=31536000"


# --- size


@pytest.mark.django_db
@pytest.mark.parametrize("path", ROUTES)
def test_a_body_that_is_too_large_is_refused_before_it_is_read(path, settings):
    class Unread(io.BytesIO):
        def read(self, *_size):
            raise AssertionError("the body was read")

    request = {"CONTENT_LENGTH": str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1), "wsgi.input": Unread()}
    answer = Client().generic("POST", path, content_type="multipart/form-data; boundary=x", **request)
    # Where a caller waits, the view itself answers: a branch, and here that it does not know this secret.
    assert answer.status_code == (404 if path.endswith("/route/") else 413)


# --- how often


@pytest.mark.parametrize(
    ("given", "told", "address"),
    [
        ("93.184.216.34", "", "93.184.216.34"),
        ("93.184.216.34", "198.51.100.1", "93.184.216.34"),  # nobody's proxy: the header is his own
        ("127.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.5", "rubbish", "10.0.0.5"),
        ("10.0.0.5", "", "10.0.0.5"),
        ("", "203.0.113.7", "203.0.113.7"),  # a socket of the machine itself
        ("2606:4700:1:2:3:4:5:6", "", "2606:4700:1:2::/64"),
        ("::ffff:93.184.216.34", "", "93.184.216.34"),
    ],
)
def test_the_address_of_a_client_is_that_which_the_nearest_proxy_of_ours_saw(given, told, address):
    headers = {"x-forwarded-for": told} if told else {}
    assert edge.address_of(RequestFactory().get("/", headers=headers, REMOTE_ADDR=given)) == address


def forged(product):
    """An installation in the name of the portal, by somebody who does not know its tokens."""
    portal = product.sandbox.portal
    changes = {"auth[application_token]": "f" * 32, "auth[access_token]": "a" * 64}
    return {**event_form(portal, "ONAPPINSTALL", {"VERSION": 1}), **changes}


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault(17)
def test_forged_installations_are_soon_not_looked_at_and_true_events_are_taken_all_the_while(product):
    spoilt = forged(product)
    statuses = [post(product, {**spoilt, "ts": str(number)}).status_code for number in range(edge.REFUSALS.times + 2)]
    assert set(statuses[: edge.REFUSALS.times]) == {403}
    assert statuses[-2:] == [429, 429]
    click = {"PHONE_NUMBER": "+74951234567", "USER_ID": 12, "CALL_ID": "externalCall.1"}
    true = [event_form(product.sandbox.portal, "ONEXTERNALCALLSTART", {**click, "N": n}) for n in range(40)]
    assert {post(product, form).status_code for form in true} == {200}
    update = event_form(product.sandbox.portal, "ONAPPUPDATE", {"VERSION": 2})
    assert post(product, update).status_code == 200
    assert {product.notify({"event": "in_call_session", "n": n}) for n in range(40)} == {200}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", [APP, INSTALL, "/bitrix24/placement/DEFAULT/"])
def test_refused_entries_make_their_address_wait_and_nobody_else(product, path):
    for _ in range(edge.REFUSALS.times):
        assert open_frame(product.client, product.sandbox, path, body={"AUTH_ID": "f" * 64}).status_code == 403
    asked = len(product.sandbox.oauth_log)
    answer = open_frame(product.client, product.sandbox, path)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= edge.REFUSALS.within.total_seconds()
    assert "Подождите несколько минут" in answer.content.decode()
    assert product.sandbox.portal.domain in answer["Content-Security-Policy"]  # its reader sees it in the frame
    assert len(product.sandbox.oauth_log) == asked
    assert open_frame(Client(REMOTE_ADDR="93.184.216.34"), product.sandbox, path).status_code == 200
    assert product.client.get(path).status_code == 200
    product.clock.shift(edge.REFUSALS.within)
    assert open_frame(product.client, product.sandbox, path).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_whoever_opens_the_application_in_his_own_name_is_never_counted(product):
    for _ in range(3):
        assert open_frame(product.client, product.sandbox).status_code == 200
    assert not Attempts.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_refused_renewals_make_their_address_wait(product):
    form = {"AUTH_ID": "f" * 64, "member_id": product.portal.member_id}
    statuses = [product.client.post(RENEW, form).status_code for _ in range(edge.REFUSALS.times + 1)]
    assert statuses == [403] * edge.REFUSALS.times + [429]


@pytest.mark.django_db(transaction=True)
def test_typed_addresses_are_looked_at_so_often_and_no_more(product):
    path = "/connect/?" + urlencode({"name": "Отдел", "portal": f"http://{product.sandbox.portal.domain}"})
    statuses = [product.client.get(path).status_code for _ in range(edge.LOOKS.times + 1)]
    assert statuses == [302] * edge.LOOKS.times + [429]
    assert product.client.get("/connect/").status_code == 200


@pytest.mark.django_db
def test_what_is_over_is_forgotten(clock):
    edge.count(edge.LOOKS, "93.184.216.34")
    clock.shift(edge.LOOKS.within)
    edge.count(edge.LOOKS, "203.0.113.10")
    assert Attempts.objects.count() == 1


# --- what errors tell whom


def test_no_handler_of_the_framework_writes_past_the_mask():
    assert logging.getLogger("django").handlers == []


@pytest.mark.django_db
@pytest.mark.fault(28)
def test_a_hook_that_cannot_store_mails_nobody_its_secret(settings):
    def away(*_call):
        raise OperationalError("the database is away")

    settings.DEBUG, settings.ADMINS = False, [("admin", "admin@example.com")]
    path = f"/uis/{SAMPLES['uuid']}/{SAMPLES['secret']}/events/"
    with connection.execute_wrapper(away):
        assert Client(raise_request_exception=False).post(path, b"{}", "text/plain").status_code == 503
    assert mail.outbox == []
