"""The life of the application on a portal: installed, updated, moved, on hold, mended, removed.

Whoever comes here has been proved by `crm_bitrix.verification`, or knows the portal's `application_token`.

    install      1. the tokens of a proved administrator are stored by member_id; a portal has one row for ever
                 2. its lanes exist, and a credential that waits for its UIS key
                 3. all events and placements are bound in one request
                 4. it goes on where it stood
                 A crash after 1 or 2 leaves a portal that works but may not hear events: the next administrator who
                 opens the application binds what is missing (`heal`), and installing again repeats everything.
    uninstall    tokens, people and sessions go at once; everything else with CLEAN=1
    follow_move  believes the authorisation server only, never the redirect
"""

import logging
from dataclasses import dataclass
from dataclasses import field as part

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string

from crm_bitrix import events, holds, tokens
from crm_bitrix.actions import Command, Refusal
from crm_bitrix.client import Client
from crm_bitrix.connecting import ConnectRefused, make_empty_credential, make_portal_lanes
from crm_bitrix.errors import Cause, PortalError
from crm_bitrix.models import BitrixItem, CrmAction
from crm_bitrix.verification import Identity, Installation, Reason, Refused, ask_installation
from integration import audit, lanes
from integration.models import Communication, InboxEvent, Lane, Portal

log = logging.getLogger(__name__)

END_SESSIONS = "settings_ui.sessions.end_sessions"
"""What ends the frame sessions of a portal: the screen stands above us, so it is named, not imported."""

PLACEMENTS = {"REST_APP_URI": {"ru": "UIS: звонки, чаты и заявки", "en": "UIS: calls, chats and requests"}}
"""Placement → its title by language. REST_APP_URI opens the application by a link that we put into a message."""


@dataclass(frozen=True)
class Pair:
    """The tokens of a proved user, and the secret that events carry ("" where the request has none)."""

    access_token: str = part(repr=False)
    refresh_token: str = part(repr=False)
    application_token: str = part(default="", repr=False)


@dataclass(frozen=True)
class Installed:
    """A portal that is installed, and what could not be bound there and why; empty when all is well."""

    portal: Portal
    problems: tuple[str, ...]


def install(identity: Identity, pair: Pair, *, name: str = "") -> Installed:
    """Install, or install again, for a proved administrator.

    `name` is the one chosen for the connection; without it the first credential is called after the portal.
    Raises Refused(NOT_ADMIN), PortalError.
    """
    if not identity.is_admin:
        raise Refused(Reason.NOT_ADMIN, f"user {identity.user_id} of {identity.domain} installs")
    portal = store(identity, pair)
    make_portal_lanes(portal)
    _make_credential(portal, name)
    problems = bind(portal)
    holds.resume(portal)
    audit.note(audit.Action.INSTALLED, by=audit.Actor.BITRIX, actor=identity.user_id, portal=portal)
    return Installed(portal, problems)


def _make_credential(portal: Portal, name: str) -> None:
    """One credential waits for its UIS key: the one of the chosen name, or the portal's first."""
    waiting = portal.credentials.filter(uis_key="").exists()
    if waiting or (portal.credentials.exists() and not name):
        return
    try:
        make_empty_credential(portal, name=(name or portal.domain)[:100])
    except (ConnectRefused, IntegrityError):
        # A credential of that name is there already, or was made this moment: connecting twice is no fault.
        log.info("portal %s has this credential already", portal.domain)


def store(identity: Identity, pair: Pair) -> Portal:
    """Keep the newest proved tokens of a portal; a removed one lives again."""
    with transaction.atomic():
        portal, _ = Portal.objects.get_or_create(
            member_id=identity.member_id,
            defaults={"domain": identity.domain, "client_endpoint": identity.client_endpoint},
        )
        portal = Portal.objects.select_for_update().get(pk=portal.pk)
        portal.move_to(identity.domain, identity.client_endpoint)
        if portal.installed_at is None or portal.uninstalled_at is not None:
            portal.installed_at = timezone.now()
        portal.oauth_host, portal.scope = identity.oauth_host, identity.scope[:500]
        portal.licence, portal.language = identity.licence, identity.language
        portal.time_zone = identity.time_zone or portal.time_zone
        portal.access_token, portal.refresh_token = pair.access_token, pair.refresh_token
        portal.token_user_id = identity.user_id
        portal.application_token = pair.application_token or portal.application_token
        portal.token_version = F("token_version") + 1
        portal.refreshing_until = portal.uninstalled_at = None
        portal.save()
    portal.refresh_from_db()
    return portal


