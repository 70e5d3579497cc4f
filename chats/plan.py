"""What is to be done for a chat and for an offline request. Pure: facts, done actions and a ruleset in, a plan out.

The life of a chat in the portal:

    taken    find the client, make what the rules say, notify the responsible
    end      correct what was made, carry the conversation over; a chat that nobody took is handled only here
    again    after a reopening only what was said since

A request is handled when it comes, or when an operator has processed it. Deciding again with nothing new plans
nothing: what is done is told by `done`, and what was settled once is remembered in facts of the names `crm:…`.
"""

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Any

from chats import messages
from chats.case import CLIENT, END, MET, REPORTED, TOLD, Case, choose
from chats.facts import ANSWERED, RECEIVED, ChatFacts, chat_facts, read_chat, read_request, request_facts
from chats.making import make
from chats.telling import conversation, request_text
from chats.waiting import chat_goes_on, chat_that_waits, is_silent, request_that_waits
from crm_bitrix import payloads
from crm_bitrix.actions import Answer, Decision, DoneActions, Plan, Question
from crm_bitrix.clients import Client, find_client, load_client
from crm_bitrix.corrections import Ending, correction_actions, find_changes, warning_trace
from integration.rules.facts import Facts, StreamKind
from integration.rules.filtering import refuse
from integration.rules.ruleset import Ruleset


def decide_chat(facts: Mapping[str, Any], done: DoneActions, ruleset: Ruleset, now: datetime) -> Decision:
    """Say what is still to do for this chat. Running it again with nothing new plans nothing."""
    chat, rules = read_chat(facts), ruleset.streams[StreamKind.CHAT]
    is_over = chat.is_over or is_silent(chat, now)
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
    early = chat_that_waits(case, chat)
    if early is not None:
        return early
    client = yield from _known_client(case)
    known = chat_facts(chat, is_over=is_over, zone=ruleset.zone, client_state=client.state, client_name=_name(client))
    waiting = chat_goes_on(case, chat)
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
    early = request_that_waits(case, request)
    if early is not None:
        return early
    client = yield from _known_client(case)
    known = request_facts(request, zone=ruleset.zone, client_state=client.state, client_name=_name(client))
    texts = messages.request_lines(known, request.fields, request.request_id, ruleset.language)
    return (yield from _carry_over(case, client, known, texts=texts, waiting=None, chat=None))


# --- carrying over ----------------------------------------------------------------------------------------------------


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
    choice, presence = yield from choose(case, client, known)
    responsible_id = case.settled.get("responsible_id") or choice.user_id
    if responsible_id is None:
        return Plan("failed", "некому быть ответственным: назначьте ответственного по умолчанию", trace=choice.trace)
    rendered = case.ruleset.render_title(case.stream, case.result, known, responsible_id=responsible_id)
    title = case.settled.get("title") or rendered
    made = make(case, client, known, title=title, responsible_id=responsible_id, texts=texts)
    trace = (client.trace(), *choice.trace, {"step": "title", "title": title}, *warning_trace(made.warnings))
    if made.owner is None:
        return Plan("ignored", made.refusal, trace=trace)
    learned: dict[str, Any] = {CLIENT: client.dump(), MET: _met(case, client), **presence}
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
    said, learned[TOLD] = conversation(case, chat, made) if chat else (request_text(case, made, texts), [])
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
