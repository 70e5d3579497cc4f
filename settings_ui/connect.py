"""Installation from the UIS side: name and portal address → the portal's consent page → code → into the application.

1. `connect_page` looks whether a portal answers there, and sends the browser to its consent page. What it must
   remember travels in `state`, signed and good for ten minutes.
2. `oauth_page` trades the code at the authorisation server, proves who consented, installs, and sends the browser into
   the application on the portal, where the checklist waits.

Bitrix24 shows most refusals on its own pages and sends nobody back (https://apidocs.bitrix24.com/settings/oauth/), so
the first page says in advance what to do when the application is not installed there.
"""

import logging
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from django import forms
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language_from_request
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from crm_bitrix.actions import Command
from crm_bitrix.client import Client
from crm_bitrix.errors import PortalError
from crm_bitrix.installation import Pair, install
from crm_bitrix.verification import Reason, Refused, is_token, origin_of, prove, read_domain, trade_code
from integration import lanes, remote
from integration.models import Portal
from settings_ui.pages import explain, show
from settings_ui.refusals import BAD_STATE, DENIED, NO_PORTAL, PRIVATE_ADDRESS, REFUSALS, Words, words_of

log = logging.getLogger(__name__)

STATE_SECONDS = 600
SALT = "connect"
LOOK_SECONDS = 8.0

_ADDRESS = re.compile(r"(?:(https?)://)?([^/?#\s]+)(?:[/?#]\S*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """The address of a portal as typed: what could be one, not what is one."""

    scheme: str
    domain: str


class NotAnAddress(Exception):
    """The typed text cannot be the address of a portal."""


def read_address(text: str) -> Address:
    """Read what people paste: with or without scheme and path, in any case, in Cyrillic. Raises NotAnAddress."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None:
        raise NotAnAddress(text)
    try:
        host, colon, port = found[2].lower().partition(":")
        domain = read_domain(f"{host.encode('idna').decode()}{colon}{port}")
    except (UnicodeError, Refused) as error:
        raise NotAnAddress(text) from error
    if "." not in domain and not domain.startswith("localhost"):
        raise NotAnAddress(text)
    return Address("http" if (found[1] or "").lower() == "http" else "https", domain)


class ConnectForm(forms.Form):
    """Name of the connection and address of the portal as typed."""

    name = forms.CharField(
        label=_("Название подключения"),
        max_length=90,
        help_text=_("Любое: например, название отдела или филиала."),
        error_messages={"required": _("Назовите подключение, чтобы узнать его потом в списке.")},
    )
    portal = forms.CharField(
        label=_("Адрес Битрикс24"),
        max_length=300,
        help_text=_("Как в строке браузера: company.bitrix24.ru. Для коробки – её адрес и порт."),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": _("Укажите адрес портала: без него некуда подключаться.")},
    )

    def clean_portal(self) -> Address:
        try:
            return read_address(self.cleaned_data["portal"])
        except NotAnAddress as error:
            raise forms.ValidationError(
                _("Это не адрес портала. Скопируйте его из строки браузера, например company.bitrix24.ru.")
            ) from error


@require_safe
def connect_page(request: HttpRequest) -> HttpResponse:
    """The form, and what becomes of it: the consent page of a portal that answers, or the reason why not."""
    form = ConnectForm(request.GET) if request.GET.keys() & {"name", "portal"} else ConnectForm()
    if not form.is_bound or not form.is_valid():
        return _form(request, form)
    address: Address = form.cleaned_data["portal"]
    trouble = look_at(address)
    if trouble is not None:
        return _explain(request, trouble)
    state = signing.dumps({"name": form.cleaned_data["name"], "domain": address.domain}, salt=SALT)
    query = urlencode({"client_id": settings.BITRIX24_CLIENT_ID, "state": state})
    return HttpResponseRedirect(f"{address.scheme}://{address.domain}/oauth/authorize/?{query}")


def _form(request: HttpRequest, form: ConnectForm) -> HttpResponse:
    # Browsers apply form-action to where a form is redirected as well, and that is the portal.
    targets = "'self' https:" + (" http:" if settings.OUTBOUND_ALLOWED_NETWORKS else "")
    context = {"form": form, "marketplace": "https://www.bitrix24.ru/apps/"}
    return show(request, "connect.html", context, language=_language(request), form_action=targets)


def look_at(address: Address) -> Words | None:
    """Look whether a portal answers there, and whether it says at once that the application is not installed."""
    url = f"{address.scheme}://{address.domain}/oauth/authorize/"
    try:
        reply = remote.request(
            "GET",
            url,
            params={"client_id": settings.BITRIX24_CLIENT_ID},
            deadline_seconds=LOOK_SECONDS,
            max_bytes=2_000_000,
        )
    except remote.RemoteError as error:
        log.info("no portal at %s: %s", address.domain, error)
        is_closed = "not allowed" in str(error) or "allowed networks" in str(error)
        return PRIVATE_ADDRESS if is_closed else NO_PORTAL
    if reply.status >= 400 and b"not installed" in reply.content[:10_000].lower():
        return REFUSALS[Reason.NOT_INSTALLED]
    return NO_PORTAL if reply.status in (404, 405, 410) or reply.status >= 500 else None


@require_safe
def oauth_page(request: HttpRequest) -> HttpResponse:
    """The way back from the consent page, with a code that lives 30 seconds."""
    try:
        state = signing.loads(request.GET.get("state", ""), salt=SALT, max_age=STATE_SECONDS)
    except signing.BadSignature:
        return _explain(request, BAD_STATE)
    if request.GET.get("error"):
        return _explain(request, DENIED)
    try:
        portal = _install(request.GET.get("code", ""), state)
    except Refused as error:
        log.warning("a connection is refused: %s", error)
        return _explain(request, REFUSALS[error.reason])
    except PortalError as error:
        log.warning("a portal could not be connected: %s", error)
        return _explain(request, words_of(error))
    return HttpResponseRedirect(application_address(portal))


def _install(code: str, state: dict[str, Any]) -> Portal:
    if not is_token(code):
        raise Refused(Reason.CODE, "no code")
    answer = trade_code(code)
    identity = prove(str(answer["access_token"]), member_id=str(answer.get("member_id", "")))
    if identity.domain != state["domain"]:
        log.info("a connection began at %s and ended at %s", state["domain"], identity.domain)
    pair = Pair(str(answer["access_token"]), str(answer["refresh_token"]))
    return install(identity, pair, name=state["name"]).portal


def application_address(portal: Portal) -> str:
    """Where the application opens on its portal; its code differs between the market and local applications."""
    try:
        told = Client(portal, level=lanes.ROUTING_LEVEL).call(Command("app.info"))
        code = str(told.get("CODE") or "") or settings.BITRIX24_CLIENT_ID
    except PortalError:
        code = settings.BITRIX24_CLIENT_ID
    return f"{origin_of(portal.domain, portal.client_endpoint)}/marketplace/view/{quote(code)}/"


def _explain(request: HttpRequest, words: Words) -> HttpResponse:
    return explain(request, words, language=_language(request), again=reverse("connect"))


def _language(request: HttpRequest) -> str:
    """These pages stand outside the portal: the browser says what its owner reads."""
    return "en" if get_language_from_request(request).startswith("en") else "ru"
