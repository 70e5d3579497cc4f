"""The emulated portal bites as the vendor's does: strictness, batches, limits, tokens, faults."""

import threading
import time
from urllib.parse import quote, urlencode

import pytest
import requests
import time_machine

from tests.sandbox import Sandbox
from tests.sandbox.defaults import KNOWN_PHONE
from tests.sandbox.methods_im import add_chat


class Client:
    """Calls methods of the default portal with one token."""

    def __init__(self, sandbox: Sandbox, scopes=None, user_id=1):
        self.sandbox, self.portal = sandbox, sandbox.portal
        self.token = self.portal.issue_tokens(user_id, scopes)
        self.session = requests.Session()

    def raw(self, method, /, timeout=5, **params):
        url = self.portal.client_endpoint + method
        body = {"auth": self.token.access, **params}
        return self.session.post(url, json=body, timeout=timeout, allow_redirects=False)

    def call(self, method, /, **params):
        return self.raw(method, **params).json()

    def ok(self, method, /, **params):
        answer = self.call(method, **params)
        assert "error" not in answer, answer
        return answer["result"]

    def batch(self, halt=0, **commands):
        cmd = {name: one if isinstance(one, str | dict) else command(*one) for name, one in commands.items()}
        return self.ok("batch", halt=halt, cmd=cmd)


def command(method, params=None):
    return f"{method}?{urlencode(params or {}, quote_via=quote)}"


@pytest.fixture
def sandbox():
    with Sandbox().serve() as world:
        yield world
        assert world.slips == []


@pytest.fixture
def client(sandbox):
    return Client(sandbox)


def add_lead(client, phone="+79001112233", **fields):
    fm = [{"typeId": "PHONE", "valueType": "WORK", "value": phone}]
    return client.ok("crm.item.add", entityTypeId=1, fields={"title": "Звонок", "fm": fm, **fields})["item"]


# --- strictness


@pytest.mark.parametrize(
    ("method", "params", "status", "code", "text"),
    [
        ("crm.lead.frobnicate", {}, 404, "ERROR_METHOD_NOT_FOUND", "Method not found"),
        ("crm.item.add", {"entityTypeId": 1}, 400, "100", "fields"),
        ("crm.item.add", {"entityTypeId": "lead", "fields": {}}, 400, "100", "type int"),
        ("crm.item.add", {"entityTypeId": 999, "fields": {}}, 400, "NOT_FOUND", "SPA"),
        ("crm.item.get", {"entityTypeId": 1, "id": 404}, 400, "NOT_FOUND", "Item"),
        (
            "crm.item.add",
            {"entityTypeId": 1, "fields": {"assignedById": 77}},
            400,
            "CRM_FIELD_ERROR_VALUE_NOT_VALID",
            "assignedById",
        ),
        (
            "crm.item.add",
            {"entityTypeId": 2, "fields": {"categoryId": 3, "stageId": "NEW"}},
            400,
            "CRM_FIELD_ERROR_VALUE_NOT_VALID",
            "stageId",
        ),
        ("crm.item.add", {"entityTypeId": 1, "fields": {"observers": 12}}, 400, "100", "iterable"),
        (
            "crm.item.list",
            {"entityTypeId": 1, "filter": {"phone": 1}},
            400,
            "INVALID_ARG_VALUE",
            "not allowed in filter",
        ),
        ("crm.item.list", {"entityTypeId": 1, "order": {"id": "UP"}}, 400, "INVALID_ARG_VALUE", "ASC, DESC"),
        ("crm.duplicate.findbycomm", {"type": "FAX", "values": ["1"]}, 400, "", "not supported"),
        ("crm.category.list", {"entityTypeId": 1}, 400, "ENTITY_TYPE_NOT_SUPPORTED", "LEAD"),
        ("crm.timeline.comment.add", {"FIELDS": {}}, 400, "100", "fields"),
        ("im.notify.system.add", {"USER_ID": 12}, 400, "MESSAGE_EMPTY", "can't be empty"),
        ("im.message.add", {"DIALOG_ID": "chat9", "MESSAGE": "x"}, 400, "CHAT_ID", "Error"),
        ("imopenlines.crm.chat.get", {"CRM_ENTITY": 1}, 400, "ERROR_ARGUMENT", "CRM_ENTITY_TYPE"),
        (
            "imopenlines.crm.chat.getLastId",
            {"CRM_ENTITY_TYPE": "lead", "CRM_ENTITY": 1},
            400,
            "CRM_CHAT_EMPTY_CRM_DATA",
            "CRM",
        ),
        ("event.bind", {"event": "NOPE", "handler": "http://x/"}, 400, "ERROR_EVENT_NOT_FOUND", "not found"),
        ("placement.bind", {"PLACEMENT": "DEFAULT"}, 200, "ERROR_ARGUMENT", "HANDLER"),
        (
            "crm.activity.todo.add",
            {"ownerTypeId": 1, "ownerId": 1, "deadline": "soon"},
            400,
            "WRONG_DATETIME_FORMAT",
            "",
        ),
        (
            "crm.activity.todo.add",
            {"ownerTypeId": 1, "ownerId": 99, "deadline": "2026-01-01T10:00:00+03:00"},
            400,
            "OWNER_NOT_FOUND",
            "",
        ),
    ],
)
def test_wrong_calls_are_refused_as_the_vendor_refuses_them(client, method, params, *, status, code, text):
    response = client.raw(method, **params)
    body = response.json()
    assert (response.status_code, body["error"]) == (status, code)
    assert text in body["error_description"]
    assert "operating" in body["time"]


