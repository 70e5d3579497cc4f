"""What a portal asks for in its telephony events: a call to a number that was clicked, a callback from a form. Pure.

Source: https://apidocs.bitrix24.com/api-reference/telephony/events/
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from crm_bitrix.events import CALL_START, CALLBACK_START, PortalEvent
from crm_bitrix.php_form import branch, text
from integration.rules.phones import normalise_phone

CLICK, CALLBACK = "click", "callback"
_NAMES: Mapping[str, str] = {CALL_START: CLICK, CALLBACK_START: CALLBACK}
_LONGEST_NUMBER = 18
_MADE = frozenset({"lead", "contact", "deal"})
_EXTENSION = re.compile(r"[^0-9*#]", re.ASCII)


@dataclass(frozen=True)
class CallRequest:
    """A call that a portal asks for; `name` is click or callback, `at` when it was asked for, in UTC.

    `kind` is the kind of communication that it asks for. `external_id` is ours: the same whenever the same event comes,
    another for every other one. `phone` and `line` are E.164, "" when they are no phone number or none is told.
    `entity_type` is lead, deal, contact, company or "". `call_id` is that of the portal's own registration (a click),
    `extension` are the digits behind the number, `created` the objects that the portal has made for an unknown number
    as (type, id), both of a click; `words` what the employee is to hear (a callback).
    """

    name: str
    external_id: str
    at: datetime
    phone: str
    line: str
    user_id: int | None
    call_id: str
    entity_type: str
    entity_id: int
    words: str
    extension: str = ""
    created: tuple[tuple[str, int], ...] = ()
    kind: str = "call"


def read_request(event: PortalEvent, *, portal_id: int, country: str, received_at: datetime) -> CallRequest | None:
    """Read an event that asks for a call; None for any other, and for a click without its call.

    Numbers without a code are of `country`. The portal's own time of the event counts, unless it lies in the future.
    """
    name, data = _NAMES.get(event.name), event.data
    call_id = text(data, "CALL_ID")[:200]
    if name is None or (name == CLICK and not call_id):
        return None
    number = text(data, "PHONE_NUMBER_INTERNATIONAL") or text(data, "PHONE_NUMBER")
    # A click is known by its call, a callback only by everything that is told of it.
    key = call_id if name == CLICK else repr((event.sent_at, sorted((key, str(value)) for key, value in data.items())))
    return CallRequest(
        name=name,
        external_id=f"b24:{portal_id}:{name}:{hashlib.sha256(key.encode()).hexdigest()[:24]}",
        at=min(_moment(event.sent_at) or received_at, received_at),
        phone=normalise_phone(number, country) or "",
        line=normalise_phone(text(data, "LINE_NUMBER"), country) or "",
        user_id=_number(text(data, "USER_ID")) or None,
        call_id=call_id if name == CLICK else "",
        entity_type=text(data, "CRM_ENTITY_TYPE").lower()[:10],
        entity_id=_number(text(data, "CRM_ENTITY_ID")),
        words=text(data, "TEXT")[:500],
        extension=_EXTENSION.sub("", text(data, "EXTENSION"))[:20],
        created=tuple(_created(data)),
    )


def _created(data: Mapping[str, Any]) -> Iterable[tuple[str, int]]:
    """The lead, or with leads switched off the contact and the deal, that the portal has made by itself."""
    if lead := _number(text(data, "CRM_CREATED_LEAD")):
        yield "lead", lead
        return
    for row in branch(data, "CRM_CREATED_ENTITIES").values():
        told = row if isinstance(row, dict) else {}
        kind, number = text(told, "ENTITY_TYPE").lower(), _number(text(told, "ENTITY_ID"))
        if kind in _MADE and number:
            yield kind, number


def _number(digits: str) -> int:
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER else 0


def _moment(seconds: str) -> datetime | None:
    number = _number(seconds)
    return datetime.fromtimestamp(number, UTC) if 0 < number < 10**11 else None
