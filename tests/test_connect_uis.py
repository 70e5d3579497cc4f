"""Joining a UIS account to a portal: the whole of it or nothing, and a refusal that says what to do."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from crm_bitrix import connecting
from crm_bitrix.models import BitrixItem
from integration.models import Communication, Credential, Lane, Portal, SettingsTab, State, Stream
from integration.notifications import rotate_secret
from tests import connect_sandbox
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quiet_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm_bitrix.synchronise.async_task", lambda *_args, **_options: None)


@pytest.fixture
def fresh(product: Product) -> Product:
    """A portal on which the application is installed, and nothing more."""
    product.credential.delete()
    return product


def connect(product: Product, **changed: Any) -> dict[str, str]:
    options = {"name": "Отдел продаж", "brand": "uis", "key": product.sandbox.uis.key, **changed}
    out = StringIO()
    call_command("connect_uis", product.portal.domain, stdout=out, **options)
    return json.loads(out.getvalue())


def test_a_good_key_makes_a_credential_that_waits_only_for_its_tabs(fresh: Product):
    told = connect(fresh)

    [credential] = Credential.objects.all()
    assert told["credential"] == str(credential.uuid)
    assert (credential.name, credential.uis_account_id) == ("Отдел продаж", fresh.sandbox.uis.app_id)
    assert (credential.uis_key, credential.uis_time_zone) == (fresh.sandbox.uis.key, "Europe/Moscow")
    assert told["events_url"].startswith(f"http://127.0.0.1:8000/uis/{credential.uuid}/")
    assert told["route_url"] == told["events_url"].replace("/events/", "/route/")
    assert set(Stream.objects.values_list("default_responsible_id", flat=True)) == {fresh.portal.token_user_id}
    assert set(SettingsTab.objects.values_list("is_active", flat=True)) == {False}
    assert Lane.objects.filter(name=f"uis:{credential.pk}").exists()


def test_the_printed_address_takes_notifications_and_the_secret_is_kept_nowhere(fresh: Product):
    told = connect(fresh)

    path = told["events_url"].removeprefix("http://127.0.0.1:8000")
    assert fresh.client.post(path, data=b"{}", content_type="application/json").status_code == 200
    secret = path.split("/")[-3]
    assert secret not in str(Credential.objects.values().get())


@pytest.mark.parametrize(
    ("fault", "changed", "said"),
    [
        ("", {"key": "foreign"}, "такого ключа нет"),
        ("", {"key": " "}, "Ключ API не указан"),
        ("access_token_expired", {}, "срок ключа истёк"),
        ("ip_not_whitelisted", {}, "Добавьте адрес 127.0.0.1"),
        ("", {"name": "  "}, "от 1 до 100 знаков"),
        ("", {"name": "ы" * 101}, "от 1 до 100 знаков"),
    ],
)
def test_a_refusal_says_what_to_do_and_changes_nothing(fresh: Product, fault: str, changed: dict[str, str], said: str):
    if fault:
        fresh.sandbox.uis.faults.fail_always(fault)

    with pytest.raises(CommandError) as refused:
        connect(fresh, **changed)

    assert said in str(refused.value)
    assert refused.value.returncode == 1
    assert not Credential.objects.exists()
    assert not Stream.objects.exists()


def test_the_same_account_twice_on_one_portal_is_refused_and_the_same_name_too(fresh: Product):
    connect(fresh)

    with pytest.raises(CommandError, match="уже подключён к порталу"):
        connect(fresh, name="Другое название")
    with pytest.raises(CommandError, match="уже есть"):
        connect(fresh)

    assert Credential.objects.count() == 1


def test_the_same_account_on_another_portal_is_welcome(fresh: Product):
    connect(fresh)
    other = Portal.objects.create(member_id="other", domain="other.bitrix24.ru", token_user_id=7)

    credential, _addresses = connecting.make_credential(
        other, name="Отдел продаж", brand="uis", key=fresh.sandbox.uis.key
    )

    assert credential.portal == other


def test_an_unknown_portal_is_wrong_usage(fresh: Product):
    with pytest.raises(CommandError) as refused:
        call_command("connect_uis", "unknown.bitrix24.ru", name="а", key="б")
    assert refused.value.returncode == 2


@pytest.mark.parametrize("written", ["https://{}/", "{}", "  HTTP://{}/crm/ "])
def test_a_portal_is_found_however_its_address_is_written(product: Product, written: str):
    assert connecting.find_portal(written.format(product.portal.domain)) == product.portal


def test_an_empty_credential_takes_its_key_later_but_never_that_of_another_account(fresh: Product):
    credential = connecting.make_empty_credential(fresh.portal, name="Портал")
    connecting.give_key(credential, brand="uis", key=fresh.sandbox.uis.key)
    assert Credential.objects.get().uis_account_id == fresh.sandbox.uis.app_id

    fresh.sandbox.uis.app_id = 999
    with pytest.raises(connecting.ConnectRefused, match="другого аккаунта"):
        connecting.give_key(credential, brand="uis", key=fresh.sandbox.uis.key)
    assert Credential.objects.get().uis_account_id != 999


def test_the_sandbox_is_joined_again_without_losing_anything(fresh: Product, settings: Any, capsys: Any):
    BitrixItem.objects.all().delete()
    Portal.objects.all().delete()
    url = fresh.sandbox.url

    assert connect_sandbox.main(url) == 0
    [portal], [credential] = Portal.objects.all(), Credential.objects.all()
    assert credential.employee_links.count() == 2
    assert BitrixItem.objects.filter(portal=portal, kind="user").count() == 3
    first_address = fresh.sandbox.uis.events_url

    assert connect_sandbox.main(url) == 0
    assert [Portal.objects.get(), Credential.objects.get()] == [portal, credential]
    assert fresh.sandbox.uis.events_url != first_address
    old = first_address.removeprefix(settings.PUBLIC_URL)
    assert fresh.client.post(old, data=b"{}", content_type="application/json").status_code == 404


def test_a_call_of_the_joined_sandbox_arrives_in_the_portal(fresh: Product, settings: Any):
    Portal.objects.all().delete()
    assert connect_sandbox.main(fresh.sandbox.url) == 0
    fresh.portal, fresh.credential = Portal.objects.get(), Credential.objects.get()
    fresh.secret = rotate_secret(fresh.credential.pk, now=fresh.portal.created_at).events_url.split("/")[-3]
    fresh.sandbox.uis.events_url = fresh.notify

    story = fresh.play("answered_call", client_phone="79001112233")

    call = Communication.objects.get(kind="call", uis_id=story.id)
    assert (call.state, call.reason) == (State.DONE, "создан лид")
