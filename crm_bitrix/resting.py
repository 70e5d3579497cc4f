"""What becomes of a lane after a request that failed as a whole: it rests, and nobody's attempts are spent."""

from django.utils import timezone

from crm_bitrix import holds, installation
from crm_bitrix.errors import Cause, PortalError
from integration import lanes
from integration.models import Portal


def rest(lane: str, portal: Portal, error: PortalError) -> None:
    """Let a lane rest: until somebody has acted, until the moment the portal named, or longer with every failure."""
    if error.cause == Cause.MOVED:
        error = _follow(portal, error)
    if error.cause == Cause.HOLD:
        holds.hold(portal, error)
    elif error.cause == Cause.BUSY and error.retry_at:
        lanes.wait(lane, until=error.retry_at, reason=str(error))
    else:
        lanes.pause(lane, reason=str(error), until=error.retry_at, no_answer=error.cause == Cause.UNKNOWN)


def _follow(portal: Portal, error: PortalError) -> PortalError:
    """The portal answers at another address: the next request goes there, if the authorisation server confirms it."""
    try:
        installation.follow_move(portal, str(error))
    except PortalError as unconfirmed:
        return unconfirmed
    return PortalError(Cause.BUSY, f"портал переехал: {portal.domain}", retry_at=timezone.now())
