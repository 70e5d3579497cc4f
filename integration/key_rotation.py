"""Writing everything that is encrypted anew, with the first of the keys; the service may run meanwhile."""

from collections.abc import Iterator
from typing import Any

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import models, transaction

from integration.encryption import EncryptedBytesField, EncryptedJSONField, EncryptedTextField, SealedJSONField

AT_ONCE = 200
ENCRYPTED = (EncryptedTextField, EncryptedJSONField, EncryptedBytesField, SealedJSONField)


class Unreadable(Exception):
    """A row that none of the keys opens; nothing was changed."""


def encrypted_models() -> Iterator[tuple[type[models.Model], list[str]]]:
    """Every table with encrypted columns, and their names."""
    for model in apps.get_models():
        names = [field.name for field in model._meta.local_fields if isinstance(field, ENCRYPTED)]
        if names and not model._meta.proxy:
            yield model, names


def check() -> dict[str, int]:
    """Open every row with the present keys; how many rows each table has. Raises Unreadable."""
    return {model._meta.label: sum(len(part) for part in _parts(model, names)) for model, names in encrypted_models()}


def rotate() -> dict[str, int]:
    """Write every row anew; how many of each table. Run again it does no harm, broken off it is begun anew.

    Each part is locked while it is written, so that nothing newer is overwritten. Raises Unreadable.
    """
    return {model._meta.label: _rotate(model, names) for model, names in encrypted_models()}


def _rotate(model: type[models.Model], names: list[str]) -> int:
    count = 0
    for part in _parts(model, names, is_locking=True):
        for row in part:
            row.save(update_fields=names)
        count += len(part)
    return count


def _parts(model: type[models.Model], names: list[str], *, is_locking: bool = False) -> Iterator[list[Any]]:
    last = 0
    while True:
        with transaction.atomic():
            rows = model._base_manager.filter(pk__gt=last).order_by("pk").only(*names)
            try:
                part = list((rows.select_for_update() if is_locking else rows)[:AT_ONCE])
            except InvalidToken as error:
                raise Unreadable(f"{model._meta.label}, after row {last}: none of the keys opens it") from error
            if not part:
                return
            yield part
            last = part[-1].pk
