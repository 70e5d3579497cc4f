"""The history of settings: who has saved what. A revision is restored where its effects can be seen."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integration.admin.base import CredentialFilter, PageAdmin
from integration.admin.page import Page, Section, indented
from integration.admin.veil import Veil
from integration.models import SettingsRevision
from integration.rules.document_keys import arrange


@admin.register(SettingsRevision)
class SettingsRevisionAdmin(PageAdmin):
    list_display = ["number", "account", "author_kind", "author", "note", "created_at"]
    list_filter = ["author_kind", "created_at", ("credential", CredentialFilter)]
    list_select_related = ["credential"]
    search_fields = ["author", "note", "credential__name", "credential__portal__domain"]
    search_help_text = gettext_lazy("автор, примечание, подключение или адрес портала")
    ordering = ["-pk"]

    @admin.display(description=gettext_lazy("подключение"), ordering="credential")
    def account(self, row: SettingsRevision) -> str:
        return row.credential.name

    def describe(self, request: HttpRequest, row: SettingsRevision) -> Page:
        rows = (
            (_("Подключение"), row.credential),
            (_("Автор"), f"{row.author_kind} · {row.author}"),
            (_("Примечание"), row.note),
            (_("Когда"), date_format(localtime(row.created_at), "DATETIME_FORMAT")),
        )
        document = arrange(row.document)
        parts = tuple((name, indented(Veil().value(part))) for name, part in document.items() if name != "about")
        return Page(
            _("Редакция № {number}").format(number=row.number),
            sections=(Section(_("Кратко"), rows), Section(_("Документ настроек"), parts)),
        )
