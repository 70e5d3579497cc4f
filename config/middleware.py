"""The edge of the service: what no request may bring, what every answer says to a browser.

Sessions, users and messages belong to the staff's pages; the roads of machines and of the frame carry none.
"""

import re
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware

STAFF_PATHS = ("/admin/", "/api/")

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
OWN_PAGES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"

ROUTING = re.compile(r"/uis/[^/]+/[^/]+/route/")
"""A caller waits there: whatever comes is answered with a branch, and a body that is too large is not read either."""


class EdgeMiddleware:
    """Refuses a body that is too large before any of it is read, uploads included; answers that say nothing of their
    own get the strictest headers. The pages of the frame set theirs themselves: they may be framed by one portal."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        is_small = length.isdecimal() and int(length) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        is_taken = is_small or ROUTING.fullmatch(request.path_info)
        response = self.get_response(request) if is_taken else HttpResponse(status=413)
        is_staff = request.path_info.startswith("/admin/")
        response.headers.setdefault("Content-Security-Policy", OWN_PAGES if is_staff else NOTHING)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response


class ForStaff:
    """Let the middleware it is mixed into run under the staff's addresses only."""

    get_response: Callable[[HttpRequest], HttpResponse]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(STAFF_PATHS):
            return super().__call__(request)  # type: ignore[misc]
        return self.get_response(request)


class StaffSessionMiddleware(ForStaff, SessionMiddleware):
    pass


class StaffLocaleMiddleware(ForStaff, LocaleMiddleware):
    pass


class StaffAuthenticationMiddleware(ForStaff, AuthenticationMiddleware):
    pass


class StaffMessageMiddleware(ForStaff, MessageMiddleware):
    pass
