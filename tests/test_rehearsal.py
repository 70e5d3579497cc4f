"""A rehearsal decides as the service would by settings that need not be saved, and leaves nothing behind."""

import dataclasses
import json

import pytest

from crm_bitrix.known import load_known
from crm_bitrix.models import CrmAction
from integration.models import ClientLink, Communication, Credential, InboxEvent, Portal, SettingsRevision, UisItem
from integration.rules.facts import StreamKind
from integration.settings_document import export_document, read_document, read_settings
from settings_ui.rehearsal import _memory, compare, rehearse
from settings_ui.rehearsal_imaginary import ImaginaryCall, ImaginaryChat, ImaginaryRequest
from settings_ui.rehearsal_memory import Memory
from settings_ui.rehearsal_seen import Passing, count_passing
from tests.conftest import set_filter, set_title
from tests.form_reader import read_form
from tests.frame_posts import open_frame, token_of

PETR, ANNA = 700101, 700102
NEW_PHONE, KNOWN_PHONE = "79001112233", "79000000001"
NUMBER = "+74950000010"
PATH = "/bitrix24/app/rehearsal/"


def edited(product, **changes):
    """The document of the settings, with these keys of the incoming stream changed."""
    from django.utils import timezone

    credential = product.credential
    document = export_document(credential, known=load_known(credential), now=timezone.now())
    document["telephony"]["incoming"] |= changes
    return document


def settings_of(product, **changes):
    known = load_known(product.credential)
    parsed = read_document(product.credential, json.dumps(edited(product, **changes)), known=known)
    assert parsed.settings is not None, parsed.faults
    return parsed.settings


def only(fact, op, value):
    return {"all": [{"fact": fact, "op": op, "value": value}]}


def to_anna(when=None):
    return {"rules": [{"name": "Анне", "when": when, "assign": {"to": "user", "user": 15}}], "default": 1}


def filter_of(played):
    """What the filter saw."""
    return next(entry for entry in played.trace if entry.get("step") == "filter")


def snapshot():
    """Everything a rehearsal could spoil."""
    models = (Communication, CrmAction, ClientLink, InboxEvent, SettingsRevision, Credential, Portal)
    return [list(model.objects.order_by("pk").values()) for model in models]


@pytest.fixture(autouse=True)
def dictionaries(product):
    """What the settings document refers to."""
    for code, name in ((PETR, "Иванов Пётр"), (ANNA, "Смирнова Анна")):
        UisItem.objects.create(credential=product.credential, kind="employee", code=str(code), name=name)


@pytest.fixture
def admin(product):
    return token_of(open_frame(product.client, product.sandbox))


def post(product, token, **data):
    return product.client.post(PATH, data, headers={"x-app-session": token})


def test_rehearsal_of_a_call_plans_what_was_done_and_asks_nobody(product):
    set_title(product.stream(), "answered", "Звонок {{contact_phone_number}}")
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time()
    call = product.call(story)
    done = list(call.actions.order_by("seq").values_list("key", flat=True))
    product.sandbox.portal.clear_log()
    before = snapshot()
    played = rehearse(product.credential, call, read_settings(product.credential))
    assert not product.sandbox.portal.requests
    assert snapshot() == before
    keys = [action.key for action in played.commands]
    assert {"lead", "register", "finish"} <= set(keys) <= {*done, "notify"}, (keys, done)
    assert played.plan.state == "done"
    assert (played.passed, played.responsible_id) == (True, call.responsible_id)
    assert played.title == "Звонок +7 900 111-22-33"
    assert played.is_client_known


