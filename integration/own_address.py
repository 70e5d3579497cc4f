"""Whether our own address for notifications can be reached from outside, tried by ourselves.

The secret of the address is not known any more, only its hash is: in its place goes a signature that is good for a
minute and lets nothing be stored.
"""

from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse

from integration import remote
from integration.models import Credential

ANSWER = 204
GOOD_SECONDS = 60
DEADLINE_SECONDS = 8.0

_signer = signing.TimestampSigner(salt="integration.own_address")


def knock(credential: Credential) -> str:
    """Post to the credential's own address; "" when our own service answers, else what came instead."""
    address = reverse("uis-events", args=[credential.uuid, _signer.sign(credential.uuid)])
    try:
        reply = remote.request("POST", settings.PUBLIC_URL + address, deadline_seconds=DEADLINE_SECONDS)
    except remote.RemoteError as error:
        return str(error)
    return "" if reply.status == ANSWER else f"HTTP {reply.status}"


def is_knock(secret: str, credential_uuid: UUID) -> bool:
    """Say whether we ourselves are at the door."""
    try:
        return _signer.unsign(secret, max_age=GOOD_SECONDS) == str(credential_uuid)
    except signing.BadSignature:
        return False
