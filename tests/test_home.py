"""Главная: the state in the header, the check of the whole way, one more UIS account."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm_bitrix import employees, newcomers, other_origin, round_trip, synchronise
from integration import own_address, reports
from integration.models import Alert, Communication, Credential, EmployeeLink, InboxEvent, ReportCursor
from settings_ui import connection, readiness, status
from tests.conftest import Product
from tests.frame_posts import open_frame, token_of
from tests.sandbox.outbox import event_form

pytestmark = pytest.mark.django_db(transaction=True)
CHECK, RETURN = "/bitrix24/app/check/", "/bitrix24/app/check/return/"
CREDENTIALS, CHECKLIST = "/bitrix24/app/credentials/", "/bitrix24/app/checklist/"


@pytest.fixture
def ask(product: Product) -> Any:
    """Ask an address of the frame as the administrator; the answer as text."""
    token = token_of(open_frame(product.client, product.sandbox))

    def post(path: str, status: int = 200, **data: Any) -> str:
        answer = product.client.post(path, data, headers={"x-app-session": token})
        assert answer.status_code == status
        return answer.content.decode()

    return post


def come_back(product: Product, mark: str) -> None:
    """Deliver the test event as the portal does, and let a worker read it."""
    form = event_form(product.sandbox.portal, "ONAPPTEST", {"QUERY": {"any": mark}})
    assert product.client.post("/bitrix24/events/", form_body(form), content_type=FORM).status_code == 200
    product.work()


FORM = "application/x-www-form-urlencoded"


def form_body(form: dict[str, str]) -> str:
    from urllib.parse import urlencode

    return urlencode(form)


# --- the check


def test_a_test_event_goes_round_and_is_told_step_by_step(product: Product):
    part, mark = connection.check_portal(product.portal)
    assert (part.look, len(mark)) == ("good", 16)
    asked_at = timezone.now()
    looks = lambda now: [one.look for one in connection.check_return(product.portal, mark, asked_at=asked_at, now=now)]  # noqa: E731
    assert looks(asked_at) == ["wait", "off"]
    assert looks(asked_at + timedelta(minutes=1)) == ["bad", "off"]
    come_back(product, mark)
    assert looks(asked_at) == ["good", "good"]
    InboxEvent.objects.update(folded_at=None)
    assert looks(asked_at) == ["good", "wait"]
    assert looks(asked_at + timedelta(minutes=1)) == ["good", "bad"]


@pytest.mark.parametrize("mark", ["", "0" * 16, "../etc/passwd", "я" * 16])
def test_a_mark_that_nobody_gave_finds_no_event(product: Product, mark: str):
    come_back(product, "f" * 16)
    assert round_trip.find_event(product.portal, mark) is None
    assert round_trip.find_event(product.portal, "f" * 16) is not None


def test_a_portal_that_refuses_is_told_with_what_to_do(product: Product):
    product.sandbox.faults.fail_always("payment_required")
    part, mark = connection.check_portal(product.portal)
    assert (part.look, mark) == ("bad", "")
    assert "Оплатите" in str(part.remedy)


def test_our_own_knock_is_heard_for_a_minute_and_stores_nothing(product: Product):
    from integration.own_address import _signer

    token = _signer.sign(product.credential.uuid)
    path = f"/uis/{product.credential.uuid}/{token}/events/"
    assert product.client.post(path).status_code == own_address.ANSWER
    assert product.client.post(path.replace(token, token[:-1] + "x")).status_code == 404
    other = Credential.objects.create(portal=product.portal, name="Другой")
    assert product.client.post(path.replace(str(product.credential.uuid), str(other.uuid), 1)).status_code == 404
    product.clock.shift(timedelta(seconds=61))
    assert product.client.post(path).status_code == 404
    assert not InboxEvent.objects.exists()


def test_the_page_of_the_check_names_every_part_and_asks_again(product: Product, ask: Any):
    page = ask(CHECK, credential=product.credential.uuid)
    for words in ("Битрикс24 отвечает", "UIS принимает ключ API", "Адрес для уведомлений", "Событие Битрикс24"):
        assert words in page
    assert "data-poll" in page
    page = ask(RETURN, mark="0" * 16, asked=timezone.now().timestamp() - 60)
    assert "data-poll" not in page
    assert "переустановите приложение" in page
    ask(RETURN, 404, mark="0" * 16, asked="nan?")


def test_a_wrong_key_is_told_with_the_instruction_of_uis(product: Product, ask: Any):
    Credential.objects.update(uis_key="another")
    assert "UIS не принимает ключ API" in ask(CHECK, credential=product.credential.uuid)


def looks_of(product: Product) -> dict[str, str]:
    return {str(one.title): one.look for one in readiness.findings_of(product.portal, product.credential)}


def test_what_usually_goes_wrong_is_looked_for_and_told_with_a_remedy(product: Product):
    reports.begin(product.credential)
    synchronise.run_now(product.portal, by="")
    before = looks_of(product)
    assert before["Права подключившего администратора"] == "good"
    assert before["Сотрудники сопоставлены"] == "good"
    assert before["Каждое нужное уведомление хоть раз пришло"] == "wait"
    assert before["Звонок по клику хоть раз пришёл к нам"] == "off"
    assert before["Прежняя интеграция UIS выключена"] == "off"

    call = product.call(product.play("answered_call"))
    InboxEvent.objects.create(
        channel=f"b24:{product.portal.pk}", source="b24", name="ONEXTERNALCALLSTART", dedupe_key="1"
    )
    ReportCursor.objects.filter(kind="calls").update(error="Дайте ключу право на отчёт о звонках.")
    after = looks_of(product)
    assert after["Звонок по клику хоть раз пришёл к нам"] == "good"
    assert after["Прежняя интеграция UIS выключена"] == "good"
    assert after["Отчёты UIS читаются"] == "bad"

    statistics = product.sandbox.portal.telephony.statistics
    foreign = {**next(iter(statistics.values())), "CALL_ID": "other.1", "EXTERNAL_CALL_ID": "old-7", "ID": 99}
    statistics["other.1"] = foreign
    assert other_origin.count_doubles(product.portal, call) == 1
    assert looks_of(product)["Прежняя интеграция UIS выключена"] == "bad"

    product.portal.time_zone = "Europe/Minsk"  # another zone with the same time
    assert looks_of(product)["Часовой пояс UIS – тот же, что в Битрикс24"] == "good"
    product.portal.time_zone = "Asia/Omsk"
    assert looks_of(product)["Часовой пояс UIS – тот же, что в Битрикс24"] == "wait"
    [told] = [one.remedy for one in readiness.findings_of(product.portal, product.credential) if "Asia/" in one.remedy]
    assert "В UIS – Europe/Moscow, в Битрикс24 – Asia/Omsk" in told

    Communication.objects.filter(pk=call.pk).update(
        external_id="asked-by-the-portal"
    )  # registered by the portal itself
    assert looks_of(product)["Прежняя интеграция UIS выключена"] == "off"


def test_the_way_of_the_last_call_is_told_step_by_step(product: Product):
    assert readiness.last_call(product.portal) == ()
    product.play("answered_call")
    steps = readiness.last_call(product.portal)
    assert [step.look for step in steps[:3]] == ["good", "good", "good"]
    assert "call_session_finished" in steps[0].text
    assert str(steps[2].text).startswith("лид")


def test_the_past_is_read_again_from_so_many_days_back(product: Product, ask: Any):
    reports.begin(product.credential)
    ReportCursor.objects.update(next_at=timezone.now() + timedelta(hours=1))
    told = {"credential": product.credential.uuid}
    assert "Введите число дней" in ask("/bitrix24/app/past/", **told, days="400")
    assert "за дней: 3" in ask("/bitrix24/app/past/", **told, days="3")
    cursor = ReportCursor.objects.get(kind="calls")
    assert (cursor.since, cursor.next_at) == (timezone.now() - timedelta(days=3), timezone.now())


# --- the header


def test_the_header_tells_three_states_with_the_time_of_their_last_word(product: Product):
    header = status.header_of(product.portal, product.credential)
    assert [chip.look for chip in header["chips"]] == ["good", "good", "off"]
    product.play("answered_call")
    chips = status.header_of(product.portal, product.credential)["chips"]
    assert [chip.look for chip in chips] == ["good", "good", "good"]
    assert chips[2].at == "10:15"


@pytest.mark.parametrize(
    ("code", "looks"),
    [
        ("uis_ip", ["good", "bad", "off"]),
        ("no_notifications", ["good", "good", "bad"]),
        ("portal_away", ["bad", "good", "off"]),
    ],
)
def test_a_trouble_is_said_with_since_when_and_what_to_do(product: Product, ask: Any, code: str, looks: list[str]):
    alert = Alert.objects.create(subject=f"portal:{product.portal.pk}", portal=product.portal, code=code)
    header = status.header_of(product.portal, product.credential)
    assert [chip.look for chip in header["chips"]] == looks
    page = ask(CHECKLIST)
    assert "10:15" in page
    assert str(alert.remedy)[:30] in page


# --- people


@pytest.fixture
def synced(product: Product) -> Product:
    EmployeeLink.objects.all().delete()
    synchronise.run_now(product.portal, by="")
    return product


def test_missing_people_are_previewed_chosen_and_created_in_uis(synced: Product, ask: Any):
    told = {"credential": synced.credential.uuid}
    missing = employees.board(synced.credential).missing
    page = ask("/bitrix24/app/people/new/", **told)
    chosen = [
        one.user for one in newcomers.preview_creation(synced.credential, [u.id for u in missing]) if not one.refusal
    ]
    assert all(user.name in page for user in chosen)
    before = len(synced.sandbox.uis.employees)
    page = ask("/bitrix24/app/people/create/", **told, user=[chosen[0].id])
    assert "создан в UIS и связан" in page
    assert len(synced.sandbox.uis.employees) == before + 1
    assert EmployeeLink.objects.filter(bitrix_user_id=chosen[0].id).exists()


def test_past_calls_of_an_employee_are_decided_anew(synced: Product, ask: Any):
    synced.play("answered_call", employees=[700101])
    row = next(one for one in employees.board(synced.credential).rows if one.employee.id == 700101)
    told = {"credential": synced.credential.uuid, "employee": row.employee.last_name, "days": "3"}
    assert "1 звонок за период" in ask("/bitrix24/app/people/past/", **told)
    Communication.objects.update(due_at=None)
    assert "Заново решается 1 звонок" in ask("/bitrix24/app/people/past/again/", **told)
    assert Communication.objects.filter(due_at__isnull=False).count() == 1
    assert "нет" in ask("/bitrix24/app/people/past/", **{**told, "employee": "Никто"})
    assert "несколько" in ask("/bitrix24/app/people/past/", **{**told, "employee": " а"})


def test_a_synchronisation_is_cancelled(product: Product, ask: Any):
    run = synchronise.start(product.portal, by="1")
    assert "Идёт синхронизация" not in ask("/bitrix24/app/screen/sync/cancel/")
    run.refresh_from_db()
    assert run.state == run.State.CANCELLED


# --- credentials


def test_another_account_is_connected_and_its_checklist_is_shown(product: Product, ask: Any):
    Credential.objects.update(uis_account_id=1)
    data = {"new-name": "Филиал", "new-brand": "uis", "new-key": product.sandbox.uis.key}
    page = ask(CREDENTIALS, **data)
    made = Credential.objects.get(name="Филиал")
    assert made.uis_account_id == product.sandbox.uis.app_id
    assert f'data-credential="{made.uuid}"' in page
    assert "/uis/" in page
    assert "уже есть" in ask(CREDENTIALS, **data)
    assert "Назовите" in ask(CREDENTIALS, **{**data, "new-name": ""})
    assert Credential.objects.count() == 2


def test_a_key_is_replaced_for_the_credential_that_is_shown(product: Product, ask: Any):
    other = Credential.objects.create(portal=product.portal, name="Филиал", uis_key="old")
    ask("/bitrix24/app/uis-key/", credential=other.uuid, brand="uis", key=product.sandbox.uis.key)
    other.refresh_from_db()
    assert other.uis_key == product.sandbox.uis.key
    product.credential.refresh_from_db()
    assert product.credential.uis_account_id is None


@pytest.mark.parametrize("path", [CHECK, CHECKLIST, "/bitrix24/app/uis-key/", "/bitrix24/app/addresses/"])
@pytest.mark.parametrize("uuid", ["00000000-0000-0000-0000-000000000000", "no uuid"])
def test_a_credential_of_another_portal_is_not_there(ask: Any, path: str, uuid: str):
    ask(path, 404, credential=uuid)


def test_an_ordinary_user_checks_nothing(product: Product):
    token = token_of(open_frame(Client(), product.sandbox, user_id=12))
    for path in (CHECK, RETURN, CREDENTIALS):
        assert product.client.post(path, headers={"x-app-session": token}).status_code == 403
