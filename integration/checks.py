"""Checks of how the service is set up: wrong combinations are told before they hurt, each with its remedy."""

from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from integration.journals import JOURNALS


@register()
def check_secrets(**_options: Any) -> list[CheckMessage]:
    """Outside DEBUG there must be a key for encryption at rest, and each must be one."""
    found: list[CheckMessage] = []
    if not settings.FIELD_ENCRYPTION_KEYS:
        hint = "Set FIELD_ENCRYPTION_KEYS to the answer of cryptography.fernet.Fernet.generate_key()."
        found.append(Error("There is no key for encryption at rest.", hint=hint, id="integration.E001"))
    for position, key in enumerate(settings.FIELD_ENCRYPTION_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            hint = "A key is 32 bytes in URL-safe base64; keys are separated by commas."
            found.append(Error(f"Key {position} of FIELD_ENCRYPTION_KEYS is none.", hint=hint, id="integration.E002"))
    return found


@register()
def check_vendors(**_options: Any) -> list[CheckMessage]:
    """Without an application nobody can install us; a plain address of ours lets secrets be read on the way."""
    found: list[CheckMessage] = []
    if settings.DEBUG:
        return found
    if not (settings.BITRIX24_CLIENT_ID and settings.BITRIX24_CLIENT_SECRET):
        hint = "Set BITRIX24_CLIENT_ID and BITRIX24_CLIENT_SECRET of the marketplace or local application."
        found.append(
            Warning("No Bitrix24 application is named: no portal can be joined.", hint=hint, id="integration.W001")
        )
    if not settings.PUBLIC_URL.startswith("https://"):
        hint = "Set PUBLIC_URL to the https address under which portals and UIS reach the service."
        found.append(Warning("PUBLIC_URL is not https.", hint=hint, id="integration.W002"))
    return found


@register()
def check_retention(**_options: Any) -> list[CheckMessage]:
    """Journals are kept for as long as the work and the market need them, and no name is misspelt."""
    found: list[CheckMessage] = []
    for name, days in settings.RETENTION_DAYS.items():
        journal = JOURNALS.get(name)
        if journal is None:
            hint = f"There are {', '.join(JOURNALS)}."
            found.append(Error(f"RETENTION_DAYS: there is no {name}.", hint=hint, id="integration.E003"))
        elif days < journal.floor:
            hint = f"Keep them for {journal.floor} days at least."
            found.append(Error(f"RETENTION_DAYS: {days} days of {name} are too few.", hint=hint, id="integration.E004"))
    return found