def test_edited_filter_title_and_responsible_are_played(product):
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    call = product.call(story)
    kept_out = settings_of(product, filter=only("contact_phone_number", "starts", "+7495"))
    played = rehearse(product.credential, call, kept_out)
    assert (played.passed, played.plan.state) == (False, "ignored")
    assert filter_of(played)["conditions"][0]["passed"] is False
    assert played.commands == ()
    let_in = settings_of(
        product,
        filter=only("contact_phone_number", "starts", "+7900"),
        responsible=to_anna(only("result", "eq", "answered")),
    )
    played = rehearse(product.credential, call, let_in)
    assert filter_of(played)["passed"] is True
    assert filter_of(played)["conditions"][0]["passed"] is True
    assert played.responsible_id == 15


def test_known_client_is_remembered_and_the_portal_is_not_searched(product):
    story = product.play("answered_call", client_phone=KNOWN_PHONE, employees=[PETR])
    call = product.call(story)
    product.sandbox.portal.clear_log()
    played = rehearse(product.credential, call, read_settings(product.credential))
    found = next(entry for entry in played.trace if entry["step"] == "client")
    assert found == next(entry for entry in call.trace if entry["step"] == "client")
    assert not product.sandbox.portal.requests


def test_change_of_owners_is_played_from_the_remembered_owner(product):
    story = product.play("answered_call", client_phone=KNOWN_PHONE, employees=[PETR])
    call = product.call(story)
    kind = call.facts["crm:client"]["candidates"][0]["type"]
    played = rehearse(
        product.credential,
        call,
        settings_of(
            product,
            change_responsible_of=[kind],
            responsible=to_anna(),
        ),
    )
    assert f"correct:{kind}" in [action.key for action in played.commands]
    assert "crm.item.get" in played.not_asked


def test_integration_that_is_off_is_played_as_if_it_were_on_and_says_so(product):
    product.credential.tabs.update(is_active=False)
    played = rehearse(
        product.credential, ImaginaryCall(phone="+79001112233", number=NUMBER), read_settings(product.credential)
    )
    assert (played.is_active, played.passed) == (False, True)


@pytest.mark.parametrize(
    ("result", "direction", "expected"),
    [("answered", "in", "200"), ("missed", "in", "304"), ("unanswered", "out", "480")],
)
def test_imaginary_call_is_played_to_its_end(product, result, direction, expected):
    call = ImaginaryCall(phone="+79001112233", number=NUMBER, direction=direction, result=result, employee_id=PETR)
    played = rehearse(product.credential, call, read_settings(product.credential))
    finish = next(action for action in played.commands if action.key == "finish")
    assert finish.params["STATUS_CODE"] == expected
    assert played.is_client_known is False
    assert Communication.objects.count() == 0


def test_imaginary_call_of_a_client_we_know_finds_him(product):
    ClientLink.objects.create(portal=product.portal, key="phone:+79001112233", object_type="contact", object_id=77)
    call = ImaginaryCall(phone="+79001112233", number=NUMBER, employee_id=PETR)
    played = rehearse(product.credential, call, read_settings(product.credential))
    assert played.trace[0]["candidates"] == ["contact:77"]
    assert "lead" not in [action.key for action in played.commands]


def test_mapped_fields_are_told(product):
    from crm_bitrix.models import BitrixItem

    data = {"object": "lead", "field": "comments", "type": "text"}
    BitrixItem.objects.create(portal=product.portal, kind="field", code="lead.comments", name="Комментарий", data=data)
    row = {"fact": "virtual_phone_number", "object": "lead", "field": "comments", "policy": "create"}
    call = ImaginaryCall(phone="+79001112233", number=NUMBER, employee_id=PETR)
    played = rehearse(product.credential, call, settings_of(product, mapping=[row]))
    assert [dataclasses.astuple(one) for one in played.fields] == [("lead", "comments", "+74950000010")]


def test_last_events_was_and_would_be(product, django_assert_max_num_queries):
    for phone in (NEW_PHONE, "79161234567", "79001112244"):
        product.play("answered_call", client_phone=phone, employees=[PETR])
        product.pass_time()
    after = settings_of(
        product,
        filter=only("contact_phone_number", "starts", "+7900"),
        responsible=to_anna(),
    )
    before = snapshot()
    with django_assert_max_num_queries(60):
        summary = compare(product.credential, after)
    assert (summary.total, summary.passed) == (3, (3, 2))
    assert summary.responsible_changed == 2
    assert summary.title_changed == 0
    assert len(summary.changed) == 3
    assert snapshot() == before


