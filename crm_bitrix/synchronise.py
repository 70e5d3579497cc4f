"""Manual and scheduled synchronisation of a portal with its UIS accounts, as a row that survives everything.

    start     one running synchronisation per portal: a unique constraint, not a check
    work      the queue's task: takes the lease, does stage after stage, writes the progress down after each step
    ring_due  each second: starts what is due by schedule, rings what was broken off or has waited long enough

What the stages do: `crm_bitrix.sync_stages`. A worker that dies leaves its stage undone; the next one does it again,
the finished ones are not repeated. Cancelling takes effect between two requests.
"""

import logging
import secrets
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from crm_bitrix import holds, side_work
from crm_bitrix.errors import Cause, PortalError
from crm_bitrix.models import SyncRun
from crm_bitrix.sync_stages import DO, LEASE, Cancelled, Failed, LeaseLost, Work, stages_of
from integration.models import Portal

EVERY = timedelta(minutes=30)
WANTED_AGAIN = timedelta(minutes=5)
"""An unknown employee does not start one when the last has begun less than this ago."""
RING_AGAIN = timedelta(seconds=5)
BACK_OFF_SECONDS = (5, 30)
TASK_SECONDS = 110
KEPT_RUNS = 5

State = SyncRun.State
log = logging.getLogger(__name__)


class AlreadyRunning(Exception):
    """The portal is being synchronised already; `run` is that synchronisation."""

    def __init__(self, run: SyncRun) -> None:
        super().__init__(_("Синхронизация этого портала уже идёт."))
        self.run = run


def start(portal: Portal, by: str) -> SyncRun:
    """Begin a synchronisation; `by` is who asked for it. A worker takes it up at once.

    Raises AlreadyRunning.
    """
    run = _begin(portal, by)
    transaction.on_commit(lambda: _ring(run.pk))
    return run


def _begin(portal: Portal, by: str) -> SyncRun:
    run = SyncRun(portal=portal, started_by=by[:200], stages=stages_of(portal), due_at=timezone.now())
    try:
        with transaction.atomic():
            run.save()
    except IntegrityError as error:
        running = SyncRun.objects.filter(portal=portal, state=State.RUNNING).first()
        if running is None:
            raise
        raise AlreadyRunning(running) from error
    return run


def want_sync(portal: Portal) -> SyncRun | None:
    """Synchronise soon, because an employee turned up whom nobody knows; None when one runs or has just run."""
    if portal.is_on_hold:
        return None
    border = timezone.now() - WANTED_AGAIN
    recent = SyncRun.objects.filter(portal=portal).filter(Q(state=State.RUNNING) | Q(started_at__gt=border))
    if recent.exists():
        return None
    try:
        return start(portal, by="")
    except AlreadyRunning:
        return None


def cancel(run: SyncRun) -> None:
    """Stop a run before its next request. What was read until then stays."""
    running = SyncRun.objects.filter(pk=run.pk, state=State.RUNNING)
    running.update(cancel_asked=True)
    running.filter(_free(timezone.now())).update(state=State.CANCELLED, finished_at=timezone.now())
    run.refresh_from_db()


def latest(portal: Portal) -> QuerySet[SyncRun]:
    """The last five runs, newest first."""
    return SyncRun.objects.filter(portal=portal).order_by("-started_at", "-pk")[:KEPT_RUNS]


def summary(run: SyncRun) -> dict[str, Any]:
    """What a run has brought, for scripts: state, counts per stage, changes, problems."""
    by_name: dict[str, Any] = {}
    for stage in run.stages:
        by_name.setdefault(stage["name"], {})[stage["about"]] = stage["counts"]
    return {
        "state": run.state,
        "error": run.error,
        "bitrix": by_name.get("bitrix", {}).get(run.portal.domain, {}),
        "uis": by_name.get("uis", {}),
        "employees": by_name.get("match", {}).get("", {}),
        "check": by_name.get("check", {}).get("", {}),
        "problems": [f"{stage['about']}: {text}" for stage in run.stages for text in stage["problems"]],
        "changes": run.changes,
    }


def run(sync_run: SyncRun) -> SyncRun:
    """Do a synchronisation to its end, in this process, and return it. Waits when the portal's limits say so."""
    while True:
        work(sync_run.pk)
        sync_run.refresh_from_db()
        if sync_run.state != State.RUNNING:
            return sync_run
        time.sleep(min(5.0, max(0.2, (sync_run.due_at - timezone.now()).total_seconds())))


def run_now(portal: Portal, by: str) -> SyncRun:
    """Synchronise from the beginning, in this process; one that is under way ends first: it may have read what has
    changed since."""
    while True:
        try:
            return run(start(portal, by))
        except AlreadyRunning as error:
            run(error.run)


