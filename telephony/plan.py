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
from datetime import datetime
from typing import Any

from crm_bitrix import payloads
from crm_bitrix.actions import Action, Answer, Decision, DoneActions, Plan, Question
from crm_bitrix.clients import Client, find_client, load_client
from crm_bitrix.corrections import map_new, warning_trace
from integration.rules.facts import Facts, StreamKind
from integration.rules.filtering import passed_trace, refuse
from integration.rules.ruleset import Ruleset
from telephony import calling, corrections, creation, ending, imported, messages, missed
from telephony.case import CLIENT, END, SEEN, SHOWN, USER, Case, choose, read_case, talker_id, title_of
from telephony.facts import CallFacts
from telephony.known import rule_facts


def decide_call(facts: Mapping[str, Any], done: DoneActions, ruleset: Ruleset, now: datetime) -> Decision:
    """Say what is still to do for this call. Running it again with nothing new plans nothing."""
    case = read_case(facts, done, ruleset, now)
    plan = yield from _decide(case)
    seen = {leg.employee_id for leg in (*case.call.rings, *case.call.answers)}
    return replace(plan, names_strangers=not seen <= ruleset.employees.keys())


def _decide(case: Case) -> Decision:
    if calling.is_open(case):
        return (yield from _adopting(case, calling.decide(case)))
    early = _nothing_to_do(case)
    if early is not None:
        return early
    client = yield from _known_client(case)
    known = _known(case, client)
    is_judged = case.rules.filter is not None and not ("register" in case.done or case.settled or case.is_filter_open)
    if is_judged and (refused := refuse(case.rules.filter, known)):
        return Plan("ignored", refused.reason, actions=_hidden(case), trace=(client.trace(), refused.trace))
    if case.asked and case.is_filter_open:
        return _await_filter(case)
    finished = yield from imported.find_finished(case)
    if finished is not None:
        return replace(finished, actions=_hidden(case))
    plan = yield from _carry_over(case, client, known)
    passed = passed_trace(case.rules.filter, known) if is_judged else ()
    return replace(plan, trace=(client.trace(), *passed, *plan.trace))


def _known(case: Case, client: Client) -> Facts:
    """The facts that the rules may speak of."""
    return rule_facts(
        case.call,
        zone=case.ruleset.zone,
        client_state=client.state,
        client_name=client.main.name if client.main else "",
        number_name=case.ruleset.number_names.get(case.call.line_number, ""),
    )


def _adopting(case: Case, plan: Plan) -> Decision:
    """Bring what the portal has made for a clicked number into line, at once: nobody can have touched it yet."""
    client = Client()
    known = _known(case, client)
    has_made = case.asked is not None and bool(case.asked.created)
    if not has_made or plan.state != "waiting" or case.is_filter_open or refuse(case.rules.filter, known):
        return plan
    choice, presence = yield from choose(case, client, known)
    if choice.user_id is None:
        return plan
    title = title_of(case, known, choice.user_id)
    mapped = map_new(case.ruleset, case.rules, known, at_end=False)
    adopted = creation.create_actions(case, client, title=title, responsible_id=choice.user_id, mapped=mapped.values)
    return replace(
        plan,
        actions=(*plan.actions, *adopted),
        learned={**plan.learned, CLIENT: client.dump(), **presence},
        trace=(*plan.trace, *choice.trace, {"step": "title", "title": title}, *warning_trace(mapped.warnings)),
    )


def _nothing_to_do(case: Case) -> Plan | None:
    """The plan of a call that is not carried over, or not yet."""
    call, rules = case.call, case.rules
    if call.is_internal or call.phone in case.ruleset.own_numbers:
        return Plan("ignored", "внутренний звонок: в CRM не передаётся", _hidden(case))
    if not rules.is_active:
        return Plan("withheld", "интеграция или вкладка «Телефония» выключена")
    if not call.phone and case.is_over:
        return _without_number(case)
    is_for_somebody = any(case.user_of(leg.employee_id) for leg in (*call.rings, *call.answers))
    if not call.phone or not (case.is_over or is_for_somebody):
        return Plan("waiting", "ждёт звонка сотруднику или конца", wake_at=case.longest)
    return None


def _without_number(case: Case) -> Plan:
    if case.call.stream is StreamKind.OUTGOING:
        return Plan("ignored", "набран не телефонный номер, а короткий или внутренний: в CRM не передаётся")
    user_id = case.ruleset.default_user_id(case.call.stream)
    if not (case.rules.notify and user_id):
        return Plan("ignored", "номер клиента скрыт")
    message = messages.word("hidden", case.ruleset.language)
    notice = payloads.notify(user_id, message, tag=ending.tag(case.call), key="notify")
    return Plan("ignored", "номер клиента скрыт", actions=(notice,))


def _known_client(case: Case) -> Generator[Question, Answer, Client]:
    """The client: as he was when the call was carried over, else as the portal knows him now. While it is open whether
    the call is carried over at all, he is as the ring has found him: at the end he is looked for again. So he is while
    nothing has been carried out: meanwhile another call may have made him."""
    settled = case.call.raw.get(CLIENT) if case.is_carried_over else None
    remembered = settled or (case.is_deferred and case.call.raw.get(SEEN))
    if remembered:
        return load_client(remembered)
    return (yield from find_client((f"phone:{case.call.phone}",), order=case.ruleset.client_order))


