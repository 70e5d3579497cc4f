"""One round of a portal's live lane: fold, pick, resolve, decide, write, send, close.

Level, not edge: a round looks at everything known and everything done, so it may be left at any request, repeated,
or killed anywhere. What each step leaves behind when it dies:

    fold     unread events stay unread
    decide   nothing: questions change nothing
    write    a plan is saved whole or not at all
    send     actions marked `sent`: their outcome is unknown, they are resolved before anything else of their client
    close    the communication stays due and is decided again; what is done is not planned again
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone

from crm_bitrix import asking, sending, synchronise
from crm_bitrix.actions import Action, dump_params
from crm_bitrix.batch import LIMIT
from crm_bitrix.client import Client
from crm_bitrix.due import UNCERTAIN
from crm_bitrix.errors import Cause, PortalError
from crm_bitrix.fold import channels_of, fold, has_urgent
from crm_bitrix.lane import LeaseLost, portal_of
from crm_bitrix.models import CrmAction
from crm_bitrix.resting import rest
from crm_bitrix.work import Work
from integration import lanes
from integration.inbox import KINDS
from integration.models import Communication, Lane, Portal, State
from integration.tracing import with_trace

AT_ONCE = 50
WAVE = 20
"""Actions of one request: few are lost from sight together when its answer is. While requests are scarce – the bucket
is fuller than `SCARCE` – a request carries as many as the portal takes."""
SCARCE = 15.0
ATTEMPTS = 4
BACK_OFF_SECONDS = (30, 120, 600)

log = logging.getLogger(__name__)


@dataclass
class Round:
    """What the steps of one round share."""

    lane: Lane
    token: str
    portal: Portal
    client: Client
    channels: frozenset[str]

    def hold(self) -> None:
        """Prolong the lease before a request. Raises LeaseLost."""
        if not lanes.hold(self.lane.name, self.token):
            raise LeaseLost


def live_round(name: str, token: str) -> None:
    """One round. A failure that is not a communication's own lets the lane rest; everything stays as it is."""
    portal = portal_of(name)
    channels = channels_of(portal)
    fold(portal, channels)
    current = Round(Lane.objects.get(name=name), token, portal, Client(portal), frozenset(channels))
    works = pick(current)
    try:
        works = resolve(current, works)
        decided = decide(current, works)
        decided = [work for work in decided if _is_written(work)]
        if any(work.plan and work.plan.names_strangers for work in decided):
            synchronise.want_sync(portal)
        if send(current, decided):
            for work in decided:
                close(work)
        if current.lane.is_troubled:
            lanes.settle(name)
    except PortalError as error:
        if error.cause == Cause.UNKNOWN and current.lane.is_single and works:
            suspect(current, works[0], error)
        rest(name, portal, error)


def pick(current: Round) -> list[Work]:
    """Choose what this round works on: first whatever has an unknown outcome, then the due ones by rank.

    Of the communications of one client only the first: nobody overtakes an unknown outcome, and a second call of a
    new client finds what the first has made.
    """
    limit = 1 if current.lane.is_single else AT_ONCE
    actions = Prefetch("actions", CrmAction.objects.order_by("seq"), to_attr="loaded_actions")
    communications = with_trace(Communication.objects.filter(portal=current.portal))
    communications = communications.select_related("credential").prefetch_related(actions)
    uncertain = list(communications.filter(actions__state=CrmAction.State.SENT).distinct().order_by("rank_at"))
    due = communications.filter(due_at__lte=timezone.now()).order_by("rank_at")[: 3 * limit]
    taken: set[str] = set()
    works: dict[int, Work] = {}
    for communication in (*uncertain, *due):
        keys = set(communication.client_keys)
        if communication.pk in works or keys & taken or len(works) >= max(limit, len(uncertain)):
            continue
        taken |= keys
        communication.portal = current.portal
        works[communication.pk] = Work(communication, communication.due_at, communication.loaded_actions)
    return list(works.values())


