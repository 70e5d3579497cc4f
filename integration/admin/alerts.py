"""Troubles that people were told of: what, since when, until when, and who was told when."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integration.admin.base import CredentialFilter, LookupFilter, PortalFilter, ReadOnlyAdmin, badge
from integration.alert_causes import CAUSES
from integration.models import Alert


class OpenFilter(LookupFilter):
    title = gettext_lazy("состояние")
    parameter_name = "state"
    answers = {
        "open": (gettext_lazy("не устранено"), Q(resolved_at__isnull=True)),
        "over": (gettext_lazy("устранено"), Q(resolved_at__isnull=False)),
    }


class CauseFilter(admin.AllValuesFieldListFilter):
    """By cause, in words."""

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        for choice in super().choices(changelist):
            cause = CAUSES.get(choice["display"])
            yield {**choice, "display": cause.title} if cause else choice


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ["standing", "what", "portal", "credential", "since", "resolved_at"]
    list_filter = [OpenFilter, ("code", CauseFilter), ("portal", PortalFilter), ("credential", CredentialFilter)]
    list_select_related = ["portal", "credential"]
    search_fields = ["portal__domain", "credential__name", "code", "detail"]
    ordering = ["-since", "-pk"]
    fields = [
        *("standing", "what", "code", "detail", "remedy", "portal", "credential"),
        *("since", "resolved_at", "mailed_at", "notified_at"),
    ]
    readonly_fields = ["standing", "what", "remedy"]

    @admin.display(description=gettext_lazy("состояние"))
    def standing(self, row: Alert) -> SafeString:
        if not row.is_open:
            return badge(_("устранено"), "good")
        hours = int((timezone.now() - row.since).total_seconds() // 3600)
        return badge(_("{hours} ч").format(hours=hours) if hours else _("только что"), "bad")

    @admin.display(description=gettext_lazy("что случилось"), ordering="code")
    def what(self, row: Alert) -> str:
        return str(row.title)

    @admin.display(description=gettext_lazy("что делать"))
    def remedy(self, row: Alert) -> str:
        return str(row.remedy)
