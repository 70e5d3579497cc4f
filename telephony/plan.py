"""What is to be done for a call. Pure: facts, done actions and a ruleset in, questions and a plan out.

The life of a call in the portal:

    ring    find the client, create what the rules say, register the call bound to it, show the card to who rings
    answer  hide the card from those who did not take it
    end     hide what is still shown, finish, correct title and responsible of what was created, notify, pass on records

Deciding again with nothing new plans nothing: what is done is told by `done`, and what was settled once – the client
found, whom the call was registered for, how it ended – is remembered in facts of the names `crm:…`.
"""

from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from crm_bitrix import payloads
from crm_bitrix.actions import Action, Answer, Decision, DoneActions, Plan, Question, RecordLink, ResultOf
from crm_bitrix.clients import Client, find_client, load_client
from crm_bitrix.corrections import map_new, warning_trace
from integration.rules.facts import Facts, StreamKind
from integration.rules.filtering import refuse
from integration.rules.phones import show_phone
from integration.rules.ruleset import Ruleset
from telephony import calling, corrections, creation, messages, missed, outcome
from telephony.case import CLIENT, END, LONGEST_CALL, SEEN, SHOWN, USER, Case, choose, talker_id
from telephony.facts import ANSWERED, CallFacts, FileLink, read_call, rule_facts


def decide_call(facts: Mapping[str, Any], done: DoneActions, ruleset: Ruleset, now: datetime) -> Decision:
    """Say what is still to do for this call. Running it again with nothing new plans nothing."""
    call = read_call(facts)
    case = Case(call, done, ruleset, ruleset.streams[call.stream], now)
    plan = yield from _decide(case)
    seen = {leg.employee_id for leg in (*call.rings, *call.answers)}
    return replace(plan, names_strangers=not seen <= ruleset.employees.keys())


def _decide(case: Case) -> Decision:
    call, ruleset = case.call, case.ruleset
    if calling.is_open(case):
        return calling.decide(case)
    early = _nothing_to_do(case)
    if early is not None:
        return early
    client = yield from _known_client(case)
    name = client.main.name if client.main else ""
    known = rule_facts(call, zone=ruleset.zone, client_state=client.state, client_name=name)
    filtered = _filter(case, known)
    if filtered is not None:
        return filtered
    return (yield from _carry_over(case, client, known))


def _nothing_to_do(case: Case) -> Plan | None:
    """The plan of a call that is not carried over, or not yet."""
    call, rules = case.call, case.rules
    if call.is_internal:
        hidden = case.cards().actions(frozenset())
        return Plan("ignored", "внутренний звонок: в CRM не передаётся", tuple(hidden))
    if not rules.is_active:
        return Plan("withheld", "интеграция или вкладка «Телефония» выключена")
    if not call.phone and case.is_over:
        return _hidden_number(case)
    is_for_somebody = any(case.user_of(leg.employee_id) for leg in (*call.rings, *call.answers))
    if not call.phone or not (case.is_over or is_for_somebody):
        return Plan("waiting", "ждёт звонка сотруднику или конца", wake_at=_longest(case))
    return None


def _hidden_number(case: Case) -> Plan:
    user_id = case.rules.default_responsible_id or case.ruleset.fallback_user_id
    if not (case.rules.notify and user_id):
        return Plan("ignored", "номер клиента скрыт")
    message = messages.word("hidden", case.ruleset.language)
    notice = payloads.notify(user_id, message, tag=_tag(case.call), key="notify")
    return Plan("ignored", "номер клиента скрыт", actions=(notice,))


def _longest(case: Case) -> datetime:
    return (case.call.started_at or case.now) + LONGEST_CALL + timedelta(seconds=1)


def _known_client(case: Case) -> Generator[Question, Answer, Client]:
    """The client: as he was when the call was carried over, else as the portal knows him now. While it is open whether
    the call is carried over at all, he is as the ring has found him: at the end he is looked for again."""
    remembered = case.call.raw.get(CLIENT) or (case.is_deferred and case.call.raw.get(SEEN))
    if remembered:
        return load_client(remembered)
    return (yield from find_client((f"phone:{case.call.phone}",), order=case.ruleset.client_order))


