"""Generated tests: every address × the ids of another tenant, every door × bytes, headers and methods of any kind."""

import json
import socket
from typing import Any

import pytest
import schemathesis
from django.contrib.auth import get_user_model
from django.core import serializers
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.authtoken.models import Token
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from integration.models import Communication, Credential, InboxEvent, Portal, SettingsRevision, State
from settings_ui.models import Resend
from tests.conftest import Product, configure
from tests.frame_posts import open_frame, token_of
from tests.generated_routes import Route, all_routes

ROUTES = all_routes()
IN_FRAME = [route for route in ROUTES if route.pattern.startswith("bitrix24/app/") and route.pattern != "bitrix24/app/"]
TAKES_NO_IDS = {
    "bitrix24/app/credentials/",
    "bitrix24/app/journal/",
    "bitrix24/app/journal/days/",
    "bitrix24/app/journal/again/",
    "bitrix24/app/screen/sync/",
    "bitrix24/app/screen/sync/cancel/",
    "bitrix24/app/screen/sync/start/",
}
"""Of what they show and change the portal of the session is the owner, whatever is sent. A new address is not among
them until somebody has looked at it."""

MARK = "Чужое-7f3a"


def examples(number: int) -> hypothesis_settings:
    """So many, the same each time."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return hypothesis_settings(max_examples=number, deadline=None, derandomize=True, suppress_health_check=checks)


# --- other tenants


@pytest.fixture
def theirs(product: Product) -> dict[str, Any]:
    """Rows of another portal; each carries the mark where it has a text."""
    portal = Portal.objects.create(member_id="f" * 32, domain="their.example", client_endpoint="https://their.example/")
    credential = Credential.objects.create(portal=portal, name=MARK)
    configure(credential)
    SettingsRevision.objects.create(credential=credential, number=1, document={"about": MARK}, author=MARK)
    told = {"kind": "call", "uis_id": "777", "state": State.FAILED, "reason": MARK, "crm_object": MARK}
    call = Communication.objects.create(portal=portal, credential=credential, **told)
    resend = Resend.objects.create(portal=portal, user_id=1)
    return {"portal": portal, "credential": credential, "call": call, "resend": resend}


def ids_of(theirs: dict[str, Any]) -> dict[str, Any]:
    """Whatever an address may take an id by."""
    credential, call = theirs["credential"], theirs["call"]
    return {
        **dict.fromkeys(("credential", "uuid", "credential_uuid"), str(credential.uuid)),
        **dict.fromkeys(("communication", "row", "id", "pk", "last"), call.pk),
        **dict.fromkeys(("number", "revision", "base"), 1),
        **dict.fromkeys(("portal", "member_id"), theirs["portal"].member_id),
        "form": [["main.active:flag", "1"]],
    }


def snapshot() -> str:
    """Everything that belongs to the other portal."""
    rows = [
        *Portal.objects.filter(member_id="f" * 32),
        *Credential.objects.filter(name=MARK),
        *SettingsRevision.objects.filter(author=MARK),
        *Communication.objects.filter(reason=MARK),
        *Resend.objects.filter(portal__member_id="f" * 32),
    ]
    return serializers.serialize("json", rows)


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault(43)
def test_no_address_of_the_frame_shows_or_changes_what_belongs_to_another_portal(product: Product, theirs):
    token = token_of(open_frame(product.client, product.sandbox))
    before, sent = snapshot(), ids_of(theirs)
    headers = {"x-app-session": token}
    for route in IN_FRAME:
        path = route.path(pk=theirs["resend"].pk if "journal/again" in route.pattern else theirs["call"].pk)
        form = product.client.post(path, {**sent, "form": ""}, headers=headers)
        body = product.client.post(path, json.dumps(sent), content_type="application/json", headers=headers)
        got = product.client.get(path, sent, headers=headers)
        for answer in (form, body, got):
            assert answer.status_code in (200, 400, 404, 405), (route.pattern, answer.status_code)
            assert MARK not in answer.content.decode(errors="replace"), route.pattern
        refused = {form.status_code, body.status_code} & {400, 404}
        assert refused or route.pattern in TAKES_NO_IDS, route.pattern
    assert snapshot() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault(43)
def test_nobody_uses_an_address_of_the_frame_without_a_session_of_his_own(product: Product, theirs):
    before, sent = snapshot(), {**ids_of(theirs), "form": ""}
    for route in IN_FRAME:
        path = route.path(pk=theirs["call"].pk)
        for token in ("", "forged"):
            answer = product.client.post(path, sent, headers={"x-app-session": token} if token else {})
            assert answer.status_code == 401, route.pattern
    assert snapshot() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault(43)
def test_the_secret_of_one_credential_opens_no_hook_of_another(product: Product, theirs):
    hooks = [route for route in ROUTES if "secret" in route.parts]
    assert len(hooks) >= 2
    for route in hooks:
        path = route.path(credential_uuid=theirs["credential"].uuid, secret=product.secret)
        for answer in (product.client.get(path), product.client.post(path, b"{}", "application/json")):
            assert (answer.status_code, answer.content) == (404, b""), route.pattern
    assert not InboxEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault(43)
def test_the_api_is_for_the_staff_alone(product: Product, theirs):
    nobody = get_user_model().objects.create_user("nobody")
    ordinary = {"authorization": f"Token {Token.objects.create(user=nobody).key}"}
    frame = {"x-app-session": token_of(open_frame(product.client, product.sandbox))}
    for route in ROUTES:
        if route.pattern.startswith("api/"):
            path = route.path(uuid=theirs["credential"].uuid)
            for headers in ({}, ordinary, frame):
                for method in ("get", "post", "put", "patch", "delete"):
                    answer = getattr(product.client, method)(path, headers=headers)
                    assert answer.status_code in (401, 403), (route.pattern, method)


# --- any bytes


NAMES = (
    *(
        "name",
        "portal",
        "code",
        "state",
        "error",
        "DOMAIN",
        "PROTOCOL",
        "LANG",
        "APP_SID",
        "event",
        "cursor",
        "session",
    ),
    *("notification_mnemonic", "AUTH_ID", "REFRESH_ID", "APPLICATION_TOKEN", "SERVER_ENDPOINT", "member_id", "status"),
    *("PLACEMENT", "PLACEMENT_OPTIONS", "data[PHONE_NUMBER]", "data[CALL_ID]", "auth[member_id]", "auth[access_token]"),
    *(
        "auth[application_token]",
        "session",
        "ts",
        "numa",
        "numb",
        "call_session_id",
        "credential",
        "communication",
        "form",
    ),
)
TYPES = (
    *("application/json", "application/x-www-form-urlencoded", "text/plain", "", "multipart/form-data", "text/html"),
    *("multipart/form-data; boundary=x", "application/json; charset=utf-7", "text/plain; charset=nonsense", "\x7f/;"),
)
HEADERS = ("Origin", "Referer", "X-App-Session", "Authorization", "X-Forwarded-For", "X-Forwarded-Proto", "Cookie")
HEADERS += ("Accept-Language", "Content-Encoding", "If-Match", "Range", "Sec-Fetch-Site", "X-CSRFToken", "Accept")
METHODS = ("GET", "POST", "POST", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")

texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(("ONAPPINSTALL", "ONEXTERNALCALLSTART", "call_proceeding", "chat_finished", "null", "NaN", "-1")),
    st.sampled_from(("9" * 400, "\x00", "a\r\nb", "{{ settings.SECRET_KEY }}", "../../etc", "%", "[", "[" * 900)),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)
named = st.dictionaries(st.sampled_from(NAMES) | texts, texts, max_size=6)
bodies = st.one_of(
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from(NAMES) | texts, values, max_size=6).map(lambda told: json.dumps(told).encode()),
    named.map(lambda pairs: "&".join(f"{name}={text}" for name, text in pairs.items()).encode(errors="replace")),
    st.integers(100, 100_000).map(lambda depth: b"[" * depth),
    st.integers(100, 50_000).map(lambda depth: b'{"a":' * depth),
    st.just(b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nc\r\n--x--'),
)
header_texts = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\x00"), max_size=30)
requests = st.fixed_dictionaries(
    {
        "method": st.sampled_from(METHODS),
        "content_type": st.sampled_from(TYPES),
        "body": bodies,
        "query": st.one_of(named, st.just({})),
        "headers": st.dictionaries(st.sampled_from(HEADERS), header_texts, max_size=3),
    }
)


@pytest.fixture
def alone(product: Product, monkeypatch: pytest.MonkeyPatch) -> Product:
    """Nothing but the sandbox is there: names lead nowhere."""
    real = socket.getaddrinfo

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in ("127.0.0.1", b"127.0.0.1", "localhost"):
            raise socket.gaierror("there is no such name")
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return product


def send(client: Client, path: str, *, method: str, content_type: str, body: bytes, query: Any, headers: Any) -> int:
    answer = client.generic(method, path, body, content_type=content_type, query_params=query or None, headers=headers)
    return answer.status_code


def door(route: Route, product: Product) -> str:
    """An address of the product with ids and secret that are right: what is behind it shall be reached."""
    uuids = dict.fromkeys(("uuid", "credential_uuid"), product.credential.uuid)
    return route.path(**uuids, secret=product.secret, code="DEFAULT", pk=1)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.fault(22)
def test_no_request_of_any_kind_breaks_anything(alone: Product):
    client = Client(raise_request_exception=False)

    @examples(250)
    @given(st.sampled_from(ROUTES), requests)
    def every(route: Route, request: dict[str, Any]) -> None:
        assert send(client, door(route, alone), **request) < 500

    every()
    alone.work()
    assert not InboxEvent.objects.filter(folded_at__isnull=True).exists()
    assert not InboxEvent.objects.filter(error__startswith="внутренняя ошибка").exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.fault(22)
def test_no_notification_of_any_kind_breaks_anything(alone: Product):
    @examples(100)
    @given(bodies)
    def every(body: bytes) -> None:
        assert alone.notify(body) == 200

    every()
    alone.work()
    assert not InboxEvent.objects.filter(folded_at__isnull=True).exists()
    assert not InboxEvent.objects.filter(error__startswith="внутренняя ошибка").exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_no_request_of_an_administrator_breaks_anything(alone: Product):
    token = token_of(open_frame(alone.client, alone.sandbox))
    client = Client(raise_request_exception=False, headers={"x-app-session": token})

    @examples(150)
    @given(st.sampled_from(IN_FRAME), requests)
    def every(route: Route, request: dict[str, Any]) -> None:
        kept = {name: text for name, text in request["headers"].items() if name not in ("X-App-Session", "Origin")}
        assert send(client, door(route, alone), **{**request, "headers": kept}) < 500

    every()


# --- the schema of the API


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_api_breaks_at_nothing_that_its_schema_allows_or_forbids(alone: Product):
    staff = get_user_model().objects.create_user("olga", is_staff=True)
    headers = {"Authorization": f"Token {Token.objects.create(user=staff).key}"}
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application(), headers=headers)

    def check(case: Any) -> None:
        case.path_parameters = {"uuid": str(alone.credential.uuid)} | dict(case.path_parameters or {})
        case.call_and_validate(headers=headers, checks=[not_a_server_error])

    for found in schema.get_all_operations():
        for mode in GenerationMode:
            examples(3)(given(case=found.ok().as_strategy(generation_mode=mode))(check))()
