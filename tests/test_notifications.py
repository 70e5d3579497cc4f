"""Reading UIS notifications: every sample, every trap of the wire, and anything at all."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as django_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from integration.events import (
    EVENT_KINDS,
    BadPayload,
    RawEvent,
    items,
    moment,
    read_notification,
    seconds,
    text,
    whole_number,
    yes_no,
)
from integration.models import Credential, InboxEvent, Portal
from integration.notifications import (
    TEMPLATES,
    Need,
    drop_previous_secret,
    last_received,
    missing_events,
    notifications_of,
    rotate_secret,
    steps,
)

PAYLOADS = Path(__file__).parent / "payloads"
INDEX = json.loads((PAYLOADS / "_index.json").read_text())["files"]
WIRE = json.loads((PAYLOADS / "_wire-variants.json").read_text())["cases"]
OWN = [(row["file"], row["event"]) for row in INDEX if row["shape"] == "own"]
DEFAULTS = [(row["file"], row["event"]) for row in INDEX if row["shape"] == "vendor-default-post"]
WITHOUT_A_NAME = {
    "in_call",
    "out_call",
    "call_proceeding",
    "call_connected",
    "call_disconnected",
    "set_mark",
    "unset_mark",
}


def read_file(name: str, query: str = "") -> RawEvent:
    return read_notification(query, (PAYLOADS / name).read_bytes())


@pytest.mark.parametrize(("file", "event"), OWN)
def test_own_body_is_read_as_it_stands(file, event):
    assert read_file(file) == RawEvent(event, json.loads((PAYLOADS / file).read_text()))


@pytest.mark.parametrize(("file", "event"), DEFAULTS)
def test_default_body_is_guessed_from_its_keys(file, event):
    assert read_file(file).name == ("" if event in WITHOUT_A_NAME else event)


@pytest.mark.parametrize(("file", "event"), DEFAULTS)
def test_default_body_is_named_by_its_address(file, event):
    assert read_file(file, f"event={event}").name == event


@pytest.mark.parametrize(("file", "event"), [row for row in DEFAULTS if row[1] != "event"])
def test_default_body_comes_out_with_the_names_of_our_own(file, event):
    told = dict(read_file(file, f"event={event}").payload)
    told.pop("event")
    expected = json.loads((PAYLOADS / file.removeprefix("default.")).read_text())
    assert told == {key: expected[key] for key in told}


@pytest.mark.parametrize("event", [event for _, event in OWN + DEFAULTS])
def test_every_event_of_the_samples_is_known(event):
    assert RawEvent(event, {}).is_known_name


def test_unknown_event_keeps_its_name_and_has_no_kind():
    event = read_notification("", b'{"event": "taxi_ordered", "call_session_id": 1}')
    assert (event.name, event.is_known_name, event.kind) == ("taxi_ordered", False, "")


@pytest.mark.parametrize(
    ("query", "body", "name"),
    [
        ("event=b", b'{"event": "a", "notification_mnemonic": "c", "x": 1}', "a"),
        ("event=b", b'{"notification_mnemonic": "c", "x": 1}', "b"),
        ("", b'{"notification_mnemonic": "c", "x": 1}', "c"),
        ("notification_mnemonic=d", b'{"x": 1}', "d"),
        ("event=b", b'{"event": null, "x": 1}', "b"),
        ("event=b", b'{"event": {"a": 1}, "x": 1}', "b"),
        ("event=b", b'{"event": {{event}}, "x": 1}', "b"),
        ("", b'{"x": 1}', ""),
        ("", b'{"event": "' + b"n" * 99 + b'"}', "n" * 60),
    ],
)
def test_order_in_which_the_name_is_looked_for(query, body, name):
    assert read_notification(query, body).name == name


def test_keys_of_body_and_query_are_joined_and_the_body_wins():
    event = read_notification("a=1&b=2", b'{"b": 3, "c": 4}')
    assert event.payload == {"a": "1", "b": 3, "c": 4}


def test_get_with_quoted_values():
    assert read_notification(WIRE["get_query_quoted"], b"").payload == {
        "notification_name": "Завершение звонка",
        "virtual_phone_number": "74950000010",
        "notification_time": "2026-03-16 10:17:27.350",
        "external_id": None,
        "contact_phone_number": "79000000001",
        "employee_id": "700101",
        "call_session_id": "5000000101",
        "direction": "in",
        "talk_time_duration": "130",
    }


def test_get_with_bare_values():
    payload = read_notification(WIRE["get_query_unquoted"], b"").payload
    assert (payload["notification_name"], payload["direction"]) == ("Завершение звонка", "in")
    assert whole_number(payload, "call_session_id") == 5000000101


def test_get_with_a_lost_ampersand():
    assert read_notification(WIRE["get_query_missing_ampersand"], b"").payload == {
        "contact_phone_number": "79000000001",
        "communication_number": None,
        "employee_full_name": "Иванова",
        "employee_id": "700101",
        "call_session_id": "5000000101",
    }


def test_a_question_mark_inside_a_link_is_no_lost_ampersand():
    payload = read_notification("referrer=https://a.example/?direction=up&chat_id=5", b"").payload
    assert payload == {"referrer": "https://a.example/?direction=up", "chat_id": "5"}


def test_placeholders_that_stood_in_quotes():
    assert read_notification("", WIRE["post_double_quoted"].encode()).payload == {
        "event": "call_session_finished",
        "direction": "in",
        "call_session_id": 5000000101,
        "contact_phone_number": "79000000001",
    }


def test_variables_that_were_never_filled_in():
    assert read_notification("", WIRE["post_unresolved_variable"].encode()).payload == {
        "event": "out_call_session",
        "call_session_id": 5000000103,
        "called_phone_number": None,
        "direction": None,
    }


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"x": ""a""}', "a"),
        (b'{"x": """", "y": {{y}}}', ""),
        (b'{"x": "", "y": "", "z": {{z}}}', ""),
        (rb'{"x": ""say \"hi\"""}', 'say "hi"'),
        (b'{"x": "["\xd0\xb0", "b"]", "y": 1}', ["а", "b"]),
        (b'{"x": "see {{x}}, ok", "y": {{y}}}', "see {{x}}, ok"),
        (b'{"x": [{{a}}, 5], "y": {{y}}}', [None, 5]),
        (b'{"x": "{{ x }}"}', None),
        (b'{"x": "null"}', None),
        (b'{"x": "two\nlines"}', "two\nlines"),
        (b'\xef\xbb\xbf{"x": 1}', 1),
        ('{"x": "ж"}'.encode("utf-16"), "ж"),
        ('{"x": "Анна"}'.encode("cp1251"), "Анна"),
        (b'{"x": "a\0b"}', "ab"),
        (b'\0{"x": 1}\0', 1),
        (rb'{"x": "a\u0000b"}', "ab"),
        (rb'{"x": "\ud800"}', "\ufffd"),
        (b'{"x": 1, "x": 2}', 2),
        (b'{"x": NaN}', None),
        (b'{"x": -Infinity}', None),
        (b'{"x": 1e999}', None),
        (b'{"x": 9223372036854775808}', 2**63),
        (b'{"x": ' + b"9" * 5000 + b"}", None),
        (b"x=1&y=2", "1"),
        (b"x=%22a+b%22", "a b"),
        ("x=Анна".encode("cp1251"), "Анна"),
        (b"x=%C0%ED%ED%E0", "Анна"),
    ],
)
def test_traps_of_the_wire(body, value):
    assert read_notification("", body).payload["x"] == value


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", b""),
        ("", b" \r\n\0"),
        ("event=in_call_session", b""),
        ("event=in_call_session", b"garbage"),
        ("", b"[1, 2]"),
        ("", b'"text"'),
        ("", b"{}"),
        ("", b"null"),
        ("", b'{"x": '),
        ("", b"<xml a='b'/>"),
        ("", b"[" * 10_000),
        ("", b'{"x":' * 10_000),
        ("", b'{"x":' + b"[" * 100 + b"]" * 100 + b"}"),
    ],
)
def test_nothing_readable_is_a_bad_payload(query, body):
    with pytest.raises(BadPayload):
        read_notification(query, body)