def _filter(case: Case, known: Facts) -> Plan | None:
    """The plan of a call that the filter keeps out; a card that was shown is taken away, never finished."""
    check = case.rules.filter
    if check is None or "register" in case.done or (case.rules.filter_needs_end and not case.is_over):
        return None
    refused = refuse(check, known)
    if refused is None:
        return None
    hidden = tuple(case.cards().actions(frozenset()))
    return Plan("ignored", refused.reason, actions=hidden, trace=(refused.trace,))


def _carry_over(case: Case, client: Client, known: Facts) -> Decision:
    choice = choose(case, client, known)
    settled: Mapping[str, Any] = case.call.raw.get(END, {})
    responsible_id = settled.get("responsible_id") or choice.user_id
    if responsible_id is None:
        return Plan("failed", "некому быть ответственным: назначьте ответственного по умолчанию", trace=choice.trace)
    title = settled.get("title") or _title(case, known)
    user_id = case.call.raw.get(USER) or _first_user(case) or responsible_id
    trace = (client.trace(), *choice.trace, {"step": "title", "title": title})
    learned: dict[str, Any] = {USER: user_id, SHOWN: case.cards().tries(case.card_users)}
    if case.is_deferred:
        learned[SEEN] = client.dump()
        shown = _show_only(case, user_id)
        return Plan("waiting", "идёт звонок", tuple(shown), learned=learned, wake_at=_longest(case), trace=trace)
    learned[CLIENT] = client.dump()
    mapped = map_new(case.ruleset, case.rules, known, at_end=case.is_over)
    created = creation.create_actions(
        case.call, case.ruleset, client, title=title, responsible_id=responsible_id, mapped=mapped.values
    )
    if case.asked:
        created = []  # the object is there: the portal asked for the call from it
    trace = (*trace, *warning_trace(mapped.warnings))
    until = case.report_until
    is_ending = case.is_over and until is None
    ends_with = _talker(case) or responsible_id
    actions = [*created, *_register(case, client, created, user_id, hidden_by_finish=ends_with if is_ending else None)]
    if not is_ending:
        reason = "ждёт отчёта UIS о звонке" if until else "идёт звонок"
        wake_at = until or _longest(case)
        return Plan("waiting", reason, tuple(actions), learned=learned, wake_at=wake_at, trace=trace)
    changes, warnings = yield from corrections.corrections(
        case, client, known, title=title, responsible_id=responsible_id
    )
    chat = yield from missed.find_chat(case, client)
    learned[END] = {"responsible_id": responsible_id, "title": title, "changes": changes, "chat": chat}
    ending = [
        *corrections.correction_actions(changes),
        *_finish(case, client, created, ends_with=ends_with),
        *_notices(case, client, creation.made_item(created, case.done), responsible_id),
        *missed.chat_actions(case, chat, known, user_id=case.ruleset.fallback_user_id or responsible_id),
    ]
    return Plan(
        "done",
        _reason(case, client, created),
        (*actions, *ending),
        records=_records(case),
        learned=learned,
        trace=(*trace, *warning_trace(warnings)),
        responsible_id=responsible_id,
        crm_object=client.main.code if client.main else "",
    )


def _title(case: Case, known: Facts) -> str:
    """The title by the result; while the call goes on as if it were answered."""
    result = case.call.result if case.is_over else ANSWERED
    return case.ruleset.render_title(case.call.stream, result, known)


def _first_user(case: Case) -> int | None:
    """Whom the call is registered for: the first matched employee whose phone rang, else who talked."""
    employees = (*(leg.employee_id for leg in (*case.call.rings, *case.call.answers)), talker_id(case.call))
    return next((user_id for user_id in map(case.user_of, employees) if user_id), None)


def _show_only(case: Case, user_id: int) -> list[Action]:
    """While the decision is open: a card with a registration of its own, which is hidden at the end, never finished."""
    users = case.card_users
    if not users and "card" not in case.done:
        return []
    return [_registration(case, "card", user_id, bound=None), *case.cards(user_id).actions(users)]