def work(run_id: int) -> None:
    """Go on with a run as far as possible now; the queue's task. May run twice, or never."""
    token = secrets.token_hex(16)
    now = timezone.now()
    due = SyncRun.objects.filter(_free(now), pk=run_id, state=State.RUNNING)
    if not due.update(lease_token=token, lease_until=now + LEASE):
        return
    mine = Work(SyncRun.objects.select_related("portal").get(pk=run_id), token)
    try:
        _do_stages(mine)
    except LeaseLost:
        log.warning("synchronisation %s: the lease was taken away", run_id)
    except Cancelled:
        _finish(mine, State.CANCELLED)
    except Failed as error:
        _finish(mine, State.FAILED, str(error))
    except PortalError as error:
        _rest(mine, error)
    except Exception as error:
        log.exception("synchronisation %s failed", run_id)
        _finish(mine, State.FAILED, _("Внутренняя ошибка: {error}").format(error=type(error).__name__))


def _do_stages(mine: Work) -> None:
    for stage in mine.run.stages:
        if stage["state"] not in ("done", "failed"):
            stage["state"] = "running"
            DO[stage["name"]](mine, stage)
            if stage["state"] == "running":
                stage |= {"state": "done", "done": stage["total"]}
    failed = [stage for stage in mine.run.stages if stage["state"] == "failed"]
    error = "; ".join(f"{stage['about']}: {' '.join(stage['problems'])}" for stage in failed)
    _finish(mine, State.FAILED if failed else State.DONE, error)


def _rest(mine: Work, error: PortalError) -> None:
    """A request to the portal failed as a whole: go on later, or end when a person must act first."""
    if error.cause is Cause.HOLD:
        holds.hold(mine.portal, error)
    if error.cause in (Cause.HOLD, Cause.REFUSED, Cause.MOVED):
        _finish(mine, State.FAILED, str(error))
        return
    is_limit = error.cause in (Cause.BUSY, Cause.METHOD_BUSY)
    attempts = mine.run.attempts + (not is_limit)
    if attempts > len(BACK_OFF_SECONDS):
        _finish(mine, State.FAILED, _("Портал не отвечает: {error}").format(error=error))
        return
    pause = timedelta(seconds=BACK_OFF_SECONDS[max(0, attempts - 1)])
    SyncRun.objects.filter(pk=mine.run.pk, lease_token=mine.token, state=State.RUNNING).update(
        attempts=attempts,
        due_at=error.retry_at or timezone.now() + pause,
        error=str(error)[:500],
        lease_token="",
        lease_until=None,
    )


def _finish(mine: Work, state: str, error: str = "") -> None:
    for stage in mine.run.stages:
        if stage["state"] == "running":
            stage["state"] = "failed" if state == State.FAILED else "waiting"
    ended = SyncRun.objects.filter(pk=mine.run.pk, lease_token=mine.token, state=State.RUNNING).update(
        state=state,
        error=error[:500],
        stages=mine.run.stages,
        changes=mine.run.changes,
        finished_at=timezone.now(),
        lease_token="",
        lease_until=None,
    )
    if ended:
        kept = list(latest(mine.portal).values_list("pk", flat=True))
        SyncRun.objects.filter(portal=mine.portal).exclude(Q(pk__in=kept) | Q(state=State.RUNNING)).delete()


def due_syncs(now: datetime) -> QuerySet[Portal]:
    """The portals whose last synchronisation began half an hour ago or more: one indexed query."""
    recent = SyncRun.objects.filter(portal=OuterRef("pk"), started_at__gt=now - EVERY)
    running = SyncRun.objects.filter(portal=OuterRef("pk"), state=State.RUNNING)
    return Portal.objects.filter(~Exists(recent), ~Exists(running), hold_reason="", uninstalled_at__isnull=True)


def ring_due() -> None:
    """Start what is due by schedule and go on with what was broken off; called by every tick.

    Not more than the workers bear: one of them always stays free for calls. Where there is no room, one is begun all
    the same: it keeps the next place that becomes free. Which ones is left to chance, so that each gets its turn.
    """
    now, room = timezone.now(), max(0, side_work.room_for_syncs())
    running = SyncRun.objects.filter(_free(now), state=State.RUNNING, due_at__lte=now).order_by("due_at")
    waiting = list(running.values_list("pk", flat=True)[: max(1, room)])
    for portal in due_syncs(now).order_by("?")[: max(1, room) - len(waiting)]:
        try:
            waiting.append(_begin(portal, by="").pk)
        except AlreadyRunning:
            continue
    for run_id in waiting[:room]:
        _ring(run_id)


def _ring(run_id: int) -> None:
    """Ask the queue to work on a run, unless it was asked a moment ago."""
    now = timezone.now()
    due = SyncRun.objects.filter(_free(now), pk=run_id, state=State.RUNNING, due_at__lte=now)
    if due.update(due_at=now + RING_AGAIN):
        async_task("crm_bitrix.synchronise.work", run_id, timeout=TASK_SECONDS)


def _free(now: datetime) -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lt=now)
