"""Encryption at rest: model fields whose column holds a Fernet token instead of the value.

`FIELD_ENCRYPTION_KEYS` lists the keys; the first encrypts, all decrypt, so a key is rotated by putting the new one
first and running `rotate_encryption_keys`. Source: https://cryptography.io/en/latest/fernet/ (MultiFernet).
"""

import json
import zlib
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models


@cache
def cipher(keys: tuple[str, ...]) -> MultiFernet:
    """The cipher of these keys, built once per process."""
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(plain: bytes) -> bytes:
    return cipher(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(plain)


def decrypt(token: bytes) -> bytes:
    """Raises cryptography.fernet.InvalidToken when none of the keys made this token."""
    return cipher(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(token)


class EncryptedTextField(models.TextField):
    """Text, encrypted in the database. An empty text stays empty, so that "not set" needs no key."""

    def get_prep_value(self, value: str | None) -> str | None:
        return encrypt(value.encode()).decode() if value else value

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        return decrypt(value.encode()).decode() if value else value


class EncryptedJSONField(models.TextField):
    """Any JSON value, encrypted in the database."""

    def get_prep_value(self, value: Any) -> str:
        return encrypt(json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False).encode()).decode()

    def from_db_value(self, value: str | None, *_: object) -> Any:
        return json.loads(decrypt(value.encode())) if value else None


class SealedJSONField(models.JSONField):
    """A JSON object or list that is encrypted in the database. An object's keys stay, to be asked for by `has_key`.

    In the column stands `{key: null, …, SEAL: token}`, of a list the seal only; everything is in the one token, packed
    before, because a token cannot be packed after. No lookup but `has_key` finds anything. What is empty stays so.
    What is not sealed is read as it stands: a row that was written before.
    """

    SEAL = "$"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        is_sealed = isinstance(value, dict | list)
        return super().get_db_prep_value(self._seal(value) if is_sealed else value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        read = super().from_db_value(value, expression, connection)
        token = read.get(self.SEAL) if isinstance(read, dict) else None
        return json.loads(zlib.decompress(decrypt(token.encode()))) if token else read

    def _seal(self, value: dict[str, Any] | list[Any]) -> Any:
        if not value:
            return value
        packed = zlib.compress(json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False).encode(), 1)
        names = value if isinstance(value, dict) else ()
        return {**dict.fromkeys(names), self.SEAL: encrypt(packed).decode()}


class EncryptedBytesField(models.BinaryField):
    """Bytes, encrypted in the database."""

    def get_db_prep_value(self, value: bytes | None, connection: Any, prepared: bool = False) -> Any:
        return super().get_db_prep_value(encrypt(value) if value else value, connection, prepared)

    def from_db_value(self, value: bytes | memoryview | None, *_: object) -> bytes | None:
        return decrypt(bytes(value)) if value else value
