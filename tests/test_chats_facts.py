"""What UIS tells about chats and requests, read as facts: tables, no database."""

import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chats.events import parse_chat, parse_request
from chats.facts import MAYBE_REPORTED, ChatFacts, Message, chat_facts, read_chat, read_request, request_facts
from chats.messages import split, transcript
from chats.plan import decide_chat
from crm_bitrix import payloads
from crm_bitrix.actions import METHODS, Command, Retry
from crm_bitrix.batch import is_safe
from integration.events import BadPayload, RawEvent, read_notification
from integration.rules.facts import FACTS, StreamKind
from integration.rules.observations import Observation, merge
from integration.rules.ruleset import make_ruleset, make_stream

PAYLOADS = Path(__file__).parent / "payloads"
ZONE = ZoneInfo("Europe/Moscow")
SEEN = datetime(2026, 3, 16, 12, 30, tzinfo=UTC)
FILES = ("chat_started", "chat_accepted_to_work", "chat_operator_changed", "chat_finished")


def observe(name: str, *, seen: datetime = SEEN, **changes: Any) -> Observation:
    body = json.loads((PAYLOADS / f"{name}.json").read_text()) | changes
    raw = read_notification("", json.dumps(body).encode())
    parse = parse_request if raw.kind == "request" else parse_chat
    return parse(raw, zone=ZONE, country="RU", received_at=seen)


def row(kind: str, *, seen: datetime = SEEN, **changes: Any) -> Observation:
    answer = json.loads((PAYLOADS / f"api.get_{kind}.response.json").read_text())
    parse = parse_request if kind == "offline_messages_report" else parse_chat
    return parse(RawEvent(kind, answer["result"]["data"][0] | changes), zone=ZONE, country="RU", received_at=seen)


def messages() -> Observation:
    answer = json.loads((PAYLOADS / "api.get_chat_messages_report.response.json").read_text())
    payload = {"id": 300000501, "chat_id": 300000501, "messages": answer["result"]["data"]}
    return parse_chat(RawEvent("chat_messages_report", payload), zone=ZONE, country="RU", received_at=SEEN)


def fold(*observed: Observation) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    ranks: dict[str, Any] = {}
    for one in observed:
        facts, ranks = merge(facts, ranks, one)
    return facts


def test_the_order_of_what_is_told_of_a_chat_never_matters():
    told = [*(observe(name) for name in FILES), row("chats_report"), messages()]
    wanted = fold(*told)
    assert all(fold(*some, *some) == wanted for some in permutations(told))


def test_a_chat_is_read_with_its_operators_client_and_end():
    chat = read_chat(fold(*(observe(name) for name in FILES)))
    assert (chat.chat_id, chat.visitor.name, chat.visitor.phone) == ("300000501", "Сергей", "+79000000004")
    assert (chat.operator_id, chat.operator_name, chat.is_moved, chat.result) == (
        700102,
        "Петров Пётр",
        True,
        "answered",
    )
    assert chat.ended_at == datetime(2026, 3, 16, 12, 10, tzinfo=UTC)
    assert not chat.is_reported


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("chat_started", ("phone:+79000000004", "visitor:7200000001")),
        ("default.chat_finished", ("visitor:7200000001",)),
        ("offline_message", ("phone:+79000000005", "email:maria@example.com", "visitor:7200000003")),
        ("default.offline_message", ("phone:+79000000005", "email:maria@example.com", "visitor:7200000003")),
        ("lost_chat", ("visitor:7200000002",)),
    ],
)
def test_the_keys_of_the_client(name: str, keys: tuple[str, ...]):
    assert observe(name).client_keys == keys


@pytest.mark.parametrize(
    ("columns", "key", "stored"),
    [
        ({"chat_channel_type": "telegram", "chat_user_id": "77"}, "telegram:77", ("TELEGRAM", "77")),
        ({"chat_channel_type": "telegram_private", "chat_user_id": 77}, "telegram:77", ("TELEGRAM", "77")),
        ({"chat_channel_type": "vkontakte_groups", "chat_username": "serg"}, "vkontakte:serg", ("VK", "serg")),
        ({"chat_channel_type": "max", "chat_user_id": "5"}, "max:5", ("OTHER", "5")),
        ({"chat_channel_type": "comagic", "chat_user_id": "5"}, None, None),
        ({"chat_channel_type": "telegram"}, None, None),
    ],
)
def test_who_the_client_is_in_a_messenger(columns: dict[str, Any], key: str | None, stored: tuple[str, str] | None):
    told = row("chats_report", **columns)
    assert [one for one in told.client_keys if one.split(":")[0] not in ("phone", "visitor")] == ([key] if key else [])
    contacts = read_chat(fold(told)).visitor.contacts
    rows = [(one["valueType"], one["value"]) for one in contacts if one["typeId"] == "IM"]
    assert rows == ([stored] if stored else [])