@pytest.mark.parametrize(
    "piece",
    [b"\xff\x00\xfe", b"chat_id=", b"&a=1", b':""', b":{{", b':"["', b'{"a":', b"[", b'{"a": ""', b"%", b"=", b'"\\'],
)
@pytest.mark.parametrize("head", [b"", b"{", b'{"a":"'])
def test_a_megabyte_of_anything_is_read_or_refused_at_once(head, piece):
    # Each of these takes below half a second; a pattern that backtracks would take minutes.
    with suppress(BadPayload):
        read_notification("", head + piece * (1_000_000 // len(piece)))


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=60), st.binary(max_size=300))
def test_any_bytes_are_an_event_or_a_bad_payload(query, body):
    try:
        event = read_notification(query, body)
    except BadPayload:
        return
    json.dumps(event.payload, allow_nan=False).encode()


_PIECES = st.sampled_from(
    [
        '{"',
        '"}',
        '""',
        '"',
        ":",
        ",",
        "{{x}}",
        "null",
        "[",
        "]",
        "{",
        "}",
        "event",
        "call_info",
        "a=1",
        "&",
        "=",
        " ",
        "5",
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(_PIECES, max_size=25).map("".join))
def test_almost_json_is_an_event_or_a_bad_payload(body):
    try:
        event = read_notification("", ("{" + body).encode())
    except BadPayload:
        return
    assert isinstance(event.name, str)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["x", "call_info", "contact_info"]), _VALUES, min_size=1))
