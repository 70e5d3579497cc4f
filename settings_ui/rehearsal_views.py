"""The address of the rehearsal: what would become of an event by the settings that stand on the screen.

`settings` is the settings document of the screen, read as strictly as when it is saved; without it the saved ones
count. The event is `communication` (an id of the journal), or an imaginary call (`phone` and more), or `last`: the last
events, was and would be. Nothing is sent, nothing is saved.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from crm_bitrix.admin.people import show_user, user_names
from crm_bitrix.known import load_known
from integration.admin.veil import Veil, client_names
from integration.models import Communication, Credential
from integration.rules.faults import Fault
from integration.rules.phones import normalise_phone
from integration.rules.settings_value import Settings
from integration.settings_document import read_document, read_settings
from integration.settings_rows import BadRow
from integration.trace import show_reason
from settings_ui import journal_words
from settings_ui.access import FrameRequest, needs_session
from settings_ui.headers import secure
from settings_ui.rehearsal import Comparison, Rehearsal, compare, rehearse
from settings_ui.rehearsal_imaginary import ImaginaryCall

SHOWN_CHANGES = 20


class ImaginaryCallForm(forms.Form):
    """A call that somebody imagines."""

    phone = forms.CharField(max_length=64)
    number = forms.CharField(max_length=64, required=False)
    direction = forms.ChoiceField(choices=[("in", ""), ("out", "")], required=False)
    result = forms.ChoiceField(choices=[("answered", ""), ("missed", ""), ("unanswered", "")], required=False)
    employee = forms.IntegerField(min_value=1, required=False)
    talk_seconds = forms.IntegerField(min_value=1, max_value=86_400, required=False)
    started_at = forms.DateTimeField(required=False, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
    client_name = forms.CharField(max_length=200, required=False)
    scenario = forms.CharField(max_length=200, required=False)
    tag = forms.CharField(max_length=200, required=False)

    def clean_phone(self) -> str:
        phone = normalise_phone(self.cleaned_data["phone"], "RU")
        if phone is None:
            raise forms.ValidationError(_("Это не похоже на номер телефона: введите его с кодом, например +7 495 …"))
        return phone

    def call(self, credential: Credential) -> ImaginaryCall:
        """The call; a start is meant in the zone of the UIS account."""
        told = self.cleaned_data
        start = told["started_at"]
        return ImaginaryCall(
            phone=told["phone"],
            number=normalise_phone(told["number"], "RU") or "",
            direction=told["direction"] or "in",
            result=told["result"] or "answered",
            employee_id=told["employee"],
            talk_seconds=told["talk_seconds"] or 60,
            started_at=start.replace(tzinfo=credential.zone) if start else None,
            client_name=told["client_name"],
            scenario=told["scenario"],
            tag=told["tag"],
        )


@needs_session
@require_POST
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
    if not session.is_admin and (communication is None or "settings" in request.POST):
        return secure(HttpResponse(status=403))
    settings, faults = _settings(request, credential)
    if settings is None:
        return _part(request, "_faults.html", {"faults": faults})
    if communication is not None:
        return _part(request, "_rehearsal.html", _shown(rehearse(credential, communication, settings), communication))
    if "last" in request.POST:
        return _part(request, "_summary.html", _summary(credential, settings))
    return _imaginary(request, credential, settings)


def _imaginary(request: FrameRequest, credential: Credential, settings: Settings) -> HttpResponse:
    form = ImaginaryCallForm(request.POST)
    if not form.is_valid():
        wrong = [Fault(name, text) for name, texts in form.errors.items() for text in texts]
        return _part(request, "_faults.html", {"faults": wrong})
    played = rehearse(credential, form.call(credential), settings)
    return _part(request, "_rehearsal.html", _shown(played, None, names=user_names(credential.portal)))


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
    """The settings of the screen, else the saved ones; or what is wrong with them."""
    if "settings" not in request.POST:
        try:
            return read_settings(credential), ()
        except BadRow as error:
            return None, (Fault("", str(error)),)
    parsed = read_document(credential, request.POST["settings"], known=load_known(credential))
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
