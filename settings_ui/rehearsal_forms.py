"""The forms in which somebody imagines a call, a chat or a request."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from integration.models import Credential
from integration.rules.phones import normalise_phone
from settings_ui.rehearsal_imaginary import Imaginary, ImaginaryCall, ImaginaryChat, ImaginaryRequest
from settings_ui.screen_form import id_of_label


def _codes(*codes: str) -> list[tuple[str, str]]:
    return [(code, "") for code in codes]


class ReferenceField(forms.CharField):
    """The id that somebody means: "Иванов Пётр (501)" or "501"; None for nobody."""

    def clean(self, value: Any) -> int | None:
        id_ = id_of_label(super().clean(value))
        if id_ is not None and not isinstance(id_, int):
            raise forms.ValidationError(_("Выберите из списка."))
        return id_


class ImaginaryForm(forms.Form):
    """What all imaginary events have. A start is meant in the zone of the UIS account, a number without a code in
    `country`."""

    phone = forms.CharField(max_length=64, required=False)
    employee = ReferenceField(max_length=200, required=False)
    client_name = forms.CharField(max_length=200, required=False)
    started_at = forms.DateTimeField(required=False, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])

    def __init__(self, data: QueryDict, *, country: str) -> None:
        super().__init__(data)
        self.country = country

    def clean_phone(self) -> str:
        given = self.cleaned_data["phone"]
        phone = normalise_phone(given, self.country)
        if given and phone is None:
            raise forms.ValidationError(_("Это не похоже на номер телефона: введите его с кодом, например +7 495 …"))
        return phone or ""

    def event(self, credential: Credential) -> Imaginary:
        """The event, when the form is valid."""
        raise NotImplementedError

    def _common(self, credential: Credential) -> dict[str, Any]:
        told = self.cleaned_data
        start: datetime | None = told["started_at"]
        return {
            "phone": told["phone"],
            "employee_id": told["employee"],
            "client_name": told["client_name"],
            "started_at": start.replace(tzinfo=credential.zone) if start else None,
        }


class CallForm(ImaginaryForm):
    """A call that somebody imagines."""

    phone = forms.CharField(max_length=64)
    number = forms.CharField(max_length=64, required=False)
    direction = forms.ChoiceField(choices=_codes("in", "out"), required=False)
    result = forms.ChoiceField(choices=_codes("answered", "missed", "unanswered"), required=False)
    talk_seconds = forms.IntegerField(min_value=1, max_value=86_400, required=False)
    scenario = forms.CharField(max_length=200, required=False)
    tag = forms.CharField(max_length=200, required=False)

    def event(self, credential: Credential) -> ImaginaryCall:
        told = self.cleaned_data
        return ImaginaryCall(
            **self._common(credential),
            number=normalise_phone(told["number"], self.country) or "",
            direction=told["direction"] or "in",
            result=told["result"] or "answered",
            talk_seconds=told["talk_seconds"] or 60,
            scenario=told["scenario"],
            tag=told["tag"],
        )


class WrittenForm(ImaginaryForm):
    """What chats and requests have."""

    email = forms.EmailField(required=False)
    text = forms.CharField(max_length=2000, required=False)
    site = forms.CharField(max_length=200, required=False)
    utm_source = forms.CharField(max_length=200, required=False)

    def _common(self, credential: Credential) -> dict[str, Any]:
        names = ("email", "text", "site", "utm_source")
        return super()._common(credential) | {name: self.cleaned_data[name] for name in names}


class ChatForm(WrittenForm):
    """A chat that somebody imagines."""

    channel = forms.IntegerField(min_value=0, required=False)
    result = forms.ChoiceField(choices=_codes("answered", "missed"), required=False)

    def event(self, credential: Credential) -> ImaginaryChat:
        told = self.cleaned_data
        channel = credential.uis_items.filter(kind="channel", code=str(told["channel"])).first()
        return ImaginaryChat(
            **self._common(credential),
            channel_id=told["channel"],
            channel_name=channel.name if channel else "",
            result=told["result"] or "answered",
        )


class RequestForm(WrittenForm):
    """A request that somebody imagines."""

    form_name = forms.CharField(max_length=200, required=False)

    def event(self, credential: Credential) -> ImaginaryRequest:
        return ImaginaryRequest(**self._common(credential), form_name=self.cleaned_data["form_name"])


FORMS: Mapping[str, type[ImaginaryForm]] = {"call": CallForm, "chat": ChatForm, "request": RequestForm}
