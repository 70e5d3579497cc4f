"""Events of a portal, from the body to what is stored or done: who sent it is settled before anything else.

application_token is the one we know   believed
another one, or an unknown portal      believed only with ONAPPINSTALL and ONAPPUPDATE, and only after their
                                       access token was proved at the authorisation server
anything else                          refused, nothing read, nothing stored
"""

import logging
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

from django.utils.crypto import constant_time_compare

from crm_bitrix import events, installation
from crm_bitrix.errors import PortalError
from crm_bitrix.events import PortalEvent, read_event
from crm_bitrix.installation import Pair
from crm_bitrix.php_form import BadForm, text
from crm_bitrix.verification import Reason, Refused, is_token, prove, read_language, read_member_id
from integration import edge, inbox
from integration.models import InboxEvent, Portal

log = logging.getLogger(__name__)


class Status(IntEnum):
    """What the portal is answered, as HTTP says it."""

    TAKEN = 200
    UNREADABLE = 400
    REFUSED = 403
    TOO_OFTEN = 429  # forged installations from one address; a portal that we know never hears this
    AWAY = 503  # the authorisation server or the portal itself did not answer: nothing was changed


def take_event(body: bytes, *, address: str) -> Status:
    """Take one event: store it, or carry out what it says about the application itself.

    `address` is where it comes from: whoever forges installations is not looked at for a while.
    """
    try:
        event = read_event(body)
    except BadForm:
        return Status.UNREADABLE
    portal = _portal_of(event)
    if portal is not None:
        return _take_known(portal, event, body)
    if event.name in events.BRING_TOKENS:
        return _take_unknown(event, address)
    log.warning(
        "an event is refused: unknown portal or wrong application_token (member_id %s)",
        text(event.auth, "member_id")[:40],
    )
    return Status.REFUSED


def _portal_of(event: PortalEvent) -> Portal | None:
    """The portal whose secret the event carries; as much work for an unknown portal as for a wrong secret."""
    try:
        member_id = read_member_id(text(event.auth, "member_id"))
    except Refused:
        member_id = ""
    portal = Portal.objects.filter(member_id=member_id).first()
    known = portal.application_token if portal else ""
    is_equal = constant_time_compare(text(event.auth, "application_token"), known or "-" * 32)
    return portal if portal and known and is_equal else None


def _take_known(portal: Portal, event: PortalEvent, body: bytes) -> Status:
    if event.name in events.STORED:
        inbox.receive(
            channel=installation.channel_of(portal),
            source=InboxEvent.Source.BITRIX24,
            lane=None if portal.is_on_hold else portal.live_lane,
            query="",
            body=body,
        )
        return Status.TAKEN
    if event.name in events.BRING_TOKENS:
        return _take_proved(event)
    act = _ACTS.get(event.name)
    if act is None:
        log.info("portal %s sent an event that is of no use: %s", portal.domain, event.name[:60])
    else:
        act(portal, event.data)
    return Status.TAKEN


def _uninstall(portal: Portal, data: Mapping[str, Any]) -> None:
    installation.uninstall(portal, clean=text(data, "CLEAN") in ("1", "Y"))


def _paid(portal: Portal, _data: Mapping[str, Any]) -> None:
    if portal.hold_reason:
        installation.probe(portal)


_ACTS: Mapping[str, Callable[[Portal, Mapping[str, Any]], None]] = {
    events.APP_UNINSTALL: _uninstall,
    events.APP_PAYMENT: _paid,
}


def _take_unknown(event: PortalEvent, address: str) -> Status:
    if edge.seconds_to_wait(edge.REFUSALS, address):
        return Status.TOO_OFTEN
    status = _take_proved(event)
    if status == Status.REFUSED:
        edge.count(edge.REFUSALS, address)
    return status


def _take_proved(event: PortalEvent) -> Status:
    """Install or update by tokens that the authorisation server vouches for, whatever the event itself claims."""
    given = {name: text(event.auth, name) for name in ("access_token", "refresh_token", "application_token")}
    try:
        if not all(is_token(value) for value in given.values()):
            raise Refused(Reason.SHAPE, "tokens are missing or have the wrong shape")
        identity = prove(
            given["access_token"],
            member_id=read_member_id(text(event.auth, "member_id")),
            server_endpoint=text(event.auth, "server_endpoint"),
            language=read_language(text(event.data, "LANGUAGE_ID")),
        )
        installation.install(identity, Pair(**given))
    except Refused as error:
        log.warning("%s is refused: %s", event.name, error)
        away = error.reason in (Reason.SERVER_AWAY, Reason.PORTAL_AWAY)
        return Status.AWAY if away else Status.REFUSED
    except PortalError as error:
        # The tokens are stored and the portal works; the next administrator who opens the application binds the rest.
        log.warning("%s: the portal's events could not be bound: %s", event.name, error)
    return Status.TAKEN
