"""The emulated telephony keeps the vendor's habits: duplicates, binding, reassignment, one activity, records."""

import base64
import time

import pytest
import requests
import time_machine

from tests.sandbox import Sandbox
from tests.sandbox.clock import iso
from tests.sandbox.defaults import JUNK_PHONE, KNOWN_PHONE, LEAD_PHONE

NEW_PHONE = "+79001112233"


@pytest.fixture
def sandbox():
    with Sandbox().serve() as world:
        yield world
        assert world.slips == []


@pytest.fixture
def call(sandbox):
    token = sandbox.portal.issue_tokens().access

    def run(method, /, **params):
        url = sandbox.portal.client_endpoint + "telephony.externalCall." + method
        return requests.post(url, json={"auth": token, **params}, timeout=5).json()

    return run


@pytest.fixture
def register(call):
    def run(**changes):
        given = {"USER_ID": 12, "PHONE_NUMBER": NEW_PHONE, "TYPE": 2, "SHOW": 0, "EXTERNAL_CALL_ID": "5000000101"}
        answer = call("register", **{**given, "LINE_NUMBER": "74950000010", **changes})
        return answer.get("result", answer)

    return run


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"USER_ID": None}, "USER_ID or USER_PHONE_INNER should be set"),
        ({"USER_ID": None, "USER_PHONE_INNER": "999"}, "USER_ID or USER_PHONE_INNER should be set"),
        ({"USER_ID": 77}, "User is not found or is not active"),
        ({"TYPE": 6}, "Unknown TYPE"),
        ({"PHONE_NUMBER": "anonymous"}, "Unsupported phone number format"),
        ({"CALL_START_DATE": "yesterday"}, "CALL_START_DATE should be in the ISO-8601 format"),
    ],
)
def test_register_refuses_with_the_vendors_texts(register, changes, text):
    assert register(**changes)["error_description"].startswith(text)


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({}, True),
        ({"SHOW": 1}, True),
        ({"USER_ID": 15}, False),
        ({"TYPE": 3}, False),
        ({"EXTERNAL_CALL_ID": "other"}, False),
        ({"EXTERNAL_CALL_ID": ""}, True),
        ({"LINE_NUMBER": "74950000020"}, False),
    ],
)
def test_second_registration_of_the_same_call_gives_the_first(register, changes, is_same):
    assert (register()["CALL_ID"] == register(**changes)["CALL_ID"]) is is_same


def test_duplicate_rule_counts_from_the_start_of_the_call_and_ends_with_finish(register, call):
    with time_machine.travel(time.time(), tick=False) as traveller:
        started = {"CALL_START_DATE": iso(time.time() - 29 * 60)}
        first = register(**started)["CALL_ID"]
        assert register(**started)["CALL_ID"] == first
        traveller.shift(120)
        late = register(**started)["CALL_ID"]
        assert late != first
        call("finish", CALL_ID=late, USER_ID=12)
        assert register()["CALL_ID"] not in (first, late)


@pytest.mark.parametrize(
    ("phone", "entity"),
    [(KNOWN_PHONE, ("CONTACT", 1)), (LEAD_PHONE, ("LEAD", 1)), (JUNK_PHONE, (None, None)), (NEW_PHONE, (None, None))],
)
def test_call_without_an_entity_is_bound_to_whom_the_number_knows(register, phone, entity):
    answer = register(PHONE_NUMBER=phone)
    assert (answer["CRM_ENTITY_TYPE"], answer["CRM_ENTITY_ID"]) == entity
    assert answer["CRM_CREATED_LEAD"] is None


def test_binding_does_not_see_an_object_younger_than_the_search_lag(sandbox, register):
    sandbox.portal.crm.add(1, {"title": "x", "fm": [{"typeId": "PHONE", "value": NEW_PHONE}]})
    sandbox.faults.crm_search_lag_seconds = 10
    assert register()["CRM_ENTITY_ID"] is None


