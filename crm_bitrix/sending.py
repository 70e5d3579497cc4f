"""Sending actions and finding out what became of them: the only place where a portal is changed."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from crm_bitrix import batch
from crm_bitrix.actions import CALL_IS_OVER, METHODS, Command, Json, Refusal, Retry, fill_params
from crm_bitrix.client import METHOD_REST, Client, pause_methods
from crm_bitrix.errors import Cause, PortalError, cause_of
from crm_bitrix.models import CrmAction
from crm_bitrix.waves import Wave
from crm_bitrix.work import Work
from integration.many import update_each, update_ids
from integration.models import ClientLink, Communication, Portal

PROBE = Command("server.time")
_NOTED = ("state", "sent_at", "done_at", "result", "error")
NOT_SENT = (Cause.BUSY, Cause.METHOD_BUSY, Cause.TOKEN, Cause.HOLD, Cause.MOVED, Cause.DOWN, Cause.REFUSED)


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


def send_wave(client: Client, wave: Wave) -> None:
    """Send actions in one request and note what became of each.

    1. All are marked `sent` and committed: from here on their outcome is unknown.
    2. The request. Refused as a whole: they are `planned` again. No answer: they stay `sent`.
    3. The results are noted, in one transaction.

    Raises PortalError when the request failed as a whole, LeaseLost.
    """
    actions = list(wave.actions.values())
    client.reserve()
    _mark(actions, CrmAction.State.SENT)
    try:
        outcome = _ask(client, wave)
    except PortalError as error:
        if error.cause in NOT_SENT:
            _mark(actions, CrmAction.State.PLANNED)
        raise
    is_broken_off = wave.halts and any(isinstance(one, Refusal) for one in outcome.values())
    for name, action in wave.actions.items():
        if name in outcome:
            note(client.portal, action, outcome[name])
        elif is_broken_off:
            _plan_again(action)
    save(client.portal, actions, {pk: work.communication for pk, work in wave.works.items()})


def _mark(actions: Sequence[CrmAction], state: str) -> None:
    sent_at = timezone.now() if state == CrmAction.State.SENT else None
    update_ids(CrmAction, [action.pk for action in actions], {"state": state, "sent_at": sent_at})
    for action in actions:
        action.state, action.sent_at = state, sent_at


def _ask(client: Client, wave: Wave) -> Mapping[str, Json | Refusal]:
    """One request for all; a text that looks like a reference of the batch goes alone, as a call."""
    name, first = next(iter(wave.commands.items()))
    if batch.is_safe(first):
        return client.batch(wave.commands, halts=wave.halts, about=wave.about).results
    try:
        return {name: client.call(first, about=wave.about)}
    except PortalError as error:
        if error.cause != Cause.REFUSED:
            raise
        return {name: Refusal(error.code, str(error))}


def note(portal: Portal, action: CrmAction, outcome: Json | Refusal) -> None:
    """Let an action be as the portal's answer says; not saved."""
    method = METHODS[action.method]
    if not isinstance(outcome, Refusal):
        try:
            _finish(action, method.keep(outcome))
        except (KeyError, TypeError, ValueError):
            action.error = f"ответ непонятен: {outcome!r:.200}"
        return
    cause = cause_of(outcome.code)
    if any(text in str(outcome) for text in method.done_when_refused):
        _finish(action, {})
    elif cause == Cause.METHOD_BUSY:
        pause_methods(portal, {action.method: timezone.now() + METHOD_REST})
        _plan_again(action)
    elif cause in (Cause.BUSY, Cause.TOKEN):
        _plan_again(action)
    elif cause == Cause.UNKNOWN or (method.retry == Retry.LOOK_UP and CALL_IS_OVER in str(outcome)):
        action.error = str(outcome)[:500]
    else:
        _fail(action, str(outcome))


def _finish(action: CrmAction, result: Mapping[str, Json]) -> None:
    action.state, action.done_at = CrmAction.State.DONE, timezone.now()
    action.result, action.error = dict(result), ""


def _plan_again(action: CrmAction) -> None:
    action.state, action.sent_at = CrmAction.State.PLANNED, None


def _fail(action: CrmAction, error: str) -> None:
    action.state, action.error = CrmAction.State.FAILED, error[:500]


def save(portal: Portal, actions: Sequence[CrmAction], owners: Mapping[int, Communication]) -> None:
    """Write down how actions stand, and in the same transaction what they have created for their clients.

    `owners` are their communications by number.
    """
    made = [action for action in actions if action.creates and action.state == CrmAction.State.DONE]
    links = {
        (key, action.creates): ClientLink(
            portal=portal, key=key, object_type=action.creates, object_id=action.result["id"]
        )
        for action in made
        for key in owners[action.communication_id].client_keys
    }
    with transaction.atomic() if links else nullcontext():
        _save(actions)
        ClientLink.objects.bulk_create(
            links.values(),
            update_conflicts=True,
            unique_fields=["portal", "key", "object_type"],
            update_fields=["object_id", "at"],
        )


def give_up(action: CrmAction, error: str) -> None:
    """The portal will not do this, or nobody can say whether it has."""
    _fail(action, error)
    _save([action])


def _save(actions: Sequence[CrmAction]) -> None:
    noted = [({"id": action.pk}, {name: getattr(action, name) for name in _NOTED}) for action in actions]
    update_each(CrmAction, noted)


def resolve(client: Client, works: Sequence[Work], *, before: datetime) -> None:
    """Find out what became of actions that were sent before that moment and whose answer was lost.

    Repeatable ones are planned again; those with a handle are looked up: done, or planned again – unless the portal
    had refused them; the others fail, for a person to look at. Raises PortalError: nothing is known yet; LeaseLost.
    """
    uncertain = [
        (work, action) for work in works for action in work.in_state(CrmAction.State.SENT) if action.sent_at <= before
    ]
    look_ups: dict[str, Command] = {}
    for work, action in uncertain:
        method = METHODS[action.method]
        if method.look_up:
            look_ups[str(action.pk)] = method.look_up(fill_params(action.params, work.results))
    answered: dict[str, Json | Refusal] = {}
    names = list(look_ups)
    for start in range(0, len(names), batch.LIMIT):
        part = {name: look_ups[name] for name in names[start : start + batch.LIMIT]}
        answered |= client.batch(part).results
    for _work, action in uncertain:
        _resolve(action, answered)
    owners = {work.communication.pk: work.communication for work, _action in uncertain}
    save(client.portal, [action for _work, action in uncertain], owners)


def _resolve(action: CrmAction, answered: Mapping[str, Json | Refusal]) -> None:
    method = METHODS[action.method]
    if method.retry == Retry.NEVER:
        _fail(action, "исход неизвестен: посмотрите в портале и решите, нужно ли повторить")
    elif method.retry == Retry.REPEAT or method.found is None:
        _plan_again(action)
    elif not isinstance(outcome := answered.get(str(action.pk)), Refusal | None):
        found = method.found(action.params, outcome)
        if found is not None:
            _finish(action, found)
        elif CALL_IS_OVER in action.error:
            _fail(action, action.error)
        else:
            _plan_again(action)