def test_readers_never_fail(value):
    try:
        payload = read_notification("", json.dumps(value).encode()).payload
    except BadPayload:
        return
    for key in payload:
        text(payload, key), whole_number(payload, key), seconds(payload, key), yes_no(payload, key)
        items(payload, key), moment(payload, key, UTC)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_text_survives_form_encoding(value):
    got = read_notification(f"x={quote(value)}", b"").payload["x"]
    assert got in (value, value[1:-1], None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5", 5),
        (5, 5),
        (5.0, 5),
        (" 9000000201 ", 9000000201),
        ("-1", -1),
        (2**63, None),
        ("5.5", None),
        ("", None),
        (None, None),
        ([5], None),
        ("1_000", None),
        ("٣", None),
        ("9" * 50, None),
        ({"a": 1}, None),
    ],
)
def test_whole_numbers(value, expected):
    assert whole_number({"x": value}, "x") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" a ", "a"),
        (None, ""),
        (79000000004, "79000000004"),
        (7.9e10, "79000000000"),
        (True, "true"),
        ([], ""),
        (1.5, "1.5"),
    ],
)
def test_texts(value, expected):
    assert text({"x": value}, "x") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("599", 599),
        (130, 130),
        ("12.7", 12),
        (0, 0),
        (-1, None),
        ("nan", None),
        ("inf", None),
        ("", None),
        (None, None),
    ],
)
def test_seconds(value, expected):
    assert seconds({"x": value}, "x") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        ("true", True),
        ("False", False),
        (1, True),
        ("0", False),
        ("on", True),
        ("maybe", None),
        (None, None),
    ],
)
def test_yes_and_no(value, expected):
    assert yes_no({"x": value}, "x") is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, None, 2], (1, 2)),
        (None, ()),
        ("", ()),
        ('["a, b", "c"]', ("a, b", "c")),
        ("[broken", ("[broken",)),
        ("a, b", ("a, b",)),
        (7, (7,)),
    ],
)
def test_items(value, expected):
    assert items({"x": value}, "x") == expected


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        ("2026-03-16 10:15:02.118", "Europe/Moscow", datetime(2026, 3, 16, 7, 15, 2, 118000, UTC)),
        ("2026-03-16 10:15:02", "Asia/Vladivostok", datetime(2026, 3, 16, 0, 15, 2, 0, UTC)),
        ("2026-10-25 02:30:00", "Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # comes twice
        ("2026-03-29 02:30:00", "Europe/Berlin", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # does not exist
        ("2026-03-16T10:15:02.118", "UTC", datetime(2026, 3, 16, 10, 15, 2, 118000, UTC)),
        ("2026-03-16 10:15:02+05:00", "UTC", datetime(2026, 3, 16, 5, 15, 2, tzinfo=UTC)),
        ("2026-03-16", "UTC", None),
        ("2026-02-30 10:15:02", "UTC", None),
        ("0001-01-01 00:00:00", "Asia/Vladivostok", None),
        ("yesterday", "UTC", None),
        (None, "UTC", None),
    ],
)
def test_moments(value, zone, expected):
    got = moment({"x": value}, "x", ZoneInfo(zone))
    assert got == expected
    assert got is None or got.utcoffset().total_seconds() == 0


