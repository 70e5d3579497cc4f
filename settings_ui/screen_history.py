"""Old revisions of the settings, and settings as files."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from crm_bitrix.known import load_known
from integration.models import SettingsRevision
from integration.rules.document import ParsedDocument
from integration.rules.document_export import dump_settings
from integration.rules.document_text import write_json
from integration.settings_document import export_document, read_document, read_settings, restore_revision
from settings_ui.headers import secure
from settings_ui.pages import show
from settings_ui.screen import draw_screen
from settings_ui.screen_asked import Asked
from settings_ui.screen_faults import word
from settings_ui.screen_names import name_of_path
from settings_ui.screen_words import say_changes

SHOWN_FAULTS = 50


def show_revision(request: HttpRequest, asked: Asked) -> HttpResponse:
    """What a revision changed, and what restoring it would change now."""
    revision = _revision(asked)
    if revision is None:
        return secure(HttpResponse(status=404))
    known = load_known(asked.credential)
    before = asked.credential.revisions.filter(number__lt=revision.number).order_by("-number").first()
    now = dump_settings(read_settings(asked.credential), known=known)
    context = {
        "revision": revision,
        "is_admin": asked.person.is_admin,
        "changed": say_changes(before.document, revision.document, known) if before else None,
        "back": say_changes(now, revision.document, known),
    }
    return show(request, "_revision.html", context)


def restore(request: HttpRequest, asked: Asked) -> HttpResponse:
    """Make an old revision the present one."""
    revision = _revision(asked)
    if revision is None:
        return secure(HttpResponse(status=404))
    known = load_known(asked.credential)
    parsed, saved = restore_revision(
        revision,
        known=known,
        author_kind=asked.person.kind,
        author=asked.person.author(known),
        note=translation.gettext("Восстановлена редакция {number}").format(number=revision.number),
    )
    asked.credential.refresh_from_db()
    if parsed.settings is None:
        return draw_screen(request, asked, document=revision.document, known=known, parsed=parsed, is_dirty=True)
    return draw_screen(request, asked, known=known, outcome="saved" if saved else "same")


def export(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The stored settings as a file."""
    credential = asked.credential
    document = export_document(credential, known=load_known(credential), now=timezone.now(), revision=_revision(asked))
    return secure(HttpResponse(write_json(document), content_type="application/json; charset=utf-8"))


def import_file(request: HttpRequest, asked: Asked) -> HttpResponse:
    """Put a file into the form, unsaved: what is wrong with it is shown there, and Save decides."""
    known = load_known(asked.credential)
    parsed = read_document(asked.credential, asked.text("file"), known=known)
    if parsed.settings is None:
        lines = [{"where": name_of_path(fault.path), "message": word(fault.message)} for fault in parsed.faults]
        return draw_screen(request, asked, known=known, import_faults=lines[:SHOWN_FAULTS])
    document, warned = dump_settings(parsed.settings, known=known), ParsedDocument(None, (), parsed.warnings)
    return draw_screen(request, asked, document=document, known=known, parsed=warned, is_dirty=True, outcome="imported")


def _revision(asked: Asked) -> SettingsRevision | None:
    return asked.credential.revisions.filter(number=asked.number("number") or 0).first()
