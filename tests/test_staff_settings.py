"""The three tabs in the admin: the same screen for staff, with the rights of staff."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from integration.models import Credential, SettingsRevision
from integration.settings_document import read_settings
from settings_ui.models import FrameSession
from tests.form_reader import read_form
from tests.frame_posts import token_of
from tests.test_screen import credential

__all__ = ["credential"]

pytestmark = pytest.mark.django_db


def staff(*rights: str) -> Client:
    user = User.objects.create_user("anna", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client(headers={"accept-language": "ru"})
    client.force_login(user)
    return client


def path_of(credential: Credential) -> str:
    return f"/admin/integration/credential/{credential.pk}/settings/"


def post(client: Client, path: str, token: str, **body: Any) -> Any:
    return client.post(path, json.dumps(body), content_type="application/json", headers={"x-app-session": token})


def test_staff_save_with_the_same_form_and_the_revision_names_them(credential: Credential):
    client = staff("change_credential")
    page = client.get(path_of(credential))
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    form = read_form(page.content.decode())
    pairs = [[name, "KZ" if name.startswith("main.country") else value] for name, value in form.pairs]
    answer = post(
        client,
        "/bitrix24/app/screen/save/",
        token_of(page),
        credential=str(credential.uuid),
        form=pairs,
        base=int(form.data["data-base"]),
    )
    assert "Сохранено" in answer.content.decode()
    credential.refresh_from_db()
    assert read_settings(credential).country == "KZ"
    saved = SettingsRevision.objects.latest("number")
    assert (saved.author_kind, saved.author) == ("staff", "anna")


def test_staff_with_the_right_to_look_change_nothing(credential: Credential):
    client = staff("view_credential")
    page = client.get(path_of(credential))
    assert "Вы видите настройки" in page.content.decode()
    told = {"credential": str(credential.uuid)}
    assert post(client, "/bitrix24/app/screen/", token_of(page), **told).status_code == 200
    for path in ("save", "restore", "import", "draft", "sync/start"):
        assert post(client, f"/bitrix24/app/screen/{path}/", token_of(page), **told).status_code == 403


@pytest.mark.parametrize("path", ["journal/", "journal/1/reveal/", "checklist/", "uis-key/", "check/", "addresses/"])
def test_the_session_of_staff_opens_nothing_but_the_tabs(credential: Credential, path: str):
    client = staff("change_credential")
    token = token_of(client.get(path_of(credential)))
    assert client.post(f"/bitrix24/app/{path}", headers={"x-app-session": token}).status_code == 403


def test_a_right_that_is_taken_away_counts_at_once(credential: Credential):
    client = staff("change_credential")
    token = token_of(client.get(path_of(credential)))
    User.objects.get(username="anna").user_permissions.clear()
    told = {"credential": str(credential.uuid)}
    assert post(client, "/bitrix24/app/screen/", token, **told).status_code == 401
    assert client.get(path_of(credential)).status_code == 403


def test_nobody_else_gets_the_tabs(credential: Credential):
    assert Client().get(path_of(credential)).status_code == 302
    assert staff().get(path_of(credential)).status_code == 403
    assert not FrameSession.objects.filter(staff__isnull=False).exists()
