"""What a command was given to work on: found, or refused with the exit code of wrong usage."""

from django.core.management.base import CommandError

from crm_bitrix import connecting
from integration.models import Credential, Portal

WRONG_USAGE = 2


def portal_named(address: str) -> Portal:
    """The portal at this address on which the application is installed. Raises CommandError."""
    found = connecting.find_portal(address)
    if found is None:
        raise CommandError(
            f"Портал {address} не подключён. Установите на нём приложение и повторите команду.", returncode=WRONG_USAGE
        )
    return found


def credential_named(text: str) -> Credential:
    """The credential with this public id or exact name. Raises CommandError."""
    try:
        return Credential.objects.select_related("portal").named(text)
    except (Credential.DoesNotExist, Credential.MultipleObjectsReturned) as error:
        raise CommandError(str(error), returncode=WRONG_USAGE) from None
