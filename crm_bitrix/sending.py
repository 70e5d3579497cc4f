"""Sending actions and finding out what became of them: the only place where a portal is changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from crm_bitrix import batch
from crm_bitrix.actions import CALL_IS_OVER, METHODS, Command, Json, Refusal, Retry, fill_params
from crm_bitrix.client import METHOD_REST, About, Client, pause_methods, resting
from crm_bitrix.errors import Cause, PortalError, cause_of
from crm_bitrix.models import CrmAction
from crm_bitrix.work import Work
from integration.models import ClientLink, Portal
from integration.tracing import trace_id

PROBE = Command("server.time")
NOT_SENT = (Cause.BUSY, Cause.METHOD_BUSY, Cause.TOKEN, Cause.HOLD, Cause.MOVED, Cause.DOWN, Cause.REFUSED)


def rests_until(portal: Portal, action: CrmAction) -> datetime | None:
    """The moment until which the method of this action rests, None when it may be sent."""
    return resting(portal, action.method)


def is_given_up(action: CrmAction) -> bool:
    """Say whether this may never be tried again: its outcome is unknown, and twice would be worse than never."""
    return action.state == CrmAction.State.FAILED and METHODS[action.method].retry == Retry.NEVER


def answers(client: Client) -> bool:
    """Say whether the portal answers at all."""
    try:
        client.call(PROBE)
    except PortalError:
        return False
    return True


def send_wave(client: Client, ready: Sequence[tuple[Work, CrmAction]]) -> None:
    """Send actions in one request and note what became of each.

    1. All are marked `sent` and committed: from here on their outcome is unknown.
    2. The request. Refused as a whole: they are `planned` again. No answer: they stay `sent`.
    3. Each result is noted, in one transaction.

    Raises PortalError when the request failed as a whole.
    """
    commands = {}
    for work, action in ready:
        results = {key: done.result for key, done in work.done.items()}
        command = Command(action.method, fill_params(action.params, results))
        if batch.is_safe(command):
            commands[str(action.pk)] = command
        elif not commands:
            commands[str(action.pk)] = command
            break
    wave = [(work, action) for work, action in ready if str(action.pk) in commands]
    _mark(wave, CrmAction.State.SENT)
    try:
        outcome = _ask(client, commands, _about(wave))
    except PortalError as error:
        if error.cause in NOT_SENT:
            _mark(wave, CrmAction.State.PLANNED)
        raise
    with transaction.atomic():
        for work, action in wave:
            if str(action.pk) in outcome:
                note(client.portal, action, outcome[str(action.pk)], work.communication.client_keys)


def _mark(wave: Sequence[tuple[Work, CrmAction]], state: str) -> None:
    sent_at = timezone.now() if state == CrmAction.State.SENT else None
    CrmAction.objects.filter(pk__in=[action.pk for _work, action in wave]).update(state=state, sent_at=sent_at)
    for _work, action in wave:
        action.state, action.sent_at = state, sent_at


def _about(wave: Sequence[tuple[Work, CrmAction]]) -> About:
    """Whom a request serves."""
    served = {work.communication.pk: work.communication for work, _action in wave}
    traces = (trace_id(getattr(one, "first_event", "")) for one in served.values())
    return About(tuple(served), tuple(dict.fromkeys(traces)))


def _ask(client: Client, commands: Mapping[str, Command], about: About) -> Mapping[str, Json | Refusal]:
    """One request for all; a text that looks like a reference of the batch goes alone, as a call."""
    name, first = next(iter(commands.items()))
    if batch.is_safe(first):
        return client.batch(commands, about=about).results
    try:
        return {name: client.call(first, about=about)}
    except PortalError as error:
        if error.cause != Cause.REFUSED:
            raise
        return {name: Refusal(error.code, str(error))}


def note(portal: Portal, action: CrmAction, outcome: Json | Refusal, client_keys: Sequence[str]) -> None:
    """Note what the portal said to an action."""
    method = METHODS[action.method]
    if not isinstance(outcome, Refusal):
        try:
            finish(portal, action, method.keep(outcome), client_keys)
        except (KeyError, TypeError, ValueError):
            _save(action, error=f"ответ непонятен: {outcome!r:.200}")
        return
    cause = cause_of(outcome.code)
    if any(text in str(outcome) for text in method.done_when_refused):
        finish(portal, action, {}, client_keys)
    elif cause == Cause.METHOD_BUSY:
        pause_methods(portal, {action.method: timezone.now() + METHOD_REST})
        _save(action, state=CrmAction.State.PLANNED, sent_at=None)
    elif cause in (Cause.BUSY, Cause.TOKEN):
        _save(action, state=CrmAction.State.PLANNED, sent_at=None)
    elif cause == Cause.UNKNOWN or (method.retry == Retry.LOOK_UP and CALL_IS_OVER in str(outcome)):
        _save(action, error=str(outcome))
    else:
        fail(action, str(outcome))


def finish(portal: Portal, action: CrmAction, result: Mapping[str, Json], client_keys: Sequence[str]) -> None:
    """The action is done. What it has created is remembered for its client in the same transaction."""
    _save(action, state=CrmAction.State.DONE, done_at=timezone.now(), result=dict(result), error="")
    if action.creates:
        made = {"portal": portal, "object_type": action.creates, "object_id": result["id"], "at": timezone.now()}
        ClientLink.objects.bulk_create(
            [ClientLink(key=key, **made) for key in client_keys],
            update_conflicts=True,
            unique_fields=["portal", "key", "object_type"],
            update_fields=["object_id", "at"],
        )


def fail(action: CrmAction, error: str) -> None:
    """The portal will not do this."""
    _save(action, state=CrmAction.State.FAILED, error=error[:500])


def _save(action: CrmAction, **changes: object) -> None:
    for name, value in changes.items():
        setattr(action, name, value)
    action.save(update_fields=list(changes))


def resolve(
    client: Client, uncertain: Sequence[CrmAction], results: Mapping[int, Mapping[str, Mapping[str, Json]]]
) -> None:
    """Find out what became of actions whose answer was lost.

    Repeatable ones are planned again; those with a handle are looked up: done, or planned again – unless the portal
    had refused them; the others fail, for a person to look at. `results` are those of done actions by communication.
    Raises PortalError: nothing is known yet.
    """
    look_ups: dict[str, Command] = {}
    for action in uncertain:
        method = METHODS[action.method]
        if method.look_up:
            look_ups[str(action.pk)] = method.look_up(fill_params(action.params, results[action.communication_id]))
    answered: dict[str, Json | Refusal] = {}
    names = list(look_ups)
    for start in range(0, len(names), batch.LIMIT):
        part = {name: look_ups[name] for name in names[start : start + batch.LIMIT]}
        answered |= client.batch(part).results
    with transaction.atomic():
        for action in uncertain:
            _resolve(client.portal, action, answered)


def _resolve(portal: Portal, action: CrmAction, answered: Mapping[str, Json | Refusal]) -> None:
    method = METHODS[action.method]
    if method.retry == Retry.NEVER:
        fail(action, "исход неизвестен: посмотрите в портале и решите, нужно ли повторить")
    elif method.retry == Retry.REPEAT or method.found is None:
        _save(action, state=CrmAction.State.PLANNED, sent_at=None)
    elif not isinstance(outcome := answered.get(str(action.pk)), Refusal | None):
        found = method.found(action.params, outcome)
        if found is not None:
            finish(portal, action, found, action.communication.client_keys)
        elif CALL_IS_OVER in action.error:
            fail(action, action.error)
        else:
            _save(action, state=CrmAction.State.PLANNED, sent_at=None)
