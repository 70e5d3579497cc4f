"""The settings document over the API."""

import json

import pytest
from django.contrib.auth import get_user_model
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from integration.models import Credential, Portal, SettingsRevision
from integration.settings_document import read_settings
from tests.settings_world import COMPLETE, PORTAL, SMALLEST, store

pytestmark = pytest.mark.django_db


@pytest.fixture
def credential():
    portal = Portal.objects.create(member_id="m", domain=PORTAL)
    made = Credential.objects.create(portal=portal, name="Основной портал")
    store(portal, made)
    return made


@pytest.fixture
def staff():
    return get_user_model().objects.create_user("olga", is_staff=True)


@pytest.fixture
def client(staff):
    made = APIClient()
    made.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=staff).key}")
    return made


@pytest.fixture
def url(credential):
    return f"/api/credentials/{credential.uuid}/settings/"


def put(client, url, text, **headers):
    return client.generic("PUT", url, text, content_type="application/json", headers=headers)


def test_get_is_the_export_with_the_revision_as_its_tag(client, url):
    answer = client.get(url)
    assert (answer.status_code, answer["ETag"]) == (200, '"0"')
    assert list(answer.json()) == ["version", "about", "main", "telephony", "chats"]
    assert "Основной портал" in answer.content.decode()


def test_put_saves_and_answers_with_the_new_document(client, url, credential):
    answer = put(client, url, COMPLETE, if_match='"0"')
    assert (answer.status_code, answer["ETag"]) == (200, '"1"')
    assert answer.json() == client.get(url).json() | {"about": answer.json()["about"]}
    assert answer.json()["about"]["revision"] == 1
    revision = SettingsRevision.objects.get()
    assert (revision.author_kind, revision.author) == ("staff", "olga")
    assert read_settings(credential).is_active


def test_putting_back_what_was_got_adds_no_revision(client, url):
    put(client, url, COMPLETE, if_match='"0"')
    got = client.get(url)
    answer = put(client, url, got.content, if_match=got["ETag"])
    assert (answer.status_code, answer["ETag"]) == (200, '"1"')
    assert SettingsRevision.objects.count() == 1


def test_put_without_if_match_is_428(client, url):
    answer = put(client, url, SMALLEST)
    assert answer.status_code == 428
    assert "If-Match" in answer.json()["detail"]


@pytest.mark.parametrize("tag", ['"7"', "0", "*", 'W/"0"', ""])
def test_put_with_another_revision_is_412_and_saves_nothing(client, url, tag):
    answer = put(client, url, SMALLEST, if_match=tag)
    assert (answer.status_code, answer["ETag"]) == (412, '"0"')
    assert not SettingsRevision.objects.exists()


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("", ["document"]),
        ("{", ["document"]),
        ("[]", ["document"]),
        ("{}", ["version"]),
        (b"\xff", ["document"]),
        ('{"version": 1, "version": 1}', ["version"]),
        ('{"version": 1, "main": {"active": 1, "active": NaN}}', ["main.active", "main.active"]),
        ('{"version": 1, "main": {"alerts": {"users": [true, 99]}}}', ["main.alerts.users[0]", "main.alerts.users[1]"]),
        ('{"version": 1, "about": "' + "x" * 600_000 + '"}', ["document"]),
    ],
)
def test_put_with_faults_is_400_with_all_of_them(client, url, text, errors):
    answer = put(client, url, text, if_match='"0"')
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == errors
    assert answer.json()["warnings"] == []
    assert not SettingsRevision.objects.exists()


def test_warnings_are_told_beside_errors(client, url):
    document = json.loads(SMALLEST)
    document["main"]["alerts"] = {"users": [41, 99]}
    answer = put(client, url, json.dumps(document), if_match='"0"')
    assert answer.json() == {
        "errors": [
            {"path": "main.alerts.users[1]", "message": "no person with the id 99 is known; synchronise if it is new"}
        ],
        "warnings": [{"path": "main.alerts.users[0]", "message": "Иван Прежний (41) is dismissed"}],
    }


def test_an_unknown_credential_is_404(client):
    for address in ("9d1a2c1e-0000-4000-8000-000000000000", "main"):
        assert client.get(f"/api/credentials/{address}/settings/").status_code == 404


def test_only_staff_may_read_and_write(url, staff):
    user = get_user_model().objects.create_user("guest")
    for client in (APIClient(), APIClient()):
        assert client.get(url).status_code == 403
        assert put(client, url, SMALLEST, if_match='"0"').status_code == 403
        client.force_login(user)
        assert client.get(url).status_code == 403
        assert put(client, url, SMALLEST, if_match='"0"').status_code == 403
        assert client.get("/api/schema/").status_code == 403
    assert not SettingsRevision.objects.exists()


def test_a_session_of_staff_opens_the_api_and_needs_the_csrf_token_to_write(url, staff):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(staff)
    assert client.get(url).status_code == 200
    assert put(client, url, SMALLEST, if_match='"0"').status_code == 403


def test_other_bodies_are_refused(client, url):
    answer = client.generic("PUT", url, "a=1", content_type="application/x-www-form-urlencoded", HTTP_IF_MATCH='"0"')
    assert answer.status_code == 415
    assert client.post(url).status_code == 405


def test_the_schema_tells_the_shape_of_the_document(client):
    schema = client.get("/api/schema/?format=json").json()
    operations = schema["paths"]["/api/credentials/{uuid}/settings/"]
    assert set(operations["put"]["responses"]) == {"200", "400", "403", "404", "412", "415", "428"}
    shapes = schema["components"]["schemas"]
    assert {"version", "about", "main", "telephony", "chats"} == set(shapes["DocumentShape"]["properties"])