def test_same_settings_change_nothing_of_the_last_events(product):
    set_filter(product.stream(), only("contact_phone_number", "starts", "+7495"))
    product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    summary = compare(product.credential, read_settings(product.credential))
    assert (summary.total, summary.passed, summary.changed) == (1, (0, 0), ())


def test_chat_is_played_with_the_client_it_had(product):
    story = product.play("chat_finished", client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time(3600)
    chat = Communication.objects.get(kind="chat", uis_id=story.id)
    product.sandbox.portal.clear_log()
    before = snapshot()
    played = rehearse(product.credential, chat, read_settings(product.credential))
    assert not product.sandbox.portal.requests
    assert snapshot() == before
    assert played.passed, played.reason
    assert played.responsible_id == chat.responsible_id
    assert "crm.item.add" in [action.method for action in played.commands]


def test_nobody_is_taken_for_somebody_else_who_has_no_number_either(product):
    played = product.call(product.play("answered_call", client_phone=KNOWN_PHONE, employees=[PETR]))
    Communication.objects.filter(pk=played.pk).update(client_phone="")
    other = Communication(
        portal=product.portal, credential=product.credential, kind="chat", client_keys=["visitor:5"], facts={}
    )
    assert _memory(other) == Memory()


# --- the address


def test_address_plays_the_settings_of_the_screen(product, admin):
    document = edited(product, filter=only("contact_phone_number", "starts", "+7495"))
    page = post(product, admin, settings=json.dumps(document), phone="8 900 111-22-33", employee=PETR)
    assert "Не попадёт в CRM" in page.content.decode()
    call = product.call(product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR]))
    page = post(product, admin, settings=json.dumps(document), communication=call.pk).content.decode()
    assert "Не попадёт в CRM" in page
    assert "Номер клиента" in page
    assert "79001112233" not in page.replace(" ", "")
    page = post(product, admin, settings=json.dumps(document), last=1).content.decode()
    assert "1 → 0" in page


def test_address_refuses_settings_as_saving_does(product, admin):
    document = edited(product, filter=only("contact_phone_number", "resembles", "+7495"))
    page = post(product, admin, settings=json.dumps(document), phone="+79001112233")
    assert page.status_code == 200
    assert "Входящие звонки › Фильтр" in page.content.decode()
    assert "код" in post(product, admin, phone="abc").content.decode()


def test_ordinary_user_plays_only_what_happened_by_the_saved_settings(product):
    token = token_of(open_frame(product.client, product.sandbox, user_id=12))
    call = product.call(product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR]))
    assert post(product, token, communication=call.pk).status_code == 200
    assert post(product, token, communication=call.pk, settings="{}").status_code == 403
    assert post(product, token, phone="+79001112233").status_code == 403
    assert post(product, token, last=1).status_code == 403


def test_imaginary_chat_and_request_are_played_to_their_end(product):
    settings = read_settings(product.credential)
    known = {"phone": f"+{KNOWN_PHONE}", "client_name": "Ольга"}
    answered = rehearse(product.credential, ImaginaryChat(employee_id=ANNA, text="Есть в наличии?", **known), settings)
    assert (answered.passed, answered.plan.state) == (True, "done"), answered.reason
    assert "crm.item.add" in [action.method for action in answered.commands]
    missed = rehearse(product.credential, ImaginaryChat(result="missed", **known), settings)
    assert missed.title.startswith("Пропущен чат")
    told = rehearse(product.credential, ImaginaryRequest(text="Перезвоните", form_name="Форма", **known), settings)
    assert told.passed, told.reason
    nobody = rehearse(product.credential, ImaginaryRequest(text="Перезвоните"), settings)
    assert (nobody.passed, nobody.plan.state) == (True, "waiting")


