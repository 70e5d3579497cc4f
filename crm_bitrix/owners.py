"""Who owns a client, asked by phone number while his call waits: one request tells owner, phones and working day. Pure.

Source: https://apidocs.bitrix24.com/api-reference/telephony/telephony-external-call-search-crm-entities.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

from crm_bitrix.actions import Command, Json
from crm_bitrix.presence import is_at_work

METHOD = "telephony.externalCall.searchCrmEntities"


class BadAnswer(Exception):
    """The portal answered, but not with a list of clients and their owners."""


@dataclass(frozen=True)
class Owner:
    """The owner of one CRM object with the number that was asked for. Phones are as the portal has them, or ""."""

    object_type: str
    object_id: int
    user_id: int
    extension: str = ""
    work_phone: str = ""
    is_at_work: bool = True


def ask_owners(phone: str) -> Command:
    """The question: contacts, companies and leads in work with this number (E.164)."""
    return Command(METHOD, {"PHONE_NUMBER": phone})


def read_owners(result: Json) -> tuple[Owner, ...]:
    """The owners told by the answer, in its order; objects without an owner are left out. Raises BadAnswer."""
    if not result:
        return ()  # nobody found: an empty list, or what PHP makes of one
    try:
        owners = tuple(_read_owner(row) for row in result)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadAnswer(f"not a list of clients: {error!r}") from error
    return tuple(owner for owner in owners if owner.user_id)


def _read_owner(row: Mapping[str, Json]) -> Owner:
    person = row.get("ASSIGNED_BY") or {}
    return Owner(
        object_type=str(row["CRM_ENTITY_TYPE"]).lower(),
        object_id=int(row["CRM_ENTITY_ID"]),
        user_id=int(row.get("ASSIGNED_BY_ID") or person.get("ID") or 0),
        extension=str(person.get("USER_PHONE_INNER") or ""),
        work_phone=str(person.get("WORK_PHONE") or ""),
        is_at_work=is_at_work(person.get("TIMEMAN_STATUS")),
    )
