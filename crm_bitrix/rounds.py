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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from crm_bitrix import asking, sending, synchronise
from crm_bitrix.actions import Action, Plan, dump_params
from crm_bitrix.batch import LIMIT
from crm_bitrix.client import Client
from crm_bitrix.closing import ATTEMPTS, back_off, close, fail
from crm_bitrix.due import UNCERTAIN, candidates
from crm_bitrix.errors import Cause, PortalError
from crm_bitrix.fold import channels_of, fold, has_urgent
from crm_bitrix.lane import owner_id
from crm_bitrix.models import CrmAction
from crm_bitrix.resting import rest
from crm_bitrix.waves import next_wave
from crm_bitrix.work import Work
from integration import lanes
from integration.inbox import KINDS
from integration.many import insert_all, update_alike, update_each
from integration.models import Communication, Credential, Lane, Portal

AT_ONCE = 50
BESIDE_A_RING = 10
"""Communications that share the requests of a ringing phone's while requests are scarce."""
WAVE = 20
"""Actions of one request: few are lost from sight together when its answer is. While requests are scarce – the bucket
is fuller than `SCARCE` – a request carries as many as the portal takes."""
SCARCE = 15.0
PATIENCE_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass
class Round:
    """What the steps of one round share."""

    lane: Lane
    portal: Portal
    client: Client
    channels: Mapping[str, Credential | None]

    @property
    def is_scarce(self) -> bool:
        return self.client.bucket.level > SCARCE


def live_round(lane: Lane) -> None:
    """One round, unless the portal is on hold. A failure that is not a communication's own lets the lane rest;
    everything stays as it is."""
    portal, channels = channels_of(owner_id(lane.name))
    if portal.is_on_hold:
        return
    fold(portal, channels)
    bucket = lanes.Bucket(lane.name, taken=lane)
    with Client(portal, bucket=bucket, patience_seconds=PATIENCE_SECONDS) as client:
        _work_on(Round(lane, portal, client, channels))


def _work_on(current: Round) -> None:
    works = pick(current)
    try:
        works = resolve(current, works)
        decided = save_plans(decide(current, works))
        if any(work.plan and work.plan.names_strangers for work in decided):
            synchronise.want_sync(current.portal)
        if send(current, decided):
            close(decided)
        lanes.settle(current.lane)
    except PortalError as error:
        if error.cause == Cause.UNKNOWN and current.lane.is_single and works:
            suspect(current, works[0], error)
        rest(current.lane.name, current.portal, error)


def pick(current: Round) -> list[Work]:
    """Choose what this round works on: first whatever has an unknown outcome, then the due ones by rank.

    Of the communications of one client only the first: nobody overtakes an unknown outcome, and a second call of a
    new client finds what the first has made. Is the first of the due ones a ringing phone, the others wait for the
    next round, but for a few while requests are scarce.
    """
    limit = 1 if current.lane.is_single else AT_ONCE
    taken: set[str] = set()
    works: list[Work] = []
    uncertain = 0
    for communication in candidates(current.portal.pk, limit=3 * AT_ONCE):
        keys = set(communication.client_keys)
        work = Work(communication, communication.due_at, communication.loaded_actions)
        is_uncertain = bool(work.in_state(CrmAction.State.SENT))
        if keys & taken or (len(works) >= limit and not is_uncertain):
            continue
        taken |= keys
        uncertain += is_uncertain
        communication.portal = current.portal
        if own := current.channels.get(f"uis:{communication.credential_id}"):
            communication.credential = own
        works.append(work)
    due = works[uncertain:]
    if due and due[0].is_urgent:
        current.client.level = lanes.RING_LEVEL
        beside = BESIDE_A_RING if current.is_scarce else 0
        others = [work for work in due if not work.is_urgent][:beside]
        works = [*works[:uncertain], *(work for work in due if work.is_urgent), *others]
    return works


def resolve(current: Round, works: Sequence[Work]) -> list[Work]:
    """Clear up unknown outcomes that are old enough to be looked up; keep the works that may go on now."""
    uncertain = [work for work in works if work.in_state(CrmAction.State.SENT)]
    now = timezone.now()
    if uncertain:
        sending.resolve(current.client, uncertain, before=now - UNCERTAIN)
        still_open = [work.communication.pk for work in uncertain if work.in_state(CrmAction.State.SENT)]
        update_alike(Communication.objects.filter(pk__in=still_open, due_at__lte=now), due_at=now + UNCERTAIN)
    ready = [
        work
        for work in works
        if not work.in_state(CrmAction.State.SENT) and work.due_at is not None and work.due_at <= now
    ]
    return ready[:1] if current.lane.is_single else ready


