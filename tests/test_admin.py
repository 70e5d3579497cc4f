"""The staff's pages: every one opens, says what happened and why, keeps secrets, and its actions do what they say."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.authtoken.models import TokenProxy

from crm_bitrix import synchronise
from crm_bitrix.admin.checks import record_change
from crm_bitrix.models import BitrixItem, CrmAction, RequestLog
from integration import audit
from integration.models import (
    Alert,
    Attempts,
    ClientLink,
    Communication,
    Credential,
    DayCount,
    EmployeeLink,
    FieldMapping,
    InboxEvent,
    Lane,
    NumberSettings,
    Portal,
    ReportCursor,
    ResponsibleRule,
    SettingsRevision,
    SettingsTab,
    State,
    Stream,
)
from settings_ui.models import FrameSession, Resend, Reveal, SettingsDraft
from telephony.models import Call, Dial, Record, RoutingQuestion
from telephony.routing import Reason
from tests.conftest import Product, set_filter

pytestmark = pytest.mark.django_db(transaction=True)
PETR = 700101
NEW_PHONE, OTHER_PHONE = "79001112233", "79161234567"
CLIENT_NAME = "Иннокентий Ревякин"
OURS = ("integration", "crm_bitrix", "telephony", "settings_ui")
FULL_PHONE = re.compile(r"(?<![\d.:])(?:\+?7|8)[\s(-]*9\d{2}[\s)-]*\d{3}[\s-]*\d{2}[\s-]*\d{2}(?!\d)")
ADDRESS_WITH_TRACE = {"all": [{"fact": "contact_phone_number", "op": "starts", "value": "+7495"}]}


@pytest.fixture
def staff(product: Product) -> Client:
    """A superuser's browser, in Russian."""
    client = Client(headers={"accept-language": "ru"})
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def world(product: Product) -> Product:
    """A product with something in every journal: a lead, a filtered call, events nobody can read."""
    product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time()
    set_filter(product.stream(), ADDRESS_WITH_TRACE)
    product.play("missed_call", client_phone=OTHER_PHONE, employees=[PETR])
    product.notify(b"\x00\x01 nothing to read +79001112233")
    product.notify({"event": "channel_status_changed", "contact_full_name": CLIENT_NAME, "phone": NEW_PHONE})
    product.pass_time()
    synchronise.run_now(product.portal, by="root")
    NumberSettings.objects.create(credential=product.credential, number="+74950000010")
    Lane.objects.create(name="fax:1")
    ResponsibleRule.objects.create(stream=product.stream(), position=0, name="Свой", assign={"to": "user", "user": 12})
    record_change(product.credential, author="root", note="")
    leave_traces(product)
    return product


def leave_traces(product: Product) -> None:
    """A row in every journal that the stories above do not write."""
    portal, credential, now = product.portal, product.credential, timezone.now()
    call = Communication.objects.filter(kind="call").first()
    Alert.objects.create(subject=f"portal:{portal.pk}", portal=portal, code="queue_late")
    Attempts.objects.create(name="frame", address_hash="0" * 64, until=now)
    audit.note(audit.Action.SECRET_RENEWED, by=audit.Actor.STAFF, actor="root", portal=portal, credential=credential)
    Dial.objects.create(communication=call, method="start_employee_call", params={"phone": NEW_PHONE}, until=now)
    RoutingQuestion.objects.create(
        credential=credential, phone=f"+{NEW_PHONE}", answer={}, reason=Reason.OWNER.value, took_ms=120
    )
    ReportCursor.objects.get_or_create(credential=credential, kind="calls", defaults={"since": now})
    DayCount.objects.get_or_create(credential=credential, kind="call", day=now.date(), defaults={"in_uis": 2})
    Reveal.objects.create(portal=portal, communication=call, uis_id=call.uis_id, user_id=1)
    Resend.objects.create(portal=portal, user_id=1, ids=[call.pk])
    FrameSession.objects.create(token_hash="5e55" * 16, portal=portal, user_id=1, is_admin=True)
    SettingsDraft.objects.create(
        credential=credential, author_kind="bitrix", user_id=1, base_revision=0, document={"main": {}}
    )


