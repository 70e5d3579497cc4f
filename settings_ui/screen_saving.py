"""Saving the screen: all or nothing, and never over somebody else's changes unasked."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from crm_bitrix.known import load_known
from integration.models import Credential
from integration.rules.document import ParsedDocument
from integration.rules.document_export import dump_settings
from integration.rules.known import Known
from integration.settings_document import StaleRevision, save_settings
from settings_ui.drafts import drop_draft
from settings_ui.pages import show
from settings_ui.screen import draw_screen, stored_document
from settings_ui.screen_asked import Asked
from settings_ui.screen_lint import read_shown
from settings_ui.screen_merge import Difference, compare, merge
from settings_ui.screen_words import say_changes, say_difference

STALE = 409


def save_screen(request: HttpRequest, asked: Asked) -> HttpResponse:
    """Save the whole document; the screen again with what became of it.

    What is refused for its faults is no error of the page: it is answered with 200. 409: somebody else has saved since;
    the screen shows base, mine and theirs. It is saved after that as `choices` say – path of a conflict → mine or
    theirs – if `seen` is the revision that was shown and no conflict is left open.
    """
    document, known = asked.document, load_known(asked.credential)
    base = asked.number("base") or 0
    if base == asked.credential.revision:
        return _save(request, asked, document, known, base=base)
    differences = _compare(asked.credential, document, known, base=base)
    choices = asked.texts("choices")
    is_decided = all(choices.get(one.path) in ("mine", "theirs") for one in differences if one.is_conflict)
    if asked.number("seen") != asked.credential.revision or not is_decided:
        return _stale(request, asked, document, known, base=base)
    merged = merge(document, differences, choices)
    return _save(request, asked, merged, known, base=asked.credential.revision)


def show_changes(request: HttpRequest, asked: Asked) -> HttpResponse:
    """What would be saved: each setting, was and will be."""
    known = load_known(asked.credential)
    before = stored_document(asked.credential, asked.number("base") or 0, known)
    shown = _settled(asked.credential, asked.document, known)
    return show(request, "_changes.html", {"changes": say_changes(before, shown, known)})


def _save(request: HttpRequest, asked: Asked, document: dict[str, Any], known: Known, *, base: int) -> HttpResponse:
    credential = asked.credential
    parsed = read_shown(credential, document, known)
    if parsed.settings is None:
        return draw_screen(request, asked, document=document, known=known, parsed=parsed, base=base, is_dirty=True)
    try:
        saved = save_settings(
            credential,
            parsed.settings,
            known=known,
            author_kind=asked.person.kind,
            author=asked.person.author(known),
            base_revision=base,
        )
    except StaleRevision:
        credential.refresh_from_db()
        return _stale(request, asked, document, known, base=base)
    drop_draft(credential, asked.person)
    kept = ParsedDocument(None, (), parsed.warnings)
    return draw_screen(request, asked, known=known, parsed=kept, outcome="saved" if saved else "same")


def _stale(request: HttpRequest, asked: Asked, document: dict[str, Any], known: Known, *, base: int) -> HttpResponse:
    """Show both sides; what is on the form stays mine until it is saved."""
    differences = _compare(asked.credential, document, known, base=base)
    choices = asked.texts("choices")
    told = [say_difference(one, known) | {"choice": choices.get(one.path, "")} for one in differences]
    stale = {
        "present": asked.credential.revision,
        "newest": asked.credential.revisions.order_by("-number").first(),
        "conflicts": [one for one in told if one["is_conflict"]],
        "mine": [one for one in told if one["is_mine"] and not one["is_conflict"]],
        "theirs": [one for one in told if one["is_theirs"] and not one["is_conflict"]],
    }
    return draw_screen(
        request, asked, status=STALE, document=document, known=known, base=base, is_dirty=True, stale=stale
    )


def _compare(credential: Credential, document: dict[str, Any], known: Known, *, base: int) -> tuple[Difference, ...]:
    before = stored_document(credential, base, known)
    theirs = stored_document(credential, credential.revision, known)
    return compare(before, _settled(credential, document, known), theirs)


def _settled(credential: Credential, document: dict[str, Any], known: Known) -> dict[str, Any]:
    """The document as it would be written: one spelling of numbers and names. As it was typed, while it is wrong."""
    parsed = read_shown(credential, document, known)
    return document if parsed.settings is None else dump_settings(parsed.settings, known=known)
