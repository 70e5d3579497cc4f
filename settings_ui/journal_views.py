"""The journal inside the portal: the list, one communication in full, working on it again.

Every query starts from the portal of the session; what belongs to another one is not there (404).
"""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_bitrix.admin.journal import DIRECTIONS, KINDS
from crm_bitrix.admin.people import user_names
from crm_bitrix.verification import origin_of
from integration import audit, retention
from integration.admin.veil import Veil, client_names
from integration.models import Communication, InboxEvent, Portal, State
from integration.reasons import show_reason
from settings_ui import journal, journal_again, journal_words
from settings_ui.access import FIELD, HEADER, FrameRequest, needs_admin, needs_session
from settings_ui.headers import secure
from settings_ui.journal_models import Resend, Reveal
from settings_ui.pages import show

UNREADABLE = 20
UNSUPPORTED = "не поддерживается"


@needs_session
@require_POST
def journal_page(request: FrameRequest) -> HttpResponse:
    """The journal: the whole page, its list when our script asks, or the rows after a cursor."""
    session = request.session_of_frame
    portal, wanted = session.portal, journal.read_wanted(request.POST)
    rows = journal.find(portal, wanted)
    page = journal.read_page(rows, cursor=request.POST.get("cursor", "")[:60])
    context = {
        "rows": [journal_words.show_row(row, portal, is_admin=session.is_admin) for row in page.rows],
        "cursor": page.cursor,
        "is_admin": session.is_admin,
        "portal": portal,
    }
    if "cursor" in request.POST and request.headers.get(HEADER):
        return _part(request, "_rows.html", context)
    failed = journal.find(portal, wanted).filter(state=State.FAILED).count() if session.is_admin else 0
    context |= {
        "wanted": wanted,
        "states": (*State.choices, (journal.RECORD_LOST, _("Ошибка записи"))),
        "kinds": KINDS.items(),
        "directions": DIRECTIONS.items(),
        "failed": failed,
        "kept_days": retention.days_of("journal"),
        "unreadable": _unreadable(portal) if not wanted.is_any else [],
        "unsupported": _unsupported(portal) if not wanted.is_any else [],
    }
    if request.headers.get(HEADER):
        return _part(request, "_list.html", context)
    return _whole(request, context)


@needs_session
@require_POST
def details(request: FrameRequest, pk: int) -> HttpResponse:
    """One communication in full: its trace, what was done in the portal, what UIS told; masked."""
    row = _row_of(request, pk)
    return _details(request, row) if row else _nowhere()


@needs_admin
@require_POST
def reveal(request: FrameRequest, pk: int) -> HttpResponse:
    """The same unmasked. Who looks is written down before anything is shown."""
    row = _row_of(request, pk)
    if row is None:
        return _nowhere()
    session = request.session_of_frame
    Reveal.objects.create(portal=session.portal, communication=row, uis_id=row.uis_id, user_id=session.user_id)
    audit.note(audit.Action.SHOWN, by=audit.Actor.BITRIX, actor=session.user_id, portal=session.portal, about=f"{row}")
    return _details(request, row, is_revealed=True)


@needs_admin
@require_POST
def again(request: FrameRequest, pk: int) -> HttpResponse:
    """Decide about one communication anew; the answer is its line."""
    row = _row_of(request, pk)
    if row is None:
        return _nowhere()
    journal_again.again(row)
    row = _row_of(request, pk) or row
    shown = journal_words.show_row(row, row.portal, is_admin=True)
    return _part(request, "_rows.html", {"rows": [shown], "is_admin": True, "sent": True})


@needs_admin
@require_POST
def records_again(request: FrameRequest, pk: int) -> HttpResponse:
    """Transfer the recordings of a call once more; the answer is the call in full."""
    row = _row_of(request, pk)
    if row is None:
        return _nowhere()
    row.records.send_again()
    return _details(request, row)


