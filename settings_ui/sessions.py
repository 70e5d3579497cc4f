"""Frame sessions: a random token for every opening of the application, because a frame has no cookies.

A browser that blocks third-party cookies blocks its storage in a frame as well, so the page itself carries the token
and every request sends it in a header. It never stands in an address.
"""

import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from crm_bitrix.verification import Identity
from integration.models import Portal
from integration.models.portal import hash_secret
from settings_ui.models import FrameSession

CHANGE, VIEW = "integration.change_credential", "integration.view_credential"
IDLE = timedelta(minutes=60)
ABSOLUTE = timedelta(hours=12)
NOTE_EVERY = timedelta(minutes=1)


def start_session(portal: Portal, identity: Identity) -> str:
    """Begin a session of a proved user and return its token; only its hash is stored."""
    token = secrets.token_urlsafe(32)
    FrameSession.objects.create(
        token_hash=hash_secret(token),
        portal=portal,
        user_id=identity.user_id,
        is_admin=identity.is_admin,
        language=identity.language,
    )
    return token


def start_staff_session(portal: Portal, staff: User, *, language: str) -> str:
    """Begin a session of our own staff on the tabs of a portal and return its token."""
    token = secrets.token_urlsafe(32)
    FrameSession.objects.create(
        token_hash=hash_secret(token), portal=portal, user_id=staff.pk, staff=staff, language=language
    )
    return token


def find_session(token: str) -> FrameSession | None:
    """The session of a token, None when it is unknown, over, or its portal has removed the application.

    What staff may do is asked anew each time: a right that is taken away counts at once.
    """
    session = _find(token)
    if session is None or session.staff is None:
        return session
    session.is_admin = session.staff.has_perm(CHANGE)
    return session if session.is_admin or session.staff.has_perm(VIEW) else None


def _find(token: str) -> FrameSession | None:
    now = timezone.now()
    session = (
        FrameSession.objects.select_related("portal", "staff")
        .filter(
            token_hash=hash_secret(token),
            seen_at__gt=now - IDLE,
            created_at__gt=now - ABSOLUTE,
            portal__uninstalled_at__isnull=True,
        )
        .first()
    )
    if session and session.seen_at < now - NOTE_EVERY:
        FrameSession.objects.filter(pk=session.pk).update(seen_at=now)
    return session


def end_session(token: str) -> None:
    """End one session, when another one takes its place."""
    FrameSession.objects.filter(token_hash=hash_secret(token)).delete()


def end_sessions(portal_id: int) -> None:
    """End every session of a portal at once."""
    FrameSession.objects.filter(portal_id=portal_id).delete()


def purge_sessions() -> int:
    """Delete the sessions that are over; how many there were."""
    now = timezone.now()
    idle, _ = FrameSession.objects.filter(seen_at__lte=now - IDLE).delete()
    old, _ = FrameSession.objects.filter(created_at__lte=now - ABSOLUTE).delete()
    return idle + old
