"""What the reports of UIS were read to, and how much UIS says there was."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integration import lanes
from integration.admin.base import CredentialFilter, LookupFilter, ReadOnlyAdmin
from integration.models import DayCount, ReportCursor


class FailingFilter(LookupFilter):
    """Polls that fail now."""

    title = gettext_lazy("состояние")
    parameter_name = "failing"
    answers = {"failing": (gettext_lazy("с ошибкой"), ~Q(error="")), "fine": (gettext_lazy("без ошибки"), Q(error=""))}


class OfCredentialAdmin(ReadOnlyAdmin):
    """A journal of credentials."""

    list_select_related = ["credential__portal"]
    search_fields = ["credential__name", "credential__portal__domain"]

    @admin.display(description=gettext_lazy("портал"), ordering="credential__portal__domain")
    def portal_name(self, row: Any) -> str:
        return str(row.credential.portal or "—")


@admin.register(ReportCursor)
class ReportCursorAdmin(OfCredentialAdmin):
    list_display = ["kind", "credential", "portal_name", "since", "read_at", "next_at", "error"]
    list_filter = ["kind", FailingFilter, ("credential", CredentialFilter)]
    ordering = ["credential", "kind"]
    fields = ["credential", "kind", "since", "read_at", "next_at", "error"]
    actions = ["poll_now"]

    @admin.action(description=gettext_lazy("Опросить UIS сейчас"), permissions=["operate"])
    def poll_now(self, request: HttpRequest, rows: QuerySet[ReportCursor]) -> None:
        count = rows.update(next_at=timezone.now())
        for credential_id in set(rows.values_list("credential_id", flat=True)):
            lanes.ring(f"uis:{credential_id}")
        self.message_user(request, _("Опросов: {count}").format(count=count), messages.SUCCESS)


@admin.register(DayCount)
class DayCountAdmin(OfCredentialAdmin):
    list_display = ["day", "kind", "in_uis", "credential", "portal_name", "counted_at"]
    list_filter = ["kind", "day", ("credential", CredentialFilter)]
    ordering = ["-day", "kind"]
    fields = ["credential", "kind", "day", "in_uis", "counted_at"]
