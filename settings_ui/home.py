"""Главная above the tabs: the state of the connection, the way to the first call, the credentials, the check of it all.

Every answer is a piece of the page that takes the place of the old one.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm_bitrix import verification
from integration import audit, reports
from integration.models import Credential, Portal
from integration.notifications import Addresses, rotate_secret
from settings_ui import checklist, connection, readiness, status
from settings_ui.access import HEADER, FrameRequest, needs_admin, needs_session
from settings_ui.headers import secure
from settings_ui.pages import show
from settings_ui.uis_key import NewCredentialForm, UisKeyForm, add_account, connect_account

MOST_DAYS = 30
LONGEST_CHECK = timedelta(hours=1)


def main_context(
    portal: Portal,
    *,
    is_admin: bool,
    credential: Credential | None = None,
    form: UisKeyForm | None = None,
    new_form: NewCredentialForm | None = None,
    addresses: Addresses | None = None,
) -> dict[str, Any]:
    """What stands above the tabs, for one credential: the given one, else the one that needs attention."""
    credential = credential or checklist.credential_of(portal)
    steps = checklist.steps_of(portal, credential)
    return {
        **status.header_of(portal, credential),
        "portal": portal,
        "credential": credential,
        "all_credentials": list(Credential.objects.filter(portal=portal).order_by("name")),
        "steps": steps,
        "open_step": checklist.open_step(steps),
        "is_started": all(step.is_done for step in steps[: checklist.FIRST_CALL]),
        "is_admin": is_admin,
        "form": form or UisKeyForm(),
        "new_form": new_form or NewCredentialForm(),
        "addresses": addresses,
    }


def origin_of(portal: Portal) -> str:
    """Who may frame the pages of a portal."""
    return " ".join(verification.origin_of(domain, portal.client_endpoint) for domain in portal.domains)


def answer(request: FrameRequest, context: dict[str, Any]) -> HttpResponse:
    """The part of the page that changes; the whole page for a browser without our script."""
    portal = request.session_of_frame.portal
    if request.headers.get(HEADER):
        return show(request, "_main.html", context)
    token = request.POST.get("session", "")
    return show(request, "app.html", {**context, "token": token}, framed_by=origin_of(portal))


def posted_credential(request: FrameRequest) -> Credential | None:
    """The credential that a request names, None when it names none. Raises Credential.DoesNotExist for another one
    than the portal's own."""
    asked = request.POST.get("credential", "")
    if not asked:
        return None
    try:
        wanted = UUID(asked)
    except ValueError:
        raise Credential.DoesNotExist from None
    return Credential.objects.select_related("portal").get(portal=request.session_of_frame.portal, uuid=wanted)


@needs_session
@require_POST
def checklist_part(request: FrameRequest) -> HttpResponse:
    """What stands above the tabs, as it is now."""
    session = request.session_of_frame
    try:
        credential = posted_credential(request)
    except Credential.DoesNotExist:
        return nowhere()
    return answer(request, main_context(session.portal, is_admin=session.is_admin, credential=credential))


@needs_admin
@require_POST
def save_uis_key(request: FrameRequest) -> HttpResponse:
    """Try the key, then keep it and show the addresses for UIS; or the form again with what is wrong.

    A refused key is no error of the page: it is answered with 200, or the browser would report one.
    """
    portal = request.session_of_frame.portal
    try:
        credential = posted_credential(request) or checklist.credential_of(portal)
    except Credential.DoesNotExist:
        return nowhere()
    form = UisKeyForm(request.POST)
    addresses = connect_account(portal, credential, form)
    if addresses is not None:
        _note(request, audit.Action.KEY_SET, credential)
    shown = None if addresses else form  # a key that is kept is shown nowhere any more
    context = main_context(portal, is_admin=True, credential=credential, form=shown, addresses=addresses)
    return answer(request, context)


@needs_admin
@require_POST
def add_credential(request: FrameRequest) -> HttpResponse:
    """One more UIS account on this portal: the key is tried before anything is kept."""
    portal = request.session_of_frame.portal
    form = NewCredentialForm(request.POST)
    credential, addresses = add_account(portal, form)
    if credential is not None:
        _note(request, audit.Action.KEY_SET, credential)
    shown = None if credential else form
    context = main_context(portal, is_admin=True, credential=credential, new_form=shown, addresses=addresses)
    return answer(request, context)


@needs_admin
@require_POST
def new_addresses(request: FrameRequest) -> HttpResponse:
    """New addresses for UIS; the ones before stay valid for a while. 404 for a credential of another portal."""
    portal = request.session_of_frame.portal
    try:
        credential = posted_credential(request)
    except Credential.DoesNotExist:
        return nowhere()
    if credential is None:
        return nowhere()
    addresses = rotate_secret(credential.pk, now=timezone.now())
    _note(request, audit.Action.SECRET_RENEWED, credential)
    return answer(request, main_context(portal, is_admin=True, credential=credential, addresses=addresses))


@needs_admin
@require_POST
def check(request: FrameRequest) -> HttpResponse:
    """Try the whole way; what has to come back is asked for again by the page."""
    portal = request.session_of_frame.portal
    try:
        credential = posted_credential(request)
    except Credential.DoesNotExist:
        return nowhere()
    asked_at = timezone.now()
    reached, mark = connection.check_portal(portal)
    context = {
        "parts": (reached, *connection.check_uis(credential)),
        **_returned(portal, mark, asked_at),
        "findings": readiness.findings_of(portal, credential) if credential and credential.uis_key else (),
        "last_call": readiness.last_call(portal),
    }
    return show(request, "_check.html", context)


@needs_admin
@require_POST
def read_past(request: FrameRequest) -> HttpResponse:
    """Have the communications of the last days read from the reports of UIS; what is known stays as it is."""
    try:
        credential = posted_credential(request)
    except Credential.DoesNotExist:
        return nowhere()
    days = request.POST.get("days", "")
    if credential is None or not days.isdecimal() or not 1 <= int(days) <= MOST_DAYS:
        return show(request, "_past_read.html", {"most": MOST_DAYS})
    reports.read_again(credential, since=timezone.now() - timedelta(days=int(days)))
    return show(request, "_past_read.html", {"days": int(days)})


@needs_admin
@require_POST
def check_return(request: FrameRequest) -> HttpResponse:
    """Whether the test event has come back meanwhile."""
    try:
        asked_at = datetime.fromtimestamp(float(request.POST.get("asked", "")), UTC)
    except (ValueError, OverflowError, OSError):
        return nowhere()
    asked_at = max(asked_at, timezone.now() - LONGEST_CHECK)
    mark = request.POST.get("mark", "")
    return show(request, "_check_return.html", _returned(request.session_of_frame.portal, mark, asked_at))


def _returned(portal: Portal, mark: str, asked_at: datetime) -> dict[str, Any]:
    back = connection.check_return(portal, mark, asked_at=asked_at, now=timezone.now())
    return {"back": back, "mark": mark, "asked": asked_at.timestamp(), "is_waiting": connection.is_waiting(back)}


def _note(request: FrameRequest, action: audit.Action, credential: Credential | None) -> None:
    session = request.session_of_frame
    audit.note(action, by=audit.Actor.BITRIX, actor=session.user_id, portal=session.portal, credential=credential)


def nowhere() -> HttpResponse:
    """What belongs to another portal is not there."""
    return secure(HttpResponse(status=404))
