"""Step 1 of the checklist: brand and key of the UIS account, tried before they are saved."""

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm_bitrix.connecting import ConnectRefused, give_key, make_credential, make_empty_credential
from integration.models import Brand, Credential, Portal
from integration.notifications import Addresses, rotate_secret


class UisKeyForm(forms.Form):
    """Brand and API key as typed."""

    brand = forms.ChoiceField(label=_("Бренд"), choices=Brand.choices, initial=Brand.UIS)
    key = forms.CharField(
        label=_("Ключ API"),
        max_length=200,
        error_messages={"required": _("Вставьте ключ API: без него звонки не с чем связать.")},
    )

    def clean_key(self) -> str:
        """A key is one word of plain characters; whatever else is typed is no key, and UIS need not be asked."""
        key: str = self.cleaned_data["key"]
        if not key.isascii() or not key.isprintable() or " " in key:
            raise forms.ValidationError(_("Это не похоже на ключ API: скопируйте его целиком, без пробелов."))
        return key


class NewCredentialForm(UisKeyForm):
    """Another UIS account of the portal: what to call it, its brand and key."""

    prefix = "new"
    name = forms.CharField(
        label=_("Название"),
        max_length=100,
        error_messages={"required": _("Назовите учётные данные, чтобы отличать их от других.")},
    )
    field_order = ("name", "brand", "key")


def add_account(portal: Portal, form: NewCredentialForm) -> tuple[Credential | None, Addresses | None]:
    """Connect another UIS account; its credential, and the addresses that UIS is to call.

    None, None: the form says what is wrong, nothing was changed.
    """
    if not form.is_valid():
        return None, None
    try:
        return make_credential(portal, **form.cleaned_data)
    except ConnectRefused as error:
        form.add_error(None, str(error))
        return None, None


def connect_account(portal: Portal, credential: Credential | None, form: UisKeyForm) -> Addresses | None:
    """Try the typed key and keep it; the addresses that UIS is to call, whose secret is shown once.

    None: the form says what is wrong, nothing was changed.
    """
    if not form.is_valid():
        return None
    try:
        credential = credential or make_empty_credential(portal, name=portal.domain[:100])
        give_key(credential, brand=form.cleaned_data["brand"], key=form.cleaned_data["key"])
    except ConnectRefused as error:
        form.add_error("key", str(error))
        return None
    return rotate_secret(credential.pk, now=timezone.now())
