"""How often somebody unknown may make us ask a portal or the authorisation server: said beside the addresses.

Nobody who has proved who he is is counted: only what was refused, and addresses of portals typed outside any portal.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from crm_bitrix.verification import read_language
from integration import edge
from settings_ui.access import View
from settings_ui.pages import explain
from settings_ui.refusals import TOO_OFTEN
from settings_ui.views import claimed_origin

REFUSED = frozenset({400, 403})

log = logging.getLogger(__name__)


def limits_refusals(view: View) -> View:
    """After too many refused entries an address waits, before anybody is asked about the next one."""
    return _limited(
        view,
        edge.REFUSALS,
        is_attempt=lambda request: request.method == "POST" or "code" in request.GET,
        is_counted=lambda answer: answer.status_code in REFUSED,
    )


def limits_looks(view: View) -> View:
    """Each address of a portal that is typed makes us look there; so often, and no more."""
    return _limited(
        view, edge.LOOKS, is_attempt=lambda request: "portal" in request.GET, is_counted=lambda _answer: True
    )


def _limited(
    view: View,
    limit: edge.Limit,
    *,
    is_attempt: Callable[[HttpRequest], bool],
    is_counted: Callable[[HttpResponse], bool],
) -> View:
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
        if not is_attempt(request):
            return view(request, *args, **named)
        address = edge.address_of(request)
        wait = edge.seconds_to_wait(limit, address)
        if wait:
            log.warning("%s is refused for %s s: too many attempts (%s)", request.path, wait, limit.name)
            return _too_often(request, wait)
        answer = view(request, *args, **named)
        if is_counted(answer):
            edge.count(limit, address)
        return answer

    return wrapped


def _too_often(request: HttpRequest, wait: int) -> HttpResponse:
    language = read_language(request.GET.get("LANG", ""))
    answer = explain(request, TOO_OFTEN, language=language, framed_by=claimed_origin(request))
    answer["Retry-After"] = str(wait)
    return answer
