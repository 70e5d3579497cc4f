"""The settings screen: one form over three tabs, one document, one save.

The browser posts JSON: the credential, the controls of the form as pairs, and what is asked. Every answer is a piece of
the page that takes the place of the old one. The views here and in `screen_saving`, `screen_drafts` and
`screen_history` are functions of a request and of what it asks; who may call them is said beside their addresses.
"""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.formats import date_format

from crm_bitrix.known import load_known
from integration.models import Credential
from integration.rules.document import ParsedDocument
from integration.rules.document_export import dump_settings
from integration.rules.document_keys import arrange
from integration.rules.known import Known
from integration.rules.settings_value import default_settings
from integration.settings_document import read_settings
from settings_ui.drafts import find_draft
from settings_ui.headers import secure
from settings_ui.pages import show
from settings_ui.screen_asked import Asked
from settings_ui.screen_choices import UIS_LISTS, is_searched, search, search_uis
from settings_ui.screen_edits import edit
from settings_ui.screen_form import BadForm
from settings_ui.screen_lint import read_shown
from settings_ui.screen_merge import changed_paths
from settings_ui.screen_panels import panels_of
from settings_ui.screen_person import Person
from settings_ui.screen_sheet import Sheet, id_at
from settings_ui.screen_view import ScreenView

MAX_SEARCH = 100


def screen_context(
    credential: Credential,
    person: Person,
    *,
    document: dict[str, Any] | None = None,
    known: Known | None = None,
    parsed: ParsedDocument | None = None,
    base: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    """What the whole screen shows: the stored settings, or a `document` that is being edited since revision `base`."""
    known = known or load_known(credential)
    base = credential.revision if base is None else base
    stored = stored_document(credential, base, known)
    shown = stored if document is None else document
    parsed = parsed or ParsedDocument(None, (), read_shown(credential, shown, known).warnings)
    return {
        "credential": credential,
        "credentials": list(Credential.objects.filter(portal=credential.portal).exclude(uis_key="").order_by("name")),
        "is_admin": person.is_admin,
        "base": base,
        "view": ScreenView(shown, known, faults=parsed.faults, warnings=parsed.warnings),
        "changed": changed_paths(stored, shown),
        "draft": _draft(credential, person) if document is None and person.is_admin else None,
        **panels_of(credential),
        **more,
    }


def stored_document(credential: Credential, revision: int, known: Known) -> dict[str, Any]:
    """The settings as a revision has left them; {} for one that is not kept any more."""
    if revision == credential.revision:
        return dump_settings(read_settings(credential), known=known)
    if revision == 0:
        return dump_settings(default_settings(), known=known)
    found = credential.revisions.filter(number=revision).values_list("document", flat=True).first()
    # PostgreSQL does not keep the order of keys.
    arranged: dict[str, Any] = arrange(found or {})
    return arranged


def _draft(credential: Credential, person: Person) -> dict[str, Any] | None:
    """What is offered to somebody who comes back; `is_stale`: the settings have been saved since."""
    draft = find_draft(credential, person)
    if draft is None:
        return None
    return {"at": say_moment(draft.saved_at, credential), "is_stale": draft.base_revision != credential.revision}


def say_moment(at: datetime, credential: Credential) -> str:
    """A moment in the zone of the UIS account: the time alone today, else with its date."""
    here, now = at.astimezone(credential.zone), timezone.now().astimezone(credential.zone)
    return date_format(here, "H:i" if here.date() == now.date() else "d.m.Y H:i")


def draw_screen(request: HttpRequest, asked: Asked, *, status: int = 200, **more: Any) -> HttpResponse:
    """The whole screen, in place of the one that asked."""
    return show(request, "_screen.html", screen_context(asked.credential, asked.person, **more), status=status)


def load_screen(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The screen as it is stored."""
    return draw_screen(request, asked)


def edit_screen(request: HttpRequest, asked: Asked) -> HttpResponse:
    """One section after an edit that changes its shape; nothing is saved."""
    document = asked.document
    focus = edit(document, do=asked.text("do"), at=asked.text("at"), value=asked.text("value")[:200])
    known = load_known(asked.credential)
    warnings = read_shown(asked.credential, document, known).warnings
    section = ScreenView(document, known, warnings=warnings).section(asked.text("section"))
    if section is None:
        raise BadForm("no such section")
    answer = show(request, "_section.html", {"section": section, "is_admin": True})
    answer["X-Focus"] = focus.encode("ascii", "ignore").decode()
    return answer


def check_field(request: HttpRequest, asked: Asked) -> HttpResponse:
    """What is wrong with one control and what is worth a look, when somebody leaves it."""
    document, at, known = asked.document, asked.text("at"), load_known(asked.credential)
    parsed = read_shown(asked.credential, document, known)
    sheet = Sheet(document, known, faults=parsed.faults, warnings=parsed.warnings)
    control = {"id": id_at(at), "errors": sheet.errors(at), "warnings": sheet.hints(at)}
    return show(request, "_marks.html", {"c": control})


def search_entries(request: HttpRequest, asked: Asked) -> HttpResponse:
    """Names for a searching control: at most 50."""
    where = asked.text("where")
    if not is_searched(where):
        raise BadForm("no such list")
    text = asked.text("text")[:MAX_SEARCH]
    if where in UIS_LISTS:
        return secure(JsonResponse({"found": search_uis(asked.credential, where, text)}))
    return secure(JsonResponse({"found": search(load_known(asked.credential), where, text)}))