def test_missing_scope_is_refused_and_no_scope_is_needed_for_basic_methods(sandbox):
    client = Client(sandbox, scopes=("telephony",))
    assert client.raw("crm.item.list", entityTypeId=1).status_code == 403
    assert client.call("crm.item.list", entityTypeId=1)["error"] == "insufficient_scope"
    assert client.ok("server.time")


def test_unknown_fields_are_ignored_and_custom_names_follow_the_flag(client):
    item = add_lead(client, nonsense="x", UF_CRM_1700000001="ignored", ufCrm_1700000001="Осень")
    assert "nonsense" not in item
    assert item["ufCrm_1700000001"] == "Осень"
    shown = client.ok("crm.item.get", entityTypeId=1, id=item["id"], useOriginalUfNames="Y")["item"]
    assert shown["UF_CRM_1700000001"] == "Осень"


def test_leads_are_refused_while_leads_are_off(sandbox, client):
    sandbox.portal.leads_on = False
    assert client.ok("crm.settings.mode.get") == 2
    assert client.call("crm.item.add", entityTypeId=1, fields={})["error"] == "ACCESS_DENIED"


def test_form_body_and_json_body_mean_the_same(sandbox, client):
    data = {
        "auth": client.token.access,
        "entityTypeId": "1",
        "fields[title]": "Форма",
        "fields[fm][0][value]": "89001112233",
    }
    answer = requests.post(sandbox.portal.client_endpoint + "crm.item.add.json", data=data, timeout=5).json()
    assert answer["result"]["item"]["title"] == "Форма"
    assert client.ok("crm.duplicate.findbycomm", type="PHONE", values=["+7 900 111-22-33"]) == {
        "LEAD": [answer["result"]["item"]["id"]]
    }


# --- reading the CRM


