"""Renewal of a portal's tokens: lazily, by one process at a time, never inside a transaction.

1. Whoever meets `expired_token` with version v tries to take the renewal of v (a conditional UPDATE).
2. The winner asks the authorisation server and saves the new pair as version v+1. If the answer is lost the old pair
   is dead or alive, nobody knows: the next one tries again when the 30 seconds are over.
3. The others wait up to 5 seconds for another version; then they tell their caller to come back later.
4. A winner who cannot stay lets a thread finish it: a request given up halfway may lose the new pair.
A refused pair puts the portal on hold: the next administrator who opens the application brings a new one.
"""

import logging
import threading
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F, Q
from django.utils import timezone

from crm_bitrix.errors import Cause, PortalError, cause_of
from integration import remote
from integration.models import Portal

RENEWAL = timedelta(seconds=30)
OTHERS_WAIT_SECONDS = 5.0
RENEWING = "renewing"
"""Code of the error of a caller who did not stay until the renewal was done."""

log = logging.getLogger(__name__)


def renew(portal: Portal, *, may_wait: bool = True, within_seconds: float | None = None) -> None:
    """Leave `portal` with a token newer than the one it holds. Raises PortalError.

    `within_seconds` is for a caller who cannot stay: when they are over he leaves with Cause.BUSY, and the renewal
    that he began is finished without him.
    """
    now = timezone.now()
    mine = Portal.objects.filter(
        Q(refreshing_until__isnull=True) | Q(refreshing_until__lt=now), pk=portal.pk, token_version=portal.token_version
    )
    if mine.update(refreshing_until=now + RENEWAL):
        if within_seconds is None:
            _ask(portal)
        else:
            _ask_apart(portal, seconds=within_seconds)
    else:
        _wait_for_others(portal, seconds=OTHERS_WAIT_SECONDS if may_wait else 0)


def _wait_for_others(portal: Portal, *, seconds: float) -> None:
    used = portal.token_version
    until = time.monotonic() + seconds
    while True:
        portal.refresh_from_db(fields=["access_token", "refresh_token", "token_version", "hold_reason"])
        if portal.token_version != used:
            return
        if time.monotonic() >= until:
            raise PortalError(Cause.BUSY, "the token is still being renewed", code=RENEWING)
        time.sleep(0.05)


def _ask_apart(portal: Portal, *, seconds: float) -> None:
    """Renew in a thread of its own: to hang up on the authorisation server would be to lose the pair it has just made,
    and with it the portal."""
    renewal = threading.Thread(target=_ask_and_close, args=(Portal.objects.get(pk=portal.pk),), name="renewal")
    renewal.start()
    renewal.join(seconds)
    _wait_for_others(portal, seconds=0)


def _ask_and_close(portal: Portal) -> None:
    try:
        _ask(portal)
    except PortalError as error:
        log.warning("the token of %s is not renewed: %s", portal, error)
    finally:
        connection.close()


def _ask(portal: Portal) -> None:
    try:
        answer = ask_server(portal.oauth_host, grant_type="refresh_token", refresh_token=portal.refresh_token)
    except PortalError:
        Portal.objects.filter(pk=portal.pk, token_version=portal.token_version).update(refreshing_until=None)
        raise
    save_tokens(portal, answer)


def save_tokens(portal: Portal, answer: dict[str, Any]) -> None:
    """Store a pair that the authorisation server gave, as a new version."""
    portal.access_token = answer["access_token"]
    portal.refresh_token = answer["refresh_token"]
    portal.refreshing_until = None
    portal.token_version = F("token_version") + 1
    portal.save(update_fields=["access_token", "refresh_token", "refreshing_until", "token_version"])
    portal.refresh_from_db(fields=["token_version"])


def ask_server(oauth_host: str, **query: str) -> dict[str, Any]:
    """Exchange a code or a refresh token for a pair at an allowed authorisation server.

    The answer has access_token, refresh_token, client_endpoint, member_id, scope, user_id …
    Raises PortalError. Source: https://apidocs.bitrix24.com/settings/oauth/index.html
    """
    if oauth_host not in settings.BITRIX24_OAUTH_URLS:
        raise PortalError(Cause.HOLD, f"{oauth_host} is not an authorisation server of Bitrix24's", code="bad_server")
    secrets = {"client_id": settings.BITRIX24_CLIENT_ID, "client_secret": settings.BITRIX24_CLIENT_SECRET}
    try:
        reply = remote.request("GET", f"{oauth_host}/oauth/token/", params={**query, **secrets})
    except remote.RemoteError as error:
        raise PortalError(Cause.DOWN, f"the authorisation server did not answer: {error}") from error
    answer = _read(reply)
    if "access_token" in answer and "refresh_token" in answer:
        return answer
    code = str(answer.get("error", ""))
    cause = cause_of(code) if code else Cause.DOWN
    text = str(answer.get("error_description", "")) or f"status {reply.status}"
    raise PortalError(Cause.HOLD if cause == Cause.REFUSED else cause, f"{code} {text}".strip(), code=code)


def _read(reply: remote.Reply) -> dict[str, Any]:
    answer = remote.read_json(reply)
    return answer if isinstance(answer, dict) else {}
