"""The ruleset of a credential as it stands: its settings, and what is known of the portal and of its people.

Compiling takes a dozen queries, so a process keeps it for half a minute: a saved settings document counts at once (its
revision is part of the key), what a synchronisation has brought by then at the latest.
"""

import time
from collections.abc import Mapping
from typing import Any

from crm_bitrix.known import load_fields
from crm_bitrix.models import BitrixItem
from crm_bitrix.presence import SCOPE
from integration.models import Credential, Portal, UisItem
from integration.rules.compiling import compile_ruleset
from integration.rules.mapping_rows import Fields
from integration.rules.ruleset import CardMoment, CrmMode, Employee, Ruleset, number_source
from integration.rules.settings_value import Settings
from integration.settings_document import read_settings

KEPT_SECONDS = 30.0

_kept: dict[int, tuple[int, float, Ruleset]] = {}


def load(credential: Credential) -> Ruleset:
    """The ruleset of a credential. Raises BadRow for settings that were never validated."""
    revision, until, ruleset = _kept.get(credential.pk, (None, 0.0, None))
    if ruleset is None or revision != credential.revision or time.monotonic() >= until:
        ruleset = build(credential, read_settings(credential))
        _kept[credential.pk] = (credential.revision, time.monotonic() + KEPT_SECONDS, ruleset)
    return ruleset


def build(credential: Credential, settings: Settings) -> Ruleset:
    """The ruleset that these settings of a credential would give; they need not be saved."""
    portal = credential.portal
    rows = BitrixItem.objects.filter(portal=portal, kind=BitrixItem.Kind.USER, missing_since__isnull=True)
    users = {int(code): name for code, name, data in rows.values_list("code", "name", "data") if _is_active(data)}
    numbers = _own_numbers(credential)
    return compile_ruleset(
        settings,
        revision=credential.revision,
        language=portal.language,
        crm_mode=CrmMode(portal.crm_mode),
        portal_domain=portal.domain,
        zone=credential.zone,
        employees=_employees(credential),
        active_user_ids=frozenset(users) if users else None,
        fallback_user_id=portal.token_user_id,
        fields=_fields(portal, settings),
        number_sources=_number_sources(credential) if settings.telephony.number_as_source else frozenset(),
        own_numbers=tuple(numbers),
        number_names=numbers,
        user_names=users,
        tells_presence=SCOPE in portal.scopes,
    )


def _is_active(data: Mapping[str, Any]) -> bool:
    return bool(data.get("is_active", True))


def _employees(credential: Credential) -> dict[int, Employee]:
    return {
        link.uis_employee_id: Employee(link.bitrix_user_id, CardMoment(link.card), link.line or None)
        for link in credential.employee_links.all()
    }


def _own_numbers(credential: Credential) -> dict[str, str]:
    """The active virtual numbers with their names, the oldest first."""
    rows = credential.uis_items.filter(kind=UisItem.Kind.NUMBER, missing_since__isnull=True).order_by("pk")
    return {code: name for code, name, data in rows.values_list("code", "name", "data") if _is_active(data)}


def _number_sources(credential: Credential) -> frozenset[str]:
    sources = BitrixItem.objects.filter(portal=credential.portal, kind=BitrixItem.Kind.SOURCE)
    made = sources.filter(code__startswith=number_source(""), missing_since__isnull=True)
    return frozenset(made.values_list("code", flat=True))


def _fields(portal: Portal, settings: Settings) -> Fields:
    """The fields of the portal's objects that something is mapped to."""
    rows = {f"{row.object}.{row.field}" for stream in settings.streams.values() for row in stream.mapping}
    return load_fields(portal, rows) if rows else {}
