"""The country of numbers that are written without a code, as the settings of a credential name it."""

from collections.abc import Iterable
from functools import lru_cache

from integration.models import Credential, SettingsTab
from integration.rules.document import DEFAULT_COUNTRY


def country_of(credential: Credential) -> str:
    """Two letters, as RU."""
    return _country(credential.pk, credential.revision)


def countries_of(credentials: Iterable[Credential]) -> set[str]:
    """Those of these credentials, RU where there are none."""
    return {country_of(one) for one in credentials} or {DEFAULT_COUNTRY}


@lru_cache(maxsize=10_000)
def _country(credential_id: int, revision: int) -> str:
    """Remembered by the revision: whoever saves settings counts a new one."""
    del revision
    tabs = SettingsTab.objects.filter(credential=credential_id, tab=SettingsTab.Tab.MAIN)
    options = tabs.values_list("options", flat=True).first() or {}
    return str(options.get("country", DEFAULT_COUNTRY))
