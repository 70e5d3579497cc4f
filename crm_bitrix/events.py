"""An event of a portal's, read from the body as it was stored. Pure.

Source: https://apidocs.bitrix24.com/api-reference/events/index.html and api-reference/common/events/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_bitrix.php_form import branch, parse, text

APP_INSTALL = "ONAPPINSTALL"
APP_UNINSTALL = "ONAPPUNINSTALL"
APP_UPDATE = "ONAPPUPDATE"
APP_PAYMENT = "ONAPPPAYMENT"
APP_TEST = "ONAPPTEST"
CALL_START = "ONEXTERNALCALLSTART"
CALLBACK_START = "ONEXTERNALCALLBACKSTART"

BOUND = (APP_UNINSTALL, APP_UPDATE, APP_PAYMENT, APP_TEST, CALL_START, CALLBACK_START)
"""What we bind; ONAPPINSTALL comes unasked to the address of the application's card."""

STORED = frozenset({APP_TEST, CALL_START, CALLBACK_START})
"""What goes into the inbox; the others are about the application itself and are carried out at once."""

BRING_TOKENS = frozenset({APP_INSTALL, APP_UPDATE})
"""Events whose tokens can be proved, and which may bring a new `application_token`."""


@dataclass(frozen=True)
class PortalEvent:
    """`name` in upper case, "" when the body names none; `data` and `auth` as sent, every leaf a text.

    `sent_at` is the portal's time of it as sent: seconds since 1970.
    """

    name: str
    data: Mapping[str, Any]
    auth: Mapping[str, Any] = field(repr=False)
    sent_at: str = ""


def read_event(body: bytes) -> PortalEvent:
    """Read the body of an event. Raises BadForm."""
    form = parse(body)
    return PortalEvent(text(form, "event").upper(), branch(form, "data"), branch(form, "auth"), text(form, "ts"))
