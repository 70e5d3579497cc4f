"""The audit trail: who has seen and changed what, written down where it happens."""

from typing import Any

from integration.models import AuditEntry, Credential, Portal

Actor, Action = AuditEntry.Actor, AuditEntry.Action


def note(
    action: AuditEntry.Action,
    *,
    by: AuditEntry.Actor,
    actor: object = "",
    portal: Portal | None = None,
    credential: Credential | None = None,
    about: str = "",
    **detail: Any,
) -> None:
    """Write down one deed. `about` without anything is the portal's address and the credential's name."""
    portal = portal or (credential.portal if credential else None)
    named = " · ".join(str(one) for one in (portal, credential) if one is not None)
    AuditEntry.objects.create(
        action=action,
        actor_kind=by,
        actor=str(actor)[:200],
        portal=portal,
        credential=credential,
        about=(about or named)[:300],
        detail=detail,
    )
