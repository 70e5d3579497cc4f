"""What is to be done for a chat and for an offline request. Pure: facts, done actions and a ruleset in, a plan out.

The life of a chat in the portal:

    taken    find the client, make what the rules say, notify the responsible
    end      correct what was made, carry the conversation over; a chat that nobody took is handled only here
    again    after a reopening only what was said since

A request is handled when it comes, or when an operator has processed it. Deciding again with nothing new plans
nothing: what is done is told by `done`, and what was settled once is remembered in facts of the names `crm:…`.
"""

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chats import messages
from chats.case import CLIENT, END, MET, REPORTED, TOLD, Case, choose
from chats.facts import (
    ANSWERED,
    MAYBE_REPORTED,
    RECEIVED,
    ChatFacts,
    Message,
    RequestFacts,
    chat_facts,
    read_chat,
    read_request,
    request_facts,
)
from chats.making import Made, make
from crm_bitrix import payloads
from crm_bitrix.actions import Action, Answer, Decision, DoneActions, Plan, Question
from crm_bitrix.clients import Client, find_client, load_client
from crm_bitrix.corrections import Ending, correction_actions, find_changes, warning_trace
from integration.rules.facts import Facts, StreamKind, is_absent
from integration.rules.filtering import refuse
from integration.rules.ruleset import Ruleset

SILENCE = timedelta(hours=24)
"""After so long without a word a chat is taken to be over."""

REPORT_WAIT = timedelta(minutes=20)
"""How long the report of UIS is waited for: it is read every quarter of an hour."""

CHANNEL_WAIT = timedelta(hours=24)
CONTACTS_WAIT = timedelta(days=7)
PROCESSING_WAIT = timedelta(days=7)
_MOMENT = timedelta(seconds=1)
_NOTIFIED = frozenset({"result"})


def decide_chat(facts: Mapping[str, Any], done: DoneActions, ruleset: Ruleset, now: datetime) -> Decision:
    """Say what is still to do for this chat. Running it again with nothing new plans nothing."""
    chat, rules = read_chat(facts), ruleset.streams[StreamKind.CHAT]
    is_over = chat.is_over or (chat.last_at is not None and now - chat.last_at > SILENCE)
    case = Case(
        stream=StreamKind.CHAT,
        number=chat.chat_id,
        visitor=chat.visitor,
        operator_id=chat.operator_id,
        is_over=is_over,
        is_missed=is_over and not chat.is_taken,
        has_report=bool(chat.report),
        result=chat.result if is_over else ANSWERED,
        raw=facts,
        done=done,
        ruleset=ruleset,
        rules=rules,
        now=now,
    )
    early = _chat_that_waits(case, chat)
    if early is not None:
        return early
    client = yield from _known_client(case)
    known = chat_facts(chat, is_over=is_over, zone=ruleset.zone, client_state=client.state, client_name=_name(client))
    waiting = _chat_goes_on(case, chat)
    texts = messages.chat_lines(known, chat.chat_id, ruleset.language)
    return (yield from _carry_over(case, client, known, texts=texts, waiting=waiting, chat=chat))


def decide_request(facts: Mapping[str, Any], done: DoneActions, ruleset: Ruleset, now: datetime) -> Decision:
    """Say what is still to do for this offline request. Running it again with nothing new plans nothing."""
    request, rules = read_request(facts), ruleset.streams[StreamKind.REQUEST]
    case = Case(
        stream=StreamKind.REQUEST,
        number=request.request_id,
        visitor=request.visitor,
        operator_id=request.operator_id,
        is_over=request.is_over,
        is_missed=False,
        has_report=bool(request.report),
        result=RECEIVED,
        raw=facts,
        done=done,
        ruleset=ruleset,
        rules=rules,
        now=now,
    )
    early = _request_that_waits(case, request)
    if early is not None:
        return early
    client = yield from _known_client(case)
    known = request_facts(request, zone=ruleset.zone, client_state=client.state, client_name=_name(client))
    texts = messages.request_lines(known, request.fields, request.request_id, ruleset.language)
    return (yield from _carry_over(case, client, known, texts=texts, waiting=None, chat=None))


# --- what is not carried over, or not yet ---------------------------------------------------------------------------


def _chat_that_waits(case: Case, chat: ChatFacts) -> Plan | None:
    if not case.rules.is_active:
        return _withheld()
    if case.is_carried_over:
        return None
    channel = _channel(case, chat)
    if channel is not None:
        return channel
    if not case.is_over and (not chat.is_taken or case.rules.creates_at_end):
        reason = "идёт чат" if chat.is_taken else "ждёт, что оператор возьмёт чат"
        return Plan("waiting", reason, wake_at=_silent_at(case, chat))
    if chat.report.get("status") == "refused" and not chat.is_taken:
        return Plan("ignored", "посетитель ничего не написал")
    since = chat.ended_at or chat.taken_at or case.now
    wants_end = case.is_over and bool(case.rules.end_facts - _NOTIFIED) and not chat.is_reported
    return _contacts(case, chat.started_at) or _report(case, since, bool(chat.report), is_asked=wants_end)