def our_admins() -> list[Any]:
    return [each for model, each in admin.site._registry.items() if model._meta.app_label in OURS]


def path_of(model: Any, view: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


def page_of(client: Client, model: Any, row: Any, **query: Any) -> str:
    answer = client.get(path_of(model, "change", row.pk), query)
    assert answer.status_code == 200
    return answer.content.decode()


def list_of(client: Client, model: Any, **query: Any) -> str:
    answer = client.get(path_of(model), query)
    assert answer.status_code == 200, (model, answer.headers.get("location"))
    return answer.content.decode()


def rows_in(page: str) -> int:
    return page.count('class="action-select"')


def act(client: Client, action: str, *rows: Any, **more: Any) -> Any:
    data = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return client.post(path_of(type(rows[0])), data, follow=True)


# --- every page -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_list_and_every_page_opens(world: Product, staff: Client, language: str):
    opened = 0
    for each in our_admins():
        page = staff.get(path_of(each.model), headers={"accept-language": language})
        assert page.status_code == 200, each.model
        row = each.model._default_manager.order_by("pk").last()
        assert row is not None, f"the world has no {each.model.__name__}"
        assert (
            staff.get(path_of(each.model, "change", row.pk), headers={"accept-language": language}).status_code == 200
        )
        opened += 1
    assert opened >= 25
    assert staff.get("/admin/").status_code == 200


def test_no_secret_and_no_full_phone_number_stands_on_any_page(world: Product, staff: Client):
    portal = Portal.objects.get()
    credential = Credential.objects.get()
    secrets = [portal.access_token, portal.refresh_token, portal.application_token, credential.uis_key, world.secret]
    secrets += [credential.hook_secret_hash, Record.objects.get().link, FrameSession.objects.get().token_hash]
    encrypted = re.compile(r"gAAAAA[\w-]{20}")
    journals = (Communication, Call, CrmAction, InboxEvent, RequestLog, Record, Portal, Credential, Lane)
    journals += (ClientLink, Dial, RoutingQuestion, FrameSession)
    for model in journals:
        pages = [list_of(staff, model)]
        pages += [page_of(staff, model, row) for row in model._default_manager.all()[:40]]
        for page in pages:
            assert not [secret for secret in secrets if secret and secret in page], model
            assert not encrypted.search(page), model
            assert not FULL_PHONE.search(page), (model, FULL_PHONE.search(page))
            assert CLIENT_NAME not in page


def test_personal_data_are_shown_on_request_to_those_who_may_and_that_is_written_down(world: Product, staff: Client):
    call = Call.objects.get(uis_id__gt="", state=State.DONE)
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_call"))
    client = Client()
    client.force_login(viewer)

    assert not FULL_PHONE.search(page_of(client, Call, call, personal=1))
    assert not LogEntry.objects.filter(user=viewer).exists()
    assert "personal=1" not in page_of(client, Call, call)

    viewer.user_permissions.add(Permission.objects.get(codename="view_personal_data"))
    assert "personal=1" in page_of(client, Call, call)
    assert "+79001112233" in page_of(client, Call, call, personal=1)
    [entry] = LogEntry.objects.filter(user=viewer)
    assert (entry.object_id, entry.get_change_message()) == (str(call.pk), "показаны личные данные клиента")


def test_journals_cannot_be_changed(world: Product, staff: Client):
    for model in (Communication, Call, CrmAction, InboxEvent, RequestLog, Record, Lane, BitrixItem, Portal):
        row = model._default_manager.first()
        assert staff.get(path_of(model, "add")).status_code == 403
        assert staff.get(path_of(model, "delete", row.pk)).status_code == 403
        assert staff.post(path_of(model, "change", row.pk), {}).status_code == 403


def test_a_viewer_may_look_and_not_act(world: Product):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_call"))
    client = Client()
    client.force_login(viewer)
    call = Call.objects.first()
    assert "process_again" not in list_of(client, Call) + page_of(client, Call, call)
    Communication.objects.update(due_at=None)
    act(client, "process_again", call)
    assert not Communication.objects.filter(due_at__isnull=False).exists()


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("ok", "успешно"),
        ("busy: QUERY_LIMIT_EXCEEDED", "лимит запросов: QUERY_LIMIT_EXCEEDED"),
        ("method busy: OPERATION_TIME_LIMIT", "исчерпано время метода: OPERATION_TIME_LIMIT"),
        ("down: http status 502", "нет связи с порталом: http status 502"),
    ],
)
def test_a_request_says_in_words_how_it_ended_and_is_found_by_that(
    product: Product, staff: Client, status: str, shown: str
):
    RequestLog.objects.all().delete()
    for each in ("ok", status):
        row = RequestLog.objects.create(portal=product.portal, methods="crm.item.add", status=each, duration_ms=3)
    assert shown in page_of(staff, RequestLog, row)
    found = list_of(staff, RequestLog, status=status.partition(":")[0])
    assert found.count('class="field-result"') == RequestLog.objects.filter(status=status).count()
    assert shown in found