@needs_admin
@require_POST
def again_failed(request: FrameRequest) -> HttpResponse:
    """Decide anew about everything wanted that failed; the answer is the progress."""
    session = request.session_of_frame
    wanted = journal.read_wanted(request.POST)
    resend = journal_again.again_failed(journal.find(session.portal, wanted), session.portal, user_id=session.user_id)
    return _progress(request, resend)


@needs_admin
@require_POST
def progress(request: FrameRequest, pk: int) -> HttpResponse:
    """How far that has come."""
    resend = Resend.objects.filter(portal=request.session_of_frame.portal, pk=pk).first()
    return _progress(request, resend) if resend else _nowhere()


def _row_of(request: FrameRequest, pk: int) -> Communication | None:
    portal = request.session_of_frame.portal
    return Communication.objects.filter(portal=portal, pk=pk).select_related("portal", "credential").first()


def _details(request: FrameRequest, row: Communication, *, is_revealed: bool = False) -> HttpResponse:
    session = request.session_of_frame
    veil = Veil(is_revealed, tuple(client_names(row)))
    names = user_names(row.portal)
    row.responsible_name = names.get(row.responsible_id or 0, "")
    context = {
        "row": journal_words.show_row(row, row.portal, is_admin=session.is_admin, veil=veil),
        "communication": row,
        "section": journal_words.show_trace(row.trace, veil, names),
        "actions": journal_words.show_actions(row, veil),
        "events": journal_words.show_events(row),
        "records": _records(row, veil),
        "facts": journal_words.show_facts(row, veil),
        "is_admin": session.is_admin,
        "is_revealed": is_revealed,
    }
    return _part(request, "_details.html", context)


def _records(row: Communication, veil: Veil) -> list[dict[str, Any]]:
    """The recordings of a call and whether they are in the portal."""
    return [
        {"state": one.get_state_display(), "is_done": one.state == "done", "error": veil.text(show_reason(one.error))}
        for one in row.records.order_by("pk").defer("link")
    ]


def _unreadable(portal: Portal) -> list[tuple[InboxEvent, str]]:
    """The newest events that nobody could read, each with the reason."""
    events = _lonely(portal).exclude(error__startswith=UNSUPPORTED)[:UNREADABLE]
    return [(event, Veil().text(show_reason(event.error))) for event in events]


def _unsupported(portal: Portal) -> QuerySet[InboxEvent]:
    """The newest events that we have no use for: no trouble, but worth switching off in UIS."""
    return _lonely(portal).filter(error__startswith=UNSUPPORTED, source=InboxEvent.Source.UIS)[:UNREADABLE]


def _lonely(portal: Portal) -> QuerySet[InboxEvent]:
    """The events that tell of no communication, newest first."""
    channels = [f"b24:{portal.pk}", *(f"uis:{pk}" for pk in portal.credentials.values_list("pk", flat=True))]
    events = InboxEvent.objects.filter(channel__in=channels, communication__isnull=True).exclude(error="")
    return events.defer("body", "query").order_by("-pk")


def _progress(request: FrameRequest, resend: Resend) -> HttpResponse:
    context = {
        "resend": resend,
        "progress": journal_again.progress_of(resend),
        "portal": request.session_of_frame.portal,
    }
    return _part(request, "_progress.html", context)


def _part(request: FrameRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """A part of the page, with times as the portal's people read them."""
    with timezone.override(journal.zone_of(request.session_of_frame.portal)):
        return secure(render(request, f"settings_ui/journal/{template}", context))


def _whole(request: FrameRequest, context: dict[str, Any]) -> HttpResponse:
    portal = request.session_of_frame.portal
    token = request.POST.get(FIELD, "")
    with timezone.override(journal.zone_of(portal)):
        return show(
            request,
            "journal/page.html",
            {**context, "token": token},
            framed_by=origin_of(portal.domain, portal.client_endpoint),
        )


def _nowhere() -> HttpResponse:
    return secure(HttpResponse(status=404))
