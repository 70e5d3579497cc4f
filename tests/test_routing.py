"""Forwarding to the personal manager: a question of UIS, an answer within its budget, whatever happens."""

import json
import threading
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_bitrix import tokens
from crm_bitrix.models import BitrixItem, RequestLog
from crm_bitrix.owners import METHOD, BadAnswer, Owner, read_owners
from integration import remote, routing_guide
from integration.events import BadPayload
from integration.models import Credential, Lane, Portal, SettingsTab
from integration.rules.facts import StreamKind
from integration.rules.ruleset import PersonalManager, Ruleset, make_ruleset, make_stream
from telephony import views
from telephony.models import REASONS, RoutingQuestion
from telephony.routing import Answer, Asked, Reason, choose_answer, decline, read_question
from tests.conftest import Product, configure, connect_portal
from tests.sandbox.defaults import COMPANY_PHONE, KNOWN_NO_DEAL_PHONE, KNOWN_PHONE, LEAD_PHONE

NOT_FOUND = {"returned_code": 1}
QUESTION = {
    "call_session_id": 5000000101,
    "numa": "79000000001",
    "numb": "74950000010",
    "start_time": "2026-03-16 10:15:02.118",
    "direction": "in",
    "input_result": None,
}


# --- choosing, without a portal ------------------------------------------------------------------------------------


def rules(*, is_only_at_work: bool = True, **options: Any) -> Ruleset:
    manager = PersonalManager(is_active=True, is_only_at_work=is_only_at_work)
    return make_ruleset(make_stream(StreamKind.INCOMING, personal_manager=manager), **options)


def contact(user_id: int = 12, number: int = 1, **options: Any) -> Owner:
    return Owner("contact", number, user_id, **({"extension": "101"} | options))


def company(user_id: int, **options: Any) -> Owner:
    return Owner("company", 2, user_id, **({"extension": "102"} | options))


@pytest.mark.parametrize(
    ("owners", "ruleset", "answer"),
    [
        ([contact()], rules(), Answer(Reason.OWNER, ("101",))),
        ([], rules(), Answer(Reason.UNKNOWN_CLIENT)),
        ([Owner("deal", 7, 12, "101")], rules(), Answer(Reason.UNKNOWN_CLIENT)),
        # the order of the settings, then the newest
        ([company(15), contact()], rules(), Answer(Reason.OWNER, ("101",))),
        ([contact(), company(15)], rules(client_order=("company", "contact", "lead")), Answer(Reason.OWNER, ("102",))),
        ([contact(12, 1), contact(15, 9, extension="102")], rules(), Answer(Reason.OWNER, ("102",))),
        # who has left
        ([contact()], rules(active_user_ids=frozenset({15})), Answer(Reason.INACTIVE)),
        ([contact(), company(15)], rules(active_user_ids=frozenset({15})), Answer(Reason.OWNER, ("102",))),
        ([contact()], rules(active_user_ids=frozenset({12})), Answer(Reason.OWNER, ("101",))),
        # the working day; nobody else is rung in his place
        ([contact(is_at_work=False)], rules(), Answer(Reason.NOT_AT_WORK)),
        ([contact(is_at_work=False), company(15)], rules(), Answer(Reason.NOT_AT_WORK)),
        ([contact(is_at_work=False)], rules(is_only_at_work=False), Answer(Reason.OWNER, ("101",))),
        # which phone
        ([contact(extension="", work_phone="8 (495) 000-00-11")], rules(), Answer(Reason.OWNER, ("74950000011",))),
        ([contact(extension="101", work_phone="+74950000011")], rules(), Answer(Reason.OWNER, ("101",))),
        ([contact(extension="доб. 1", work_phone="")], rules(), Answer(Reason.NO_PHONE)),
        ([contact(extension="", work_phone="нет")], rules(), Answer(Reason.NO_PHONE)),
        ([contact(extension="12345678", work_phone="+74950000011")], rules(), Answer(Reason.OWNER, ("74950000011",))),
        ([contact(extension="١٠١")], rules(), Answer(Reason.NO_PHONE)),
    ],
)
def test_the_owner_of_the_client_is_chosen_or_the_branch(owners: list[Owner], ruleset: Ruleset, answer: Answer):
    assert choose_answer(owners, ruleset) == answer
    assert answer.body == ({"phones": list(answer.phones)} if answer.reason is Reason.OWNER else NOT_FOUND)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (Asked("79000000001", "in"), None),
        (Asked("8 900 000-00-01"), None),
        (Asked("79000000001", "out"), Reason.NOT_INCOMING),
        (Asked("anonymous", "in"), Reason.HIDDEN_NUMBER),
        (Asked("102", "in"), Reason.HIDDEN_NUMBER),
        (Asked(""), Reason.HIDDEN_NUMBER),
    ],
)
def test_some_calls_need_no_question_to_the_portal(asked: Asked, reason: Reason | None):
    assert decline(asked, rules()) == reason