# --- the journal ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Communication, Call])
def test_a_list_asks_equally_few_queries_however_many_rows_it_has(
    world: Product, staff: Client, model: Any, django_assert_max_num_queries: Any
):
    portal, credential = Portal.objects.get(), Credential.objects.get()
    for number in range(30):
        Communication.objects.create(
            portal=portal,
            credential=credential,
            kind="call",
            uis_id=f"x{number}",
            responsible_id=12,
            crm_object="lead:1",
            facts={"call_session_id": f"x{number}"},
        )
    with django_assert_max_num_queries(12):
        page = list_of(staff, model)
    assert rows_in(page) >= 30
    assert "Пётр Иванов" in page


def test_the_other_lists_ask_few_queries_too(world: Product, staff: Client, django_assert_max_num_queries: Any):
    for each in our_admins():
        with django_assert_max_num_queries(12):
            list_of(staff, each.model)


@pytest.mark.parametrize("model", [ClientLink, Dial, RoutingQuestion])
def test_what_is_about_a_client_is_found_by_his_phone_and_by_the_portal(world: Product, staff: Client, model: Any):
    for text in ("8 (900) 111-22-33", world.portal.domain):
        assert "result_list" in list_of(staff, model, q=text), text
    assert "result_list" not in list_of(staff, model, q="+7 999 000-00-00")


def test_a_session_of_the_frame_is_revoked_at_once(world: Product, staff: Client):
    act(staff, "revoke", FrameSession.objects.get())
    assert not FrameSession.objects.exists()


def test_uis_is_polled_when_staff_ask_for_it(world: Product, staff: Client):
    cursor = ReportCursor.objects.get(kind="calls")
    ReportCursor.objects.filter(pk=cursor.pk).update(next_at=timezone.now() + timedelta(hours=1))
    act(staff, "poll_now", cursor)
    cursor.refresh_from_db()
    assert cursor.next_at <= timezone.now()


@pytest.mark.parametrize(
    "text", ["+7 900 111-22-33", "8 (900) 111-22-33", "79001112233", "2233", "{session}", "{domain}"]
)
def test_a_call_is_found_by_phone_session_and_portal(world: Product, staff: Client, text: str):
    call = Call.objects.get(client_phone="+79001112233")
    wanted = text.format(session=call.uis_id, domain=call.portal.domain)
    page = list_of(staff, Call, q=wanted)
    assert path_of(Call, "change", call.pk) in page
    assert rows_in(page) == (2 if text == "{domain}" else 1)
    assert rows_in(list_of(staff, Call, q="+7 999 000-00-00")) == 0


