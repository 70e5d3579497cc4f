"""The address of the rehearsal: what would become of an event by the settings that stand on the screen.

`form` holds the controls of the screen as JSON pairs, `settings` a settings document; both are read as strictly as when
they are saved, and without either the saved settings count. The event is `communication` (an id of the journal), or
`last` – the last events, was and would be –, or an imaginary one: `imaginary` is call, chat or request, with the fields
of its form. Nothing is sent, nothing is saved.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from crm_bitrix.admin.people import show_user, user_names
from crm_bitrix.known import load_known
from integration.admin.veil import Veil, client_names
from integration.models import Communication, Credential
from integration.reasons import show_reason
from integration.rules.document_text import write_json
from integration.rules.faults import Fault
from integration.rules.settings_value import Settings
from integration.settings_document import read_document, read_settings
from integration.settings_rows import BadRow
from settings_ui import journal_words
from settings_ui.access import FrameRequest, lets_staff, needs_session
from settings_ui.headers import secure
from settings_ui.rehearsal import Comparison, Rehearsal, compare, rehearse
from settings_ui.rehearsal_forms import FORMS, CallForm
from settings_ui.screen_asked import read_pairs
from settings_ui.screen_faults import word
from settings_ui.screen_form import BadForm, read_form
from settings_ui.screen_names import name_of_path

SHOWN_CHANGES = 20


@needs_session
@require_POST
@lets_staff
def rehearsal(request: FrameRequest) -> HttpResponse:
    """Play the event. Edited settings are for administrators: by trying filters one could guess a masked number.

    404: the communication or the credential is not this portal's. Faults of the settings or of the imaginary call are
    an answer, not an error of the page.
    """
    session = request.session_of_frame
    communication = _communication(request)
    credential = communication.credential if communication else _credential(request)
    if credential is None or (communication is None and "communication" in request.POST):
        return secure(HttpResponse(status=404))
    is_edited = "settings" in request.POST or "form" in request.POST
    if not session.is_admin and (communication is None or is_edited):
        return secure(HttpResponse(status=403))
    try:
        settings, faults = _settings(request, credential)
    except BadForm as error:
        return secure(HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8"))
    if settings is None:
        return _part(request, "_faults.html", {"faults": _told(faults)})
    return _play(request, credential, settings, communication)


def _play(
    request: FrameRequest, credential: Credential, settings: Settings, communication: Communication | None
) -> HttpResponse:
    if communication is not None:
        return _part(request, "_rehearsal.html", _shown(rehearse(credential, communication, settings), communication))
    if "last" in request.POST:
        return _part(request, "_summary.html", _summary(credential, settings))
    return _imaginary(request, credential, settings)


def _imaginary(request: FrameRequest, credential: Credential, settings: Settings) -> HttpResponse:
    form = FORMS.get(request.POST.get("imaginary", ""), CallForm)(request.POST, country=settings.country)
    if not form.is_valid():
        wrong = [Fault(name, text) for name, texts in form.errors.items() for text in texts]
        return _part(request, "_faults.html", {"faults": _told(wrong)})
    played = rehearse(credential, form.event(credential), settings)
    return _part(request, "_rehearsal.html", _shown(played, None, names=user_names(credential.portal)))


def _told(faults: Iterable[Fault]) -> list[dict[str, str]]:
    """Faults in the words of the screen."""
    return [{"where": name_of_path(one.path), "message": word(one.message)} for one in faults]


def _communication(request: FrameRequest) -> Communication | None:
    number = request.POST.get("communication", "")
    rows = Communication.objects.filter(portal=request.session_of_frame.portal).select_related("portal", "credential")
    return rows.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 19 else None


def _credential(request: FrameRequest) -> Credential | None:
    """The credential that is named; the oldest one where none is."""
    credentials = Credential.objects.filter(portal=request.session_of_frame.portal).select_related("portal")
    if "credential" not in request.POST:
        return credentials.order_by("pk").first()
    try:
        return credentials.filter(uuid=UUID(request.POST["credential"])).first()
    except ValueError:
        return None


def _settings(request: FrameRequest, credential: Credential) -> tuple[Settings | None, tuple[Fault, ...]]:
    """The settings of the screen, else the saved ones; or what is wrong with them. Raises BadForm."""
    if "form" in request.POST:
        text = write_json(read_form(read_pairs(request.POST["form"])))
    elif "settings" in request.POST:
        text = request.POST["settings"]
    else:
        try:
            return read_settings(credential), ()
        except BadRow as error:
            return None, (Fault("", str(error)),)
    parsed = read_document(credential, text, known=load_known(credential))
    return parsed.settings, parsed.faults


def _shown(
    played: Rehearsal, communication: Communication | None, names: dict[int, str] | None = None
) -> dict[str, Any]:
    """What the page shows of one rehearsal; a real client's data stay masked."""
    veil = Veil(names=tuple(client_names(communication))) if communication else Veil(is_lifted=True)
    names = names or (user_names(communication.portal) if communication else {})
    return {
        "played": played,
        "reason": veil.text(show_reason(played.reason)),
        "title": veil.text(played.title),
        "responsible": show_user(names, played.responsible_id),
        "section": journal_words.show_trace(played.trace, veil, names),
        "actions": journal_words.show_commands(played.commands, veil),
        "fields": [(one.object, one.field, veil.value(one.value, one.field)) for one in played.fields],
    }


def _summary(credential: Credential, settings: Settings) -> dict[str, Any]:
    summary, names = compare(credential, settings), user_names(credential.portal)
    return {"summary": summary, "rows": [_compared(row, names) for row in summary.changed[:SHOWN_CHANGES]]}


def _compared(row: Comparison, names: Mapping[int, str]) -> dict[str, Any]:
    veil = Veil(names=tuple(client_names(row.communication)))
    sides = {
        side: {
            "passed": one.passed,
            "responsible": show_user(dict(names), one.responsible_id),
            "title": veil.text(one.title),
            "reason": veil.text(show_reason(one.reason)),
        }
        for side, one in (("was", row.was), ("would_be", row.would_be))
    }
    return {"at": row.communication.started_at, "who": veil.phone(row.communication.client_phone), **sides, "row": row}


def _part(request: FrameRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return secure(render(request, f"settings_ui/journal/{template}", context))