# --- setting them up ------------------------------------------------------------------------------------------------

FACTS = json.loads((PAYLOADS / "_templates.json").read_text())["templates"]
LEGS = {"in_call", "out_call", "call_disconnected"}  # understood, not asked for
NOW = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)
LITERALS = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(max_size=3), max_size=3)


def test_there_is_a_text_for_every_event_asked_for():
    used = {name for name, kind in EVENT_KINDS.items() if kind}
    assert {row.event for row in TEMPLATES} == used - LEGS


@pytest.mark.parametrize("row", TEMPLATES, ids=lambda row: row.event)
def test_text_holds_the_variables_known_to_work(row):
    assert row.text == FACTS[row.event]["text"]
    marks = FACTS[row.event]["marks"]
    assert {marks[name] for name in row.optional_variables} <= {"C"}


@pytest.mark.parametrize("row", TEMPLATES, ids=lambda row: row.event)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_text_filled_in_by_uis_is_read_back(row, data):
    filled = re.sub(r"\{\{\w+\}\}", lambda _: json.dumps(data.draw(LITERALS)), row.text)
    event = read_notification("", filled.encode())
    assert event.name == row.event
    assert set(event.payload) == set(json.loads(filled))
    assert event.payload["schema"] == "uis-b24/1"


@pytest.mark.parametrize("row", TEMPLATES, ids=lambda row: row.event)
def test_text_without_its_optional_lines_is_read_back(row):
    lines = [line for line in row.text.splitlines() if not any(f'"{name}"' in line for name in row.optional_variables)]
    filled = re.sub(r",\s*\}$", "}", re.sub(r"\{\{\w+\}\}", "1", "\n".join(lines)))
    assert read_notification("", filled.encode()).name == row.event


def test_minimum_set_covers_every_kind():
    assert {row.kind for row in TEMPLATES if row.need is Need.MINIMUM} == {"call", "chat", "request"}


def make_credential(**changes):
    portal = Portal.objects.create(member_id="m", domain="x.bitrix24.ru")
    return Credential.objects.create(portal=portal, name="UIS", **changes)


