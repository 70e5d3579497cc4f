"""The door of the hook: one statement stores a notification if its secret is right, another looks whom to wake.

Every notification of every account comes by here. Reading the credential and its portal first would cost more than
storing does – five of their columns are encrypted – and each further statement a tenth of what the service accepts.
Figures: docs/performance.md.
"""

from uuid import UUID

from django.db import connection
from django.utils import timezone

from integration import inbox, lanes
from integration.models import Credential, InboxEvent
from integration.models.portal import hash_secret

_STORE = (
    "INSERT INTO integration_inboxevent (channel, source, name, dedupe_key, query, body, received_at, error) "
    "SELECT 'uis:' || id, %s, '', %s, %s, %s, %s, '' FROM integration_credential WHERE uuid = %s "
    "AND (hook_secret_hash = %s OR previous_hook_secret_hash = %s AND previous_until > %s) "
    "ON CONFLICT (channel, dedupe_key) DO NOTHING"
)
_LANE_ASLEEP = (
    "SELECT l.name FROM integration_credential c JOIN integration_portal p ON p.id = c.portal_id "  # noqa: S608 - made of constants
    f"JOIN integration_lane l ON l.name = 'b24:' || p.id || ':live' WHERE c.uuid = %s AND {lanes.ASLEEP} "
    "AND p.hold_reason = '' AND p.uninstalled_at IS NULL"
)
_UUID = Credential._meta.get_field("uuid")


def take_in(credential_uuid: UUID, secret: str, *, query: str, body: bytes) -> bool:
    """Store one notification of UIS, once, and ring the lane that will read it.

    False: there is no such credential, or the secret is wrong. The database compares hashes: what time that takes
    tells nothing of a secret of 256 random bits.
    """
    uuid, given = _UUID.get_db_prep_value(credential_uuid, connection), hash_secret(secret)
    event = inbox.raw_event(InboxEvent.Source.UIS, query=query, body=body)
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [*event, uuid, given, given, event[-1]])
        if cursor.rowcount == 0:
            return _is_open(credential_uuid, secret)
        cursor.execute(_LANE_ASLEEP, [uuid, *lanes.asleep_at(timezone.now())])
        asleep = cursor.fetchone()
    if asleep:
        lanes.ring(asleep[0])
    return True


def _is_open(credential_uuid: UUID, secret: str) -> bool:
    """Nothing was stored: the event is known already, or nobody may come in here."""
    credential = Credential.objects.filter(uuid=credential_uuid).first() or Credential()
    return credential.accepts_secret(secret, now=timezone.now())
