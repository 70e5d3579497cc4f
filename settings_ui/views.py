"""The application inside the portal: the verified entry, and the renewal of its sessions.

An entry is the only request that comes from the portal's page; it is proved at the authorisation server and gets a
session. Everything else carries the session (`settings_ui.access`).
"""

import logging
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from crm_bitrix import verification
from crm_bitrix.errors import PortalError
from crm_bitrix.installation import PLACEMENTS, Installed, Pair, install, open_application
from crm_bitrix.verification import FramePost, Identity, Reason, Refused
from integration.models import Credential, Portal
from integration.settings_document import AuthorKind
from settings_ui import sessions
from settings_ui.access import HEADER, is_from_our_page
from settings_ui.headers import NOBODY, secure
from settings_ui.home import main_context, origin_of
from settings_ui.pages import explain, show
from settings_ui.refusals import REFUSALS, words_of
from settings_ui.screen import screen_context
from settings_ui.screen_person import Person

log = logging.getLogger(__name__)

KNOWN_PLACEMENTS = frozenset({"DEFAULT", *PLACEMENTS})


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def install_page(request: HttpRequest) -> HttpResponse:
    """The installer: what the portal opens until it is told that the installation is finished."""
    return _enter(request, is_installer=True) if request.method == "POST" else _closed_door(request)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def app_page(request: HttpRequest) -> HttpResponse:
    """The application. A browser that comes back from the consent page with a code is sent on to the exchange."""
    if request.method == "POST":
        return _enter(request)
    if "code" in request.GET and "state" in request.GET:
        return HttpResponseRedirect(f"{reverse('bitrix24-oauth')}?{request.GET.urlencode()}")
    return _closed_door(request)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def placement_page(request: HttpRequest, code: str) -> HttpResponse:
    """The application, opened by a placement of ours."""
    if code not in KNOWN_PLACEMENTS:
        return secure(HttpResponse(status=404))
    return _enter(request) if request.method == "POST" else _closed_door(request)


def _closed_door(request: HttpRequest) -> HttpResponse:
    """What somebody sees who comes by a direct link, and what the vendor's check of the address gets."""
    return show(request, "closed.html", {}, language=verification.read_language(request.GET.get("LANG", "")))


def _enter(request: HttpRequest, *, is_installer: bool = False) -> HttpResponse:
    language = verification.read_language(request.GET.get("LANG", ""))
    framed_by = claimed_origin(request)
    try:
        post = verification.read_frame_post(request.GET.dict(), request.POST.dict())
        _check(request, post)
        identity = verification.prove_frame(post)
        framed_by = verification.origin_of(identity.domain, identity.client_endpoint)
        pair = Pair(post.access_token, post.refresh_token, post.application_token)
        installed = install(identity, pair) if is_installer else open_application(identity, pair)
        if installed is None:
            raise Refused(Reason.NOT_INSTALLED, f"{identity.domain} has no installation")
    except Refused as error:
        log.warning("an opening of the application is refused: %s", error)
        return explain(request, REFUSALS[error.reason], language=language, framed_by=framed_by)
    except PortalError as error:
        log.warning("the application could not be opened: %s", error)
        return explain(request, words_of(error), language=language, framed_by=framed_by)
    except SuspiciousOperation:
        return explain(request, REFUSALS[Reason.SHAPE], language=language, framed_by=framed_by)
    return _open(request, installed, identity, is_installer=is_installer)


def claimed_origin(request: HttpRequest) -> str:
    """Who frames us by his own word, for pages without data: otherwise nobody could read why he was refused."""
    try:
        domain = verification.read_domain(request.GET.get("DOMAIN", ""))
    except Refused:
        return NOBODY
    return f"{'http' if request.GET.get('PROTOCOL') == '0' else 'https'}://{domain}"


def _check(request: HttpRequest, post: FramePost) -> None:
    """What can be refused before anybody is asked."""
    if post.placement not in KNOWN_PLACEMENTS:
        raise Refused(Reason.SHAPE, "an unknown placement")
    origin = request.headers.get("Origin", "null")
    if origin != "null" and origin.partition("://")[2].lower() != post.domain:
        raise Refused(Reason.FOREIGN, f"a page of {origin[:100]} posts in the name of {post.domain}")


def _open(request: HttpRequest, installed: Installed, identity: Identity, *, is_installer: bool) -> HttpResponse:
    portal = installed.portal
    token = sessions.start_session(portal, identity)
    with translation.override(identity.language):
        context = {
            **_screen_of(portal, Person(AuthorKind.BITRIX, identity.user_id, identity.is_admin)),
            **main_context(portal, is_admin=identity.is_admin),
            "token": token,
            "is_installer": is_installer,
            "problems": installed.problems,
        }
        return show(request, "app.html", context, framed_by=origin_of(portal))


def _screen_of(portal: Portal, person: Person) -> dict[str, Any]:
    """The settings of the newest credential that has a key; nothing before there is one."""
    credential = Credential.objects.select_related("portal").filter(portal=portal).exclude(uis_key="").last()
    return screen_context(credential, person) if credential else {}


@csrf_exempt
@require_POST
def renew_session(request: HttpRequest) -> HttpResponse:
    """A fresh session for a fresh token of the same portal, so that an idle hour costs nobody what he has typed."""
    if not is_from_our_page(request):
        return secure(HttpResponse(status=403))
    try:
        identity = verification.prove(
            request.POST.get("AUTH_ID", ""),
            member_id=verification.read_member_id(request.POST.get("member_id", "")),
            server_endpoint=request.POST.get("SERVER_ENDPOINT", "")[:200],
            language=verification.read_language(request.POST.get("LANG", "")),
        )
    except Refused as error:
        log.warning("a session is not renewed: %s", error)
        return secure(HttpResponse(status=REFUSALS[error.reason].status))
    portal = Portal.objects.filter(member_id=identity.member_id, uninstalled_at__isnull=True).first()
    if portal is None:
        return secure(HttpResponse(status=401))
    sessions.end_session(request.headers.get(HEADER, ""))
    return secure(JsonResponse({"session": sessions.start_session(portal, identity)}))