def test_filters_know_prefixes_groups_lists_and_origin(client):
    made = [add_lead(client, title=f"Л{n}", originatorId="uis", originId=f"call:{n}") for n in range(3)]

    def ids(filter_):
        return [row["id"] for row in client.ok("crm.item.list", entityTypeId=1, filter=filter_)["items"]]

    assert ids({"originatorId": "uis", "originId": "call:1"}) == [made[1]["id"]]
    assert ids({"@id": [made[0]["id"], made[2]["id"]]}) == [made[0]["id"], made[2]["id"]]
    assert ids({"logic": "OR", "0": {"title": "Л0"}, "1": {"%title": "2"}, "originatorId": "nobody"}) == [
        made[0]["id"],
        made[2]["id"],
    ]
    assert ids({">id": made[0]["id"], "!originId": "call:2"}) == [made[1]["id"]]
    assert ids({"stageSemanticId": "F"}) == [2]
    deals = client.ok("crm.item.list", entityTypeId=2, filter={"contactId": 1}, select=["id", "title"])["items"]
    assert deals == [{"id": 1, "title": "Поставка мебели"}]


def test_lists_come_in_pages_of_fifty(client):
    client.sandbox.portal.add_users(120)
    answer = client.call("user.get", FILTER={"USER_TYPE": "employee"})
    assert (len(answer["result"]), answer["total"], answer["next"]) == (50, 123, 50)
    last = client.call("user.get", FILTER={">ID": 1100}, start=-1)
    assert len(last["result"]) == 20
    assert "total" not in last


def test_twenty_duplicates_of_one_type_hide_the_types_after_it(client):
    for _ in range(20):
        add_lead(client, phone=KNOWN_PHONE)
    found = client.ok("crm.duplicate.findbycomm", type="PHONE", values=[KNOWN_PHONE])
    assert list(found) == ["LEAD"]
    found = client.ok("crm.duplicate.findbycomm", type="PHONE", values=[KNOWN_PHONE], entity_type="CONTACT")
    assert found == {"CONTACT": [1]}
    assert client.ok("crm.duplicate.findbycomm", type="PHONE", values=["+79998887766"]) == []


def test_search_lag_hides_new_objects_from_searches_but_not_from_get(sandbox, client):
    sandbox.faults.crm_search_lag_seconds = 30
    with time_machine.travel(time.time(), tick=False) as traveller:
        lead = add_lead(client)
        lists = {"entityTypeId": 1, "filter": {"id": lead["id"]}}
        assert client.ok("crm.duplicate.findbycomm", type="PHONE", values=["+79001112233"]) == []
        assert client.ok("telephony.externalCall.searchCrmEntities", PHONE_NUMBER="+79001112233") == []
        assert client.ok("crm.item.list", **lists)["items"] == []
        assert client.ok("crm.item.get", entityTypeId=1, id=lead["id"])["item"]["id"] == lead["id"]
        traveller.shift(31)
        assert client.ok("crm.duplicate.findbycomm", type="PHONE", values=["+79001112233"]) == {"LEAD": [lead["id"]]}


# --- batch


def test_batch_runs_in_order_resolves_references_and_gives_empty_maps_as_lists(client):
    result = client.batch(
        add=("crm.item.add", {"entityTypeId": 1, "fields[title]": "Из пачки"}),
        get=command("crm.item.get", {"entityTypeId": 1}) + "&id=$result[add][item][id]",
        list=("crm.item.list", {"entityTypeId": 1}),
    )
    assert result["result"]["get"]["item"]["title"] == "Из пачки"
    assert result["result_total"] == {"list": 3}
    assert result["result_error"] == []
    assert result["result_next"] == []


def test_reference_swallows_text_up_to_white_space_and_keeps_the_deepest_value(client):
    result = client.batch(
        users=("user.get", {"FILTER[ID]": 12}),
        glued=("crm.item.add", {"entityTypeId": 1, "fields[title]": "Для $RESULT[users][0][NAME]: срочно"}),
        lost=("crm.item.add", {"entityTypeId": 1, "fields[title]": "$result[users][0][NAME][deeper]"}),
        total=("crm.item.add", {"entityTypeId": 1, "fields[title]": "Всего $total[users] человек"}),
        whole=command("user.get") + "&FILTER=" + quote("$result[users][0]"),
        array=command("crm.item.add", {"entityTypeId": 1, "fields[title]": "x $result[users]"}),
    )
    titles = {name: row["item"]["title"] for name, row in result["result"].items() if "item" in row}
    assert titles == {"glued": "Для Пётр срочно", "lost": "Пётр", "total": "Всего 1 человек", "array": "x Array"}
    assert client.portal.commands("user.get")[-1].params["FILTER"]["NAME"] == "Пётр"


