"""What the pages of the staff share: journals that nobody edits, and pages that are read instead of forms."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from integration.admin.page import Page
from integration.admin.veil import ASKED, may_lift, note_reveal
from integration.rules.phones import normalise_phone


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that the service writes: to be looked at, not to be changed."""

    show_full_result_count = False
    list_per_page = 50

    class Media:
        css = {"all": ("integration/staff.css",)}

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """For actions: whoever may change the rows of this table may have the service work on them."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")


class PhoneSearch(admin.ModelAdmin):
    """A list that is searched by phone in any usual writing, too; `phone_lookup` leads to a normalised one."""

    phone_lookup = ""
    phone_prefix = ""

    def get_search_results(self, request: HttpRequest, rows: QuerySet[Any], text: str) -> tuple[QuerySet[Any], bool]:
        found, may_repeat = super().get_search_results(request, rows, text)
        phone = normalise_phone(text.strip(), "RU")
        if phone:
            found = found | rows.filter(**{self.phone_lookup: f"{self.phone_prefix}{phone}"})
        return found, may_repeat


class PageAdmin(ReadOnlyAdmin):
    """A journal whose row opens as a readable page; `describe` says what stands on it."""

    fields: Sequence[str] = ()
    change_form_template = "admin/integration/page.html"

    def describe(self, request: HttpRequest, row: Any) -> Page:
        raise NotImplementedError

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Model | None = None, **kwargs: Any
    ) -> HttpResponse:
        """Personal data are shown when they are asked for; that is written down before they leave."""
        if obj is not None and ASKED in request.GET and may_lift(request):
            note_reveal(request, obj)
        page = self.describe(request, obj)
        extra = {
            "page": page,
            "title": page.heading,
            "subtitle": None,
            "can_operate": self.has_operate_permission(request),
            "can_reveal": may_lift(request) and ASKED not in request.GET,
            "is_revealed": may_lift(request) and ASKED in request.GET,
            "list_url": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
            "reveal_parameter": ASKED,
        }
        return super().render_change_form(request, {**context, **extra}, *args, obj=obj, **kwargs)

    def back(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        """Where an action ends: on the page it was started from, else on the list."""
        if "from_page" not in request.POST:
            return None
        return HttpResponseRedirect(row_url(self.model, rows[0].pk))


class LookupFilter(admin.SimpleListFilter):
    """A list filter with fixed answers: `answers` maps a value of the address to its label and its condition."""

    answers: dict[str, tuple[Any, Any]] = {}

    def lookups(self, _request: HttpRequest, _admin: Any) -> Iterable[tuple[str, Any]]:
        return [(value, label) for value, (label, _condition) in self.answers.items()]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        answer = self.answers.get(self.value() or "")
        return rows.filter(answer[1]) if answer else rows


class PortalFilter(admin.RelatedFieldListFilter):
    """By portal, named in the language of the page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = gettext_lazy("портал")


class CredentialFilter(admin.RelatedOnlyFieldListFilter):
    """By credential, named in the language of the page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = gettext_lazy("подключение")


def row_url(model: type[Model], pk: Any) -> str:
    """The address of a row's page."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])


def list_url(model: type[Model], **conditions: Any) -> str:
    """The address of a list with these conditions."""
    base = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    query = "&".join(f"{name}={value}" for name, value in conditions.items())
    return f"{base}?{query}" if query else base


def link(url: str, text: Any) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, text)


def unbroken(text: Any) -> SafeString:
    """A short text that stays on one line."""
    return format_html('<span class="nowrap">{}</span>', text)


def badge(text: Any, look: str) -> SafeString:
    """A state as a coloured word; `look` is good, bad, wait or plain."""
    return format_html('<span class="state state-{}">{}</span>', look, text)