def _await_filter(case: Case) -> Plan:
    """A call that the portal asked for is over, and the filter cannot be answered yet: nothing is finished."""
    until, reason = case.awaited or (case.longest, "идёт звонок")
    return Plan("waiting", reason, _hidden(case), wake_at=until)


def _carry_over(case: Case, client: Client, known: Facts) -> Decision:
    choice, presence = yield from choose(case, client, known)
    responsible_id = case.settled.get("responsible_id") or choice.user_id
    if responsible_id is None:
        return Plan("failed", "некому быть ответственным: назначьте ответственного по умолчанию", trace=choice.trace)
    title = case.settled.get("title") or title_of(case, known, responsible_id)
    user_id = case.call.raw.get(USER) or _first_user(case) or responsible_id
    trace = (*choice.trace, {"step": "title", "title": title})
    learned: dict[str, Any] = {USER: user_id, SHOWN: case.cards().tries(case.card_users), **presence}
    wake_at, reason = case.awaited or (case.longest, "идёт звонок")
    if case.is_deferred:
        learned[SEEN] = client.dump()
        shown = tuple(_show_only(case, user_id))
        return Plan("waiting", reason, shown, learned=learned, wake_at=wake_at, trace=trace)
    learned[CLIENT] = client.dump()
    mapped = map_new(case.ruleset, case.rules, known, at_end=case.is_over)
    created = creation.create_actions(case, client, title=title, responsible_id=responsible_id, mapped=mapped.values)
    trace = (*trace, *warning_trace(mapped.warnings))
    is_ending = case.is_over and case.awaited is None
    ends_with = ending.ends_with(case, responsible_id)
    actions = [*created, *_register(case, client, created, user_id, hidden_by_finish=ends_with if is_ending else None)]
    if not is_ending:
        return Plan("waiting", reason, tuple(actions), learned=learned, wake_at=wake_at, trace=trace)
    corrected = yield from corrections.correct(
        case, client, known, title=title, responsible_id=responsible_id, chosen_id=choice.user_id
    )
    chat = yield from missed.find_chat(case, client)
    learned |= corrected.learned
    learned[END] = {**corrected.learned[END], "chat": chat}
    actions += [
        *corrected.actions,
        *ending.finish(case, client, created, ends_with=ends_with),
        *ending.notices(case, client, creation.made_item(created, case.done), responsible_id),
        *missed.chat_actions(case, chat, known, user_id=case.ruleset.fallback_user_id or responsible_id),
    ]
    return Plan(
        "done",
        ending.reason(case, client, created),
        tuple(actions),
        records=ending.records(case),
        learned=learned,
        trace=(*trace, *warning_trace(corrected.warnings), *missed.chat_trace(case, chat)),
        responsible_id=corrected.responsible_id,
        crm_object=client.main.code if client.main else "",
    )


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


def _hidden(case: Case) -> tuple[Action, ...]:
    """Take the card from everybody who has or may have it."""
    lost = calling.lost_registration(case) if case.asked else _lost_card(case)
    return (*lost, *case.cards().actions(frozenset()))


def _lost_card(case: Case) -> list[Action]:
    """The registration of the card once more, where its answer never came: it tells by which call to close the card."""
    user_id: int | None = case.call.raw.get(USER)
    if user_id is None or case.is_deferred or not case.has_lost_card:
        return []
    return [_registration(case, "card", user_id, bound=None)]


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
        *_lost_card(case),
        *(calling.registration(case, user_id, is_shown=user_id in case.card_users) if case.asked else own),
        *cards.actions(case.card_users, hidden_by_finish=hidden_by_finish if is_finished_one else None),
    ]


_ORDERED_BACK = frozenset(
    {"sitephone", "lead", "omni_widget", "auto_back_call_by_lost_call", "auto_back_call_by_offline_message"}
)
"""Sources of UIS's calls that the client has asked for, from a site or by having called in vain."""


def _call_type(call: CallFacts) -> int:
    """What kind of call it is to the portal, by where UIS says that it comes from."""
    if call.stream is StreamKind.OUTGOING:
        return payloads.OUTGOING
    if call.is_over and call.is_answered and not (call.rings or call.answers or talker_id(call)):
        return payloads.REDIRECTED  # somebody talked, and no employee's phone took part
    return payloads.CALLBACK if call.raw.get("call_source") in _ORDERED_BACK else payloads.INCOMING


def _registration(case: Case, key: str, user_id: int, *, bound: tuple[str, payloads.Id] | None) -> Action:
    call = case.call
    return payloads.register_call(
        key=key,
        external_id=call.session_id if key == "register" else f"{call.session_id}:card",
        user_id=user_id,
        phone=call.phone,
        line=call.line,
        call_type=_call_type(call),
        started_at=(call.started_at or case.now).astimezone(case.ruleset.zone),
        is_shown=user_id in case.card_users and case.registration == key,
        bound_to=bound,
    )