def _request_that_waits(case: Case, request: RequestFacts) -> Plan | None:
    if not case.rules.is_active:
        return _withheld()
    if case.is_carried_over:
        return None
    started_at = request.started_at or case.now
    is_patient = case.now - started_at < PROCESSING_WAIT
    if case.rules.creates_at_end and not case.is_over and is_patient:
        return Plan("waiting", "ждёт обработки оператором", wake_at=started_at + PROCESSING_WAIT + _MOMENT)
    return _contacts(case, request.started_at) or _report(case, started_at, bool(request.report), is_asked=False)


def _withheld() -> Plan:
    return Plan("withheld", "интеграция или вкладка «Чаты и заявки» выключена")


def _channel(case: Case, chat: ChatFacts) -> Plan | None:
    """Chats of channels that nobody watches are left alone; which channel it is, only the report tells."""
    watched = case.rules.channels
    if watched is None or chat.channel_id in watched:
        return None
    name = chat.raw.get("chat_channel_name") or chat.channel_id
    if chat.channel_id is not None:
        return Plan("ignored", f"канал «{name}» не выбран в настройках")
    until = (chat.started_at or case.now) + CHANNEL_WAIT
    if case.now < until:
        return Plan("waiting", "ждёт отчёта UIS: из какого канала чат", wake_at=until + _MOMENT)
    return Plan("failed", "отчёт UIS не сказал, из какого канала чат, а выбраны не все каналы")


def _contacts(case: Case, started_at: datetime | None) -> Plan | None:
    if case.rules.without_contacts or case.visitor.contacts:
        return None
    until = (started_at or case.now) + CONTACTS_WAIT
    if case.now < until:
        return Plan("waiting", "ждёт контактов", wake_at=until + _MOMENT)
    return Plan("ignored", "за 7 дней клиент не оставил контактов")


def _report(case: Case, since: datetime, is_told: bool, *, is_asked: bool) -> Plan | None:
    """Wait for the report where filter or rules ask for what only it tells."""
    is_asked = is_asked or (not is_told and bool(_untold(case)))
    until = since + REPORT_WAIT
    if not is_asked or case.now >= until:
        return None
    return Plan("waiting", "ждёт отчёта UIS", wake_at=until + _MOMENT)


def _untold(case: Case) -> set[str]:
    asked = case.rules.deciding_facts & MAYBE_REPORTED
    return {name for name in asked if is_absent(case.raw.get(name))}


def _silent_at(case: Case, chat: ChatFacts) -> datetime:
    return (chat.last_at or case.now) + SILENCE + _MOMENT


def _chat_goes_on(case: Case, chat: ChatFacts) -> Plan | None:
    """A chat whose end is still to come, or whose conversation the report has yet to tell."""
    if not case.is_over:
        return Plan("waiting", "идёт чат", wake_at=_silent_at(case, chat))
    until = chat.ended_at + REPORT_WAIT if chat.ended_at and not chat.is_reported else case.now
    return Plan("waiting", "ждёт отчёта UIS о чате", wake_at=until + _MOMENT) if case.now < until else None


# --- carrying over --------------------------------------------------------------------------------------------------


def _known_client(case: Case) -> Generator[Question, Answer, Client]:
    """The client as he was when the communication was carried over, else as the portal knows him now: as long as
    nothing has been carried out, another communication may make him meanwhile."""
    remembered = case.raw.get(CLIENT) if case.done else None
    if remembered:
        return load_client(remembered)
    return (yield from find_client(case.visitor.keys, order=case.ruleset.client_order))


def _name(client: Client) -> str:
    return client.main.name if client.main else ""


def _carry_over(
    case: Case, client: Client, known: Facts, *, texts: Sequence[str], waiting: Plan | None, chat: ChatFacts | None
) -> Decision:
    """Make what is to be made; and unless the communication goes on (`waiting`), correct it and tell what was said."""
    refused = None if case.is_carried_over else refuse(case.rules.filter, known)
    if refused:
        return Plan("ignored", refused.reason, trace=(client.trace(), refused.trace))
    choice = choose(case, client, known)
    responsible_id = case.settled.get("responsible_id") or choice.user_id
    if responsible_id is None:
        return Plan("failed", "некому быть ответственным: назначьте ответственного по умолчанию", trace=choice.trace)
    title = case.settled.get("title") or case.ruleset.render_title(case.stream, case.result, known)
    made = make(case, client, known, title=title, responsible_id=responsible_id, texts=texts)
    trace = (client.trace(), *choice.trace, {"step": "title", "title": title}, *warning_trace(made.warnings))
    if made.owner is None:
        return Plan("ignored", made.refusal, trace=trace)
    learned: dict[str, Any] = {CLIENT: client.dump(), MET: _met(case, client)}
    actions = (*made.created, *made.hung)
    if waiting is not None:
        return Plan(
            waiting.state, waiting.reason, actions, learned=learned, wake_at=waiting.wake_at, trace=trace,
            responsible_id=responsible_id,
        )  # fmt: skip
    layout = payloads.activity_layout(title, texts)
    settled, warnings = yield from _settle(
        case, client, known, title=title, responsible_id=responsible_id, layout=layout
    )
    learned |= settled
    corrected = [
        action
        for name, visit in (("reported", REPORTED), ("correct", END))
        for action in correction_actions({**case.raw, **settled}.get(visit, {}).get("changes", {}), name=name)
    ]
    said, learned[TOLD] = _conversation(case, chat, made) if chat else (_request_text(case, made, texts), [])
    return Plan(
        "done",
        made.reason,
        (*actions, *corrected, *said, *made.late),
        learned=learned,
        trace=(*trace, *warning_trace(warnings)),
        responsible_id=responsible_id,
        crm_object=client.main.code if client.main else "",
    )


