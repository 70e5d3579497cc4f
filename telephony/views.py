"""The address that UIS asks while a client waits: who should get his call. Always an answer, always in time.

It shares nothing slow with the rest: it never waits for the lane, takes what bulk and live work leave in the portal's
bucket, and a portal that does not answer is left alone for a while, so that its questions do not use up the threads
that notifications need.
"""

import logging
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.core.cache import cache
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from crm_bitrix import owners, rulesets, tokens
from crm_bitrix.client import METHOD_REST, Client, pause_methods, resting
from crm_bitrix.errors import Cause, PortalError
from integration import lanes
from integration.events import BadPayload
from integration.models import Credential, Portal
from integration.models.portal import hash_secret
from telephony.models import RoutingQuestion
from telephony.routing import Answer, Asked, Reason, choose_answer, client_phone, decline, read_question

BUDGET_SECONDS = 1.5
RESERVE_SECONDS = 0.2
"""Part of the budget that is left for noting the question and sending the answer."""
KNOWN_SECONDS = 180
UNKNOWN_SECONDS = 30
"""A client who is not found is looked for again soon: his first call may have created him."""
SLOW_SECONDS = 10
SEATS = 4
"""Questions of one process that may wait for portals at the same time: half of the threads it runs with at least."""

_REASONS: Mapping[Cause, Reason] = {
    Cause.BUSY: Reason.BUSY,
    Cause.METHOD_BUSY: Reason.BUSY,
    Cause.TOKEN: Reason.TOKEN,
    Cause.HOLD: Reason.ON_HOLD,
}

_seats = threading.BoundedSemaphore(SEATS)
log = logging.getLogger(__name__)


class Doubt(Exception):
    """The portal cannot be asked, or did not say."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@csrf_exempt
@never_cache
def route(request: HttpRequest, credential_uuid: UUID, secret: str) -> HttpResponse:
    """Answer one question of the scenario operation «Интерактивная обработка», GET or POST, query, form or JSON.

    200 `{"phones": ["101"]}` or `{"returned_code": 1}` for whoever has the secret, whatever happens · 404 unknown
    credential or wrong secret, without a body · 503 the database is away, so that nobody can be let in.
    """
    started = time.monotonic()
    try:
        credential = Credential.objects.select_related("portal").filter(uuid=credential_uuid).first()
    except DatabaseError:
        return HttpResponse(status=503)
    if credential is None:
        hash_secret(secret)
        return HttpResponse(status=404)
    if not credential.accepts_secret(secret, now=timezone.now()):
        return HttpResponse(status=404)
    phone, answer = _answer(credential, request, until=started + BUDGET_SECONDS - RESERVE_SECONDS)
    _note(credential, phone, answer, started=started)
    return JsonResponse(answer.body)


def _answer(credential: Credential, request: HttpRequest, *, until: float) -> tuple[str, Answer]:
    """The client's phone as far as it is understood, and the answer."""
    asked = Asked("")
    try:
        asked = read_question(request.META.get("QUERY_STRING", ""), request.body)
        return _decide(credential, asked, until=until)
    except (BadPayload, RequestDataTooBig, UnreadablePostError):
        reason = Reason.BAD_QUESTION
    except Doubt as doubt:
        reason = doubt.reason
    except Exception:
        log.exception("a routing question of credential %s cannot be answered", credential.pk)
        reason = Reason.ERROR
    return asked.shown_phone, Answer(reason)


def _decide(credential: Credential, asked: Asked, *, until: float) -> tuple[str, Answer]:
    portal = credential.portal
    if portal is None or portal.is_on_hold:
        raise Doubt(Reason.ON_HOLD)
    ruleset = rulesets.load(credential)
    phone = client_phone(asked, ruleset)
    declined = decline(asked, ruleset)
    if declined or phone is None:
        return phone or asked.shown_phone, Answer(declined or Reason.HIDDEN_NUMBER)
    try:
        return phone, choose_answer(find_owners(portal, phone, until=until), ruleset)
    except Doubt as doubt:
        return phone, Answer(doubt.reason)


def find_owners(portal: Portal, phone: str, *, until: float) -> tuple[owners.Owner, ...]:
    """The owners of the objects with this number, from the cache or the portal. Raises Doubt.

    `until` is the moment of `time.monotonic()` by which the answer must be here. What is kept is what the portal said,
    not our answer: settings and dismissals count at once, an owner or a working day that changes only minutes later.
    """
    key, slow_key = f"owners:{portal.pk}:{phone}", f"owners:{portal.pk}:slow"
    known: tuple[owners.Owner, ...] | None = cache.get(key)
    if known is not None:
        return known
    if cache.get(slow_key):
        raise Doubt(Reason.NO_ANSWER)
    if resting(portal, owners.METHOD) or not _seats.acquire(blocking=False):
        raise Doubt(Reason.BUSY)
    try:
        client = Client(portal, level=lanes.ROUTING_LEVEL, may_wait=False, until=until)
        found = owners.read_owners(client.call(owners.ask_owners(phone)))
    except PortalError as error:
        if error.cause in (Cause.DOWN, Cause.UNKNOWN):
            cache.set(slow_key, True, SLOW_SECONDS)
        raise _doubt(portal, error) from error
    except owners.BadAnswer as error:
        raise Doubt(Reason.NO_ANSWER) from error
    finally:
        _seats.release()
    cache.set(key, found, KNOWN_SECONDS if found else UNKNOWN_SECONDS)
    return found


def _doubt(portal: Portal, error: PortalError) -> Doubt:
    log.warning("portal %s did not say who owns a client: %s", portal.pk, error)
    if error.cause == Cause.METHOD_BUSY:
        pause_methods(portal, {owners.METHOD: error.retry_at or timezone.now() + METHOD_REST})
    if error.code == tokens.RENEWING:
        return Doubt(Reason.TOKEN)
    return Doubt(_REASONS.get(error.cause, Reason.NO_ANSWER))


def _note(credential: Credential, phone: str, answer: Answer, *, started: float) -> None:
    took = timedelta(seconds=time.monotonic() - started)
    try:
        RoutingQuestion.objects.create(
            credential=credential,
            asked_at=timezone.now() - took,
            phone=phone,
            answer=answer.body,
            reason=answer.reason.value,
            took_ms=took // timedelta(milliseconds=1),
        )
    except DatabaseError:
        log.exception("a routing question of credential %s is answered, but not noted", credential.pk)