def _register(
    case: Case, client: Client, created: list[Action], user_id: int, *, hidden_by_finish: int | None
) -> list[Action]:
    """Register the call on its object, and keep the card before those who should see it.

    `hidden_by_finish` is the user with whom the call is finished now, if it is: that hides his card.
    """
    bound = creation.bound_to(client, created, case.done)
    is_finished_one = case.registration == "register"
    cards = case.cards(user_id)
    own = [_registration(case, "register", user_id, bound=bound)]
    return [
        *(calling.registration(case, user_id) if case.asked else own),
        *cards.actions(case.card_users, hidden_by_finish=hidden_by_finish if is_finished_one else None),
    ]


def _registration(case: Case, key: str, user_id: int, *, bound: tuple[str, payloads.Id] | None) -> Action:
    call = case.call
    return payloads.register_call(
        key=key,
        external_id=call.session_id if key == "register" else f"{call.session_id}:card",
        user_id=user_id,
        phone=call.phone,
        line=call.line,
        call_type=payloads.OUTGOING if call.stream is StreamKind.OUTGOING else payloads.INCOMING,
        started_at=(call.started_at or case.now).astimezone(case.ruleset.zone),
        is_shown=user_id in case.card_users and case.registration == key,
        bound_to=bound,
    )


def _talker(case: Case) -> int | None:
    """The user who talked last."""
    return case.user_of(talker_id(case.call))


def _finish(case: Case, client: Client, created: list[Action], *, ends_with: int) -> list[Action]:
    """End the call in the portal; show it in the deal too, with what else there is to hear and to read."""
    call = case.call
    call_id, activity_id = case.call_id, ResultOf("finish", "CRM_ACTIVITY_ID")
    actions = [
        payloads.finish_call(
            call_id=call_id,
            user_id=ends_with,
            duration_seconds=call.talk_seconds if call.is_answered else 0,
            status=_status(case),
        )
    ]
    deal = calling.deal_of(case) or creation.deal_of(client, created, case.done)
    if deal is not None:
        actions.append(payloads.bind_activity("deal", deal, activity_id=activity_id, key="bind"))
    others = _files(case)[1:]
    bound = creation.bound_to(client, created, case.done)
    if others and bound:
        text = messages.other_records([file.link for file in others], case.ruleset.language)
        actions.append(payloads.note_activity(bound, activity_id=activity_id, text=text, key=f"records:{len(others)}"))
    if call.transcript:
        actions.append(payloads.attach_transcript(call_id=call_id, phrases=call.transcript))
    return actions


def _status(case: Case) -> str:
    if case.is_missed and case.asked is None:
        return payloads.MISSED
    reason = str(case.call.report.get("finish_reason") or "")
    return outcome.made_call_status(reason, is_answered=case.call.is_answered)


def _notices(case: Case, client: Client, item: str | None, responsible_id: int) -> list[Action]:
    """One notification per call: of what was created for the responsible, or that he missed a call."""
    if not case.rules.notify or not (item or case.is_missed):
        return []
    main = (client.main.type, client.main.id) if client.main else None
    message = messages.notice(
        "missed" if case.is_missed else "created",
        language=case.ruleset.language,
        detail=show_phone(case.call.phone),
        item=(item, ResultOf(item)) if item else main,
    )
    return [payloads.notify(responsible_id, message, tag=_tag(case.call), key="notify")]


def _tag(call: CallFacts) -> str:
    return f"uis-call-{call.session_id}"


def _files(case: Case) -> list[FileLink]:
    """The recordings of the call, the one to attach first: the longest, which is the whole conversation if UIS has it;
    a voice mail where nobody talked."""
    if not case.ruleset.telephony.records:
        return []
    files = case.call.records or case.call.voice_mails
    return sorted(files, key=lambda file: (-file.seconds, file.record_id))


def _records(case: Case) -> tuple[RecordLink, ...]:
    """The recording that is carried over as the record of the call."""
    return tuple(RecordLink(file.record_id, file.link, f"{case.call.session_id}.mp3") for file in _files(case)[:1])


def _reason(case: Case, client: Client, created: list[Action]) -> str:
    item = creation.made_item(created, case.done)
    if item:
        return "создан лид" if item == "lead" else "создана сделка"
    return "передан на найденного клиента" if client.main else "передан без объекта CRM"
