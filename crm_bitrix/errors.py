"""What a portal's or an authorisation server's "no" means for us: one table, with an explicit default.

Sources: reference of error codes at https://apidocs.bitrix24.com/error-codes.html and
https://apidocs.bitrix24.com/settings/oauth/error-codes.html; codes compare without regard to case.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum


class Cause(StrEnum):
    """Why a request brought no result."""

    BUSY = "busy"  # a limit: nothing has happened, try again later
    METHOD_BUSY = "method busy"  # the work-time limit of one method; the others go on
    TOKEN = "token"  # noqa: S105 - the access token is old: renew once, repeat
    HOLD = "hold"  # somebody must act: nothing goes until then, nothing is lost
    MOVED = "moved"  # the portal answers at another address
    DOWN = "down"  # no connection, or not an answer of the portal's; nothing has happened
    UNKNOWN = "unknown"  # it may have happened
    REFUSED = "refused"  # the request itself is wrong: repeating is of no use


CAUSES: Mapping[str, Cause] = {
    "query_limit_exceeded": Cause.BUSY,
    "overload_limit": Cause.HOLD,
    "operation_time_limit": Cause.METHOD_BUSY,
    "expired_token": Cause.TOKEN,
    "invalid_token": Cause.TOKEN,
    "no_auth_found": Cause.TOKEN,
    "authorization_error": Cause.HOLD,
    "application_not_found": Cause.HOLD,
    "error_oauth": Cause.HOLD,
    "payment_required": Cause.HOLD,
    "portal_deleted": Cause.HOLD,
    "not_installed": Cause.HOLD,
    "invalid_grant": Cause.HOLD,
    "user_access_error": Cause.HOLD,
    "invalid_client": Cause.HOLD,
    "wrong_client": Cause.HOLD,
    "internal_server_error": Cause.UNKNOWN,
    "error_unexpected_answer": Cause.UNKNOWN,
    "connection_error": Cause.UNKNOWN,
}


def cause_of(code: str) -> Cause:
    """The meaning of an error code; an unknown code refuses this one request."""
    return CAUSES.get(code.lower(), Cause.REFUSED)


class PortalError(Exception):
    """A request to a portal or its authorisation server that brought no result.

    `retry_at` is the moment the vendor named, if it named one; `code` the vendor's error code, "" without one.
    """

    def __init__(self, cause: Cause, message: str, *, code: str = "", retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.cause = cause
        self.code = code
        self.retry_at = retry_at
