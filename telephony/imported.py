"""A call that is carried over long after it began: perhaps the portal has it already. Pure.

The portal takes a second registration for the same call only within half an hour of the call's beginning. After that
its statistics are asked first: another copy of the service, or we before our memory was lost, may have finished it.
Source: the vendor's documentation of telephony.externalCall.register, and server behaviour.
"""

from collections.abc import Generator
from datetime import timedelta

from crm_bitrix import payloads
from crm_bitrix.actions import Answer, Plan, Question
from telephony.case import Case

HALF_AN_HOUR = timedelta(minutes=30)


def find_finished(case: Case) -> Generator[Question, Answer, Plan | None]:
    """The plan of a call that the portal has in its statistics; None for one that it does not know."""
    started = case.call.started_at
    is_fresh = started is None or case.now - started <= HALF_AN_HOUR
    if is_fresh or not case.is_over or case.asked or "register" in case.done:
        return None
    answer = yield payloads.ask_finished(case.call.session_id)
    if not answer.result("finished"):
        return None
    return Plan("ignored", "этот звонок уже есть в статистике Битрикс24: второй раз не передаётся")