def resolve(current: Round, works: Sequence[Work]) -> list[Work]:
    """Clear up unknown outcomes that are old enough to be looked up; keep the works that may go on now."""
    now = timezone.now()
    sent = [action for work in works for action in work.in_state(CrmAction.State.SENT)]
    old = [action for action in sent if action.sent_at <= now - UNCERTAIN]
    if old:
        results = {work.communication.pk: {key: done.result for key, done in work.done.items()} for work in works}
        current.hold()
        sending.resolve(current.client, old, results)
    still_open = [work.communication.pk for work in works if work.in_state(CrmAction.State.SENT)]
    Communication.objects.filter(pk__in=still_open, due_at__lte=now).update(due_at=now + UNCERTAIN)
    ready = [
        work
        for work in works
        if not work.in_state(CrmAction.State.SENT) and work.due_at is not None and work.due_at <= now
    ]
    return ready[:1] if current.lane.is_single else ready


def decide(current: Round, works: Sequence[Work]) -> list[Work]:
    """Let every communication decide; the questions of all go out together. A step that raises fails alone."""
    steps = asking.Steps(current.client, current.hold)
    for work in works:
        steps.start(work.communication, work.done)
    plans, failures = steps.run()
    for work in works:
        work.plan = plans.get(work.communication.pk)
        failure = failures.get(work.communication.pk)
        if failure:
            fail(work, failure.reason, retry_at=failure.retry_at)
    return [work for work in works if work.plan is not None]


def _is_written(work: Work) -> bool:
    """Save a plan; one that cannot be saved fails its own communication, nobody else's."""
    try:
        write(work)
    except Exception as error:
        log.exception("the plan of communication %s cannot be saved", work.communication.pk)
        fail(work, f"внутренняя ошибка: план не сохранён: {type(error).__name__}: {error}")
        return False
    return True


def write(work: Work) -> None:
    """Save the plan of a communication: what was planned before and is not done gives way to it.

    What is saved already costs no query.
    """
    plan, communication = work.plan, work.communication
    assert plan is not None  # noqa: S101 - decide() keeps only those with a plan
    kept = [*work.in_state(CrmAction.State.DONE), *filter(sending.is_given_up, work.actions)]
    known = {action.key for action in kept}
    outdated = [action.pk for action in work.actions if action.key not in known]
    rows = [_row(communication, seq, action) for seq, action in enumerate(plan.actions) if action.key not in known]
    learned: dict[str, Any] = {
        "responsible_id": plan.responsible_id or communication.responsible_id,
        "revision": communication.credential.revision,
        "facts": {**communication.facts, **plan.learned},
    }
    if rows or plan.state != communication.state:
        learned["trace"] = [*communication.trace, *plan.trace][-200:]
    changed = {name: value for name, value in learned.items() if getattr(communication, name) != value}
    with transaction.atomic():
        if outdated:
            CrmAction.objects.filter(pk__in=outdated).delete()
        CrmAction.objects.bulk_create(rows)
        if changed:
            Communication.objects.filter(pk=communication.pk).update(**changed)
        KINDS[communication.kind].keep(communication, plan)
    for name, value in changed.items():
        setattr(communication, name, value)
    work.actions = [*kept, *rows]


def _row(communication: Communication, seq: int, action: Action) -> CrmAction:
    return CrmAction(
        communication=communication,
        key=action.key,
        seq=seq,
        method=action.method,
        params=dump_params(action.params),
        needs=list(action.needs),
        creates=action.creates,
        is_optional=action.is_optional,
    )


def send(current: Round, works: Sequence[Work]) -> bool:
    """Send what is ready, wave by wave, until nothing is. False: a ringing phone goes first, decide again.

    Raises PortalError when a wave failed as a whole: nothing of it has happened, or its outcome is unknown.
    """
    while True:
        ready = list(_ready(current.portal, works))
        if not ready:
            return True
        ready = ready[: _wave(current)]
        if not any(work.is_urgent for work, _action in ready) and has_urgent(current.channels):
            return False
        current.hold()
        sending.send_wave(current.client, ready)