def test_nothing_is_asked_while_the_option_or_the_tab_is_off():
    asked = Asked("79000000001", "in")
    off = make_ruleset(make_stream(StreamKind.INCOMING))
    inactive = make_stream(StreamKind.INCOMING, is_active=False, personal_manager=PersonalManager(is_active=True))
    assert decline(asked, off) == decline(asked, make_ruleset(inactive)) == Reason.OFF


@pytest.mark.parametrize(
    ("query", "body", "asked"),
    [
        ("numa=79000000001&direction=in", b"", Asked("79000000001", "in")),
        ("numa=%2279000000001%22&direction=%22IN%22", b"", Asked("79000000001", "in")),
        ("", b"numa=%2B7+900+000-00-01&numb=1", Asked("+7 900 000-00-01")),
        ("", json.dumps(QUESTION).encode(), Asked("79000000001", "in")),
        ("direction=in", b'{"numa": 79000000001}', Asked("79000000001", "in")),
        ("", b'{"numa": {{numa}}, "direction": "in"}', Asked("", "in")),
        ("numa=%7B%7Bnuma%7D%7D", b"", Asked("")),
        ("", b'{"numa": ["79000000001"], "direction": true}', Asked("")),
    ],
)
def test_a_question_is_read_from_query_form_and_json(query: str, body: bytes, asked: Asked):
    assert read_question(query, body) == asked


def test_a_question_that_is_none_is_refused():
    with pytest.raises(BadPayload):
        read_question("", b"\xff\xfe\x00")


def row(**options: Any) -> dict[str, Any]:
    person = {"ID": "12", "USER_PHONE_INNER": "101", "WORK_PHONE": "", "TIMEMAN_STATUS": "OPENED"}
    told = {"CRM_ENTITY_TYPE": "CONTACT", "CRM_ENTITY_ID": "1", "ASSIGNED_BY_ID": "12", "ASSIGNED_BY": person}
    return {**told, **options}


@pytest.mark.parametrize(
    ("status", "is_at_work"),
    [
        ("OPENED", True),
        ("PAUSED", False),
        ("CLOSED", False),
        ("EXPIRED", False),
        ("UNAVAILABLE", True),
        ("NOT_INSTALLED", True),
        ("", True),
        (None, True),
        ("SOMETHING_NEW", True),
    ],
)
def test_an_unknown_working_day_counts_as_open(status: str | None, is_at_work: bool):
    [owner] = read_owners([row(ASSIGNED_BY={"TIMEMAN_STATUS": status})])
    assert owner.is_at_work is is_at_work


@pytest.mark.parametrize(
    ("result", "owners"),
    [
        ([], ()),
        (None, ()),
        (False, ()),
        ([row()], (contact(),)),
        ([row(ASSIGNED_BY_ID=0, ASSIGNED_BY=None)], ()),
        ([row(ASSIGNED_BY=[])], (contact(extension=""),)),
    ],
)
def test_owners_are_read_from_the_answer(result: Any, owners: tuple[Owner, ...]):
    assert read_owners(result) == owners


@pytest.mark.parametrize("result", ["unexpected", [1], [{}], {"0": row()}, [row(CRM_ENTITY_ID="x")], 7, [None]])
def test_an_answer_of_another_shape_is_a_doubt(result: Any):
    with pytest.raises(BadAnswer):
        read_owners(result)


def test_every_reason_has_words_for_the_screen():
    assert set(REASONS) == set(Reason)