@pytest.mark.parametrize(
    ("told", "is_over", "is_reported"),
    [
        ([observe("chat_started"), observe("chat_accepted_to_work")], False, False),
        ([observe("chat_started"), observe("chat_finished")], True, False),
        ([observe("chat_finished"), row("chats_report")], True, True),
        ([row("chats_report")], True, True),
        ([row("chats_report", status="active")], False, False),
        ([observe("chat_finished"), row("chats_report", seen=SEEN - timedelta(hours=1))], True, False),
        (
            [observe("chat_finished"), observe("chat_started", notification_time="2026-03-16 15:20:00")],
            False,
            False,
        ),
    ],
)
def test_when_a_chat_is_over_and_when_the_report_has_told_all(
    told: list[Observation], is_over: bool, is_reported: bool
):
    chat = read_chat(fold(*told))
    assert (chat.is_over, chat.is_reported) == (is_over, is_reported)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("15:00:40 А: раз\n15:01:05 Б: два", [("12:00:40", "А", "раз"), ("12:01:05", "Б", "два")]),
        ("15:00:40 А: раз\nи ещё\n\n15:01:05 Б: ", [("12:00:40", "А", "раз\nи ещё\n"), ("12:01:05", "Б", "")]),
        ("2026-03-16 15:00:40 А: раз: два", [("12:00:40", "А", "раз: два")]),
        ("просто текст", [(None, "", "просто текст")]),
        ("25:99:99 А: раз", [(None, "А", "раз")]),
        ("", []),
    ],
)
def test_the_conversation_of_a_notification_is_read_line_by_line(text: str, said: list[tuple[Any, str, str]]):
    chat = read_chat(fold(observe("chat_finished", messages=text)))
    found = [(f"{one.at:%H:%M:%S}" if one.at else None, one.author, one.text) for one in chat.told_messages]
    assert found == said


def test_what_was_said_before_midnight_is_a_day_older():
    told = observe(
        "chat_finished", messages="23:59:50 А: раз\n00:00:10 Б: два", notification_time="2026-03-16 00:05:00"
    )
    days = [one.at.astimezone(ZONE).day for one in read_chat(fold(told)).told_messages if one.at]
    assert days == [15, 16]


def test_messages_as_a_list_are_read_too():
    chat = read_chat(fold(observe("chat_finished.messages_array")))
    assert [(one.source, one.author) for one in chat.told_messages] == [("visitor", ""), ("operator", "Иванова Анна")]


@pytest.mark.parametrize("event", ["chat_finished", "chats_report", "chat_messages_report", "offline_message"])
def test_what_names_no_chat_is_refused(event: str):
    parse = parse_request if event == "offline_message" else parse_chat
    with pytest.raises(BadPayload):
        parse(RawEvent(event, {"messages": []}), zone=ZONE, country="RU", received_at=SEEN)


def test_every_fact_of_the_streams_can_be_told():
    marks = dict.fromkeys(FACTS, "x")
    numbers = {
        "visits_count": 3,
        "visitor_phone_number": 79000000004,
        "visitor_email": "a@example.com",
        "visitor_id": 7,
    }
    listed = {"tags": ["т"], "attributes": ["а"], "segments": ["с"], "is_transfer": True, "duration": "5"}
    more = {"answer_time": 1, "messages_count": 2, "date_time": "2026-03-16 15:00:01"}
    columns = marks | numbers | listed | more
    chat = read_chat(fold(observe("chat_started"), row("chats_report", **columns | {"status": "succeed"})))
    known = chat_facts(chat, is_over=True, zone=ZONE, client_state="new", client_name="Сергей")
    wanted = {name for name, fact in FACTS.items() if StreamKind.CHAT in fact.moments} - {"responsible_name"}
    assert wanted - {name for name, value in known.items() if value not in (None, "", ())} == set()

    request = read_request(fold(row("offline_messages_report", **columns | {"status": "processed"})))
    known = request_facts(request, zone=ZONE, client_state="new", client_name="Мария")
    wanted = {name for name, fact in FACTS.items() if StreamKind.REQUEST in fact.moments} - {"responsible_name"}
    assert wanted - {name for name, value in known.items() if value not in (None, "", ())} == set()
    assert set(FACTS) >= MAYBE_REPORTED