def test_filter_is_counted_on_the_last_events_of_its_stream(product, django_assert_max_num_queries):
    for phone in (NEW_PHONE, KNOWN_PHONE, "74950000077"):
        product.play("answered_call", client_phone=phone, employees=[PETR])
    product.play("offline_request", client_phone=NEW_PHONE)
    settings = settings_of(product, filter=only("contact_phone_number", "starts", "+7900"))
    before = snapshot()
    with django_assert_max_num_queries(20):
        assert count_passing(product.credential, settings, StreamKind.INCOMING) == Passing(2, 3)
    assert count_passing(product.credential, settings, StreamKind.OUTGOING) == Passing(0, 0)
    assert count_passing(product.credential, settings, StreamKind.REQUEST) == Passing(1, 1)
    assert snapshot() == before


def test_filter_sees_events_that_the_saved_one_keeps_out(product):
    set_filter(product.stream(), only("contact_phone_number", "starts", "+7495"))
    product.play("missed_call", client_phone=NEW_PHONE, employees=[PETR])
    settings = settings_of(product, filter=only("result", "eq", "missed"))
    assert count_passing(product.credential, settings, StreamKind.INCOMING) == Passing(1, 1)


def ask(product, token, path, **body):
    body = {"credential": str(product.credential.uuid), **body}
    return product.client.post(
        f"/bitrix24/app/screen/{path}", json.dumps(body), content_type="text/plain", headers={"x-app-session": token}
    )


def test_screen_counts_previews_and_plays_what_is_typed(product, admin):
    call = product.call(product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR]))
    form = read_form(ask(product, admin, "").content.decode()).pairs
    at = "telephony.incoming.filter"
    assert ask(product, admin, "passing/", form=form, at=at).json() == {"text": "1 из последних 1 событий пройдут"}
    typed = [[f"{at}.join", "all"], [f"{at}.nodes[0].fact", "result"], [f"{at}.nodes[0].op", "eq"]]
    typed = [pair for pair in form if not pair[0].startswith(f"{at}:")] + [[f"{n}:text", v] for n, v in typed]
    missed = [*typed, [f"{at}.nodes[0].value:text", "missed"]]
    assert ask(product, admin, "passing/", form=missed, at=at).json() == {"text": "0 из последних 1 событий пройдут"}
    wrong = [*typed, [f"{at}.nodes[0].value:text", "никак"]]
    assert ask(product, admin, "passing/", form=wrong, at=at).json() == {"text": ""}

    page = post(product, admin, form=json.dumps(missed), communication=call.pk).content.decode()
    assert "Не попадёт в CRM" in page
    assert "Не попадёт" not in post(product, admin, form=json.dumps(form), communication=call.pk).content.decode()
    assert "1 → 0" in post(product, admin, form=json.dumps(missed), last=1).content.decode()
    assert post(product, admin, form="[1]", last=1).status_code == 400
    told = post(product, admin, form=json.dumps(form), imaginary="request", text="Перезвоните", phone=NEW_PHONE)
    assert "Попадёт в CRM" in told.content.decode()

    shown = ask(product, admin, "events/").content.decode()
    assert f'<option value="{call.pk}">' in shown
    assert NEW_PHONE not in shown.replace(" ", "")
    told = ask(product, admin, "preview/", stream="incoming", result="answered", text="От {{contact_phone_number}}")
    assert told.json()["title"].startswith("От +7")
    assert NEW_PHONE[1:] not in told.content.decode().replace(" ", "")
    assert "Входящий звонок" in told.json()["about"]
    named = ask(product, admin, "preview/", stream="incoming", result="answered", text="{{responsible_name}}")
    assert named.json()["title"]
    invented = ask(product, admin, "preview/", stream="request", result="received", text="{{visitor_name}}").json()
    assert invented == {"title": "Ольга", "about": "Пример"}
