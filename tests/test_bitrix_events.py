"""Events of a portal: who is believed, what is stored once, what no body can break."""

import gzip
from urllib.parse import urlencode

import pytest
from django.db import DatabaseError
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from crm_bitrix import events
from crm_bitrix.events import read_event
from crm_bitrix.php_form import MAX_DEPTH, MAX_FIELDS, BadForm, branch, parse, text
from integration.models import InboxEvent, Portal
from tests.sandbox.outbox import event_form

PATH = "/bitrix24/events/"
FORM = "application/x-www-form-urlencoded"
CLICK = {"PHONE_NUMBER": "+74951234567", "USER_ID": 12, "LINE_NUMBER": "74950000000", "CALL_ID": "externalCall.1"}


def form_of(product, name, data=None, **changes):
    """One event as form fields; `changes` replace fields of `auth`, None removes one."""
    form = event_form(product.sandbox.portal, name, data or {})
    for key, value in changes.items():
        form.pop(f"auth[{key}]", None)
        if value is not None:
            form[f"auth[{key}]"] = value
    return form


def post(product, form, **extra):
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    return product.client.post(PATH, data=body, content_type=FORM, **extra)


# --- the form


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"", {}),
        (b"event=A&ts=1", {"event": "A", "ts": "1"}),
        (b"auth[member_id]=m&auth[domain]=d", {"auth": {"member_id": "m", "domain": "d"}}),
        (b"auth%5Bmember_id%5D=m", {"auth": {"member_id": "m"}}),
        (b"a[b][c]=1&a[b][d]=2", {"a": {"b": {"c": "1", "d": "2"}}}),
        (b"a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
        (b"a[1]=x&a[]=y", {"a": {"1": "x", "2": "y"}}),
        (b"a=1&a=2", {"a": "2"}),
        (b"a=1&a[b]=2", {"a": {"b": "2"}}),
        (b"a[b]=2&a=1", {"a": "1"}),
        (b"a[b=1&[c]=2&d]=3", {"a[b": "1", "[c]": "2", "d]": "3"}),
        (b"a[b]c=1", {"a[b]c": "1"}),
        (b"PHONE=%2B7%20495&t=%D0%9F%D1%80", {"PHONE": "+7 495", "t": "Пр"}),
        (b"t=%FF%FE", {"t": "\ufffd\ufffd"}),
        (b"=1&&&", {}),
    ],
)
def test_form_is_read_as_php_reads_it(body, form):
    assert parse(body) == form


@pytest.mark.parametrize(
    "body",
    [
        b"&".join(b"a%d=1" % number for number in range(MAX_FIELDS + 1)),
        b"a" + b"[b]" * MAX_DEPTH + b"=1",
        b"a" + b"[]" * 10_000 + b"=1",
        b"a" * 2_000_000,
    ],
)
def test_form_larger_than_any_of_the_vendors_is_refused(body):
    with pytest.raises(BadForm):
        parse(body)


@given(st.binary(max_size=2000) | st.text(alphabet="ab[]=&%01;+\x00", max_size=300).map(str.encode))
@hypothesis_settings(max_examples=500, deadline=None)
def test_no_bytes_break_the_form(body):
    try:
        form = parse(body)
        event = read_event(body)
    except BadForm:
        return
    assert all(isinstance(key, str) and isinstance(value, str | dict) for key, value in form.items())
    assert text(form, "event").upper() == event.name
    assert branch(form, "data") == event.data


@given(st.binary(max_size=600))
@hypothesis_settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_break_the_address(db, body):
    assert Client().post(PATH, data=body, content_type=FORM).status_code < 500


def test_secrets_of_an_event_stay_out_of_its_repr():
    event = read_event(b"event=onAppTest&auth[access_token]=deep-secret")
    assert event.name == "ONAPPTEST"
    assert "deep-secret" not in repr(event)


# --- who is believed


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    "changes",
    [
        {"application_token": None},
        {"application_token": ""},
        {"application_token": "0" * 32},
        {"application_token": "тайна"},
        {"member_id": "0" * 32},
        {"member_id": None},
        {"member_id": "' OR 1=1 --"},
        {"member_id": "a\x00b"},
    ],
)
@pytest.mark.parametrize("name", ["ONEXTERNALCALLSTART", "ONAPPUNINSTALL", "ONAPPPAYMENT", "ONAPPTEST", "ONCRMLEADADD"])
def test_event_of_somebody_else_is_refused_and_logged_without_its_secret(product, caplog, name, changes):
    form = form_of(product, name, {**CLICK, "CLEAN": 1}, **changes)
    answer = post(product, form)
    assert (answer.status_code, answer.content) == (403, b"")
    assert "an event is refused" in caplog.text
    for key, value in form.items():
        assert not ("token" in key and value and value in caplog.text)
    assert not InboxEvent.objects.exists()
    product.portal.refresh_from_db()
    assert product.portal.uninstalled_at is None