@pytest.mark.parametrize(
    ("pieces", "texts"),
    [
        (["aa", "bb"], ["aa\nbb"]),
        (["aaaa", "bbbb", "c"], ["aaaa\nbbbb", "c"]),
        (["яяя", "яя"], ["яяя", "яя"]),
        (["a" * 21], ["a" * 9, "a" * 9, "a" * 3]),
        ([], []),
    ],
)
def test_texts_are_split_by_bytes_where_a_message_ends(pieces: list[str], texts: list[str]):
    assert split(pieces, limit=10) == texts


def test_no_letter_is_lost_or_torn_when_a_message_is_longer_than_a_comment():
    whole = "щ🙂" * 500
    texts = split([whole], limit=64)
    assert "".join(texts) == whole
    assert all(len(text.encode()) <= 64 for text in texts)


def test_a_transcript_shows_authors_days_and_times_of_the_account():
    chat: ChatFacts = read_chat(fold(messages()))
    [text] = transcript(chat.messages, number="7", turn=0, visitor="Сергей", zone=ZONE, language="ru")
    assert text.split("\n") == [
        "[B]16.03.2026[/B]",
        "[B]15:00:01 Система:[/B] Чат начат посетителем",
        "[B]15:00:40 Сергей:[/B] Здравствуйте, есть в наличии?",
        "[B]15:01:05 Иванова Анна:[/B] Добрый день! Да, есть.",
        "[B]15:02:00 Сергей:[/B] [URL=https://files.example/1.jpg]1.jpg[/URL]",
        "Чат № 7",
    ]


def say(text: str = "", *, file: tuple[str, str] | None = None, author: str = "", source: str = "operator") -> str:
    """The one line of a comment about a message without a time."""
    message = Message("1", None, source, author, text, file)
    [told] = transcript([message], number="7", turn=0, visitor="[B]Гость[/B]", zone=ZONE, language="ru")
    lines = told.split("\n")
    assert lines[-1] == "Чат № 7"
    return "\n".join(lines[:-1])


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("[B]Оператор:[/B] [\u200bB]да[\u200b/B]", {"text": "[B]да[/B]"}),
        ("[B]Оператор:[/B] [\u200b[\u200bURL=//x]", {"text": "[[URL=//x]"}),
        ("[B]Оператор:[/B] [\u200bUSER=1]я[\u200b/USER]", {"text": "[USER=1]я[/USER]"}),
        ("[B]Анна [\u200bI]:[/B] да", {"text": "да", "author": "Анна [I]"}),
        ("[B][\u200bB]Гость[\u200b/B]:[/B] да", {"text": "да", "source": "visitor"}),
        ("[B]Бот:[/B] да", {"text": "да", "source": "chatbot"}),
        ("[B]Система:[/B] да", {"text": "да", "source": "something_new"}),
        ("да", {"text": "да", "source": ""}),
        ("[B]Оператор:[/B] да\nЧат № 8", {"text": "да\nЧат № 8"}),
        (
            "[B]Оператор:[/B] [URL=https://x.example/a%5D.png]a.png[/URL]",
            {"file": ("a.png", "https://x.example/a].png")},
        ),
        ("[B]Оператор:[/B] [URL=HTTP://x/]файл[/URL]", {"file": ("", "HTTP://x/")}),
        ("[B]Оператор:[/B] [URL=https://%5B]файл[/URL]", {"file": ("", "https://[")}),
        ("[B]Оператор:[/B] смотрите\n[URL=https://x/]a[/URL]", {"text": "смотрите", "file": ("a", "https://x/")}),
        ("[B]Оператор:[/B] файл (javascript:alert(1))", {"file": ("", "javascript:alert(1)")}),
        ("[B]Оператор:[/B] [\u200ba] (file:///etc)", {"file": ("[a]", "file:///etc")}),
    ],
)
def test_nothing_of_what_was_said_counts_as_markup(wanted: str, message: dict[str, Any]):
    assert say(**message) == wanted


