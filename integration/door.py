"""The door of the hook: one statement stores a notification if its secret is right; whom to wake is looked beside.

Every notification of every account comes by here. Reading the credential and its portal first would cost more than
storing does – five of their columns are encrypted – and each further statement a tenth of what the service accepts.
Figures: docs/performance.md.
"""

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from integration import inbox, ringer
from integration.models import Credential, InboxEvent
from integration.models.portal import hash_secret
from integration.prepared import prepared_cursor

_STORE = (
    "INSERT INTO integration_inboxevent (channel, source, name, dedupe_key, query, body, received_at, error) "
    "SELECT 'uis:' || id, %s, '', %s, %s, %s, %s, '' FROM integration_credential WHERE uuid = %s "
    "AND (hook_secret_hash = %s OR previous_hook_secret_hash = %s AND previous_until > %s) "
    "ON CONFLICT (channel, dedupe_key) DO NOTHING"
)
_UUID = Credential._meta.get_field("uuid")

# SQLite takes one writer at a time, and lets the others look again after pauses that grow to a tenth of a second.
_TURN: AbstractContextManager[Any] = threading.Lock() if connection.vendor == "sqlite" else nullcontext()


def take_in(credential_uuid: UUID, secret: str, *, query: str, body: bytes) -> str | None:
    """Store one notification of UIS, once, and have the lane rung that will read it; the key of the event.

    None: there is no such credential, or the secret is wrong. The database compares hashes: what time that takes
    tells nothing of a secret of 256 random bits.
    """
    database = connections["default"]
    event = inbox.raw_event(InboxEvent.Source.UIS, query=query, body=body)
    uuid, given = _UUID.get_db_prep_value(credential_uuid, database), hash_secret(secret)
    if _store(database, [*event, uuid, given, given, event[-1]]):
        ringer.leave(credential_uuid)
    elif not _is_open(credential_uuid, secret):
        return None
    return event[1]


def _store(database: BaseDatabaseWrapper, values: list[Any]) -> bool:
    # Whether a kept connection still lives is not asked before: on a dead one the statement is simply repeated, for
    # what is stored twice is stored once.
    is_kept, database.health_check_done = database.connection is not None, True
    try:
        return _execute(database, values)
    except (OperationalError, InterfaceError):
        if not is_kept or database.is_usable():
            raise
        database.close()
        return _execute(database, values)


def _execute(database: BaseDatabaseWrapper, values: list[Any]) -> bool:
    with prepared_cursor(database) as cursor, _TURN:
        cursor.execute(_STORE, values)
        return cursor.rowcount == 1


def _is_open(credential_uuid: UUID, secret: str) -> bool:
    """Nothing was stored: the event is known already, or nobody may come in here."""
    credential = Credential.objects.filter(uuid=credential_uuid).first() or Credential()
    return credential.accepts_secret(secret, now=timezone.now())
