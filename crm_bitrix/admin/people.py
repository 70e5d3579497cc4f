"""Bitrix24 users by name, for lists and pages, without a query for each."""

from typing import Any

from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast

from crm_bitrix.models import BitrixItem
from integration.models import Portal

_USERS = BitrixItem.objects.filter(kind=BitrixItem.Kind.USER)


def with_responsible(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Communications with the name of their responsible as `responsible_name`."""
    wanted = Cast(OuterRef("responsible_id"), CharField())
    names = _USERS.filter(portal=OuterRef("portal"), code=wanted).values("name")[:1]
    return rows.annotate(responsible_name=Subquery(names))


def user_names(portal: Portal) -> dict[int, str]:
    """The names of a portal's users by their ids."""
    return {int(code): name for code, name in _USERS.filter(portal=portal).values_list("code", "name")}


def show_user(names: dict[int, str], user_id: int | None) -> str:
    """A user by name; by number where no synchronisation knows him."""
    if user_id is None:
        return "—"
    return names.get(user_id) or f"№ {user_id}"


def object_url(portal: Portal, code: str) -> str:
    """The page of a CRM object `lead:12` in its portal."""
    kind, _colon, number = code.partition(":")
    origin = portal.client_endpoint.partition("/rest/")[0].rstrip("/")
    return f"{origin}/crm/{kind}/details/{number}/"