@pytest.mark.parametrize("text", ["$result[find0]", "$NEXT[a]", "a $total b", "$time", "$error[x]"])
def test_what_looks_like_a_reference_of_the_batch_is_sent_alone(text: str):
    action = payloads.add_comment(("lead", 5), say(text), key="transcript:0:0")
    assert not is_safe(Command(action.method, action.params))
    assert is_safe(Command(action.method, payloads.add_comment(("lead", 5), say("$5"), key="x").params))


def test_a_link_is_never_cut_however_long_the_text_before_it():
    message = Message("1", None, "operator", "", "щ" * 29_880, ("фото.jpg", "https://x.example/" + "a" * 200))
    told = transcript([message], number="7", turn=0, visitor="", zone=ZONE, language="ru")
    assert len(told) == 2
    assert told[1].startswith("[URL=https://x.example/aaa")
    assert "[/URL]\nЧат № 7, часть 2/2" in told[1]
    assert all(len(text.encode()) <= payloads.COMMENT_BYTES for text in told)


def test_messages_come_in_order_whatever_the_order_of_the_report():
    rows = [{"id": str(n), "date_time": f"2026-03-16 15:00:{n % 3:02d}", "text": str(n)} for n in (11, 2, 9, 10, 1)]
    payload = {"id": 5, "chat_id": 5, "messages": rows}
    chat = read_chat(
        fold(parse_chat(RawEvent("chat_messages_report", payload), zone=ZONE, country="RU", received_at=SEEN))
    )
    assert [one.id for one in chat.messages] == ["9", "1", "10", "2", "11"]


def test_texts_beyond_what_an_activity_can_show_share_its_last_block():
    layout = payloads.activity_layout("Заявка", [str(number) for number in range(25)])
    texts = [block["properties"]["value"] for block in layout["body"]["blocks"].values()]
    assert (len(texts), texts[:2], texts[-1]) == (20, ["0", "1"], "19\n20\n21\n22\n23\n24")


def test_a_comment_whose_answer_was_lost_is_found_by_its_last_line():
    method = METHODS["crm.timeline.comment.add"]
    params = {"fields": {"ENTITY_TYPE": "lead", "ENTITY_ID": 5, "COMMENT": "привет\nЧат № 7"}}
    assert (method.retry, method.look_up is not None, method.found is not None) == (Retry.LOOK_UP, True, True)
    assert method.found is not None
    rows = [{"ID": "12", "COMMENT": "x\nЧат № 7, часть 1/2"}, {"ID": "11", "COMMENT": "другое\nЧат № 7\n"}]
    assert method.found(params, rows) == {"id": 11}
    assert method.found(params, rows[:1]) is None


@pytest.mark.parametrize(
    ("options", "told", "state", "reason"),
    [
        ({"is_active": False}, FILES, "withheld", "интеграция или вкладка «Чаты и заявки» выключена"),
        ({}, FILES[:1], "waiting", "ждёт, что оператор возьмёт чат"),
        ({"create": {"moment": "end"}}, FILES[:2], "waiting", "идёт чат"),
        ({"channels": frozenset({5})}, FILES, "waiting", "ждёт отчёта UIS: из какого канала чат"),
        ({}, ("default.chat_finished",), "waiting", "ждёт контактов"),
        ({"deciding_facts": frozenset({"chat_username"})}, FILES, "waiting", "ждёт отчёта UIS"),
        ({"create": {"moment": "end"}, "end_facts": frozenset({"duration"})}, FILES, "waiting", "ждёт отчёта UIS"),
    ],
)
def test_a_chat_that_is_not_carried_over_yet_says_why_and_asks_nobody(
    options: dict[str, Any], told: tuple[str, ...], state: str, reason: str
):
    facts = fold(*(observe(name) for name in told))
    ruleset = make_ruleset(make_stream(StreamKind.CHAT, **options))
    now = datetime(2026, 3, 16, 12, 11, tzinfo=UTC)
    with pytest.raises(StopIteration) as stop:
        next(decide_chat(facts, {}, ruleset, now))
    plan = stop.value.value
    assert (plan.state, plan.reason, plan.actions) == (state, reason, ())
    assert (plan.wake_at is None) == (state != "waiting")