def _wave(current: Round) -> int:
    if current.lane.is_single:
        return 1
    return LIMIT if lanes.level(current.portal.live_lane) > SCARCE else WAVE


def _ready(portal: Portal, works: Sequence[Work]) -> Iterator[tuple[Work, CrmAction]]:
    """Planned actions with everything they need done, the most urgent communications first."""
    for work in sorted(works, key=lambda work: work.communication.rank_at):
        done = {action.key for action in work.in_state(CrmAction.State.DONE)}
        for action in work.in_state(CrmAction.State.PLANNED):
            if done.issuperset(action.needs) and not sending.rests_until(portal, action):
                yield work, action


def suspect(current: Round, work: Work, error: PortalError) -> None:
    """The only communication of a round brought no answer, but the portal answers others: it is to blame and pays."""
    if not sending.answers(current.client):
        return
    communication = work.communication
    communication.attempts += 1
    if communication.attempts >= ATTEMPTS:
        for action in work.in_state(CrmAction.State.SENT):
            sending.fail(action, f"портал не отвечает на это действие: {error}")
        fail(work, f"портал не отвечает на действие после {ATTEMPTS} попыток: {error}")
    else:
        fail(work, str(error), retry_at=timezone.now() + back_off(communication.attempts))


def back_off(attempts: int) -> timedelta:
    """How long a communication rests after its n-th failure of its own."""
    return timedelta(seconds=BACK_OFF_SECONDS[min(attempts, len(BACK_OFF_SECONDS)) - 1])


def fail(work: Work, reason: str, *, retry_at: datetime | None = None) -> None:
    """Note a failure that is this communication's own: try again at that moment, or never without being told."""
    communication = work.communication
    _close(work, State.RETRY if retry_at else State.FAILED, reason, retry_at, attempts=communication.attempts)


def close(work: Work) -> None:
    """Let the communication end visibly, as its actions and its plan say."""
    plan = work.plan
    assert plan is not None  # noqa: S101 - decide() keeps only those with a plan
    failed = [action for action in work.in_state(CrmAction.State.FAILED) if not action.is_optional]
    resting = [sending.rests_until(work.communication.portal, action) for action in work.in_state("planned")]
    if unknown := work.in_state(CrmAction.State.SENT):
        _close_uncertain(work, unknown)
    elif failed:
        _close(work, State.FAILED, f"{failed[0].key}: {failed[0].error}", None)
    elif any(resting):
        until = max(moment for moment in resting if moment)
        _close(work, State.RETRY, "метод портала отдыхает: исчерпано время работы", until)
    else:
        made = (
            f"{action.creates}:{action.result['id']}" for action in work.actions if action.creates and action.result
        )
        crm_object = next(reversed(list(made)), plan.crm_object)
        _close(work, plan.state, plan.reason, plan.wake_at, attempts=0, crm_object=crm_object)


def _close_uncertain(work: Work, unknown: Sequence[CrmAction]) -> None:
    """The portal answered, but not what became of these actions: look again, a few times."""
    attempts = work.communication.attempts + 1
    if attempts < ATTEMPTS:
        until = timezone.now() + max(UNCERTAIN, back_off(attempts) if attempts > 1 else UNCERTAIN)
        _close(work, State.RETRY, f"исход неизвестен, проверяем: {unknown[0].error}", until, attempts=attempts)
        return
    for action in unknown:
        sending.fail(action, action.error or "портал не говорит, что стало с этим действием")
    _close(work, State.FAILED, f"{unknown[0].key}: {unknown[0].error}", None)


def _close(work: Work, state: str, reason: str, due_at: datetime | None, **more: int | str) -> None:
    """Only if nobody made it due anew meanwhile: then it will be decided again."""
    communication = Communication.objects.filter(pk=work.communication.pk, due_at=work.due_at)
    finished = {"finished_at": timezone.now()} if state in (State.DONE, State.IGNORED, State.FAILED) else {}
    communication.update(state=state, reason=reason[:300], due_at=due_at, **finished, **more)
