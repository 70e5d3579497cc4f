"""Who may use an address of the frame: the holder of a live session, from our own page."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt

from settings_ui.headers import secure
from settings_ui.models import FrameSession
from settings_ui.sessions import find_session

HEADER = "X-App-Session"
FIELD = "session"
MAX_TOKEN = 100

log = logging.getLogger(__name__)


class FrameRequest(HttpRequest):
    """A request that was let in: it carries its session, and everything asked starts from its portal."""

    session_of_frame: FrameSession


View = Callable[..., HttpResponse]


def needs_session(view: View) -> View:
    """Let a request in that carries the token of a live session and comes from our own page; speak its language.

    401 without details: no session, or it is over. 403: from another page, or from staff where only people of the
    portal may be (`lets_staff`). There is no ambient credential, so Django's
    CSRF cookie has nothing to protect, and a frame could not hold it.
    """

    @csrf_exempt
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
        if not is_from_our_page(request):
            log.warning("%s is refused: it comes from %s", request.path, request.headers.get("Origin", "?")[:100])
            return secure(HttpResponse(status=403))
        token = request.headers.get(HEADER) or request.POST.get(FIELD, "")
        session = find_session(token) if 0 < len(token) <= MAX_TOKEN else None
        if session is None:
            return secure(HttpResponse(status=401))
        if session.staff is not None and not getattr(view, "is_for_staff", False):
            return secure(HttpResponse(status=403))
        request.session_of_frame = session
        with translation.override(session.language):
            return view(request, *args, **named)

    return wrapped


def lets_staff(view: View) -> View:
    """Let staff in, too, who have opened the tabs of a portal in the admin."""
    view.is_for_staff = True  # type: ignore[attr-defined]
    return view


def needs_admin(view: View) -> View:
    """Let only administrators of the portal change anything: everybody else reads."""

    @needs_session
    @wraps(view)
    def wrapped(request: FrameRequest, *args: Any, **named: Any) -> HttpResponse:
        if not request.session_of_frame.is_admin:
            return secure(HttpResponse(status=403))
        return view(request, *args, **named)

    return wrapped


def is_from_our_page(request: HttpRequest) -> bool:
    """Say whether a browser sent this from a page of ours; what says nothing about itself is no browser's forgery."""
    origin = request.headers.get("Origin")
    if origin is not None and origin != "null":
        return origin in (_origin(request.build_absolute_uri("/")), _origin(settings.PUBLIC_URL))
    site = request.headers.get("Sec-Fetch-Site")
    return site == "same-origin" if origin == "null" or site else True


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