def bind(portal: Portal) -> tuple[str, ...]:
    """Bind every event and placement in one request; what is bound already counts as bound.

    Returns what the portal refused, as sentences for the log and the checklist. Raises PortalError.
    """
    answer = Client(portal, level=lanes.ROUTING_LEVEL).batch(_bindings())
    refusals = {name: result for name, result in answer.results.items() if isinstance(result, Refusal)}
    problems = tuple(f"{name}: {refusal}" for name, refusal in refusals.items() if not _is_bound(refusal))
    for problem in problems:
        log.warning("portal %s refuses to bind %s", portal.domain, problem)
    return problems


def _bindings() -> dict[str, Command]:
    handler = address("bitrix24-events")
    commands = {name: Command("event.bind", {"event": name, "handler": handler}) for name in events.BOUND}
    for code, titles in PLACEMENTS.items():
        # Bound afresh: an address of ours that has changed would otherwise stay, and this one cannot be bound twice.
        commands[f"{code}_old"] = Command("placement.unbind", {"PLACEMENT": code})
        commands[code] = Command(
            "placement.bind",
            {
                "PLACEMENT": code,
                "HANDLER": address("bitrix24-placement", code),
                "TITLE": titles["ru"],
                "LANG_ALL": {language: {"TITLE": title} for language, title in titles.items()},
            },
        )
    return commands


def address(name: str, *args: str) -> str:
    """An address of ours as portals see it."""
    return settings.PUBLIC_URL + reverse(name, args=args)


def _is_bound(refusal: Refusal) -> bool:
    """Say whether a refusal means: bound already, or being bound this moment by another request of ours."""
    text = f"{refusal.code} {refusal.text}".lower()
    return any(words in text for words in _BOUND_WORDS)


_BOUND_WORDS = ("already binded", "binding the handler has already started", "error_placement_max_count")


def open_application(identity: Identity, pair: Pair) -> Installed | None:
    """An open application: note what is new, mend what an administrator can mend. None: it was never installed here.

    The stored pair stays unless it is of no use any more; then the administrator's own takes its place and the queue
    goes on. Raises Refused, when the secret of the events is not the one we know, and PortalError.
    """
    portal = Portal.objects.filter(member_id=identity.member_id, uninstalled_at__isnull=True).first()
    if portal is None or not portal.refresh_token:
        return install(identity, pair) if identity.is_admin else None
    known, given = portal.application_token, pair.application_token
    if known and given and not constant_time_compare(known, given):
        raise Refused(Reason.FOREIGN, f"another application_token for {portal.domain}")
    _note(portal, identity, pair)
    if not identity.is_admin:
        return Installed(portal, ())
    if portal.hold_reason and pair.refresh_token:
        return install(identity, pair)
    return Installed(portal, heal(portal))


def _note(portal: Portal, identity: Identity, pair: Pair) -> None:
    known = (portal.domain, portal.client_endpoint, portal.scope, portal.application_token, portal.time_zone)
    # Nobody but an administrator may teach us the secret of the events: whoever knows it can remove the application.
    given = (identity.is_admin and pair.application_token) or portal.application_token
    # The portal names no zone of its own: that of whoever has connected it counts.
    zone = (identity.user_id == portal.token_user_id and identity.time_zone) or portal.time_zone
    if known != (identity.domain, identity.client_endpoint, identity.scope[:500], given, zone):
        portal.move_to(identity.domain, identity.client_endpoint)
        portal.scope, portal.application_token, portal.time_zone = identity.scope[:500], given, zone
        portal.save(update_fields=[*Portal.ADDRESS, "scope", "application_token", "time_zone"])


def heal(portal: Portal) -> tuple[str, ...]:
    """Bind again where the portal has lost a binding of ours, as it does when the application is updated.

    A portal that does not answer now is no reason to keep the application closed: the next opening tries again.
    """
    try:
        rows = Client(portal, level=lanes.ROUTING_LEVEL).call(Command("event.get"))
        handler = address("bitrix24-events")
        bound = {str(row.get("event", "")).upper() for row in rows if row.get("handler") == handler}
        return () if bound.issuperset(events.BOUND) else bind(portal)
    except PortalError as error:
        log.warning("bindings of portal %s were not checked: %s", portal.domain, error)
        return ()


