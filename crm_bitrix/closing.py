"""Last step of a round: communications end visibly, or wait to be decided again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from crm_bitrix import sending
from crm_bitrix.actions import Plan
from crm_bitrix.client import resting
from crm_bitrix.due import UNCERTAIN
from crm_bitrix.models import CrmAction
from crm_bitrix.work import Work
from integration.many import update_each
from integration.models import Communication, State

ATTEMPTS = 4
BACK_OFF_SECONDS = (30, 120, 600)


def back_off(attempts: int) -> timedelta:
    """How long a communication rests after its n-th failure of its own."""
    return timedelta(seconds=BACK_OFF_SECONDS[min(attempts, len(BACK_OFF_SECONDS)) - 1])


def fail(work: Work, reason: str, *, retry_at: datetime | None = None) -> None:
    """Note a failure that is this communication's own: try again at that moment, or never without being told."""
    _save([(work, _Ending(State.RETRY if retry_at else State.FAILED, reason, retry_at))])


def close(works: Sequence[Work]) -> None:
    """Let communications end visibly, as their actions and their plans say."""
    _save([(work, _ending(work, work.plan)) for work in works if work.plan])


@dataclass(frozen=True)
class _Ending:
    """How a communication stands after a round; None = as before."""

    state: str
    reason: str
    due_at: datetime | None
    attempts: int | None = None
    crm_object: str | None = None


def _ending(work: Work, plan: Plan) -> _Ending:
    failed = [action for action in work.in_state(CrmAction.State.FAILED) if not action.is_optional]
    if unknown := work.in_state(CrmAction.State.SENT):
        return _uncertain(work, unknown)
    if failed:
        return _Ending(State.FAILED, f"{failed[0].key}: {failed[0].error}", None)
    if ready := work.ready:
        rests = (resting(work.communication.portal, action.method) for action in ready)
        again_at = max(filter(None, rests), default=timezone.now())
        return _Ending(State.RETRY, "метод портала отдыхает: исчерпано время работы", again_at)
    made = [f"{action.creates}:{action.result['id']}" for action in work.actions if action.creates and action.result]
    crm_object = made[-1] if made else plan.crm_object
    return _Ending(plan.state, plan.reason, plan.wake_at, attempts=0, crm_object=crm_object)


def _uncertain(work: Work, unknown: Sequence[CrmAction]) -> _Ending:
    """The portal answered, but not what became of these actions: look again, a few times."""
    attempts = work.communication.attempts + 1
    if attempts < ATTEMPTS:
        until = timezone.now() + max(UNCERTAIN, back_off(attempts) if attempts > 1 else UNCERTAIN)
        return _Ending(State.RETRY, f"исход неизвестен, проверяем: {unknown[0].error}", until, attempts)
    for action in unknown:
        sending.give_up(action, action.error or "портал не говорит, что стало с этим действием")
    return _Ending(State.FAILED, f"{unknown[0].key}: {unknown[0].error}", None)


def _save(endings: Sequence[tuple[Work, _Ending]]) -> None:
    """Each only if nobody made it due anew meanwhile: then it will be decided again."""
    ended = [(_as_picked(work), _ended(work.communication, ending)) for work, ending in endings]
    update_each(Communication, ended, lazy=True)


def _as_picked(work: Work) -> dict[str, Any]:
    return {"id": work.communication.pk, "due_at": work.due_at}


def _ended(communication: Communication, ending: _Ending) -> dict[str, Any]:
    is_over = ending.state in (State.DONE, State.IGNORED, State.FAILED)
    return {
        "state": ending.state,
        "reason": ending.reason[:300],
        "due_at": ending.due_at,
        "attempts": communication.attempts if ending.attempts is None else ending.attempts,
        "crm_object": communication.crm_object if ending.crm_object is None else ending.crm_object,
        "finished_at": timezone.now() if is_over else communication.finished_at,
    }