@pytest.mark.parametrize("leads_on", [True, False])
def test_objects_made_by_the_call_go_to_the_user_of_finish_and_others_stay(sandbox, register, call, leads_on):
    sandbox.portal.leads_on = leads_on
    answer = register(CRM_CREATE=1, CRM_SOURCE="nonsense")
    made = [(row["ENTITY_TYPE"], row["ENTITY_ID"]) for row in answer["CRM_CREATED_ENTITIES"]]
    assert made == ([("LEAD", 3)] if leads_on else [("CONTACT", 3), ("DEAL", 2)])
    assert (answer["CRM_CREATED_LEAD"] is not None) is leads_on
    call("finish", CALL_ID=answer["CALL_ID"], USER_ID=15, DURATION=10)
    items = sandbox.portal.crm.items
    for name, item_id in made:
        item = items[{"LEAD": 1, "DEAL": 2, "CONTACT": 3}[name]][item_id]
        assert (item["assignedById"], item.get("sourceId")) == (15, "CALL")
    known = register(PHONE_NUMBER=KNOWN_PHONE)
    call("finish", CALL_ID=known["CALL_ID"], USER_ID=15, DURATION=10)
    assert items[3][1]["assignedById"] == 12


def test_number_of_an_employee_creates_nothing(sandbox, register):
    sandbox.portal.users[15]["PERSONAL_MOBILE"] = "+7 (900) 777-00-00"
    assert register(PHONE_NUMBER="101", CRM_CREATE=1)["CRM_ENTITY_ID"] is None
    assert "LEAD_CREATION_ERROR" in register(PHONE_NUMBER="89007770000", CRM_CREATE=1)
    assert sandbox.portal.counts()["leads"] == 2


def test_finish_of_a_bound_call_makes_one_activity_and_a_second_finish_fails(sandbox, register, call):
    call_id = register(PHONE_NUMBER=KNOWN_PHONE)["CALL_ID"]
    first = call("finish", CALL_ID=call_id, USER_ID=12, DURATION=0, STATUS_CODE="304")["result"]
    activity = sandbox.portal.crm.activities[first["CRM_ACTIVITY_ID"]]
    assert activity["ORIGIN_ID"] == f"VI_{call_id}"
    assert activity["SETTINGS"] == {"MISSED_CALL": True}
    assert (activity["OWNER_TYPE_ID"], activity["OWNER_ID"], activity["COMPLETED"]) == ("3", "1", "N")
    again = call("finish", CALL_ID=call_id, USER_ID=12)
    assert again["error_description"] == "Call is not found (call should be registered prior to finishing)"
    assert sandbox.portal.counts()["activities"] == 1


def test_finish_of_an_unbound_call_makes_statistics_but_no_activity(sandbox, register, call):
    result = call("finish", CALL_ID=register()["CALL_ID"], USER_ID=12, DURATION=3)["result"]
    assert "ACTIVITY_CREATION" in result["ERRORS"]
    assert (sandbox.portal.counts()["activities"], sandbox.portal.counts()["calls"]) == (0, 1)


@pytest.mark.parametrize(
    ("type_", "code", "is_missed"), [(2, "304", True), (3, "304", True), (1, "304", False), (2, "486", False)]
)
def test_missed_means_code_304_of_an_incoming_call(sandbox, register, call, *, type_, code, is_missed):
    call_id = register(PHONE_NUMBER=KNOWN_PHONE, TYPE=type_)["CALL_ID"]
    number = call("finish", CALL_ID=call_id, USER_ID=12, STATUS_CODE=code)["result"]["CRM_ACTIVITY_ID"]
    assert sandbox.portal.crm.activities[number]["SETTINGS"]["MISSED_CALL"] is is_missed


def test_answered_outgoing_call_closes_earlier_missed_ones(sandbox, register, call):
    missed = call("finish", CALL_ID=register(PHONE_NUMBER=KNOWN_PHONE)["CALL_ID"], USER_ID=12)["result"]
    back = register(PHONE_NUMBER=KNOWN_PHONE, TYPE=1)["CALL_ID"]
    call("finish", CALL_ID=back, USER_ID=12, DURATION=60)
    assert sandbox.portal.crm.activities[missed["CRM_ACTIVITY_ID"]]["COMPLETED"] == "Y"


