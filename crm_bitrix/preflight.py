"""What would hurt tomorrow, told today: looked at once a day, while everything still works.

token_owner          the user of the token is no administrator any more: what he may not see, would be made twice
default_responsible  a stream's default responsible was dismissed: the connecting administrator stands in for him
required_fields      what the CRM requires of a new object is filled by no row of the mapping: it would be refused
broken_settings      the settings name something that has vanished
"""

import logging
from collections.abc import Iterator

from django_q.tasks import async_task

from crm_bitrix.actions import Command
from crm_bitrix.affected import find_affected
from crm_bitrix.client import Client
from crm_bitrix.errors import PortalError
from crm_bitrix.known import load_known
from integration import alerts, lanes
from integration.alerts import Trouble, subject_of
from integration.models import Credential, Portal
from integration.rules.known import Known
from integration.rules.ruleset import CreateFor, CreateWhat, CrmMode
from integration.rules.settings_value import Settings, StreamSettings
from integration.settings_document import read_settings
from integration.settings_rows import BadRow

SLICE = 50
"""Portals of one task: a task may take no longer than two minutes."""

SHOWN = 10
SETTINGS_CODES = ("default_responsible", "required_fields", "broken_settings")
CODES = ("token_owner", *SETTINGS_CODES, "crm_mode")

log = logging.getLogger(__name__)


def check_portals(after: int = 0) -> int:
    """Check the next portals by their key, and ask the queue for those after them. Returns how many were checked."""
    working = Portal.objects.filter(hold_reason="", uninstalled_at__isnull=True, pk__gt=after)
    portals = list(working.order_by("pk")[:SLICE])
    alerts.expire("crm_mode")
    for portal in portals:
        check(portal)
    if len(portals) == SLICE:
        async_task("crm_bitrix.preflight.check_portals", portals[-1].pk, timeout=100)
    return len(portals)


def check(portal: Portal) -> None:
    """Bring the alerts on what is going to hurt a portal up to date. What it does not answer stays as it was."""
    try:
        answer = Client(portal, level=lanes.BULK_LEVEL).call(Command("user.admin"))
    except PortalError as error:
        log.warning("the rights in portal %s are not checked: %s", portal, error)
    else:
        found = () if answer else (Trouble("token_owner", portal, detail=f"id {portal.token_user_id}"),)
        alerts.settle(found, codes=("token_owner",), subject=subject_of(portal))
    for credential in portal.credentials.order_by("pk"):
        try:
            settings = read_settings(credential)
        except BadRow as error:
            log.warning("the settings of %s are not checked: %s", credential, error)
            continue
        found = find_troubles(credential, settings, load_known(credential))
        alerts.settle(found, codes=SETTINGS_CODES, subject=subject_of(credential))


def find_troubles(credential: Credential, settings: Settings, known: Known) -> tuple[Trouble, ...]:
    """What is wrong with the settings of a credential, as far as they are in force."""
    streams = [stream for stream in settings.streams.values() if _is_active(settings, stream)]
    found = {
        "default_responsible": _without_responsible(streams, known),
        "required_fields": _unfilled(streams, known),
        "broken_settings": [
            place.name or place.path
            for place in find_affected(settings, known)
            if not place.path.endswith(".responsible.default")
        ],
    }
    return tuple(
        Trouble(code, credential.portal, credential, detail=_join(dict.fromkeys(names)))
        for code, names in found.items()
        if names
    )


def _is_active(settings: Settings, stream: StreamSettings) -> bool:
    is_call = stream.kind in ("incoming", "outgoing")
    return settings.is_active and (settings.telephony.is_active if is_call else settings.is_chats_active)


def _without_responsible(streams: list[StreamSettings], known: Known) -> list[str]:
    """The default responsibles who are no active employees any more; nothing is known before a synchronisation."""
    names = {user.id: user.name for user in known.users}
    active = {user.id for user in known.users if user.is_active and not user.is_gone}
    wanted = [stream.default_responsible_id for stream in streams if stream.default_responsible_id is not None]
    return [names.get(user_id, f"id {user_id}") for user_id in wanted if active and user_id not in active]


def _unfilled(streams: list[StreamSettings], known: Known) -> list[str]:
    """Custom fields that an object of a stream must have and no row gives it; their own fields the service fills."""
    return [
        f"{object_}: {field.title or code}"
        for stream in streams
        for object_ in _made_by(stream, known)
        for code, field in known.fields.get(object_, {}).items()
        if field.is_required and not field.is_gone and code.upper().startswith("UF")
        if (object_, code) not in {(row.object, row.field) for row in stream.mapping}
    ]


def _made_by(stream: StreamSettings, known: Known) -> Iterator[str]:
    """The kinds of objects that a stream creates."""
    create = stream.create
    if create.for_ is CreateFor.NONE:
        return
    if create.what is CreateWhat.ACTIVITY:
        yield "contact"
    elif create.item == "lead" and known.crm_mode is CrmMode.LEADS:
        yield "lead"
    else:
        yield from ("contact", "deal")


def _join(names: dict[str, None]) -> str:
    shown = ", ".join(list(names)[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} … ({len(names)})"
