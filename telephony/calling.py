"""A call that the portal asked for, until UIS tells how it ended. Pure.

    asked       a click: its card is shown; a callback: it is registered; UIS is asked for the call, once
    told        UIS names the call session; from then on it is a call like any other
    put off     UIS has not begun it, but may in time: it is asked again (`telephony.dialling`)
    refused     finished with OTHER and the reason, and its user is told what to do
    silent      nobody knows whether it was started: it is never repeated, and refused when nothing comes

A click has its CALL_ID from the portal and is never registered. How a call ends that did begin: `telephony.plan`.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from crm_bitrix import payloads
from crm_bitrix.actions import Action, DialRequest, Plan
from integration.rules.phones import show_phone
from telephony import callback, click, refusals
from telephony.asked import DIALLED, PUT_OFF, REFUSED, STALE, UNKNOWN, Asked
from telephony.case import SHOWN, USER, Case

SILENCE = timedelta(minutes=3)
"""How long we wait for a word of UIS about a call that we asked it for."""

MAX_REASON = 255
_BINDABLE = ("lead", "contact", "company")


def is_open(case: Case) -> bool:
    """Say whether it is still to be seen what becomes of a call that the portal asked for."""
    return case.asked is not None and not (case.call.is_over or (case.is_over and case.asked.session_id))


def decide(case: Case) -> Plan:
    """Say what is to do for a call that the portal asked for and that is not over. Asks the portal nothing."""
    asked = _asked(case)
    if not case.rules.is_active:
        return Plan("withheld", "интеграция или вкладка «Телефония» выключена: звонок из портала не начат")
    if asked.told_as:
        hidden = (*lost_registration(case), *case.cards().actions(frozenset()))
        return Plan("ignored", f"этот звонок передан как сессия UIS: {asked.told_as}", hidden)
    if asked.answer in (REFUSED, STALE):
        return _give_up(case, "stale" if asked.answer == STALE else asked.instruction)
    if asked.session_id or asked.dialled_at is not None:
        return _await_word(case, asked)
    return _dial(case, asked)


def _dial(case: Case, asked: Asked) -> Plan:
    if case.now > asked.fresh_until:
        return _stale(case, asked)
    dial = (click if asked.is_click else callback).plan_dial(asked, case.ruleset)
    return _give_up(case, dial) if isinstance(dial, str) else _wait(case, "UIS набирает номер", dial)


def _asked(case: Case) -> Asked:
    assert case.asked is not None  # noqa: S101 - only calls that were asked for come here
    return case.asked


def registration(case: Case, user_id: int, *, is_shown: bool) -> list[Action]:
    """The registration of a callback, on the object that the form has made; a click has one already."""
    asked = _asked(case)
    if asked.is_click:
        return []
    line = case.call.line_number or case.ruleset.telephony.form_callback.number or asked.line
    bound = asked.entity if asked.entity and asked.entity[0] in _BINDABLE else None
    action = payloads.register_call(
        external_id=asked.external_id,
        user_id=user_id,
        phone=asked.phone,
        line=line.lstrip("+"),
        call_type=payloads.CALLBACK,
        started_at=asked.at.astimezone(case.ruleset.zone),
        is_shown=is_shown,
        bound_to=bound,
    )
    return [action]


def lost_registration(case: Case) -> list[Action]:
    """That of a callback once more, where its answer may never have come: it tells which call is to be closed."""
    user_id = case.asking_user
    if USER not in case.call.raw or user_id is None:
        return []
    return registration(case, user_id, is_shown=False)


def deal_of(case: Case) -> int | None:
    """The deal that the call was asked for from: the portal itself binds calls to other objects only."""
    entity = case.asked.entity if case.asked else None
    return entity[1] if entity and entity[0] == "deal" else None


def _wait(case: Case, reason: str, dial: DialRequest | None = None) -> Plan:
    """Show the card to who should see it, and ask UIS for the call if that is still to be done."""
    asked, user_id = _asked(case), case.asking_user
    learned: dict[str, Any] = {SHOWN: case.cards().tries(case.card_users), USER: user_id}
    if dial is not None:
        learned[DIALLED] = {"at": case.now.isoformat(), "employee_id": dial.params.get("employee_id")}
    registered = registration(case, user_id, is_shown=user_id in case.card_users) if user_id is not None else ()
    asking_at = case.now if dial is not None else asked.asking_at
    return Plan(
        "waiting",
        reason,
        (*registered, *case.cards(user_id).actions(case.card_users)),
        learned=learned,
        wake_at=asking_at + SILENCE if asking_at and not asked.session_id else case.longest,
        trace=({"step": "dial", "asked": asked.name, **_traced(dial)},) if dial else (),
        dial=dial,
        responsible_id=user_id,
        crm_object="{}:{}".format(*asked.entity) if asked.entity else "",
    )


def _traced(dial: DialRequest) -> dict[str, object]:
    known = ("employee_id", "scenario_id", "virtual_phone_number", "employee_phone_number")
    return {"method": dial.method, **{name: dial.params[name] for name in known if dial.params.get(name)}}


def _await_word(case: Case, asked: Asked) -> Plan:
    if asked.session_id and "finish" in case.done:
        return Plan("waiting", "идёт звонок, закрытый в портале до первого слова UIS о нём", wake_at=case.longest)
    if asked.session_id:
        return _wait(case, "идёт звонок")
    if asked.answer == PUT_OFF and asked.due_at and case.now < asked.due_at:
        return _put_off(case, asked, asked.due_at)
    if asked.asking_at is not None and case.now >= asked.asking_at + SILENCE:
        return _give_up(case, "silent")
    is_unknown = asked.answer == UNKNOWN
    return _wait(case, "UIS не ответил, начат ли звонок: ждём его уведомлений" if is_unknown else "UIS набирает номер")


def _put_off(case: Case, asked: Asked, again_at: datetime) -> Plan:
    """UIS has said that it cannot begin the call now, so that nothing rings: it is asked again while that makes sense.

    To whoever waits the call is still to come: the card stays as it is.
    """
    step = {"step": "dial", "asked": asked.name, "put_off": asked.cause, "again_at": again_at.isoformat()}
    reason = f"UIS пока не начал звонок, следующая попытка: {again_at.astimezone(case.ruleset.zone):%H:%M:%S}"
    return replace(_wait(case, reason), state="retry", wake_at=again_at, trace=(step,))


def _stale(case: Case, asked: Asked) -> Plan:
    """Nothing was shown to who clicked, and he has long done something else. A client who left his number waits."""
    reason = "Устарело: запрос на звонок пришёл слишком поздно, звонок не начат"
    return Plan("ignored", reason, () if asked.is_click else tuple(_told(case, "stale")))


def _give_up(case: Case, why: str) -> Plan:
    """End the call in the portal with the reason, and tell its user."""
    asked, user_id = _asked(case), case.asking_user
    reason, stored = refusals.explain(why, case.ruleset.language), refusals.explain(why, refusals.STORED)
    registered = lost_registration(case)
    actions: list[Action] = []
    if user_id is not None and (asked.is_click or registered):
        finish = payloads.finish_call(
            call_id=case.call_id, user_id=user_id, duration_seconds=0, status=payloads.OTHER, reason=reason[:MAX_REASON]
        )
        hidden = case.cards(user_id).actions(frozenset(), hidden_by_finish=user_id)
        actions = [*registered, *hidden, finish]
    head = "звонок по клику не состоялся" if asked.is_click else "обратный звонок не состоялся"
    return Plan(
        "failed",
        f"{head}: {stored}",
        (*actions, *_told(case, why)),
        trace=({"step": "dial", "asked": asked.name, "refused": stored},),
        responsible_id=user_id,
    )


def _told(case: Case, why: str) -> list[Action]:
    asked, user_id, language = _asked(case), case.asking_user, case.ruleset.language
    if user_id is None:
        return []
    phone = show_phone(asked.phone) or "–"
    text = refusals.notice(asked.name, phone=phone, why=refusals.explain(why, language), language=language)
    return [payloads.notify(user_id, text, tag=f"uis-{asked.external_id}", key="refused")]