def test_halt_stops_at_the_first_error_and_the_word_n_means_stop(client):
    commands = {"a": "server.time", "b": "no.such", "c": "server.time"}
    assert set(client.batch(0, **commands)["result"]) == {"a", "c"}
    for halt in (1, "N", True):
        result = client.batch(halt, **commands)
        assert set(result["result"]) == {"a"}
        assert set(result["result_error"]) == {"b"}


def test_batch_refuses_what_may_not_be_inside_and_skips_objects(client):
    call_id = finished_call(client)
    result = client.batch(
        nested=("batch", {"cmd[a]": "server.time"}),
        upload=("telephony.externalCall.attachRecord", {"CALL_ID": call_id, "FILENAME": "a.mp3"}),
        object={"method": "server.time", "params": {}},
    )
    codes = {name: error["error"] for name, error in result["result_error"].items()}
    assert codes == {"nested": "ERROR_BATCH_METHOD_NOT_ALLOWED", "upload": "ERROR_BATCH_METHOD_NOT_ALLOWED"}
    assert result["result"] == []


def test_commands_beyond_fifty_are_refused_one_by_one(client):
    response = client.raw("batch", cmd=["server.time"] * 52)
    result = response.json()["result"]
    assert response.status_code == 200
    assert len(result["result"]) == 50
    assert [error["error"] for error in result["result_error"].values()] == ["ERROR_BATCH_LENGTH_EXCEEDED"] * 2


def finished_call(client, **params):
    given = {"USER_ID": 12, "PHONE_NUMBER": KNOWN_PHONE, "TYPE": 2, "SHOW": 0, "EXTERNAL_CALL_ID": "c1", **params}
    call_id = client.ok("telephony.externalCall.register", **given)["CALL_ID"]
    client.ok("telephony.externalCall.finish", CALL_ID=call_id, USER_ID=12, DURATION=5)
    return call_id


# --- limits


def test_leaky_bucket_blocks_above_fifty_and_leaks_two_a_second(client):
    with time_machine.travel(time.time(), tick=False) as traveller:
        statuses = [client.raw("server.time").status_code for _ in range(52)]
        assert statuses == [200] * 50 + [503] * 2
        traveller.shift(1)
        assert [client.raw("server.time").status_code for _ in range(3)] == [200, 200, 503]


def test_operating_limit_blocks_one_method_until_its_baskets_fall_out(sandbox, client):
    sandbox.faults.seconds_by_method["user.current"] = 50.0
    with time_machine.travel(time.time(), tick=False) as traveller:
        for _ in range(10):
            answer = client.call("user.current")
            traveller.shift(30)
        assert answer["time"]["operating"] == 500
        refused = client.raw("user.current")
        assert (refused.status_code, refused.json()["error"]) == (429, "OPERATION_TIME_LIMIT")
        result = client.batch(a="user.current", b="server.time")
        assert result["result_error"]["a"]["error"] == "OPERATION_TIME_LIMIT"
        assert "b" in result["result"]
        traveller.shift(600)
        assert client.ok("user.current")


def test_batch_longer_than_sixty_seconds_dies_with_what_was_done_applied(sandbox, client):
    sandbox.faults.seconds_by_method["crm.item.add"] = 25.0
    add = command("crm.item.add", {"entityTypeId": 1, "fields[title]": "x"})
    response = client.raw("batch", cmd=[add] * 4)
    assert response.status_code == 504
    assert "<html>" in response.text
    assert sandbox.portal.counts()["leads"] == 2 + 2


