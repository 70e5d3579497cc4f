"""Who has the screen open, who has looked at clients' data, what was sent again."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integration.admin.base import PortalFilter, ReadOnlyAdmin
from settings_ui.models import FrameSession, Resend, Reveal


class OfPortalAdmin(ReadOnlyAdmin):
    """A journal of portals."""

    list_select_related = ["portal"]
    search_fields = ["portal__domain", "=user_id"]


@admin.register(FrameSession)
class FrameSessionAdmin(OfPortalAdmin):
    """The token of a session is known to nobody; of its hash nothing is shown."""

    list_display = ["portal", "user_id", "staff", "is_admin", "language", "created_at", "seen_at"]
    list_filter = ["is_admin", "language", ("portal", PortalFilter)]
    ordering = ["-seen_at"]
    fields = list_display
    list_select_related = ["portal", "staff"]
    actions = ["revoke"]

    @admin.action(description=gettext_lazy("Завершить сеансы"), permissions=["operate"])
    def revoke(self, request: HttpRequest, rows: QuerySet[FrameSession]) -> None:
        """The page of a session that is gone asks the portal for a new token; without one it is over at once."""
        count, _by_model = rows.delete()
        self.message_user(request, _("Завершено сеансов: {count}").format(count=count), messages.SUCCESS)


@admin.register(Reveal)
class RevealAdmin(OfPortalAdmin):
    list_display = ["at", "portal", "user_id", "uis_id"]
    list_filter = ["at", ("portal", PortalFilter)]
    search_fields = ["portal__domain", "=user_id", "=uis_id"]
    ordering = ["-at"]
    fields = list_display


@admin.register(Resend)
class ResendAdmin(OfPortalAdmin):
    list_display = ["at", "portal", "user_id", "count"]
    list_filter = ["at", ("portal", PortalFilter)]
    ordering = ["-at"]
    fields = list_display
    readonly_fields = ["count"]

    @admin.display(description=gettext_lazy("обращений"))
    def count(self, row: Resend) -> int:
        return len(row.ids)
