"""The CRM objects that belong to a client's phone, e-mail or messenger, as we made or met them."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integration.admin.base import PageAdmin, PhoneSearch, PortalFilter
from integration.admin.page import Page, Section
from integration.admin.veil import Veil, veil_for
from integration.models import ClientLink


@admin.register(ClientLink)
class ClientLinkAdmin(PhoneSearch, PageAdmin):
    list_display = ["client", "object_type", "object_id", "portal", "at"]
    list_filter = ["object_type", "at", ("portal", PortalFilter)]
    list_select_related = ["portal"]
    search_fields = ["portal__domain", "=object_id"]
    search_help_text = gettext_lazy("телефон клиента, номер объекта CRM или портал")
    phone_lookup, phone_prefix = "key", "phone:"
    ordering = ["-pk"]

    @admin.display(description=gettext_lazy("клиент"), ordering="key")
    def client(self, row: ClientLink) -> str:
        return _masked(row, Veil())

    def describe(self, request: HttpRequest, row: ClientLink) -> Page:
        rows = (
            (_("Клиент"), _masked(row, veil_for(request))),
            (_("Объект"), f"{row.object_type} {row.object_id}"),
            (_("Портал"), row.portal),
            (_("Когда"), date_format(localtime(row.at), "DATETIME_FORMAT")),
        )
        return Page(f"{row.object_type} {row.object_id}", sections=(Section(_("Связь с клиентом"), rows),))


def _masked(row: ClientLink, veil: Veil) -> str:
    kind, _colon, value = row.key.partition(":")
    return f"{kind}: {veil.phone(value) if kind == 'phone' else veil.text(value)}"