def test_lists_are_filtered_by_state_kind_and_direction(world: Product, staff: Client):
    assert rows_in(list_of(staff, Communication, state__exact="done")) == 1
    assert rows_in(list_of(staff, Communication, state__exact="ignored")) == 1
    assert rows_in(list_of(staff, Communication, kind="call", direction="in")) == 2
    assert rows_in(list_of(staff, Communication, kind="chat")) == 0
    unreadable = list_of(staff, InboxEvent, reading="unreadable")
    assert unreadable.count('class="state state-bad"') == InboxEvent.objects.filter(error__gt="").count() - 1
    assert "не поддерживается" in list_of(staff, InboxEvent, reading="unsupported")


def test_the_page_of_a_call_tells_why_in_words(world: Product, staff: Client):
    done = page_of(staff, Call, Call.objects.get(state=State.DONE))
    for words in ("Доставлено", "создан лид", "новый: в CRM не найден", "Ответственный по умолчанию", "Мария Орлова"):
        assert words in done
    for words in ("crm.item.add", "telephony.externalCall.finish", "сделано", "call_session_finished", "передана"):
        assert words in done
    assert "+7 900 ***-**-33" in done

    filtered = page_of(staff, Call, Call.objects.get(state=State.IGNORED))
    for words in ("Отфильтровано", "✗", "Номер клиента начинается с +7495", "+7 916 ***-**-67"):
        assert words in filtered

    english = staff.get(
        path_of(Call, "change", Call.objects.get(state=State.DONE).pk), headers={"accept-language": "en"}
    ).content.decode()
    for words in (
        "Delivered",
        "lead created",
        "new: not found in the CRM",
        "Default responsible",
        "How it was decided",
    ):
        assert words in english


def test_process_again_decides_anew_and_makes_nothing_double(world: Product, staff: Client):
    world.sandbox.portal.counts()
    set_filter(world.stream(), {"all": [{"fact": "contact_phone_number", "op": "not_empty"}]})
    calls = list(Call.objects.order_by("pk"))
    before = world.sandbox.portal.counts()

    answer = act(staff, "process_again", *calls)
    assert "Будет обработано: 2" in answer.content.decode()
    assert set(Call.objects.values_list("attempts", flat=True)) == {0}
    world.work()
    world.pass_time()

    after = world.sandbox.portal.counts()
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert grown == {"leads": 1, "calls": 1, "activities": 1, "notifications": 1}  # of the one that was filtered before
    assert list(Call.objects.order_by("pk").values_list("state", flat=True)) == [State.DONE, State.DONE]


def test_process_again_from_the_page_comes_back_to_it(world: Product, staff: Client):
    call = Call.objects.get(state=State.DONE)
    answer = act(staff, "process_again", call, from_page=1)
    assert answer.redirect_chain == [(path_of(Call, "change", call.pk), 302)]
    assert world.bells == [call.portal.live_lane]


def test_a_failed_recording_is_sent_again(world: Product, staff: Client):
    Record.objects.update(state=Record.State.FAILED, due_at=None, attempts=11, error="UIS не отвечает")
    before = world.sandbox.portal.counts()
    act(staff, "send_records_again", Call.objects.get(state=State.DONE))
    world.work()
    record = Record.objects.get()
    assert (record.state, record.attempts, record.error) == (Record.State.DONE, 0, "")
    assert world.sandbox.portal.counts()["records"] == before["records"]


# --- portals, lanes, credentials ------------------------------------------------------------------------------------


def test_a_portal_is_held_and_resumed(world: Product, staff: Client):
    portal = Portal.objects.get()
    act(staff, "hold", portal)
    held = Portal.objects.get()
    assert held.is_on_hold
    assert held.hold_since
    assert "root" in held.hold_reason
    before = world.sandbox.portal.counts()
    world.play("missed_call", client_phone="79005556677", employees=[PETR])
    world.pass_time()
    assert world.sandbox.portal.counts() == before

    act(staff, "resume", portal)
    world.work()
    world.pass_time()
    assert not Portal.objects.get().is_on_hold
    assert not InboxEvent.objects.filter(folded_at__isnull=True).exists()


