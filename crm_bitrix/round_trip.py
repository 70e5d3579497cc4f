"""A true round trip: the portal is asked for a test event, and the event comes back into the inbox by its own way.

Source: https://apidocs.bitrix24.com/api-reference/events/test-handler.html
"""

import re
import secrets

from crm_bitrix.actions import Command
from crm_bitrix.client import Client
from crm_bitrix.events import APP_TEST, read_event
from crm_bitrix.installation import channel_of
from crm_bitrix.php_form import BadForm, branch, text
from integration import lanes
from integration.models import InboxEvent, Portal

LOOKED_AT = 100
"""So many of the newest events are searched for the one that was asked for."""

_MARK = re.compile(r"[0-9a-f]{16}")


def ask(portal: Portal) -> str:
    """Ask a portal for a test event; the mark that the event will carry. Raises PortalError."""
    mark = secrets.token_hex(8)
    Client(portal, level=lanes.ROUTING_LEVEL).call(Command("event.test", {"any": mark}))
    return mark


def find_event(portal: Portal, mark: str) -> InboxEvent | None:
    """The test event with this mark, None while it has not come."""
    if not _MARK.fullmatch(mark):
        return None
    events = InboxEvent.objects.filter(channel=channel_of(portal), name__in=("", APP_TEST)).order_by("-id")
    return next((event for event in events[:LOOKED_AT] if _mark_of(event) == mark), None)


def _mark_of(event: InboxEvent) -> str:
    try:
        told = read_event(bytes(event.body))
    except BadForm:
        return ""
    return text(branch(told.data, "QUERY"), "any") if told.name == APP_TEST else ""