def _met(case: Case, client: Client) -> list[str]:
    """The objects that are the client's: found, or made by now."""
    made = [f"{kind}:{case.done[kind].result['id']}" for kind in ("lead", "deal", "contact") if kind in case.done]
    return [*([client.main.code] if client.main else []), *made]


def _settle(
    case: Case, client: Client, known: Facts, *, title: str, responsible_id: int, layout: Mapping[str, Any]
) -> Generator[Question, Answer, tuple[Mapping[str, Any], tuple[Mapping[str, Any], ...]]]:
    """Decide, once, what the end changes in the objects; and before it what the report of a request does."""
    visit = END if case.is_over else REPORTED if case.has_report else ""
    if not visit or visit in case.raw:
        return {}, ()
    ending = Ending(case.done, case.ruleset, case.rules, known, layout)
    changes, warnings = yield from find_changes(
        ending, client, title=title, responsible_id=responsible_id, contacts=case.visitor.contacts
    )
    return {visit: {"responsible_id": responsible_id, "title": title, "changes": changes}}, warnings


def _request_text(case: Case, made: Made, texts: Sequence[str]) -> list[Action]:
    """What a request says, unless its activity says it."""
    if made.has_activity or made.owner is None:
        return []
    language = case.ruleset.language
    parts = messages.split(payloads.plain(text) for text in texts)
    marked = [
        f"{text}\n{messages.mark('request', case.number, turn=0, part=part, parts=len(parts), language=language)}"
        for part, text in enumerate(parts)
    ]
    return _comments(made, "text", marked)


def _conversation(case: Case, chat: ChatFacts, made: Made) -> tuple[list[Action], list[Mapping[str, Any]]]:
    """Comments with what was said and not yet carried over; and what has been, in turns: after a reopening another.

    The texts of a turn stay as they were written first, for its comments may be sent in several attempts.
    """
    turns: list[Mapping[str, Any]] = list(case.raw.get(TOLD, ()))
    new = _new_messages(chat, turns)
    if new:
        texts = messages.transcript(
            new,
            number=chat.chat_id,
            turn=len(turns),
            visitor=chat.visitor.name,
            zone=case.ruleset.zone,
            language=case.ruleset.language,
        )
        until = max((message.at for message in new if message.at), default=None)
        ids = [message.id for message in new if message.id]
        turns.append({"messages": texts, "ids": ids, "until": until.isoformat() if until else None})
    said = [
        action
        for number, turn in enumerate(turns)
        for action in _comments(made, f"transcript:{number}", turn["messages"])
    ]
    return said, turns


def _new_messages(chat: ChatFacts, turns: Sequence[Mapping[str, Any]]) -> list[Message]:
    """What was said and is in no turn yet. One without numbers, told by a notification, reaches to its time."""
    told = chat.told_messages if chat.told_messages and not (chat.is_reported and chat.messages) else chat.messages
    ids = {number for turn in turns for number in turn["ids"]}
    reached = [datetime.fromisoformat(turn["until"]) for turn in turns if turn["until"]]
    reached_unnumbered = [datetime.fromisoformat(turn["until"]) for turn in turns if turn["until"] and not turn["ids"]]

    def is_new(message: Message) -> bool:
        if message.id in ids:
            return False
        until = max(reached_unnumbered if message.id else reached, default=None)
        if message.at is None:
            return not turns
        return until is None or message.at > until

    return [message for message in told if is_new(message)]


def _comments(made: Made, name: str, texts: Sequence[str]) -> list[Action]:
    """Comments on the object that shows the communication, each after the one before it."""
    assert made.owner is not None  # noqa: S101 - without one nothing is carried over
    keys = [f"{name}:{part}" for part in range(len(texts))]
    return [
        payloads.add_comment(made.owner, text, key=key, after=tuple(keys[part - 1 : part] if part else ()))
        for part, (key, text) in enumerate(zip(keys, texts, strict=True))
    ]