# --- tokens


def test_access_token_expires_and_refresh_rotates_both(sandbox, client):
    connection = sandbox.connection(token=client.token)
    with time_machine.travel(time.time(), tick=False) as traveller:
        traveller.shift(3601)
        expired = client.raw("server.time")
        assert (expired.status_code, expired.json()["error"]) == (401, "expired_token")
        first = renew(connection).json()
        assert first["member_id"] == sandbox.portal.member_id
        assert renew(connection).json()["error"] == "invalid_grant"
        client.token.access = first["access_token"]
        assert client.ok("server.time")


def renew(connection, **changes):
    keys = ("client_id", "client_secret", "refresh_token")
    query = {"grant_type": "refresh_token", **{key: connection[key] for key in keys}, **changes}
    return requests.get(connection["oauth_url"] + "/token/", params=query, timeout=5)


def test_authorisation_server_knows_clients_codes_and_tokens(sandbox):
    connection = sandbox.connection()
    assert renew(connection, client_secret="wrong").json()["error"] == "invalid_client"
    code = sandbox.portal.issue_code()
    got = renew(connection, grant_type="authorization_code", code=code).json()
    assert got["client_endpoint"] == sandbox.portal.client_endpoint
    info = requests.get(f"{sandbox.url}/oauth/rest/app.info/", params={"auth": got["access_token"]}, timeout=5).json()
    assert info["result"]["install"]["member_id"] == sandbox.portal.member_id
    wrong = requests.get(f"{sandbox.url}/oauth/rest/app.info", params={"auth": "x"}, timeout=5)
    assert (wrong.status_code, wrong.json()["error"]) == (200, "WRONG_CLIENT")


def test_consent_page_sends_the_browser_back_with_a_code(sandbox):
    sandbox.portal.app_url = "http://product.example/oauth/"
    query = {"client_id": "local.sandbox", "state": "s1"}
    url = f"{sandbox.url}/portal/acme/oauth/authorize/"
    location = requests.get(url, params=query, allow_redirects=False, timeout=5).headers["Location"]
    assert location.startswith("http://product.example/oauth/?code=")
    assert "state=s1" in location
    assert f"member_id={sandbox.portal.member_id}" in location


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda portal: portal.revoke_tokens(), "invalid_token"),
        (lambda portal: setattr(portal, "is_paid", False), "PAYMENT_REQUIRED"),
        (lambda portal: setattr(portal, "installed", False), "APPLICATION_NOT_FOUND"),
        (lambda portal: portal.users[1].update(ACTIVE=False), "authorization_error"),
    ],
)
def test_state_of_the_portal_shuts_the_door(sandbox, client, change, code):
    change(sandbox.portal)
    response = client.raw("server.time")
    assert (response.status_code, response.json()["error"]) == (401, code)


# --- faults


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("503", 503, "QUERY_LIMIT_EXCEEDED"),
        ("429", 429, "OPERATION_TIME_LIMIT"),
        ("html", 502, "<html>"),
        ("expired_token", 401, "expired_token"),
        ("payment_required", 401, "PAYMENT_REQUIRED"),
        ("portal_deleted", 500, "PORTAL_DELETED"),
        ("500", 500, "INTERNAL_SERVER_ERROR"),
        ("redirect_302", 302, ""),
    ],
)
def test_faults_that_refuse_apply_nothing(sandbox, client, kind, status, text):
    sandbox.faults.fail_next(1, kind)
    response = client.raw("crm.item.add", entityTypeId=1, fields={})
    assert response.status_code == status
    assert text in response.text
    assert sandbox.portal.counts()["leads"] == 2
    assert client.ok("server.time")