def decide(current: Round, works: Sequence[Work]) -> list[Work]:
    """Let every communication decide; the questions of all go out together. A step that raises fails alone."""
    steps = asking.Steps(current.client)
    for work in works:
        steps.start(work.communication, work.done)
    plans, failures = steps.run()
    for work in works:
        work.plan = plans.get(work.communication.pk)
        failure = failures.get(work.communication.pk)
        if failure:
            fail(work, failure.reason, retry_at=failure.retry_at)
    return [work for work in works if work.plan is not None]


def save_plans(works: Sequence[Work]) -> list[Work]:
    """Save the plans, all at once; if that goes wrong one by one: a plan that cannot be saved fails its own
    communication, nobody else's. The works whose plans are saved."""
    try:
        write(works)
    except Exception:
        log.exception("%s plans cannot be saved together", len(works))
        return [work for work in works if _is_written(work)]
    return list(works)


def _is_written(work: Work) -> bool:
    try:
        write([work])
    except Exception as error:
        log.exception("the plan of communication %s cannot be saved", work.communication.pk)
        fail(work, f"внутренняя ошибка: план не сохранён: {type(error).__name__}: {error}")
        return False
    return True


@dataclass
class _Change:
    """What saving a plan does: the actions that stay, those that go, those that are new; what the communication
    learns, with the values it has if it learns nothing."""

    work: Work
    kept: list[CrmAction]
    outdated: list[int]
    rows: list[CrmAction]
    learned: dict[str, Any]

    @property
    def is_learned(self) -> bool:
        return any(getattr(self.work.communication, name) != value for name, value in self.learned.items())


def write(works: Sequence[Work]) -> None:
    """Save plans in one transaction: what was planned before and is not done gives way to them.

    What is saved already costs no query.
    """
    changes = [_change(work, work.plan) for work in works if work.plan]
    learned = [({"id": change.work.communication.pk}, change.learned) for change in changes if change.is_learned]
    outdated = [pk for change in changes for pk in change.outdated]
    with transaction.atomic():
        if outdated:
            CrmAction.objects.filter(pk__in=outdated).delete()
        insert_all([row for change in changes for row in change.rows])
        update_each(Communication, learned, lazy=True)
        for kind, planned in _by_kind(works).items():
            KINDS[kind].keep(planned)
    for change in changes:
        change.work.actions = [*change.kept, *change.rows]
        for name, value in change.learned.items():
            setattr(change.work.communication, name, value)


def _by_kind(works: Sequence[Work]) -> dict[str, list[tuple[Communication, Plan]]]:
    planned: dict[str, list[tuple[Communication, Plan]]] = {}
    for work in works:
        if work.plan:
            planned.setdefault(work.communication.kind, []).append((work.communication, work.plan))
    return planned


def _change(work: Work, plan: Plan) -> _Change:
    communication = work.communication
    kept = [*work.in_state(CrmAction.State.DONE), *filter(sending.is_given_up, work.actions)]
    known = {action.key for action in kept}
    outdated = [action.pk for action in work.actions if action.key not in known]
    rows = [_row(communication, seq, action) for seq, action in enumerate(plan.actions) if action.key not in known]
    is_told = bool(rows) or plan.state != communication.state
    learned = {
        "responsible_id": plan.responsible_id or communication.responsible_id,
        "revision": communication.credential.revision,
        "facts": {**communication.facts, **plan.learned},
        "trace": [*communication.trace, *plan.trace][-200:] if is_told else communication.trace,
    }
    return _Change(work, kept, outdated, rows, learned)


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

    Raises PortalError when a wave failed as a whole: nothing of it has happened, or its outcome is unknown; LeaseLost.
    """
    while True:
        wave = next_wave(works, limit=_limit(current))
        if not wave.commands:
            return True
        if not wave.is_urgent and has_urgent(current.channels):
            return False
        sending.send_wave(current.client, wave)


def _limit(current: Round) -> int:
    if current.lane.is_single:
        return 1
    return LIMIT if current.is_scarce else WAVE


def suspect(current: Round, work: Work, error: PortalError) -> None:
    """The only communication of a round brought no answer, but the portal answers others: it is to blame and pays."""
    if not sending.answers(current.client):
        return
    communication = work.communication
    communication.attempts += 1
    if communication.attempts >= ATTEMPTS:
        for action in work.in_state(CrmAction.State.SENT):
            sending.give_up(action, f"портал не отвечает на это действие: {error}")
        fail(work, f"портал не отвечает на действие после {ATTEMPTS} попыток: {error}")
    else:
        fail(work, str(error), retry_at=timezone.now() + back_off(communication.attempts))
