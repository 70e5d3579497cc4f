"""Portals: how they stand, why they are held, and the means to hold and resume them. Tokens are never shown."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm_bitrix import holds
from crm_bitrix.admin.journal import show_moment
from crm_bitrix.errors import Cause, PortalError
from crm_bitrix.models import RequestLog
from integration import audit, lanes
from integration.admin.base import LookupFilter, ReadOnlyAdmin, badge, link, list_url
from integration.models import Communication, Credential, Portal, State


class StandingFilter(LookupFilter):
    title = gettext_lazy("состояние")
    parameter_name = "standing"
    answers = {
        "works": (gettext_lazy("работает"), Q(hold_reason="", uninstalled_at__isnull=True)),
        "held": (gettext_lazy("остановлен"), ~Q(hold_reason="")),
        "gone": (gettext_lazy("приложение удалено"), Q(uninstalled_at__isnull=False)),
    }


@admin.register(Portal)
class PortalAdmin(ReadOnlyAdmin):
    list_display = ["domain", "standing", "hold_reason", "held_since", "licence", "calls", "open_calls", "failed_calls"]
    list_filter = [StandingFilter, "licence", "crm_mode"]
    search_fields = ["domain", "member_id"]
    ordering = ["domain"]
    actions = ["hold", "resume", "ring"]
    fields = [
        *("domain", "member_id", "standing", "hold_reason", "hold_since", "uninstalled_at", "made_at"),
        *("licence", "language", "time_zone", "crm_mode", "scope", "client_endpoint", "oauth_host"),
        *("token_user_id", "has_tokens", "paused_methods", "credentials", "more"),
    ]
    readonly_fields = ["standing", "made_at", "has_tokens", "credentials", "more"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).defer("access_token", "refresh_token", "application_token")
        return rows.annotate(
            call_count=_count(),
            open_count=_count(due_at__isnull=False),
            failed_count=_count(state=State.FAILED),
        )

    @admin.display(description=gettext_lazy("состояние"))
    def standing(self, row: Portal) -> SafeString:
        if row.uninstalled_at:
            return badge(_("приложение удалено"), "plain")
        return badge(_("остановлен"), "bad") if row.hold_reason else badge(_("работает"), "good")

    @admin.display(description=gettext_lazy("остановлен с"), ordering="hold_since")
    def held_since(self, row: Portal) -> str:
        return show_moment(row.hold_since)

    @admin.display(description=gettext_lazy("подключено"))
    def made_at(self, row: Portal) -> str:
        return show_moment(row.created_at)

    @admin.display(description=gettext_lazy("обращений"), ordering="call_count")
    def calls(self, row: Any) -> SafeString:
        return link(list_url(Communication, portal__id__exact=row.pk), row.call_count or 0)

    @admin.display(description=gettext_lazy("к обработке"), ordering="open_count")
    def open_calls(self, row: Any) -> str:
        return str(row.open_count or 0)

    @admin.display(description=gettext_lazy("с ошибкой"), ordering="failed_count")
    def failed_calls(self, row: Any) -> SafeString:
        conditions = {"portal__id__exact": row.pk, "state__exact": State.FAILED}
        return link(list_url(Communication, **conditions), row.failed_count or 0)

    @admin.display(description=gettext_lazy("токены"), boolean=True)
    def has_tokens(self, row: Portal) -> bool:
        return Portal.objects.filter(pk=row.pk).exclude(access_token="").exclude(refresh_token="").exists()

    @admin.display(description=gettext_lazy("подключения"))
    def credentials(self, row: Portal) -> SafeString:
        return link(list_url(Credential, portal__id__exact=row.pk), row.credentials.count())

    @admin.display(description=gettext_lazy("журнал запросов"))
    def more(self, row: Portal) -> SafeString:
        return link(list_url(RequestLog, portal__id__exact=row.pk), _("открыть"))

    @admin.action(description=gettext_lazy("Остановить: ничего не отправлять"), permissions=["operate"])
    def hold(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Events are still taken in and kept; nothing is sent until somebody resumes."""
        reason = _("остановлен вручную: {user}").format(user=request.user.get_username())
        for portal in rows:
            holds.hold(portal, PortalError(Cause.HOLD, reason, code=holds.BY_HAND))
            audit.note(audit.Action.HELD, by=audit.Actor.STAFF, actor=request.user, portal=portal)
        self.message_user(request, _("Остановлено. Принятые события ждут и не пропадут."), messages.SUCCESS)

    @admin.action(description=gettext_lazy("Возобновить"), permissions=["operate"])
    def resume(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """If the reason of the hold still exists, the portal is held again by the first request."""
        for portal in rows:
            holds.resume(portal)
            audit.note(audit.Action.RESUMED, by=audit.Actor.STAFF, actor=request.user, portal=portal)
        self.message_user(request, _("Возобновлено."), messages.SUCCESS)

    @admin.action(description=gettext_lazy("Разобрать очередь сейчас"), permissions=["operate"])
    def ring(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for portal in rows:
            lanes.ring(portal.live_lane)
            lanes.ring(portal.bulk_lane)
        self.message_user(request, _("Дорожкам порталов позвонили."), messages.SUCCESS)


def _count(**conditions: Any) -> Subquery:
    """How many communications a portal has; counted apart, so that no count multiplies another."""
    found = Communication.objects.filter(portal=OuterRef("pk"), **conditions).order_by().values("portal")
    return Subquery(found.annotate(count=Count("pk")).values("count"))