def test_a_lane_is_rung_and_its_pause_ended(world: Product, staff: Client):
    portal = Portal.objects.get()
    Lane.objects.filter(name=portal.live_lane).update(
        paused_until=timezone.now() + timezone.timedelta(hours=1), pause_reason="портал не отвечает", failures=7
    )
    assert "пауза до" in list_of(staff, Lane)
    act(staff, "end_pause", Lane.objects.get(name=portal.live_lane))
    lane = Lane.objects.get(name=portal.live_lane)
    assert (lane.paused_until, lane.pause_reason, lane.failures) == (None, "", 0)
    assert world.bells == [portal.live_lane]

    world.bells.clear()
    Lane.objects.update(rung_at=None)
    act(staff, "ring", *Lane.objects.exclude(name__startswith="uis:"))
    assert sorted(world.bells) == [portal.bulk_lane, portal.live_lane]  # nothing drains a fax


def test_a_new_secret_is_shown_once_and_works(world: Product, staff: Client):
    credential = Credential.objects.get()
    answer = act(staff, "new_secret", credential)
    assert "no-store" in answer["Cache-Control"]
    [secret] = re.findall(rf"/uis/{credential.uuid}/([\w-]+)/events/", answer.content.decode())
    credential.refresh_from_db()
    assert credential.accepts_secret(secret, now=timezone.now())
    assert credential.accepts_secret(world.secret, now=timezone.now())
    assert secret not in list_of(staff, Credential) + page_of(staff, Credential, credential)
    assert not any(secret in str(cookie) for cookie in staff.cookies.values())
    assert secret not in json.dumps(dict(staff.session.items()))

    act(staff, "drop_secret", credential)
    credential.refresh_from_db()
    assert not credential.accepts_secret(world.secret, now=timezone.now())


def test_keys_of_api_tokens_have_no_page(staff: Client):
    assert not admin.site.is_registered(TokenProxy)
    assert staff.get("/admin/authtoken/tokenproxy/").status_code == 404


# --- settings -------------------------------------------------------------------------------------------------------


def form_of(client: Client, row: Any) -> dict[str, Any]:
    """What a browser would send if the page of a row were saved as it is."""
    context = client.get(path_of(type(row), "change", row.pk)).context
    form = context["adminform"].form
    formsets = [each.formset for each in context["inline_admin_formsets"]]
    forms = [form, *(each for formset in formsets for each in (formset.management_form, *formset.forms))]
    data = {each.add_prefix(name): each[name].value() for each in forms for name in each.fields}
    return {name: _written(value) for name, value in data.items() if value is not None and value is not False}


def _written(value: Any) -> Any:
    return value if isinstance(value, str | int) else json.dumps(value)


def save(client: Client, row: Any, data: dict[str, Any]) -> str:
    answer = client.post(path_of(type(row), "change", row.pk), data)
    return "" if answer.status_code == 302 else answer.content.decode()