def follow_move(portal: Portal, location: str = "") -> None:
    """A portal answered with a redirect: learn its new address from the authorisation server.

    `portal` has the new address afterwards, so the same POST can be repeated; nothing had happened. `location` goes to
    the log only: whoever answers at the old address could name any. Raises PortalError when the authorisation server
    does not confirm a move.
    """
    found = _ask_again(portal)
    if found.client_endpoint == portal.client_endpoint:
        raise PortalError(Cause.DOWN, f"redirected to {location[:100] or '?'}, but it has not moved", code="not_moved")
    log.warning("portal %s has moved to %s (redirect said %s)", portal.domain, found.domain, location[:200])
    portal.move_to(found.domain, found.client_endpoint)
    portal.save(update_fields=Portal.ADDRESS)


def _ask_again(portal: Portal) -> Installation:
    """What the authorisation server says of the stored token, which may have to be renewed for that."""
    try:
        found = ask_installation(portal.oauth_host, portal.access_token)
    except Refused as error:
        if error.reason != Reason.STALE:
            raise PortalError(_CAUSES.get(error.reason, Cause.DOWN), str(error)) from error
        tokens.renew(portal)
        found = ask_installation(portal.oauth_host, portal.access_token)
    if found.member_id != portal.member_id:
        raise PortalError(Cause.HOLD, f"the token is one of portal {found.member_id}", code="foreign_token")
    return found


_CAUSES = {
    Reason.UNPAID: Cause.HOLD,
    Reason.NOT_INSTALLED: Cause.HOLD,
    Reason.DISMISSED: Cause.HOLD,
    Reason.FOREIGN: Cause.HOLD,
}


def probe(portal: Portal) -> bool:
    """Try whether a portal on hold works again, and let its queue go on if so. For the daily look and ONAPPPAYMENT."""
    try:
        Client(portal, level=lanes.ROUTING_LEVEL).call(Command("server.time"))
    except PortalError as error:
        log.info("portal %s stays on hold: %s", portal.domain, error)
        return False
    holds.resume(portal)
    return True


def probe_held_portals() -> int:
    """Try every portal on hold; how many work again."""
    held = Portal.objects.exclude(hold_reason="").filter(uninstalled_at__isnull=True)
    return sum(probe(portal) for portal in held)


def uninstall(portal: Portal, *, clean: bool) -> None:
    """The application was removed from a portal.

    1. At once and together: tokens, the secret, people, sessions and stored events (users' tokens are in them) go,
       and nothing is sent any more.
    2. With `clean` everything of the portal is erased; else settings and journal wait for a new installation.
    A crash between 1 and 2 is logged by the web server; `erase` can be repeated.
    """
    with transaction.atomic():
        Portal.objects.filter(pk=portal.pk).update(
            access_token="",
            refresh_token="",
            application_token="",
            token_user_id=None,
            token_version=F("token_version") + 1,
            refreshing_until=None,
            hold_reason="",
            hold_code="",
            hold_since=None,
            uninstalled_at=timezone.now(),
        )
        BitrixItem.objects.filter(portal=portal, kind=BitrixItem.Kind.USER).delete()
        InboxEvent.objects.filter(channel=channel_of(portal)).delete()
        import_string(END_SESSIONS)(portal.pk)
        audit.note(audit.Action.UNINSTALLED, by=audit.Actor.BITRIX, portal=portal, clean=clean)
    log.warning("portal %s has removed the application, CLEAN=%d", portal.domain, clean)
    if clean:
        erase(portal)


def erase(portal: Portal) -> None:
    """Delete everything of a portal: credentials, settings, journal, events, lanes. There is no way back."""
    credentials = list(portal.credentials.all())
    channels = [channel_of(portal), *(credential.channel for credential in credentials)]
    names = [portal.live_lane, portal.bulk_lane, *(f"uis:{credential.pk}" for credential in credentials)]
    with transaction.atomic():
        InboxEvent.objects.filter(channel__in=channels).delete()
        CrmAction.objects.filter(communication__portal=portal).delete()
        Communication.objects.filter(portal=portal).delete()
        Lane.objects.filter(name__in=names).delete()
        Portal.objects.filter(pk=portal.pk).delete()
        audit.note(audit.Action.ERASED, by=audit.Actor.BITRIX, about=portal.domain)


def channel_of(portal: Portal) -> str:
    """The inbox channel of a portal's events."""
    return f"b24:{portal.pk}"
