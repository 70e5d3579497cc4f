"""Credentials: UIS accounts joined to portals. Keys and secrets are never shown; a new secret is shown once."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm_bitrix.admin import forms
from crm_bitrix.admin.journal import show_moment
from crm_bitrix.admin.streams import PartInline, note_change
from integration import audit
from integration.admin.base import PortalFilter, link, list_url
from integration.models import (
    Communication,
    Credential,
    EmployeeLink,
    InboxEvent,
    NumberSettings,
    SettingsRevision,
    SettingsTab,
    Stream,
    UisItem,
)
from integration.notifications import drop_previous_secret, rotate_secret


class TabInline(PartInline):
    model = SettingsTab
    form = forms.TabForm
    formset = forms.TabFormSet
    fields = ["tab", "is_active", "options"]
    readonly_fields = ["tab"]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Credential)
class CredentialAdmin(admin.ModelAdmin):
    list_display = ["name", "domain", "brand", "uis_account_id", "has_key", "revision", "journal"]
    list_filter = ["brand", ("portal", PortalFilter)]
    list_select_related = ["portal"]
    search_fields = ["name", "portal__domain", "=uis_account_id", "=uuid"]
    ordering = ["portal__domain", "name"]
    show_full_result_count = False
    actions = ["new_secret", "drop_secret"]
    inlines = [TabInline]
    fields = [
        *("name", "portal", "brand", "uuid", "uis_account_id", "uis_time_zone", "revision", "made_at"),
        *("has_key", "has_secret", "previous_secret_until", "last_event_at"),
        *("tabs", "streams", "numbers", "employees", "dictionaries", "journal", "history"),
    ]

    class Media:
        css = {"all": ("integration/staff.css",)}

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [name for name in self.fields if name != "name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("portal__access_token", "portal__refresh_token")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # an account is joined where its key can be tried

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if any(formset.has_changed() for formset in formsets):
            note_change(request, form.instance)

    @admin.display(description=gettext_lazy("ключ API задан"), boolean=True)
    def has_key(self, row: Credential) -> bool:
        return bool(row.uis_key)

    @admin.display(description=gettext_lazy("адрес уведомлений создан"), boolean=True)
    def has_secret(self, row: Credential) -> bool:
        return bool(row.hook_secret_hash)

    @admin.display(description=gettext_lazy("последнее уведомление"))
    def last_event_at(self, row: Credential) -> str:
        newest = InboxEvent.objects.filter(channel=row.channel).order_by("-pk")
        return show_moment(newest.values_list("received_at", flat=True).first())

    @admin.display(description=gettext_lazy("прежний адрес работает до"))
    def previous_secret_until(self, row: Credential) -> str:
        return show_moment(row.previous_until)

    @admin.display(description=gettext_lazy("подключено"))
    def made_at(self, row: Credential) -> str:
        return show_moment(row.created_at)

    @admin.display(description=gettext_lazy("портал"), ordering="portal__domain")
    def domain(self, row: Credential) -> str:
        return str(row.portal or "—")

    @admin.display(description=gettext_lazy("настройки"))
    def tabs(self, row: Credential) -> SafeString | str:
        return link(reverse("staff-settings", args=[row.pk]), _("открыть вкладки")) if row.portal_id else "—"

    @admin.display(description=gettext_lazy("потоки"))
    def streams(self, row: Credential) -> SafeString:
        return _list_link(Stream, row)

    @admin.display(description=gettext_lazy("настройки номеров"))
    def numbers(self, row: Credential) -> SafeString:
        return _list_link(NumberSettings, row)

    @admin.display(description=gettext_lazy("сотрудники"))
    def employees(self, row: Credential) -> SafeString:
        return _list_link(EmployeeLink, row)

    @admin.display(description=gettext_lazy("справочники UIS"))
    def dictionaries(self, row: Credential) -> SafeString:
        return _list_link(UisItem, row)

    @admin.display(description=gettext_lazy("журнал"))
    def journal(self, row: Credential) -> SafeString:
        return _list_link(Communication, row)

    @admin.display(description=gettext_lazy("история настроек"))
    def history(self, row: Credential) -> SafeString:
        return _list_link(SettingsRevision, row)

    @admin.action(description=gettext_lazy("Новый адрес уведомлений (новый секрет)"), permissions=["change"])
    def new_secret(self, request: HttpRequest, rows: QuerySet[Credential]) -> HttpResponse | None:
        """The page is the answer itself: a message would be kept in a cookie or the session."""
        chosen = list(rows[:2])
        if len(chosen) != 1:
            self.message_user(request, _("Выберите одно подключение."), messages.WARNING)
            return None
        addresses = rotate_secret(chosen[0].pk, now=timezone.now())
        self.log_change(request, chosen[0], _("создан новый секрет адреса уведомлений"))
        by = {"by": audit.Actor.STAFF, "actor": request.user, "credential": chosen[0]}
        audit.note(audit.Action.SECRET_RENEWED, **by)
        chosen[0].refresh_from_db()
        context = {
            **self.admin_site.each_context(request),
            "title": _("Новый адрес уведомлений"),
            "opts": self.opts,
            "credential": chosen[0],
            "addresses": addresses,
        }
        return TemplateResponse(request, "admin/integration/addresses.html", context)

    @admin.action(description=gettext_lazy("Отозвать прежний секрет"), permissions=["change"])
    def drop_secret(self, request: HttpRequest, rows: QuerySet[Credential]) -> None:
        for credential in rows:
            drop_previous_secret(credential.pk)
            self.log_change(request, credential, _("прежний секрет отозван"))
        self.message_user(request, _("Принимаются только уведомления с новым секретом."), messages.SUCCESS)


def _list_link(model: type[Model], row: Credential) -> SafeString:
    return link(list_url(model, credential__id__exact=row.pk), _("открыть"))
