"""Lanes: who drains them, why they rest; the bell can be rung and a pause ended by hand."""

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integration import lanes
from integration.admin.base import LookupFilter, ReadOnlyAdmin, badge
from integration.inbox import LANES
from integration.models import Lane


class RestFilter(LookupFilter):
    """By what a lane does now."""

    title = gettext_lazy("состояние")
    parameter_name = "rest"
    answers = {
        "paused": (gettext_lazy("на паузе"), Q(pause_reason__gt="")),
        "single": (gettext_lazy("по одному действию"), Q(is_single=True)),
        "failing": (gettext_lazy("были сбои"), Q(failures__gt=0)),
    }


@admin.register(Lane)
class LaneAdmin(ReadOnlyAdmin):
    list_display = ["name", "now", "pause_reason", "failures", "is_single", "rung_at", "bucket"]
    list_filter = [RestFilter]
    search_fields = ["name"]
    ordering = ["name"]
    actions = ["ring", "end_pause"]
    fields = [
        *("name", "now", "lease_until", "rung_at", "paused_until", "pause_reason"),
        *("failures", "is_single", "clean_rounds", "bucket"),
    ]
    readonly_fields = ["now", "bucket"]

    @admin.display(description=gettext_lazy("сейчас"))
    def now(self, row: Lane) -> SafeString:
        now = timezone.now()
        if row.lease_until and row.lease_until > now:
            return badge(_("работает"), "good")
        if row.paused_until and row.paused_until > now:
            until = timezone.localtime(row.paused_until)
            return badge(_("пауза до {time}").format(time=f"{until:%d.%m %H:%M:%S}"), "wait")
        return badge(_("свободна"), "plain")

    @admin.display(description=gettext_lazy("запас запросов"))
    def bucket(self, row: Lane) -> str:
        """How full the portal's bucket was when it was last used; of UIS accounts the points that are left."""
        if row.bucket_at is None:
            return "—"
        return f"{row.bucket_level:.0f} · {timezone.localtime(row.bucket_at):%d.%m %H:%M:%S}"

    @admin.action(description=gettext_lazy("Позвонить: разобрать сейчас"), permissions=["operate"])
    def ring(self, request: HttpRequest, rows: QuerySet[Lane]) -> None:
        names = [name for name in rows.values_list("name", flat=True) if is_drained(name)]
        for name in names:
            lanes.ring(name)
        self._say(request, len(names))

    @admin.action(description=gettext_lazy("Снять паузу"), permissions=["operate"])
    def end_pause(self, request: HttpRequest, rows: QuerySet[Lane]) -> None:
        """The lane works on at once; if the trouble lasts, it pauses again by itself."""
        names = list(rows.values_list("name", flat=True))
        Lane.objects.filter(name__in=names).update(paused_until=None, pause_reason="", failures=0, rung_at=None)
        for name in filter(is_drained, names):
            lanes.ring(name)
        self._say(request, len(names))

    def _say(self, request: HttpRequest, count: int) -> None:
        said = _("Дорожек: {count}").format(count=count)
        self.message_user(request, said, messages.SUCCESS if count else messages.WARNING)


def is_drained(name: str) -> bool:
    """Say whether something drains a lane of this name: one that nobody knows must not reach the queue."""
    side, *rest = name.split(":")
    return ":".join((side, "{}", *rest[1:])) in LANES
