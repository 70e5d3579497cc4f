"""Drafts of settings: who has left what unsaved."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integration.admin.base import CredentialFilter, PageAdmin
from integration.admin.page import Page, Section, indented
from integration.admin.veil import Veil
from settings_ui.models import SettingsDraft


@admin.register(SettingsDraft)
class SettingsDraftAdmin(PageAdmin):
    """Read only: a draft belongs to whoever types it, and drives nothing."""

    list_display = ["saved_at", "account", "author_kind", "user_id", "base_revision"]
    list_filter = ["author_kind", "saved_at", ("credential", CredentialFilter)]
    list_select_related = ["credential"]
    search_fields = ["user_id", "credential__name", "credential__portal__domain"]
    search_help_text = gettext_lazy("номер сотрудника, подключение или адрес портала")
    ordering = ["-saved_at"]

    @admin.display(description=gettext_lazy("подключение"), ordering="credential")
    def account(self, row: SettingsDraft) -> str:
        return row.credential.name

    def describe(self, request: HttpRequest, row: SettingsDraft) -> Page:
        facts = (
            (_("Подключение"), row.credential),
            (_("Автор"), f"{row.author_kind} · {row.user_id}"),
            (_("От редакции"), row.base_revision),
            (_("Когда"), date_format(localtime(row.saved_at), "DATETIME_FORMAT")),
        )
        parts = tuple((name, indented(Veil().value(part))) for name, part in row.document.items())
        return Page(
            _("Черновик настроек"),
            sections=(Section(_("Кратко"), facts), Section(_("Документ настроек"), parts)),
        )
