"""The country of numbers that are written without a code, as the settings of a credential name it."""

from functools import lru_cache

from integration.models import Credential, SettingsTab
from integration.rules.document import DEFAULT_COUNTRY


def country_of(credential: Credential) -> str:
    """Two letters, as RU."""
    return _country(credential.pk, credential.revision)


def countries_of(portal_id: int) -> set[str]:
    """Those of all credentials of a portal, RU where it has none."""
    return {country_of(one) for one in Credential.objects.filter(portal=portal_id)} or {DEFAULT_COUNTRY}


@lru_cache(maxsize=10_000)
def _country(credential_id: int, revision: int) -> str:
    """Remembered by the revision: whoever saves settings counts a new one."""
    del revision
    tabs = SettingsTab.objects.filter(credential=credential_id, tab=SettingsTab.Tab.MAIN)
    options = tabs.values_list("options", flat=True).first() or {}
    return str(options.get("country", DEFAULT_COUNTRY))