# --- the address, with a portal ------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_memory() -> None:
    cache.clear()


@pytest.fixture
def asking(product: Product) -> Product:
    """A product with the forwarding switched on."""
    switch(product.credential, is_active=True)
    return product


def switch(credential: Credential, *, is_active: bool, only_at_work: bool = True) -> None:
    stream = credential.streams.get(kind="incoming")
    stream.options = {"personal_manager": {"active": is_active, "only_at_work": only_at_work}}
    stream.save()


def path(product: Product) -> str:
    return f"/uis/{product.credential.uuid}/{product.secret}/route/"


def ask(product: Product, phone: str = KNOWN_PHONE, **options: Any) -> Any:
    """The answer to a question in JSON; always 200."""
    body = json.dumps({**QUESTION, "numa": phone.removeprefix("+"), **options})
    answer = product.client.post(path(product), data=body, content_type="application/json")
    assert answer.status_code == 200
    return answer.json()


def reason() -> str:
    """Why the last question was answered as it was."""
    return RoutingQuestion.objects.latest("pk").reason


def requests_of(product: Product) -> int:
    return len(product.sandbox.portal.requests)


def test_the_call_of_a_known_client_goes_to_the_owner_and_is_noted(asking: Product):
    assert ask(asking) == {"phones": ["101"]}
    noted = RoutingQuestion.objects.get()
    assert (noted.credential, noted.phone, noted.answer) == (asking.credential, KNOWN_PHONE, {"phones": ["101"]})
    assert (noted.reason, noted.asked_at.date()) == ("owner", timezone.now().date())
    assert noted.took_ms < 1500
    assert noted.get_reason_display() == "Ответственный найден"
    assert requests_of(asking) == 1


def test_the_scenario_rings_who_was_answered(asking: Product):
    asking.sandbox.uis.route_url = lambda body: asking.client.post(path(asking), body, "application/json").json()
    told = asking.sandbox.uis.ask_route(phone="79000000002", virtual_number="74950000010", call_session_id=7)
    assert told == {"phones": ["102"]}


@pytest.mark.parametrize(
    ("phone", "phones"), [(KNOWN_NO_DEAL_PHONE, ["102"]), (COMPANY_PHONE, ["102"]), (LEAD_PHONE, ["101"])]
)
def test_contacts_companies_and_leads_have_owners(asking: Product, phone: str, phones: list[str]):
    assert ask(asking, phone) == {"phones": phones}


def test_an_owner_without_an_extension_is_rung_at_his_work_phone(asking: Product):
    asking.sandbox.portal.users[12] |= {"UF_PHONE_INNER": None, "WORK_PHONE": "8 495 000-00-11"}
    assert ask(asking) == {"phones": ["74950000011"]}


def test_an_owner_who_has_left_is_not_rung(asking: Product):
    BitrixItem.objects.filter(portal=asking.portal, code="12").update(data={"is_active": False})
    assert (ask(asking), reason()) == (NOT_FOUND, "inactive")


def test_a_closed_working_day_counts_only_if_it_is_asked_for(asking: Product):
    asking.sandbox.portal.users[12]["TIMEMAN_STATUS"] = "CLOSED"
    assert (ask(asking), reason()) == (NOT_FOUND, "not_at_work")
    switch(asking.credential, is_active=True, only_at_work=False)
    assert ask(asking) == {"phones": ["101"]}
    assert requests_of(asking) == 1, "settings count at once, though the owner is remembered"


def test_an_unknown_client_takes_the_branch_and_is_looked_for_again_soon(asking: Product):
    assert (ask(asking, "+79990000000"), reason()) == (NOT_FOUND, "unknown_client")
    ask(asking, "+79990000000")
    assert requests_of(asking) == 1
    asking.clock.shift(views.UNKNOWN_SECONDS + 1)
    ask(asking, "+79990000000")
    assert requests_of(asking) == 2


def test_a_repeated_question_is_answered_without_a_request(asking: Product):
    assert [ask(asking) for _ in range(3)] == [{"phones": ["101"]}] * 3
    assert requests_of(asking) == 1
    assert RoutingQuestion.objects.count() == 3
    asking.clock.shift(views.KNOWN_SECONDS + 1)
    ask(asking)
    assert requests_of(asking) == 2


