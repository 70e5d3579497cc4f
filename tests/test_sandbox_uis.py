"""The emulated UIS account: strict JSON-RPC, stories whose notifications and reports agree, running by itself."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import time_machine

from tests.sandbox import Sandbox
from tests.sandbox.clock import uis_time
from tests.sandbox.stories import KINDS

PAYLOADS = Path(__file__).parent / "payloads"


@pytest.fixture
def sandbox():
    with Sandbox().serve() as world:
        yield world
        assert world.slips == []


@pytest.fixture
def ask(sandbox):
    def run(method, /, api="data/v2.0", key="sandbox-uis-key", **params):
        body = {"jsonrpc": "2.0", "id": "1", "method": method, "params": {"access_token": key, **params}}
        return requests.post(f"{sandbox.url}/uis/{api}", json=body, timeout=5).json()

    return run


def day():
    now = time.time()
    return {"date_from": uis_time(now - 86400, fraction=False), "date_till": uis_time(now + 60, fraction=False)}


@pytest.mark.parametrize(
    ("method", "params", "mnemonic"),
    [
        ("get.nothing", {}, "method_not_found"),
        ("get.account", {"key": "wrong"}, "access_token_invalid"),
        ("get.account", {"colour": 1}, "unexpected_parameters"),
        ("get.employees", {"fields": ["id", "shoe_size"]}, "unexpected_parameters"),
        ("get.calls_report", {}, "required_parameter_missed"),
        ("get.calls_report", {"date_from": "today", "date_till": "today"}, "invalid_parameter_value"),
        (
            "get.calls_report",
            {"date_from": "2026-01-01 00:00:00", "date_till": "2026-12-01 00:00:00"},
            "date_interval_limit_reached",
        ),
        ("create.employees", {"first_name": "Иван"}, "required_parameter_missed"),
        ("create.employees", {"last_name": "А", "extension": {"extension_phone_number": "101"}}, "duplicate_entity"),
    ],
)
def test_data_api_refuses_by_mnemonic(ask, method, params, mnemonic):
    assert ask(method, **params)["error"]["data"]["mnemonic"] == mnemonic


@pytest.mark.parametrize(
    ("changes", "mnemonic"),
    [
        ({"contact": None}, "required_parameter_missed"),
        ({"employee": {"id": 1}}, "employee_not_found"),
        ({"employee": {"id": 700101, "phone_number": "123"}}, "no_active_phone_number"),
        ({"virtual_phone_number": "74999999999"}, "virtual_phone_number_not_found"),
        ({"switch_at_once": False}, "invalid_parameters_combination"),
        ({"tune": "jingle"}, "unexpected_parameters"),
    ],
)
def test_call_api_refuses_by_mnemonic(sandbox, ask, changes, mnemonic):
    given = json.loads((PAYLOADS / "api.start_employee_call.request.json").read_text())["params"]
    del given["access_token"]
    answer = ask("start.employee_call", api="call/v4.0", **{**given, **changes})
    assert answer["error"]["data"]["mnemonic"] == mnemonic
    assert sandbox.uis.dials == {}


def test_asked_call_comes_back_in_its_story(sandbox, ask):
    given = json.loads((PAYLOADS / "api.start_employee_call.request.json").read_text())["params"]
    del given["access_token"]
    number = ask("start.employee_call", api="call/v4.0", **given)["result"]["data"]["call_session_id"]
    story = sandbox.play("click_to_call")
    assert story.call_session_id == number
    assert "external_id" not in story.body("out_call_session")
    assert story.body("call_session_finished")["external_id"] == given["external_id"]
    fields = ["id", "call_api_external_id", "direction", "source"]
    rows = ask("get.calls_report", **day(), fields=fields)["result"]["data"]
    assert rows == [
        {"id": number, "call_api_external_id": given["external_id"], "direction": "out", "source": "callapi"}
    ]


def test_points_run_out_per_minute(sandbox, ask):
    sandbox.uis.minute_limit = 2
    with time_machine.travel(time.time(), tick=False) as traveller:
        assert ask("get.account")["result"]["metadata"]["limits"]["minute_remaining"] == 1
        ask("get.account")
        error = ask("get.account")["error"]
        assert (error["code"], error["data"]["params"]["limit_type"]) == (-32029, "minute")
        traveller.shift(61)
        assert "result" in ask("get.account")


@pytest.mark.parametrize("kind", ["ip_not_whitelisted", "limit_exceeded", "internal_error"])
def test_faults_of_the_account(sandbox, ask, kind):
    sandbox.uis.faults.fail_next(1, kind, match="get.account")
    assert "result" in ask("get.employees")
    assert ask("get.account")["error"]["data"]["mnemonic"] == kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("default_bodies", [False, True])
def test_bodies_have_the_shape_of_the_samples_and_reports_know_the_story(sandbox, kind, default_bodies):
    heard = []
    sandbox.uis.events_url = lambda body: heard.append(body) or 200
    story = sandbox.play(kind, default_bodies=default_bodies)
    assert heard == story.bodies
    assert story.statuses == [200] * len(heard)
    if not default_bodies:
        for body in heard:
            sample = json.loads((PAYLOADS / f"{body['event']}.json").read_text())
            assert list(body) == list(sample)
    uis = sandbox.uis
    assert [row["id"] for row in (*uis.calls, *uis.chats, *uis.offline_messages)] == [int(story.id)]
    assert all(row["_till"] <= time.time() for row in uis.calls)


def test_each_account_knows_what_is_its_own_and_is_opened_by_its_own_key(sandbox, ask):
    sandbox.add_account("second-key"), sandbox.add_account("third-key")
    sandbox.accounts["third-key"].faults.fail_next(1, "ip_not_whitelisted", match="get.employees")
    here, there = sandbox.tell("answered_call"), sandbox.tell("answered_call", uis_key="second-key")
    reports = [ask("get.calls_report", key=key, **day(), fields=["id"]) for key in (sandbox.uis.key, "second-key")]
    own = [[{"id": story.call_session_id}] for story in (here, there)]
    assert [one["result"]["data"] for one in reports] == own
    assert ask("get.employees", key="second-key")["result"]["metadata"]["limits"]["minute_remaining"] == 98
    assert ask("get.employees", key="third-key")["error"]["data"]["mnemonic"] == "ip_not_whitelisted"
    assert [one["method"] for one in sandbox.uis.requests] == ["get.calls_report"]
    assert here.phone != there.phone
    names = [ask("get.account", key=key)["result"]["data"][0]["app_id"] for key in ("second-key", "third-key")]
    assert names == [sandbox.uis.app_id + 1, sandbox.uis.app_id + 2]


def test_a_change_in_one_account_is_not_seen_in_another(sandbox):
    other = sandbox.add_account("second-key")
    other.employee(700101)["phone_numbers"][0]["status"] = "inactive"
    assert sandbox.uis.employee(700101)["phone_numbers"][0]["status"] == "active"


def test_a_call_asked_for_is_of_the_account_that_was_asked(sandbox, ask):
    sandbox.add_account("second-key")
    given = json.loads((PAYLOADS / "api.start_employee_call.request.json").read_text())["params"]
    del given["access_token"]
    told = ask("start.employee_call", api="call/v4.0", key="second-key", **given)
    assert list(sandbox.accounts["second-key"].dials) == [told["result"]["data"]["call_session_id"]]
    assert sandbox.uis.dials == {}


def test_report_row_agrees_with_the_notifications(sandbox, ask):
    story = sandbox.tell("transfer", client_phone="79001112233")
    fields = json.loads((PAYLOADS / "api.get_calls_report.by_id.request.json").read_text())["params"]["fields"]
    by_id = {"field": "id", "operator": "=", "value": story.call_session_id}
    [row] = ask("get.calls_report", **day(), fields=fields, filter=by_id)["result"]["data"]
    end = story.body("call_session_finished")
    assert row["is_transfer"] is True
    assert (row["last_talked_employee_id"], row["first_talked_employee_id"]) == (700102, 700101)
    assert (row["clean_talk_duration"], row["total_duration"]) == (
        end["talk_time_duration"],
        end["total_time_duration"],
    )
    assert len(row["call_records"]) == len([one for one in story.bodies if one["event"] == "talk_record_file"]) == 2
    legs = ask("get.call_legs_report", **day())["result"]["data"]
    assert [leg["employee_id"] for leg in legs] == [None, 700101, 700102]


def test_call_in_progress_is_reported_only_on_request(sandbox, ask):
    sandbox.tell("answered_call", start_at=time.time() - 5)
    assert ask("get.calls_report", **day())["result"]["data"] == []
    [row] = ask("get.calls_report", **day(), include_ongoing_calls=True)["result"]["data"]
    assert row["finish_time"] is None
    assert len(ask("list.calls", api="call/v4.0")["result"]["data"]) == 1


def test_chat_messages_come_by_chat(sandbox, ask):
    story, other = sandbox.tell("chat_finished"), sandbox.tell("lost_chat")
    rows = ask("get.chat_messages_report", chat_id=story.chat_id)["result"]["data"]
    assert [row["source"] for row in rows] == ["system", "visitor", "operator"]
    both = ask("get.chat_messages_report", chat_ids=[story.chat_id, other.chat_id])["result"]
    assert both["metadata"]["total_items"] == 5


def test_notifications_can_be_sent_in_any_order_again_or_not_at_all(sandbox):
    heard = []
    sandbox.uis.events_url = lambda body: heard.append(body["event"]) or 200
    story = sandbox.tell("missed_call")
    story.post(order=[6, 0, 0])
    assert heard == ["call_session_finished", "in_call_session", "in_call_session"]


def test_routing_answer_chooses_who_rings(sandbox):
    asked = []
    sandbox.uis.route_url = lambda body: asked.append(body) or {"phones": ["102"]}
    story = sandbox.tell("answered_call", route=True, client_phone="79001112233")
    assert asked[0]["numa"] == "79001112233"
    assert story.body("call_proceeding")["employee_id"] == 700102


def test_record_is_served_and_can_be_spoiled(sandbox):
    link = sandbox.tell("answered_call").body("talk_record_file")["file_link"]
    good = requests.get(link, timeout=5)
    assert (good.headers["Content-Type"], good.content[:2]) == ("audio/mpeg", b"\xff\xfb")
    sandbox.faults.media = "html"
    assert "text/html" in requests.get(link, timeout=5).headers["Content-Type"]


def test_real_time_story_comes_in_steps(sandbox):
    heard = []
    sandbox.uis.events_url = lambda body: heard.append(time.time()) or 200
    story = sandbox.play("answered_call", realtime=True, ring_seconds=0.1, talk_seconds=0.2)
    for _ in range(100):
        if story.is_over:
            break
        time.sleep(0.02)
    assert len(heard) == len(story.bodies)
    assert heard[-1] - heard[0] >= 0.25


def test_page_shows_the_world_only_when_it_changed(sandbox):
    page = requests.get(sandbox.url, timeout=5)
    assert "/static/page.js" in page.text
    data = requests.get(f"{sandbox.url}/page/data?since=-1", timeout=5).json()
    assert [item["title"] for item in data["items"]["LEAD"]] == ["Спам", "Заявка с выставки"]
    again = requests.get(f"{sandbox.url}/page/data?since={data['version']}", timeout=5).json()
    assert "items" not in again
    sandbox.play("chat_finished")
    again = requests.get(f"{sandbox.url}/page/data?since={data['version']}", timeout=5).json()
    assert again["stories"][0]["kind"] == "chat_finished"


def test_control_steers_from_another_process(sandbox):
    def control(command, **body):
        return requests.post(f"{sandbox.url}/control/{command}", json=body, timeout=5).json()

    assert control("connection")["member_id"] == sandbox.portal.member_id
    assert control("fault", kind="503", n=2)["rules"] == [{"kind": "503", "left": 2, "match": None}]
    assert control("faults", crm_search_lag_seconds=5)["crm_search_lag_seconds"] == 5
    assert "unknown fault" in control("fault", kind="flood")["error"]
    assert control("account", key="second-key") == {}
    assert control("connection", uis_key="second-key")["uis"]["app_id"] == sandbox.uis.app_id + 1
    assert "KeyError" in control("tell", kind="answered_call", uis_key="no-such-key")["error"]
    story = control("tell", kind="offline_request", client_phone="79001112233")
    assert control("post", id=story["id"], order=[0]) == {"statuses": [0]}
    control("reset")
    state = control("state")
    assert (state["stories"], state["faults"]["rules"]) == ([], [])


def start(*options):
    command = [sys.executable, "-m", "tests.sandbox", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PAYLOADS.parents[1])


def test_process_keeps_its_state_over_a_restart_and_says_when_the_port_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ("--port", str(port), "--state", str(tmp_path / "var" / "sandbox.pickle"))
    first = start(*options)
    assert f":{port}/" in first.stdout.readline()
    url = f"http://127.0.0.1:{port}/control"
    told = requests.post(f"{url}/connection", timeout=5).json()
    requests.post(f"{url}/item", json={"type_id": 1, "fields": {"title": "Останусь"}}, timeout=5)
    second = start("--port", str(port))
    assert (second.wait(10), second.stderr.read().count("\n")) == (1, 1)
    first.terminate()
    assert first.wait(10) == 0
    again = start(*options)
    assert again.stdout.readline()
    answer = requests.post(
        told["client_endpoint"] + "crm.item.get",
        json={"auth": told["access_token"], "entityTypeId": 1, "id": 3},
        timeout=5,
    )
    again.terminate()
    assert again.wait(10) == 0
    assert answer.json()["result"]["item"]["title"] == "Останусь"
