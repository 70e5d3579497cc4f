"""Streams with their filter, rules, titles and mapping; settings of numbers; links of employees."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import CharField, JSONField, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm_bitrix.admin import forms
from crm_bitrix.admin.checks import find_faults, record_change, refuse
from crm_bitrix.models import BitrixItem
from integration.admin.base import PortalFilter, link, row_url
from integration.models import (
    Credential,
    EmployeeLink,
    FieldMapping,
    Filter,
    NameTemplate,
    NumberSettings,
    ResponsibleRule,
    Stream,
    UisItem,
)


def note_change(request: HttpRequest, credential: Credential) -> None:
    """Count the settings' revision up after a change on these pages."""
    note = _("правка на служебных страницах")
    if not record_change(credential, author=request.user.get_username(), note=note):
        said = _("Сохранено, но настройки целиком не читаются: в историю эта редакция не попала.")
        messages.warning(request, said)


class ReadableJSON(admin.options.BaseModelAdmin):
    """JSON is shown indented, and compared with what is stored, not with a hidden copy on the page."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, JSONField):
            own = {"form_class": forms.ReadableJSONField, "encoder": forms.PrettyJSON, "show_hidden_initial": False}
            kwargs |= own
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "credential" and field is not None:
            field.label = _("Подключение")
        return field


class PartInline(ReadableJSON, admin.StackedInline):
    """A part of a stream."""

    extra = 0


class FilterInline(PartInline):
    model = Filter
    formset = forms.FilterFormSet


class RuleInline(PartInline):
    model = ResponsibleRule
    form = forms.RuleForm
    formset = forms.RuleFormSet
    ordering = ["position"]


class TitleInline(admin.TabularInline):
    model = NameTemplate
    formset = forms.TitleFormSet
    extra = 0
    ordering = ["result"]


class MappingInline(PartInline):
    model = FieldMapping
    form = forms.MappingForm
    formset = forms.MappingFormSet
    ordering = ["position"]


class SettingsAdmin(ReadableJSON, admin.ModelAdmin):
    """Rows of settings: saved, they are a new revision of their credential."""

    list_filter = [("credential__portal", PortalFilter)]
    list_select_related = ["credential__portal"]
    show_full_result_count = False

    class Media:
        css = {"all": ("integration/staff.css",)}

    @admin.display(description=gettext_lazy("подключение"), ordering="credential")
    def account(self, row: Any) -> SafeString:
        return link(row_url(Credential, row.credential_id), row.credential)

    @admin.display(description=gettext_lazy("портал"), ordering="credential__portal__domain")
    def portal(self, row: Any) -> str:
        return str(row.credential.portal or "—")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        note_change(request, obj.credential)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        note_change(request, obj.credential)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        credentials = list(Credential.objects.filter(pk__in=queryset.values("credential")))
        super().delete_queryset(request, queryset)
        for credential in credentials:
            note_change(request, credential)


@admin.register(Stream)
class StreamAdmin(SettingsAdmin):
    """The rules of a stream. A fault is refused with its path in the settings document."""

    list_display = ["kind", "account", "portal", "create_for", "create_what", "item", "default_responsible_id"]
    list_filter = ["kind", ("credential__portal", PortalFilter)]
    search_fields = ["credential__name", "credential__portal__domain"]
    ordering = ["credential", "kind"]
    form = forms.StreamForm
    inlines = [FilterInline, RuleInline, TitleInline, MappingInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["account", "kind"]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["account", "kind", *forms.StreamForm.base_fields]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # every credential has its four

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.save()  # the revision is counted when the rows of the stream are saved, too

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Rows with a place are replaced as a whole: their places cannot be exchanged one by one."""
        if not isinstance(formset, forms.RuleFormSet | forms.MappingFormSet):
            formset.save()
            return
        formset.save(commit=False)  # tells the admin's log what has changed
        if not formset.has_changed():
            return
        kept = [each.instance for each in formset.kept_forms()]
        formset.model.objects.filter(stream=form.instance).delete()
        for position, row in enumerate(kept):
            row.pk, row.position, row.stream = None, position, form.instance
            row._state.adding = True
        formset.model.objects.bulk_create(kept)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if form.has_changed() or any(formset.has_changed() for formset in formsets):
            note_change(request, form.instance.credential)


@admin.register(NumberSettings)
class NumberSettingsAdmin(SettingsAdmin):
    list_display = ["number", "account", "portal", "source_id", "pipeline_id", "stage_id"]
    search_fields = ["number", "credential__name", "credential__portal__domain"]
    ordering = ["credential", "number"]

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **{"form": _NumberForm, **kwargs})


class _NumberForm(forms.forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors and "credential" in data:
            number = {
                "number": data["number"],
                "source": data["source_id"] or None,
                "pipeline": data["pipeline_id"],
                "stage": data["stage_id"] or None,
            }
            refuse(find_faults(data["credential"], ("telephony",), {"numbers": [number]}))
        return data


@admin.register(EmployeeLink)
class EmployeeLinkAdmin(SettingsAdmin):
    list_display = ["uis_name", "user_name", "how", "card", "line", "account", "portal"]
    list_filter = ["how", "card", ("credential__portal", PortalFilter)]
    search_fields = ["=uis_employee_id", "=bitrix_user_id", "credential__name", "credential__portal__domain"]
    ordering = ["credential", "uis_employee_id"]
    fields = ["credential", "uis_employee_id", "bitrix_user_id", "card", "line", "how"]
    readonly_fields = ["how"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        employees = UisItem.objects.filter(
            credential=OuterRef("credential"),
            kind=UisItem.Kind.EMPLOYEE,
            code=Cast(OuterRef("uis_employee_id"), CharField()),
        )
        users = BitrixItem.objects.filter(
            portal=OuterRef("credential__portal"),
            kind=BitrixItem.Kind.USER,
            code=Cast(OuterRef("bitrix_user_id"), CharField()),
        )
        rows = super().get_queryset(request)
        return rows.annotate(
            found_employee=Subquery(employees.values("name")[:1]), found_user=Subquery(users.values("name")[:1])
        )

    @admin.display(description=gettext_lazy("сотрудник UIS"), ordering="uis_employee_id")
    def uis_name(self, row: Any) -> str:
        return row.found_employee or f"№ {row.uis_employee_id}"

    @admin.display(description=gettext_lazy("пользователь Битрикс24"), ordering="bitrix_user_id")
    def user_name(self, row: Any) -> str:
        return row.found_user or (f"№ {row.bitrix_user_id}" if row.bitrix_user_id else "—")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.how = EmployeeLink.How.MANUAL  # a synchronisation leaves what a person has decided
        super().save_model(request, obj, form, change)