def test_nobody_is_asked_while_a_flag_is_off(asking: Product):
    SettingsTab.objects.filter(credential=asking.credential, tab="telephony").update(is_active=False)
    assert (ask(asking), reason()) == (NOT_FOUND, "off")
    SettingsTab.objects.filter(credential=asking.credential).update(is_active=True)
    switch(asking.credential, is_active=False)
    assert (ask(asking), reason()) == (NOT_FOUND, "off")
    assert requests_of(asking) == 0


@pytest.mark.parametrize("phone", ["anonymous", "", "102", "7" * 300])
def test_a_hidden_number_takes_the_branch(asking: Product, phone: str):
    assert (ask(asking, phone), reason()) == (NOT_FOUND, "hidden_number")
    assert requests_of(asking) == 0


def test_a_slow_portal_is_given_up_within_the_budget_and_left_alone_for_a_while(
    asking: Product, monkeypatch: pytest.MonkeyPatch
):
    deadlines: list[float] = []
    real = remote.request

    def watched(*arguments: Any, **options: Any) -> remote.Reply:
        deadlines.append(options["deadline_seconds"])
        return real(*arguments, **options)

    monkeypatch.setattr("integration.remote.request", watched)
    asking.sandbox.faults.fail_always("timeout")
    assert (ask(asking), reason()) == (NOT_FOUND, "no_answer")
    assert (ask(asking, LEAD_PHONE), reason()) == (NOT_FOUND, "no_answer")
    [deadline] = deadlines
    assert 0.5 < deadline <= views.BUDGET_SECONDS - views.RESERVE_SECONDS
    asking.sandbox.faults.clear()
    asking.clock.shift(views.SLOW_SECONDS + 1)
    assert ask(asking) == {"phones": ["101"]}


def test_connecting_and_reading_share_one_deadline(asking: Product, monkeypatch: pytest.MonkeyPatch):
    seen: list[Any] = []
    real = remote._adapter().send

    def watched(*arguments: Any, **options: Any) -> Any:
        seen.append(options["timeout"])
        return real(*arguments, **options)

    monkeypatch.setattr(remote._adapter(), "send", watched)
    ask(asking)
    [timeout] = seen
    assert timeout.total <= views.BUDGET_SECONDS
    assert timeout.connect_timeout <= timeout.total


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("503", "busy"),
        ("429", "busy"),
        ("html", "no_answer"),
        ("truncated", "no_answer"),
        ("wrong_type", "no_answer"),
        ("drop_before", "no_answer"),
        ("500", "no_answer"),
        ("redirect_302", "no_answer"),
        ("payment_required", "on_hold"),
        ("portal_deleted", "on_hold"),
    ],
)
def test_whatever_a_portal_does_the_branch_is_taken(asking: Product, kind: str, said: str):
    asking.sandbox.faults.fail_always(kind)
    assert (ask(asking), reason()) == (NOT_FOUND, said)


def test_a_method_that_is_tired_is_not_asked(asking: Product):
    asking.sandbox.faults.fail_next(1, "429")
    assert (ask(asking), ask(asking), reason()) == (NOT_FOUND, NOT_FOUND, "busy")
    assert METHOD in Portal.objects.get(pk=asking.portal.pk).paused_methods
    assert requests_of(asking) == 1


def test_a_portal_on_hold_is_not_asked(asking: Product):
    Portal.objects.filter(pk=asking.portal.pk).update(hold_reason="PAYMENT_REQUIRED")
    assert (ask(asking), reason()) == (NOT_FOUND, "on_hold")
    assert requests_of(asking) == 0


def test_a_credential_without_a_portal_takes_the_branch(asking: Product):
    Credential.objects.filter(pk=asking.credential.pk).update(portal=None)
    assert (ask(asking), reason()) == (NOT_FOUND, "on_hold")


def test_questions_use_what_the_lanes_leave_in_the_bucket(asking: Product):
    lane = Lane.objects.filter(name=asking.portal.live_lane)
    lane.update(bucket_level=47, bucket_at=timezone.now())
    assert ask(asking) == {"phones": ["101"]}
    assert (ask(asking, LEAD_PHONE), reason()) == (NOT_FOUND, "busy")
    asking.clock.shift(1)
    assert ask(asking, LEAD_PHONE) == {"phones": ["101"]}, "a full bucket says nothing against the portal"