def test_cards_open_and_close_per_user_and_finish_closes_only_its_own(sandbox, register, call):
    call_id = register(SHOW=1)["CALL_ID"]
    assert call("show", CALL_ID=call_id, USER_ID=[15, 1])["result"] is True
    assert call("hide", CALL_ID=call_id, USER_ID=1)["result"] is True
    assert sorted(user_id for _, user_id in sandbox.portal.telephony.cards) == [12, 15]
    call("finish", CALL_ID=call_id, USER_ID=12)
    assert [user_id for _, user_id in sandbox.portal.telephony.cards] == [15]
    assert call("hide", CALL_ID=call_id, USER_ID=15)["result"] is False


def test_flag_that_says_n_counts_as_yes(sandbox, register):
    register(SHOW="N")
    assert len(sandbox.portal.telephony.cards) == 1


def test_record_is_attached_only_after_finish_and_in_three_ways(sandbox, register, call):
    call_id = register()["CALL_ID"]
    link = f"{sandbox.url}/uis/media/1/2"
    early = call("attachRecord", CALL_ID=call_id, RECORD_URL=link, FILENAME="a.mp3")
    assert "not finished yet" in early["error_description"]
    call("finish", CALL_ID=call_id, USER_ID=12, DURATION=3)
    wrong = call("attachRecord", CALL_ID=call_id, RECORD_URL=link)
    assert "Only wav and mp3" in wrong["error_description"]
    assert call("attachRecord", CALL_ID=call_id, RECORD_URL=link, FILENAME="a.mp3")["result"]["FILE_ID"]
    inline = {"FILENAME": "b.wav", "FILE_CONTENT": base64.b64encode(b"RIFF").decode()}
    assert call("attachRecord", CALL_ID=call_id, **inline)["result"]["FILE_ID"]
    bad = call("attachRecord", CALL_ID=call_id, FILENAME="b.wav", FILE_CONTENT="???")
    assert "Base64" in bad["error_description"]
    step = call("attachRecord", CALL_ID=call_id, FILENAME="c.mp3")["result"]
    sent = requests.post(step["uploadUrl"], files={step["fieldName"]: ("c.mp3", b"mp3")}, timeout=5)
    assert sent.json()["result"]["FILE_ID"]
    assert sandbox.portal.telephony.records[call_id]["content"] == b"mp3"
    assert sandbox.portal.counts()["records"] == 1


def test_record_link_that_fails_is_reported(sandbox, register, call):
    call_id = register()["CALL_ID"]
    call("finish", CALL_ID=call_id, USER_ID=12)
    sandbox.faults.media = "404"
    answer = call("attachRecord", CALL_ID=call_id, RECORD_URL=f"{sandbox.url}/uis/media/1/2", FILENAME="a.mp3")
    assert answer["error_description"] == "Server returns HTTP error code 404"


def test_unknown_line_is_made_silently(sandbox, register):
    register(LINE_NUMBER="74950000099")
    assert sandbox.portal.telephony.lines["74950000099"]["NAME"] == ""


def test_search_gives_the_owner_and_his_working_day(call):
    row = call("searchCrmEntities", PHONE_NUMBER="8 900 000-00-01")["result"][0]
    assert (row["CRM_ENTITY_TYPE"], row["CRM_ENTITY_ID"], row["ASSIGNED_BY_ID"]) == ("CONTACT", 1, 12)
    assert (row["ASSIGNED_BY"]["USER_PHONE_INNER"], row["ASSIGNED_BY"]["TIMEMAN_STATUS"]) == ("101", "OPENED")


def test_click_is_registered_by_the_portal_and_its_card_needs_show(sandbox, call):
    call_id = sandbox.click_to_call(phone=KNOWN_PHONE, user_id=12)
    assert sandbox.portal.telephony.cards == {}
    assert call("show", CALL_ID=call_id, USER_ID=12)["result"] is True
    assert call("finish", CALL_ID=call_id, USER_ID=12, DURATION=5)["result"]["CRM_ENTITY_TYPE"] == "CONTACT"