@pytest.mark.django_db
def test_last_received_is_told_per_event_of_this_account(django_assert_num_queries):
    credential, other = make_credential(), Credential.objects.create(name="other")
    for key, (channel, name, minutes, source) in enumerate(
        [
            (credential.channel, "talk_started", 5, "uis"),
            (credential.channel, "talk_started", 9, "uis"),
            (credential.channel, "talk_started", 7, "uis"),
            (credential.channel, "offline_message", 1, "report"),
            (credential.channel, "", 20, "uis"),
            (other.channel, "chat_finished", 3, "uis"),
        ]
    ):
        at = NOW + timedelta(minutes=minutes)
        InboxEvent.objects.create(
            channel=channel, source=source, name=name, dedupe_key=str(key), received_at=at, folded_at=at
        )
    with django_assert_num_queries(1):
        assert last_received(credential) == {"talk_started": NOW + timedelta(minutes=9)}
    rows = {row.template.event: row.received_at for row in notifications_of(credential, kinds=("call",))}
    assert rows["talk_started"] == NOW + timedelta(minutes=9)
    assert rows["talk_finished"] is None
    assert "chat_finished" not in rows
    missing = [row.event for row in missing_events(credential, kinds=("chat", "request"))]
    assert missing == ["chat_accepted_to_work", "chat_finished", "lost_chat", "offline_message"]


@pytest.mark.parametrize(
    ("brand", "area"), [("uis", "go.uiscom.ru"), ("comagic", "go.comagic.ru"), ("callgear", "go.callgear.ae")]
)
def test_steps_name_the_account_area_of_the_brand(brand, area):
    words = [str(step) for step in steps(Credential(brand=brand))]
    assert area in words[0]
    assert not {"{", "}"} & set("".join(words))


def secret_of(url):
    return url.split("/")[-3]


@pytest.mark.django_db
@pytest.mark.fault(21)
def test_after_a_rotation_two_secrets_are_valid_for_a_while():
    credential = make_credential()
    first = rotate_secret(credential.pk, now=NOW)
    second = rotate_secret(credential.pk, now=NOW, keep_previous=timedelta(days=2))
    credential.refresh_from_db()
    old, new = secret_of(first.events_url), secret_of(second.events_url)
    assert old != new
    for secret, at, is_accepted in [
        (new, NOW, True),
        (old, NOW + timedelta(days=1), True),
        (old, NOW + timedelta(days=2), False),
        (new, NOW + timedelta(days=900), True),
        ("", NOW, False),
    ]:
        assert credential.accepts_secret(secret, now=at) is is_accepted


@pytest.mark.django_db
def test_the_first_secret_leaves_no_previous_one():
    credential = make_credential()
    rotate_secret(credential.pk, now=NOW)
    credential.refresh_from_db()
    assert (credential.previous_hook_secret_hash, credential.previous_until) == ("", None)


@pytest.mark.django_db
def test_the_third_secret_kills_the_first():
    credential = make_credential()
    secrets = [secret_of(rotate_secret(credential.pk, now=NOW).events_url) for _ in range(3)]
    credential.refresh_from_db()
    assert [credential.accepts_secret(secret, now=NOW) for secret in secrets] == [False, True, True]


@pytest.mark.django_db
def test_a_rotation_can_be_ended_at_once():
    credential = make_credential()
    secrets = [secret_of(rotate_secret(credential.pk, now=NOW).events_url) for _ in range(2)]
    drop_previous_secret(credential.pk)
    credential.refresh_from_db()
    assert [credential.accepts_secret(secret, now=NOW) for secret in secrets] == [False, True]


@pytest.mark.django_db
def test_rotation_touches_nothing_else():
    credential = make_credential()
    Credential.objects.filter(pk=credential.pk).update(revision=5)
    rotate_secret(credential.pk, now=NOW)
    credential.refresh_from_db()
    assert credential.revision == 5


@pytest.mark.django_db
def test_addresses_lead_to_the_receiver(client):
    credential = make_credential()
    made = rotate_secret(credential.pk, now=NOW)
    assert made.route_url == made.events_url.replace("/events/", "/route/")
    path = made.events_url.removeprefix(django_settings.PUBLIC_URL)
    assert client.post(path, b"{}", content_type="text/plain").status_code == 200
    assert InboxEvent.objects.filter(channel=credential.channel).count() == 1


def test_event_kinds_are_those_of_communications():
    assert set(EVENT_KINDS.values()) == {"call", "chat", "request", ""}