@pytest.mark.parametrize(
    ("kind", "applied"),
    [("drop_before", 0), ("drop_after", 1), ("timeout", 0), ("timeout_after", 1), ("cut", 1)],
)
def test_faults_that_break_the_connection(sandbox, client, kind, applied):
    sandbox.faults.fail_next(1, kind)
    with pytest.raises(requests.RequestException):
        client.raw("crm.item.add", timeout=0.3, entityTypeId=1, fields={})
    assert sandbox.portal.counts()["leads"] == 2 + applied
    assert sandbox.portal.requests[-1].status == 0
    assert client.ok("server.time")
    assert sandbox.portal.max_concurrent == 1


@pytest.mark.parametrize("kind", ["truncated", "wrong_type"])
def test_faults_that_spoil_the_answer_apply_the_command(sandbox, client, kind):
    sandbox.faults.fail_next(1, kind)
    response = client.raw("crm.item.add", entityTypeId=1, fields={})
    assert sandbox.portal.counts()["leads"] == 3
    if kind == "truncated":
        with pytest.raises(ValueError, match=r"."):
            response.json()
    else:
        assert response.json()["result"] == "unexpected"


def test_fault_hits_only_requests_that_contain_the_method(sandbox, client):
    sandbox.faults.fail_always("503", match="crm.item.add")
    assert client.ok("server.time")
    assert client.raw("batch", cmd={"a": command("crm.item.add", {"entityTypeId": 1})}).status_code == 503
    sandbox.faults.clear()
    assert add_lead(client)


def test_lost_answer_of_a_renewal_kills_the_pair(sandbox):
    connection = sandbox.connection()
    sandbox.faults.fail_next(1, "drop_after", match="oauth.token.answer")
    with pytest.raises(requests.RequestException):
        renew(connection)
    assert renew(connection).json()["error"] == "invalid_grant"


def test_poison_kills_every_batch_it_is_in_at_its_place(sandbox, client):
    sandbox.faults.poison("ЯД")
    add = [command("crm.item.add", {"entityTypeId": 1, "fields[title]": title}) for title in ("а", "ЯД", "б")]
    for attempt in (1, 2):
        with pytest.raises(requests.RequestException):
            client.raw("batch", cmd=add)
        assert sandbox.portal.counts()["leads"] == 2 + attempt


