"""The journal in the portal: what came, what became of it and what to do – for the portal's own people only."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.translation import override
from rest_framework.authtoken.models import Token

from crm_bitrix.models import CrmAction
from integration.models import Communication, Credential, InboxEvent, Portal, State
from integration.retention import OUTDATED
from settings_ui import journal
from settings_ui.journal_days import Day, add_up, draw
from settings_ui.journal_words import action_title
from settings_ui.models import FrameSession, Resend, Reveal
from settings_ui.readiness import last_call
from tests.conftest import set_filter
from tests.frame_posts import ancestors, open_frame, token_of

PETR = 700101
NEW_PHONE, OTHER_PHONE = "79001112233", "79161234567"
FULL_PHONE = re.compile(r"(?<![\d.:])(?:\+?7|8)[\s(-]*9\d{2}[\s)-]*\d{3}[\s-]*\d{2}[\s-]*\d{2}(?!\d)")
LIST = "/bitrix24/app/journal/"
AGAIN_FAILED = f"{LIST}again/"
REHEARSAL = "/bitrix24/app/rehearsal/"


@pytest.fixture
def admin(product):
    return token_of(open_frame(product.client, product.sandbox))


@pytest.fixture
def reader(product):
    """An ordinary user of the portal."""
    return token_of(open_frame(product.client, product.sandbox, user_id=12))


def send(product, token, path=LIST, **data):
    return product.client.post(path, data, headers={"x-app-session": token})


def read(product, token, path=LIST, **data):
    answer = send(product, token, path, **data)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.content.decode()


def shown(page):
    """The ids of the rows on a page, in order."""
    return [int(found) for found in re.findall(r'data-row="(\d+)"', page)]


def cursor_of(page):
    found = re.search(r'data-more="([^"]+)"', page)
    return found[1] if found else ""


def make(product, count=1, **values):
    """Communications a minute apart, the newest last."""
    start = timezone.now() - timedelta(days=1)
    before = Communication.objects.count()
    rows = [
        Communication(
            **{
                "portal": product.portal,
                "credential": product.credential,
                "kind": "call",
                "direction": "in",
                "uis_id": str(9000 + before + number),
                "client_phone": f"+7900111{before + number:04}",
                "state": State.DONE,
                "crm_object": "lead:5",
                "responsible_id": 12,
                "started_at": start + timedelta(minutes=number),
                **values,
            }
        )
        for number in range(count)
    ]
    return Communication.objects.bulk_create(rows)


def stranger(product):
    """A call of another portal."""
    portal = Portal.objects.create(member_id="b" * 32, domain="b.example", client_endpoint="https://b.example/rest/")
    credential = Credential.objects.create(portal=portal, name="Чужой")
    return make(product, portal=portal, credential=credential, uis_id="77")[0]


# --- the list


def test_page_is_whole_and_framed_by_its_portal_only(product, admin):
    answer = product.client.post(LIST, {"session": admin})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert ancestors(answer) == f"http://{product.sandbox.portal.domain}"
    assert token_of(answer) == admin
    assert "Пока ни одного обращения" in page
    assert "Позвоните с мобильного" in page


def test_a_call_tells_its_result_reason_object_and_the_next_step(product, admin):
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    call = product.call(story)
    page = read(product, admin)
    for text in ("Входящий звонок", "отвечен", "Доставлено", "Мария Орлова", "Открыть в CRM", "+7 900 ***-**-33"):
        assert text in page, text
    assert f'data-path="/crm/lead/details/{call.crm_object.partition(":")[2]}/"' in page
    assert not FULL_PHONE.search(page)


def test_every_state_has_its_reason_and_one_next_action(product, admin, reader):
    wanted = {
        State.FAILED: ("again", "Повторить"),
        State.RETRY: ("again", "Повторить сейчас"),
        State.WITHHELD: ("again", "Передать"),
        State.IGNORED: ("then", "Проверить правила"),
        State.DONE: ("path", "Открыть в CRM"),
        State.WAITING: ("details", "Подробнее"),
        State.NEW: ("details", "Подробнее"),
    }
    for state, (mark, label) in wanted.items():
        Communication.objects.all().delete()
        make(product, state=state, reason="идёт звонок")
        page = read(product, admin)
        action = re.search(r'<td class="next-action">(.+?)</td>', page)[1]
        assert f"data-{mark}" in action
        assert label in action
        assert action.count("class=") == 1
        assert "идёт звонок" in page
        assert "data-again" not in read(product, reader)


def test_filters_narrow_the_list(product, admin):
    call = make(product)[0]
    out = make(product, direction="out", client_phone="+79161234567", responsible_id=15, state=State.FAILED)[0]
    chat = make(product, kind="chat", direction="", started_at=timezone.now() - timedelta(days=9))[0]
    for number, state in enumerate(("failed", "failed", "done")):
        call.records.create(record_id=f"r{number}", filename="r.mp3", state=state)
    day = timezone.localdate() - timedelta(days=3)
    wanted = {
        ("kind", "chat"): [chat],
        ("direction", "out"): [out],
        ("state", "failed"): [out],
        ("state", "record_lost"): [call],
        ("number", "8 (916) 123-45-67"): [out],
        ("number", "4567"): [out],
        ("number", "67"): [],
        ("number", call.uis_id): [call],
        ("employee", "смирн"): [out],
        ("employee", "никто"): [],
        ("since", f"{day}"): [out, call],
        ("till", f"{day}"): [chat],
        ("kind", "<script>"): [out, call, chat],
        ("since", "32.13.2026"): [out, call, chat],
    }
    for (name, value), rows in wanted.items():
        assert sorted(shown(read(product, admin, **{name: value}))) == sorted(row.pk for row in rows), (name, value)
    assert "Ничего не нашлось" in read(product, admin, number="67")


def test_pages_follow_each_other_without_gaps_while_new_rows_come(product, admin):
    make(product, 120)
    make(product, 5, started_at=timezone.now() - timedelta(days=2))  # one moment: the id decides
    order = list(Communication.objects.order_by("-started_at", "-pk").values_list("pk", flat=True))
    page = read(product, admin)
    seen = shown(page)
    make(product, 3, started_at=timezone.now())
    while cursor_of(page):
        page = read(product, admin, cursor=cursor_of(page))
        seen += shown(page)
    assert seen == order


@pytest.mark.parametrize("cursor", ["x", "_", "2026-01-01_5", "2026-01-01T00:00:00+00:00_x", "9" * 60])
def test_spoilt_cursor_begins_at_the_top(product, admin, cursor):
    row = make(product)[0]
    assert shown(read(product, admin, cursor=cursor)) == [row.pk]


@pytest.mark.parametrize("count", [1, 50, 120])
def test_the_list_costs_the_same_however_many_rows_there_are(product, admin, count, django_assert_max_num_queries):
    make(product, count, state=State.FAILED)
    with django_assert_max_num_queries(8):
        read(product, admin)
    with django_assert_max_num_queries(12):
        read(product, admin, employee="Иванов", number="0001", state="failed", since="2020-01-01")


def test_details_cost_the_same_however_much_happened(product, admin, django_assert_max_num_queries):
    row = make(product)[0]
    for number in range(30):
        CrmAction.objects.create(communication=row, key=f"a{number}", seq=number, method="crm.item.update", params={})
        InboxEvent.objects.create(channel="x", source="uis", dedupe_key=str(number), communication=row)
    with django_assert_max_num_queries(10):
        read(product, admin, f"{LIST}{row.pk}/")


def test_unreadable_notifications_are_told(product, admin):
    product.notify(b"\x00\x01 nothing")
    product.notify({"event": "channel_status_changed"})
    product.work()
    page = read(product, admin)
    assert "Не читается: 1 уведомление" in page
    assert "не читается: 10 bytes that are neither a JSON object nor a form" in page
    assert "Не поддерживается: 1 уведомление" in page
    assert "channel_status_changed" in page


def test_the_journal_says_for_how_long_it_is_kept(product, admin, settings):
    assert "Обращения хранятся 90 дн." in read(product, admin)
    settings.RETENTION_DAYS = {"journal": "60"}
    assert "Обращения хранятся 60 дн." in read(product, admin)


def test_what_was_withheld_for_too_long_is_called_out_of_date(product, admin):
    make(product, state=State.IGNORED, reason=OUTDATED)
    page = read(product, admin)
    assert "Устарело</span>" in page


def test_recordings_of_a_call_are_transferred_once_more(product, admin, reader):
    row = make(product)[0]
    record = row.records.create(record_id="r1", filename="r1.mp3", state="failed", error="нет файла", attempts=5)
    path = f"{LIST}{row.pk}/records/"
    assert send(product, reader, path).status_code == 403
    assert "Передать запись ещё раз" in read(product, admin, path)
    record.refresh_from_db()
    assert (record.state, record.attempts, record.error) == ("waiting", 0, "")
    assert product.portal.bulk_lane in product.bells


# --- one communication


def test_details_tell_decision_actions_and_notifications_masked(product, admin):
    set_filter(product.stream(), {"all": [{"fact": "contact_phone_number", "op": "starts", "value": "+7900"}]})
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    page = read(product, admin, f"{LIST}{product.call(story).pk}/")
    for text in ("Решение 1", "Создать лид", "Завершить звонок", "call_session_finished", "сделано", "Номер клиента"):
        assert text in page, text
    assert not FULL_PHONE.search(page), FULL_PHONE.search(page)


def test_administrator_sees_the_number_and_that_is_written_down(product, admin, reader):
    row = make(product, client_phone="+79001112233")[0]
    path = f"{LIST}{row.pk}/reveal/"
    assert send(product, reader, path).status_code == 403
    assert not Reveal.objects.exists()
    assert "+7 900 111-22-33" in read(product, admin, path)
    seen = Reveal.objects.get()
    assert (seen.portal, seen.communication, seen.user_id, seen.uis_id) == (product.portal, row, 1, row.uis_id)


def test_rows_of_another_portal_are_not_there(product, admin):
    row = stranger(product)
    for path in (f"{LIST}{row.pk}/", f"{LIST}{row.pk}/reveal/", f"{LIST}{row.pk}/again/"):
        assert send(product, admin, path).status_code == 404
    assert send(product, admin, REHEARSAL, communication=row.pk).status_code == 404
    assert send(product, admin, REHEARSAL, credential=str(row.credential.uuid), phone="+79001112233").status_code == 404
    resend = Resend.objects.create(portal=row.portal, user_id=1, ids=[row.pk])
    assert send(product, admin, f"{AGAIN_FAILED}{resend.pk}/").status_code == 404
    assert shown(read(product, admin)) == []
    assert not Reveal.objects.exists()


def test_without_a_session_nothing_is_told(product):
    row = make(product)[0]
    for path in (LIST, f"{LIST}days/", f"{LIST}{row.pk}/", AGAIN_FAILED, REHEARSAL):
        answer = product.client.post(path)
        assert (answer.status_code, answer.content) == (401, b"")


# --- once more


def test_failed_call_is_decided_anew_and_what_is_done_stays_done(product, admin):
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    call = product.call(story)
    Communication.objects.filter(pk=call.pk).update(state=State.FAILED, reason="портал отказал", attempts=3)
    product.sandbox.portal.clear_log()
    page = read(product, admin, f"{LIST}{call.pk}/again/")
    assert "Поставлено в очередь" in page
    product.work()
    call.refresh_from_db()
    assert (call.state, call.attempts) == (State.DONE, 0)
    again = product.sandbox.portal.requests
    assert not [one for one in again if "crm.item.add" in str(one)]


def test_all_failed_of_a_period_are_repeated_with_progress(product, admin, reader):
    stories = [
        product.play("answered_call", client_phone=phone, employees=[PETR]) for phone in (NEW_PHONE, OTHER_PHONE)
    ]
    for story in stories:
        Communication.objects.filter(pk=product.call(story).pk).update(state=State.FAILED, reason="отказ")
    old = make(product, state=State.FAILED, started_at=timezone.now() - timedelta(days=30))[0]
    since = f"{timezone.localdate() - timedelta(days=2)}"
    assert send(product, reader, AGAIN_FAILED).status_code == 403
    page = read(product, admin, AGAIN_FAILED, since=since)
    assert "Передано 0 из 2" in page
    poll = re.search(r'data-poll="([^"]+)"', page)[1]
    product.work()
    page = read(product, admin, poll)
    assert "Передано 2 из 2" in page
    assert "data-poll" not in page
    old.refresh_from_db()
    assert (old.state, old.due_at) == (State.FAILED, None)


def test_repeating_waits_visibly_while_the_portal_is_on_hold(product, admin):
    make(product, state=State.FAILED)
    Portal.objects.filter(pk=product.portal.pk).update(hold_reason="payment_required")
    page = read(product, admin, AGAIN_FAILED)
    assert "Портал остановлен" in page
    assert "data-poll" not in page


# --- days


def test_days_are_stacked_on_one_scale():
    today = timezone.now().date()
    full = Day(today, in_uis=10, delivered=6, filtered=2, waiting=1, failed=1)
    bars = draw([full, Day(today, delivered=5)])
    assert [name for name, _top, _height in bars[0].parts] == ["delivered", "filtered", "waiting", "failed"]
    assert bars[0].parts[-1][1] == 8.0
    assert bars[1].parts[0][2] == 45.0
    assert draw([]) == draw([Day(today)]) == []
    assert add_up(today, []) == Day(today)


def test_chart_is_left_out_where_nothing_came(product, admin):
    assert "<svg" not in read(product, admin, f"{LIST}days/")


def test_chart_and_its_table_tell_what_became_of_each_day(product, admin, django_assert_max_num_queries):
    make(product, 3)
    make(product, 2, state=State.FAILED)
    stranger(product)
    with django_assert_max_num_queries(8):
        page = read(product, admin, f"{LIST}days/")
    assert page.count("<rect") == 2
    assert re.search(r"<td>—</td><td>3</td><td>0</td><td>0</td><td>2</td><td>0</td>", page)


# --- languages


def test_no_russian_is_left_on_an_english_journal(product, admin):
    FrameSession.objects.update(language="en")
    Portal.objects.update(language="en")
    empty = product.client.post(LIST, {"session": admin}).content.decode()
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    call = product.call(story)
    make(product, state=State.FAILED)
    product.notify(b"\x00 nothing")
    product.work()
    known = {"responsible_id": None}
    Communication.objects.update(**known)
    pages = [empty, read(product, admin), read(product, admin, number="1")]
    pages += [read(product, admin, f"{LIST}{call.pk}/reveal/"), read(product, admin, AGAIN_FAILED)]
    pages += [read(product, admin, REHEARSAL, communication=call.pk), read(product, admin, REHEARSAL, last="1")]
    pages += [read(product, admin, REHEARSAL, phone="x"), read(product, admin, REHEARSAL, phone="+79001112233")]
    for page in pages:
        text = re.sub(
            r"<pre>.*?</pre>|<dl class=\"facts\">.*?</dl>|Мария Орлова|Пётр Иванов|Отдел продаж", "", page, flags=re.S
        )
        found = re.search(r"[^<>]{0,60}[а-яё]+[^<>]{0,60}", text, re.IGNORECASE)
        assert not found, found[0]


# --- for scripts of the staff


@pytest.fixture
def url(product):
    return f"/api/credentials/{product.credential.uuid}/communications/"


@pytest.fixture
def key(product):
    user = get_user_model().objects.create_user("olga", is_staff=True)
    return {"authorization": f"Token {Token.objects.create(user=user).key}"}


def test_api_lists_masked_rows_page_by_page(product, url, key, django_assert_max_num_queries):
    make(product, 60)
    stranger(product)
    with django_assert_max_num_queries(6):
        first = product.client.get(url, headers=key).json()
    assert len(first["results"]) == 50
    row = first["results"][0]
    assert row["client_phone"].endswith("***-**-59")
    assert (row["state"], row["crm_object"], row["responsible_name"]) == ("done", "lead:5", "Пётр Иванов")
    second = product.client.get(first["next"], headers=key).json()
    assert (len(second["results"]), second["next"]) == (10, None)
    ids = [row["id"] for row in first["results"] + second["results"]]
    assert len(set(ids)) == 60


def test_api_filters_and_keeps_the_filter_in_the_next_address(product, url, key):
    make(product, 55, state=State.FAILED)
    make(product, 5)
    found = product.client.get(f"{url}?state=failed", headers=key).json()
    assert "state=failed" in found["next"]
    rest = product.client.get(found["next"], headers=key).json()
    assert {row["state"] for row in found["results"] + rest["results"]} == {"failed"}
    assert len(rest["results"]) == 5


def test_api_is_for_staff(product, url, key):
    assert product.client.get(url).status_code in (401, 403)
    assert (
        product.client.get(
            "/api/credentials/00000000-0000-4000-8000-000000000000/communications/", headers=key
        ).status_code
        == 404
    )


def test_cursor_is_read_as_it_is_written(product):
    rows = make(product, 3)
    page = journal.read_page(Communication.objects.all(), size=2)
    assert [row.pk for row in page.rows] == [rows[2].pk, rows[1].pk]
    assert [row.pk for row in journal.read_page(Communication.objects.all(), cursor=page.cursor).rows] == [rows[0].pk]


def test_what_the_portal_has_made_by_itself_is_changed_not_created():
    titles = [str(action_title(method, "lead")) for method in ("crm.item.add", "crm.item.update")]
    assert titles == ["Создать лид", "Изменить объект"]


def test_why_a_recording_was_not_taken_is_said_in_the_language_of_the_reader(product):
    [call] = make(product, state=State.DONE)
    call.records.create(record_id="1", state="failed", error="портал не принял запись: ACCESS_DENIED")
    with override("en"):
        *_steps, record = last_call(product.portal)
        assert record.text == "the portal did not take the recording: ACCESS_DENIED"