def test_questions_do_not_use_up_the_threads(asking: Product):
    taken = [views._seats.acquire(blocking=False) for _ in range(views.SEATS)]
    try:
        assert (ask(asking), reason(), all(taken)) == (NOT_FOUND, "busy", True)
    finally:
        views._seats.release(views.SEATS)
    assert ask(asking) == {"phones": ["101"]}


def test_a_question_does_not_wait_for_a_lane_that_works(asking: Product):
    Lane.objects.filter(name=asking.portal.live_lane).update(lease_token="x", lease_until=timezone.now())
    assert ask(asking) == {"phones": ["101"]}


def test_an_expired_token_is_renewed_when_there_is_time(asking: Product):
    asking.sandbox.portal.expire_tokens()
    assert ask(asking) == {"phones": ["101"]}
    assert Portal.objects.get(pk=asking.portal.pk).token_version == 1


def test_a_token_that_somebody_else_is_renewing_is_not_waited_for(asking: Product):
    asking.sandbox.portal.expire_tokens()
    Portal.objects.filter(pk=asking.portal.pk).update(refreshing_until=timezone.now() + timezone.timedelta(seconds=30))
    assert (ask(asking), reason()) == (NOT_FOUND, "token")


def test_a_renewal_that_takes_too_long_is_finished_without_the_question(
    asking: Product, monkeypatch: pytest.MonkeyPatch
):
    left = threading.Event()
    ask_server = tokens.ask_server

    def slow(*arguments: Any, **options: Any) -> Any:
        left.wait(10)
        return ask_server(*arguments, **options)

    monkeypatch.setattr("crm_bitrix.tokens.ask_server", slow)
    monkeypatch.setattr(views, "BUDGET_SECONDS", 0.7)
    asking.sandbox.portal.expire_tokens()
    assert (ask(asking), reason()) == (NOT_FOUND, "token")
    left.set()
    [renewal] = [thread for thread in threading.enumerate() if thread.name == "renewal"]
    renewal.join()
    assert Portal.objects.get(pk=asking.portal.pk).token_version == 1
    assert ask(asking) == {"phones": ["101"]}
    assert len(asking.sandbox.oauth_log) == 1


def test_a_dead_pair_takes_the_branch(asking: Product):
    asking.sandbox.portal.revoke_tokens()
    assert ask(asking) == NOT_FOUND