def test_two_requests_at_once_are_noticed(sandbox, client):
    sandbox.faults.latency_seconds = 0.5
    threads = [threading.Thread(target=Client(sandbox).ok, args=("server.time",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sandbox.portal.max_concurrent == 2


def test_log_tells_requests_commands_and_the_story_they_belong_to(sandbox, client):
    story = sandbox.tell("answered_call", client_phone="79001112233")
    number = str(story.call_session_id)
    lead = add_lead(client, originId=f"call:{number}")
    client.batch(
        find=("crm.duplicate.findbycomm", {"type": "PHONE", "values[]": "+79001112233"}),
        note=(
            "crm.timeline.comment.add",
            {"fields[ENTITY_TYPE]": "lead", "fields[ENTITY_ID]": lead["id"], "fields[COMMENT]": "x"},
        ),
    )
    client.ok("server.time")
    assert [(one.method, one.commands, one.story) for one in sandbox.portal.requests] == [
        ("crm.item.add", 1, number),
        ("batch", 2, number),
        ("server.time", 1, None),
    ]
    assert sandbox.portal.cost(story.id) == {"requests": 2, "own": 2, "shared": 0, "commands": 3}


# --- notifications, chats, activities, events


def test_notification_with_the_same_tag_replaces_the_old_one(sandbox, client):
    for text in ("раз", "два"):
        assert client.ok("im.notify.system.add", USER_ID=12, MESSAGE=text, TAG="t")
    assert [row["text"] for row in sandbox.portal.notifications] == ["два"]


def test_message_into_an_open_line_needs_membership_and_system_stays_inside(sandbox, client):
    chat_id = add_chat(sandbox.portal, (1, 1))
    given = {"DIALOG_ID": f"chat{chat_id}", "MESSAGE": "Пропущенный звонок", "SYSTEM": "Y"}
    assert client.call("im.message.add", **given)["error"] == "ACCESS_ERROR"
    entity = {"CRM_ENTITY_TYPE": "lead", "CRM_ENTITY": 1}
    assert client.ok("imopenlines.crm.chat.user.add", **entity, USER_ID=1) == chat_id
    assert client.call("imopenlines.crm.chat.user.add", **entity, USER_ID=1)["error"] == "WRONG_REQUEST"
    client.ok("im.message.add", **given)
    client.ok("imopenlines.crm.message.add", **entity, USER_ID=1, CHAT_ID=chat_id, MESSAGE="Вам")
    messages = sandbox.portal.chats[chat_id]["messages"]
    assert [(row["text"], row["to_client"]) for row in messages] == [("Пропущенный звонок", False), ("Вам", True)]


def test_configurable_activity_is_found_by_its_origin_and_bound_once(client):
    layout = {"icon": {"code": "call"}, "header": {"title": "Чат"}, "body": {"logo": {"code": "call"}, "blocks": {}}}
    fields = {"typeId": "CONFIGURABLE", "originatorId": "uis", "originId": "chat:1", "responsibleId": 12}
    given = {"ownerTypeId": 1, "ownerId": 1, "fields": fields}
    number = client.ok("crm.activity.configurable.add", **given, layout=layout)["activity"]["id"]
    found = client.ok("crm.activity.list", filter={"ORIGINATOR_ID": "uis", "ORIGIN_ID": "chat:1"})
    assert [row["ID"] for row in found] == [str(number)]
    bind = {"activityId": number, "entityTypeId": 2, "entityId": 1}
    assert client.ok("crm.activity.binding.add", **bind) is True
    assert client.call("crm.activity.binding.add", **bind)["error"] == "ACTIVITY_IS_ALREADY_BOUND"
    redundant = client.call("crm.activity.configurable.add", **given, layout={**layout, "colour": 1})
    assert redundant["error"] == "FIELD_IS_REDUNDANT"


def test_events_reach_bound_handlers_as_forms_with_the_application_token(sandbox, client):
    handler = f"{sandbox.url}/control/no_such"
    assert client.ok("event.bind", event="OnExternalCallStart", handler=handler) is True
    assert (
        "already binded" in client.call("event.bind", event="OnExternalCallStart", handler=handler)["error_description"]
    )
    call_id = sandbox.click_to_call(phone="+79001112233", user_id=12)
    sent = sandbox.portal.events_sent[-1]["form"]
    assert sent["event"] == "ONEXTERNALCALLSTART"
    assert sent["data[CALL_ID]"] == call_id
    assert sent["auth[application_token]"] == sandbox.portal.application_token
    assert "auth[refresh_token]" not in sent
    assert sandbox.uninstall(url=handler) == [404]
    assert "auth[access_token]" not in sandbox.portal.events_sent[-1]["form"]
    assert client.call("server.time")["error"] == "APPLICATION_NOT_FOUND"


def test_renamed_portal_answers_302_at_its_old_address(sandbox, client):
    old = sandbox.portal.client_endpoint
    sandbox.portal.rename("localhost")
    answer = requests.post(old + "server.time", json={"auth": client.token.access}, allow_redirects=False, timeout=5)
    assert (answer.status_code, answer.headers["Location"]) == (302, sandbox.portal.client_endpoint + "server.time")
    assert client.ok("server.time")


def test_fault_of_one_portal_spares_the_other(sandbox, client):
    other = sandbox.add_portal("beta")
    sandbox.faults.fail_always("503", portal="beta")
    assert client.ok("server.time")
    body = {"auth": other.issue_tokens().access}
    assert requests.post(other.client_endpoint + "server.time", json=body, timeout=5).status_code == 503
