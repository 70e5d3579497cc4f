"""What is typed and not saved: kept while somebody types, offered when he comes back, dropped when he says so."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone

from crm_bitrix.known import load_known
from settings_ui.drafts import drop_draft, find_draft, keep_draft
from settings_ui.headers import secure
from settings_ui.screen import draw_screen, say_moment, stored_document
from settings_ui.screen_asked import Asked
from settings_ui.screen_lint import read_shown
from settings_ui.screen_merge import changed_paths
from settings_ui.screen_view import ScreenView


def keep(request: HttpRequest, asked: Asked) -> HttpResponse:
    """Keep the form as the draft of who has typed it; a form in which nothing is changed is no draft.

    `changed`: paths of the controls that differ from what is stored; `hints`: what is worth a look, as a fragment.
    """
    document, base = asked.document, asked.number("base") or 0
    known = load_known(asked.credential)
    changed = changed_paths(stored_document(asked.credential, base, known), document)
    if changed:
        keep_draft(asked.credential, asked.person, base_revision=base, document=document)
    else:
        drop_draft(asked.credential, asked.person)
    view = ScreenView(document, known, warnings=read_shown(asked.credential, document, known).warnings)
    told = {
        "changed": changed,
        "kept_at": say_moment(timezone.now(), asked.credential) if changed else "",
        "hints": render_to_string("settings_ui/_hints.html", {"view": view}, request),
    }
    return secure(JsonResponse(told))


def resume(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The screen with the draft on it; the stored settings when there is none any more."""
    draft = find_draft(asked.credential, asked.person)
    if draft is None:
        return draw_screen(request, asked)
    return draw_screen(
        request, asked, document=draft.document, base=draft.base_revision, is_dirty=True, outcome="resumed"
    )


def drop(request: HttpRequest, asked: Asked) -> HttpResponse:
    """Forget the draft; the screen as it is stored."""
    drop_draft(asked.credential, asked.person)
    return draw_screen(request, asked)