def test_an_error_of_our_own_takes_the_branch(asking: Product, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("telephony.views.choose_answer", lambda *_: 1 // 0)
    assert (ask(asking), reason()) == (NOT_FOUND, "error")


def test_get_form_and_json_ask_the_same(asking: Product):
    told = {key: value for key, value in QUESTION.items() if value}
    answers = [
        asking.client.get(path(asking), told),
        asking.client.get(path(asking) + "?" + urlencode({key: f'"{value}"' for key, value in told.items()})),
        asking.client.post(path(asking), urlencode(told), content_type="application/x-www-form-urlencoded"),
        asking.client.post(path(asking), json.dumps(QUESTION), content_type="text/plain"),
        asking.client.post(path(asking) + "?" + urlencode(told)),
    ]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert [answer.json() for answer in answers] == [{"phones": ["101"]}] * 5
    assert all(answer.headers["Content-Type"] == "application/json" for answer in answers)
    assert all("no-store" in answer.headers["Cache-Control"] for answer in answers)


def test_a_body_too_large_takes_the_branch(asking: Product):
    answer = asking.client.post(path(asking), b"x" * 2_000_000, content_type="text/plain")
    assert (answer.status_code, answer.json(), reason()) == (200, NOT_FOUND, "bad_question")


@pytest.mark.fault(21)
def test_a_wrong_secret_and_an_unknown_credential_are_told_nothing(asking: Product):
    wrong = path(asking).replace(asking.secret, "x" * 43)
    unknown = path(asking).replace(str(asking.credential.uuid), "00000000-0000-4000-8000-000000000000")
    for address in (wrong, unknown):
        for answer in (asking.client.get(address, QUESTION | {"input_result": ""}), asking.client.post(address)):
            assert (answer.status_code, answer.content) == (404, b"")
    assert not RoutingQuestion.objects.exists()
    assert requests_of(asking) == 0


def test_the_previous_secret_is_good_until_its_time(asking: Product):
    old = path(asking)
    asking.credential.set_new_secret(keep_previous_until=timezone.now() + timezone.timedelta(hours=1))
    asking.credential.save()
    assert asking.client.post(old, json.dumps(QUESTION), content_type="application/json").status_code == 200
    asking.clock.shift(3601)
    assert asking.client.post(old).status_code == 404


def test_portals_know_nothing_of_each_other(asking: Product):
    other = second_portal(asking)
    ask(asking)
    asking.sandbox.portals["second"].users[12]["UF_PHONE_INNER"] = "777"
    assert ask(other) == {"phones": ["777"]}, "the same number, another portal"
    cache.clear()
    asking.sandbox.faults.fail_always("payment_required", portal="acme")
    Lane.objects.filter(name=asking.portal.live_lane).update(bucket_level=50, bucket_at=timezone.now())
    Portal.objects.filter(pk=asking.portal.pk).update(hold_reason="PAYMENT_REQUIRED")
    assert ask(asking) == NOT_FOUND
    assert ask(other) == {"phones": ["777"]}
    crossed = f"/uis/{other.credential.uuid}/{asking.secret}/route/"
    assert asking.client.post(crossed).status_code == 404
    assert {question.credential.portal for question in RoutingQuestion.objects.filter(answer={"phones": ["777"]})} == {
        other.portal
    }


def second_portal(first: Product) -> Product:
    first.sandbox.add_portal("second")
    portal = connect_portal(first.sandbox.connection("second"))
    credential = Credential.objects.create(portal=portal, name="Второй портал")
    secret = credential.set_new_secret()
    credential.save()
    configure(credential)
    switch(credential, is_active=True)
    return Product(first.sandbox, first.clock, first.bells, portal, credential, secret)


def test_the_request_is_in_the_log_of_requests(asking: Product):
    ask(asking)
    assert RequestLog.objects.get().methods == METHOD


ANY_VALUE = st.none() | st.text(max_size=40) | st.integers() | st.booleans() | st.lists(st.text(max_size=5), max_size=3)
ANY_QUESTION = st.one_of(
    st.binary(max_size=300),
    st.dictionaries(st.sampled_from(sorted(QUESTION)) | st.text(max_size=10), ANY_VALUE).map(
        lambda told: json.dumps(told).encode()
    ),
    st.dictionaries(st.sampled_from(sorted(QUESTION)), st.text(max_size=20)).map(
        lambda told: urlencode(told).encode("utf-8", "surrogatepass")
    ),
)


@pytest.mark.fault(22)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=ANY_QUESTION, query=st.text(max_size=60), kind=st.sampled_from(["application/json", "text/plain", "x"]))
def test_any_bytes_get_an_answer_with_the_secret_and_nothing_without(
    asking: Product, body: bytes, query: str, kind: str
):
    browser = Browser(raise_request_exception=True)
    extra = {"QUERY_STRING": query.encode("utf-8", "replace").decode("latin-1")}
    answer = browser.post(path(asking), body, content_type=kind, **extra)
    assert answer.status_code == 200
    assert answer.json() == NOT_FOUND or answer.json()["phones"]
    wrong = path(asking).replace(asking.secret, "wrong")
    refused = browser.post(wrong, body, content_type=kind, **extra)
    assert (refused.status_code, refused.content) == (404, b"")


def test_the_steps_name_the_account_and_the_code_that_is_answered(asking: Product):
    told = "\n".join(str(step) for step in routing_guide.steps(asking.credential))
    code = str(ask(asking, "+79990000000")["returned_code"])
    assert "личном кабинете UIS" in told
    assert f"код возврата {code} " in told
    assert str(routing_guide.BRANCHES[0].exit).startswith(f"Код {code} ")
    assert [one.name for one in routing_guide.PARAMETERS if one.is_needed] == ["numa"]
    assert {one.name for one in routing_guide.PARAMETERS} == set(QUESTION)