def test_a_stream_is_saved_as_a_new_revision(world: Product, staff: Client):
    stream = world.stream()
    revision = Credential.objects.get().revision
    assert save(staff, stream, form_of(staff, stream)) == ""
    assert Credential.objects.get().revision == revision  # nothing has changed

    tree = {"any": [{"fact": "call_source", "op": "eq", "value": "va"}]}
    data = form_of(staff, stream) | {"filter-0-conditions": json.dumps(tree), "default_responsible_id": 15}
    assert save(staff, stream, data) == ""

    stream = Stream.objects.get(pk=stream.pk)
    assert (stream.filter.conditions, stream.default_responsible_id) == (tree, 15)
    assert Credential.objects.get().revision == revision + 1
    saved = SettingsRevision.objects.latest("number")
    assert (saved.number, saved.author_kind, saved.author) == (revision + 1, "staff", "root")
    assert saved.document["telephony"]["incoming"]["filter"] == tree


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"filter-0-conditions": '{"all": [{"fact": "nonsense", "op": "eq", "value": "1"}]}'},
            "telephony.incoming.filter.all[0].fact: unknown fact",
        ),
        ({"filter-0-conditions": '{"all": ['}, "JSON"),
        (
            {"responsible_rules-0-assign": '{"to": "user", "user": 999}'},
            "telephony.incoming.responsible.rules[0].assign.user",
        ),
        (
            {"responsible_rules-0-conditions": '{"all": [{"fact": "result", "op": "like", "value": "x"}]}'},
            "telephony.incoming.responsible.rules[0].when.all[0].op",
        ),
        (
            {
                "name_templates-TOTAL_FORMS": 1,
                "name_templates-0-result": "answered",
                "name_templates-0-text": "Звонок {{nobody}}",
            },
            "telephony.incoming.titles.answered: unknown fact",
        ),
        (
            {
                "field_mappings-TOTAL_FORMS": 1,
                "field_mappings-0-fact": "call_source",
                "field_mappings-0-object": "lead",
                "field_mappings-0-field": "UF_NOWHERE",
                "field_mappings-0-policy": "create",
                "field_mappings-0-values": "{}",
            },
            "telephony.incoming.mapping[0].field",
        ),
        ({"default_responsible_id": 999}, "telephony.incoming.responsible.default"),
        ({"default_responsible_id": ""}, "telephony.incoming.responsible.default: must be given"),
        ({"options": '{"surprise": 1}'}, "telephony.incoming.surprise: unknown key"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_path_of_the_fault(
    world: Product, staff: Client, change: dict[str, Any], said: str
):
    stream, revision = world.stream(), Credential.objects.get().revision
    page = save(staff, stream, form_of(staff, stream) | change)
    assert said in page.replace("&#x27;", "'").replace("&quot;", '"')
    assert Credential.objects.get().revision == revision
    assert Stream.objects.get(pk=stream.pk).filter.conditions == ADDRESS_WITH_TRACE


def test_rules_change_places(world: Product, staff: Client):
    stream = world.stream()
    ResponsibleRule.objects.create(stream=stream, position=1, name="Чужой", assign={"to": "user", "user": 15})
    data = form_of(staff, stream) | {"responsible_rules-0-order": 2, "responsible_rules-1-order": 1}
    assert save(staff, stream, data) == ""
    rules = stream.responsible_rules.order_by("position").values_list("position", "name")
    assert list(rules) == [(0, "Чужой"), (1, "Свой")]
    assert not FieldMapping.objects.exists()


def test_a_tab_cannot_be_switched_on_without_what_it_needs(world: Product, staff: Client):
    credential = Credential.objects.get()
    SettingsTab.objects.filter(tab="telephony").update(is_active=False)
    Stream.objects.filter(kind="incoming").update(default_responsible_id=None)
    data = form_of(staff, credential)
    tab = SettingsTab.objects.get(tab="telephony")
    number = next(name.split("-")[1] for name, value in data.items() if name.endswith("-id") and value == tab.pk)
    page = save(staff, credential, data | {f"tabs-{number}-is_active": "on"})
    assert "telephony.incoming.responsible.default" in page
    assert not SettingsTab.objects.get(tab="telephony").is_active


def test_numbers_and_employees_are_checked_and_counted(world: Product, staff: Client):
    number = NumberSettings.objects.get()
    revision = Credential.objects.get().revision
    assert "telephony.numbers[0].number" in save(staff, number, form_of(staff, number) | {"number": "not a number"})
    assert save(staff, number, form_of(staff, number) | {"number": "+74950000011"}) == ""
    link = EmployeeLink.objects.get(uis_employee_id=PETR)
    assert save(staff, link, form_of(staff, link) | {"card": "never"}) == ""
    link.refresh_from_db()
    assert (link.card, link.how) == ("never", "manual")
    assert Credential.objects.get().revision == revision + 2
