"""The settings screen: one form over three tabs, one document, one save.

The browser posts JSON: the credential, the controls of the form as pairs, and what is asked. Every answer is a piece of
the page that takes the place of the old one. Writing is for administrators; everybody else reads.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone, translation
from django.views.decorators.http import require_POST

from crm_bitrix.known import load_known
from integration.models import Credential, Portal, SettingsRevision
from integration.rules.document import ParsedDocument
from integration.rules.document_changes import find_changes
from integration.rules.document_export import dump_settings
from integration.rules.document_text import write_json
from integration.rules.facts import StreamKind
from integration.rules.faults import Fault
from integration.rules.known import Known
from integration.settings_document import (
    AuthorKind,
    StaleRevision,
    export_document,
    read_document,
    read_settings,
    restore_revision,
    save_settings,
)
from settings_ui.access import FrameRequest, needs_admin, needs_session
from settings_ui.headers import secure
from settings_ui.models import FrameSession
from settings_ui.pages import show
from settings_ui.screen_choices import UIS_LISTS, is_searched, search, search_uis
from settings_ui.screen_edits import edit
from settings_ui.screen_faults import word
from settings_ui.screen_form import BadForm, read_form
from settings_ui.screen_names import name_of_path
from settings_ui.screen_panels import panels_of
from settings_ui.screen_preview import preview
from settings_ui.screen_view import ScreenView

MAX_SEARCH = 100


@dataclass(frozen=True)
class Asked:
    """One request of the screen: for which credential, what the form holds, and the rest of what was sent."""

    credential: Credential
    body: dict[str, Any]

    @property
    def document(self) -> dict[str, Any]:
        """The document as it stands on the screen. Raises BadForm."""
        pairs = self.body.get("form")
        if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
            raise BadForm("no form")
        return read_form((name, text) for name, text in pairs)

    def text(self, key: str) -> str:
        value = self.body.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int | None:
        value = self.body.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)


def read_asked(request: HttpRequest, portal: Portal) -> Asked:
    """Read what was posted; the credential must be one of the portal's. Raises BadForm."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise BadForm("not JSON") from None
    if not isinstance(body, dict):
        raise BadForm("no object")
    try:
        found = Credential.objects.select_related("portal").get(portal=portal, uuid=UUID(str(body.get("credential"))))
    except (ValueError, Credential.DoesNotExist):
        raise BadForm("no such credential") from None
    return Asked(found, body)


def screen_context(
    credential: Credential,
    is_admin: bool,
    *,
    document: dict[str, Any] | None = None,
    known: Known | None = None,
    parsed: ParsedDocument | None = None,
    **more: Any,
) -> dict[str, Any]:
    """What the whole screen shows: the stored settings, or a document that is being edited."""
    known = known or load_known(credential)
    if document is None:
        document = dump_settings(read_settings(credential), known=known)
    view = ScreenView(
        document,
        known,
        faults=parsed.faults if parsed else (),
        warnings=parsed.warnings if parsed else _warnings(credential, document, known),
    )
    return {
        "credential": credential,
        "credentials": list(Credential.objects.filter(portal=credential.portal).exclude(uis_key="").order_by("name")),
        "is_admin": is_admin,
        "base": credential.revision,
        "view": view,
        **panels_of(credential, document, known),
        **more,
    }


def _warnings(credential: Credential, document: dict[str, Any], known: Known) -> tuple[Fault, ...]:
    return read_document(credential, write_json(document), known=known).warnings


def _screen(request: FrameRequest, credential: Credential, **more: Any) -> HttpResponse:
    context = screen_context(credential, request.session_of_frame.is_admin, **more)
    return show(request, "_screen.html", context)