def test_event_before_the_secret_is_known_is_refused(product):
    Portal.objects.update(application_token="")
    assert post(product, form_of(product, "ONEXTERNALCALLSTART", CLICK)).status_code == 403
    assert post(product, form_of(product, "ONEXTERNALCALLSTART", CLICK, application_token="-" * 32)).status_code == 403


@pytest.mark.parametrize("key", ["domain", "client_endpoint", "server_endpoint"])
def test_addresses_in_an_event_change_nothing(product, key):
    form = form_of(product, "ONEXTERNALCALLSTART", CLICK, **{key: "https://evil.example/rest/"})
    assert post(product, form).status_code == 200
    before = (product.portal.domain, product.portal.client_endpoint, product.portal.oauth_host)
    product.portal.refresh_from_db()
    assert (product.portal.domain, product.portal.client_endpoint, product.portal.oauth_host) == before


# --- what is taken


@pytest.mark.parametrize("name", sorted(events.STORED))
def test_event_is_stored_raw_and_rings_the_lane(product, name):
    form = form_of(product, name, CLICK)
    assert post(product, form).status_code == 200
    stored = InboxEvent.objects.get()
    assert (stored.channel, stored.source) == (f"b24:{product.portal.pk}", "b24")
    assert bytes(stored.body) == urlencode(form).encode()
    assert product.bells == [product.portal.live_lane]
    event = read_event(bytes(stored.body))
    assert event.name == name
    assert event.data == {key: str(value) for key, value in CLICK.items()}


@pytest.mark.fault(19)
def test_replayed_event_is_stored_once(product):
    form = form_of(product, "ONEXTERNALCALLSTART", CLICK)
    assert [post(product, form).status_code for _ in range(5)] == [200] * 5
    assert InboxEvent.objects.count() == 1
    assert len(product.bells) == 1


def test_event_of_no_use_is_taken_and_forgotten(product):
    assert post(product, form_of(product, "ONCRMLEADADD", {"FIELDS": "1"})).status_code == 200
    assert post(product, form_of(product, "", {})).status_code == 200
    assert not InboxEvent.objects.exists()


def test_unknown_keys_are_ignored(product):
    form = form_of(product, "ONEXTERNALCALLSTART", CLICK) | {"data[NEW][DEEP][]": "1", "x[y": "2", "": "3"}
    assert post(product, form).status_code == 200


def test_event_of_a_portal_on_hold_waits_without_a_bell(product):
    Portal.objects.update(hold_reason="PAYMENT_REQUIRED")
    assert post(product, form_of(product, "ONEXTERNALCALLSTART", CLICK)).status_code == 200
    assert InboxEvent.objects.count() == 1
    assert product.bells == []


@pytest.mark.fault(24)
def test_what_is_no_form_post_is_turned_away(product, settings):
    form = urlencode(form_of(product, "ONEXTERNALCALLSTART", CLICK)).encode()
    client = product.client
    assert [client.get(PATH).status_code, client.head(PATH).status_code, client.put(PATH).status_code] == [405] * 3
    for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain", ""):
        assert client.post(PATH, data=form, content_type=kind).status_code == 415
    packed = gzip.compress(b"0" * 50_000_000)
    assert post(product, packed, headers={"content-encoding": "gzip"}).status_code == 415
    assert post(product, b"a=" + b"0" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE).status_code == 413
    many = b"&".join(b"a%d=" % number for number in range(5000))
    assert post(product, many).status_code == 400
    assert not InboxEvent.objects.exists()


@pytest.mark.fault(28)
def test_database_that_is_away_is_said_so(product, monkeypatch):
    def broken(**_):
        raise DatabaseError("away")

    monkeypatch.setattr("integration.inbox.receive", broken)
    answer = post(product, form_of(product, "ONEXTERNALCALLSTART", CLICK))
    assert (answer.status_code, answer.content) == (503, b"")