def _bad(error: BadForm) -> HttpResponse:
    return secure(HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8"))


def reads_form(view: Callable[[FrameRequest, Asked], HttpResponse]) -> Callable[[FrameRequest], HttpResponse]:
    """Give a view what the form asks for; one that cannot be read is refused in words."""

    @wraps(view)
    def read(request: FrameRequest) -> HttpResponse:
        try:
            asked = read_asked(request, request.session_of_frame.portal)
        except BadForm as error:
            return _bad(error)
        return view(request, asked)

    return read


@needs_session
@require_POST
@reads_form
def load_screen(request: FrameRequest, asked: Asked) -> HttpResponse:
    """The screen as it is stored."""
    return _screen(request, asked.credential)


@needs_admin
@require_POST
def edit_screen(request: FrameRequest) -> HttpResponse:
    """One section after an edit that changes its shape; nothing is saved."""
    try:
        asked = read_asked(request, request.session_of_frame.portal)
        document = asked.document
        focus = edit(document, do=asked.text("do"), at=asked.text("at"), value=asked.text("value")[:200])
    except BadForm as error:
        return _bad(error)
    known = load_known(asked.credential)
    warnings = _warnings(asked.credential, document, known)
    section = ScreenView(document, known, warnings=warnings).section(asked.text("section"))
    if section is None:
        return _bad(BadForm("no such section"))
    answer = show(request, "_section.html", {"section": section, "is_admin": True})
    answer["X-Focus"] = focus.encode("ascii", "ignore").decode()
    return answer


@needs_admin
@require_POST
def save_screen(request: FrameRequest) -> HttpResponse:
    """Save the whole document, all or nothing; the screen again with what became of it.

    What is refused is no error of the page: it is answered with 200, or the browser would report one.
    """
    try:
        asked = read_asked(request, request.session_of_frame.portal)
        document = asked.document
    except BadForm as error:
        return _bad(error)
    return _save(request, asked, document)


def _save(request: FrameRequest, asked: Asked, document: dict[str, Any]) -> HttpResponse:
    credential = asked.credential
    known = load_known(credential)
    parsed = read_document(credential, write_json(document), known=known)
    base = asked.number("base")
    if parsed.settings is None:
        return _screen(request, credential, document=document, known=known, parsed=parsed, base=base, is_dirty=True)
    try:
        saved = save_settings(
            credential,
            parsed.settings,
            known=known,
            author_kind=AuthorKind.BITRIX,
            author=author_of(request.session_of_frame, known),
            base_revision=asked.number("overwrite") or base or 0,
        )
    except StaleRevision as error:
        return _stale(request, asked, document=document, known=known, parsed=parsed, present=error.present)
    outcome = "saved" if saved else "same"
    return _screen(request, credential, known=known, parsed=ParsedDocument(None, (), parsed.warnings), outcome=outcome)


def _stale(
    request: FrameRequest,
    asked: Asked,
    *,
    document: dict[str, Any],
    known: Known,
    parsed: ParsedDocument,
    present: int,
) -> HttpResponse:
    """Somebody has saved meanwhile: show his changes; nothing is overwritten without being asked for."""
    credential = asked.credential
    newest = credential.revisions.filter(number=present).first()
    base = credential.revisions.filter(number=asked.number("base")).first()
    theirs = changes_between(base.document if base else {}, newest.document) if newest and base else []
    now = dump_settings(read_settings(credential), known=known)
    mine = changes_between(now, dump_settings(parsed.settings, known=known)) if parsed.settings else []
    return _screen(
        request,
        credential,
        document=document,
        known=known,
        base=asked.number("base"),
        is_dirty=True,
        stale={"present": present, "newest": newest, "theirs": theirs, "mine": mine},
    )


def changes_between(old: Any, new: Any) -> list[dict[str, str]]:
    """Differences of two documents, in the words of the screen."""
    return [
        {"where": name_of_path(change.path), "path": change.path, "old": change.old, "new": change.new}
        for change in find_changes(old, new)
    ]


def author_of(session: FrameSession, known: Known) -> str:
    """Who saves: the name of the user in the portal, and his id."""
    found = known.people.find(session.user_id)
    return str(found or session.user_id)


@needs_admin
@require_POST
@reads_form
def search_entries(request: FrameRequest, asked: Asked) -> HttpResponse:
    """Names for a searching control: at most 50."""
    where = asked.text("where")
    if not is_searched(where):
        return _bad(BadForm("no such list"))
    text = asked.text("text")[:MAX_SEARCH]
    if where in UIS_LISTS:
        return secure(JsonResponse({"found": search_uis(asked.credential, where, text)}))
    return secure(JsonResponse({"found": search(load_known(asked.credential), where, text)}))


@needs_admin
@require_POST
def preview_title(request: FrameRequest) -> HttpResponse:
    """What the title of an invented communication would be."""
    try:
        asked = read_asked(request, request.session_of_frame.portal)
        kind = StreamKind(asked.text("stream"))
    except (BadForm, ValueError):
        return _bad(BadForm("no such stream"))
    language = (translation.get_language() or "ru")[:2]
    return secure(JsonResponse({"title": preview(asked.text("text"), kind, language)}))


# --- history, export, import


@needs_session
@require_POST
@reads_form
def show_revision(request: FrameRequest, asked: Asked) -> HttpResponse:
    """What a revision changed, and what restoring it would change now."""
    revision = _revision(asked)
    if revision is None:
        return secure(HttpResponse(status=404))
    known = load_known(asked.credential)
    before = asked.credential.revisions.filter(number__lt=revision.number).order_by("-number").first()
    now = dump_settings(read_settings(asked.credential), known=known)
    context = {
        "revision": revision,
        "is_admin": request.session_of_frame.is_admin,
        "changed": changes_between(before.document, revision.document) if before else None,
        "back": changes_between(now, revision.document),
    }
    return show(request, "_revision.html", context)


def _revision(asked: Asked) -> SettingsRevision | None:
    return asked.credential.revisions.filter(number=asked.number("number") or 0).first()


@needs_admin
@require_POST
@reads_form
def restore(request: FrameRequest, asked: Asked) -> HttpResponse:
    """Make an old revision the present one."""
    revision = _revision(asked)
    if revision is None:
        return secure(HttpResponse(status=404))
    known = load_known(asked.credential)
    parsed, saved = restore_revision(
        revision,
        known=known,
        author_kind=AuthorKind.BITRIX,
        author=author_of(request.session_of_frame, known),
        note=translation.gettext("Восстановлена редакция {number}").format(number=revision.number),
    )
    asked.credential.refresh_from_db()
    if parsed.settings is None:
        return _screen(request, asked.credential, document=revision.document, known=known, parsed=parsed, is_dirty=True)
    return _screen(request, asked.credential, known=known, outcome="saved" if saved else "same")


@needs_session
@require_POST
@reads_form
def export(request: FrameRequest, asked: Asked) -> HttpResponse:
    """The stored settings as a file."""
    credential = asked.credential
    document = export_document(credential, known=load_known(credential), now=timezone.now(), revision=_revision(asked))
    return secure(HttpResponse(write_json(document), content_type="application/json; charset=utf-8"))


@needs_admin
@require_POST
@reads_form
def import_file(request: FrameRequest, asked: Asked) -> HttpResponse:
    """Put a file into the form, unsaved: what is wrong with it is shown there, and Save decides."""
    known = load_known(asked.credential)
    parsed = read_document(asked.credential, asked.text("file"), known=known)
    if parsed.settings is None:
        lines = [{"where": name_of_path(fault.path), "message": word(fault.message)} for fault in parsed.faults]
        return _screen(request, asked.credential, known=known, import_faults=lines[:50])
    document = dump_settings(parsed.settings, known=known)
    return _screen(
        request, asked.credential, document=document, known=known, is_dirty=True, outcome="imported",
        parsed=ParsedDocument(None, (), parsed.warnings),
    )  # fmt: skip
