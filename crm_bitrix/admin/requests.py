"""What went over the wire to portals, and what is known of them."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm_bitrix.admin.journal import _ACTION_LOOKS, show_moment
from crm_bitrix.errors import Cause
from crm_bitrix.models import BitrixItem, CrmAction, RequestLog, SyncRun
from integration.admin.base import LookupFilter, PageAdmin, PortalFilter, badge, link, row_url
from integration.admin.dictionaries import GoneFilter, ItemAdmin
from integration.admin.page import Page, Section, pretty
from integration.admin.veil import client_names, veil_for
from integration.models import Communication

_WORDS: Mapping[str, Any] = {
    "ok": gettext_lazy("успешно"),
    Cause.BUSY: gettext_lazy("лимит запросов"),
    Cause.METHOD_BUSY: gettext_lazy("исчерпано время метода"),
    Cause.TOKEN: gettext_lazy("токен устарел"),
    Cause.HOLD: gettext_lazy("нужно вмешательство"),
    Cause.MOVED: gettext_lazy("портал переехал"),
    Cause.DOWN: gettext_lazy("нет связи с порталом"),
    Cause.UNKNOWN: gettext_lazy("исход неизвестен"),
    Cause.REFUSED: gettext_lazy("отказ"),
}


def show_status(status: str) -> str:
    """How a request ended, in words; what the portal said to it stays as it is."""
    head, colon, said = status.partition(": ")
    return f"{_WORDS.get(head, head)}{colon}{said}"


class StatusFilter(LookupFilter):
    """Requests that brought a result, and the others by what their failure means."""

    title = gettext_lazy("исход")
    parameter_name = "status"
    answers = {
        "ok": (_WORDS["ok"], Q(status="ok")),
        "failed": (gettext_lazy("неуспешно"), ~Q(status="ok")),
        **{cause.value: (_WORDS[cause], Q(status__startswith=f"{cause}:")) for cause in Cause},
    }


class OfPortalAdmin(PageAdmin):
    """A journal of portals."""

    list_select_related = ["portal"]

    @admin.display(description=gettext_lazy("портал"), ordering="portal__domain")
    def portal_name(self, row: Any) -> str:
        return row.portal.domain


@admin.register(RequestLog)
class RequestLogAdmin(OfPortalAdmin):
    list_display = ["at", "portal_name", "methods", "commands", "result", "duration_ms"]
    list_filter = [StatusFilter, "at", ("portal", PortalFilter)]
    search_fields = ["methods", "portal__domain", "detail"]
    ordering = ["-pk"]

    @admin.display(description=gettext_lazy("исход"), ordering="status")
    def result(self, row: RequestLog) -> SafeString:
        return badge(show_status(row.status), "good" if row.status == "ok" else "bad")

    def describe(self, request: HttpRequest, row: RequestLog) -> Page:
        veil = veil_for(request)
        rows = (
            (_("Когда"), show_moment(row.at)),
            (_("Портал"), row.portal),
            (_("Методы"), row.methods),
            (_("Команд"), str(row.commands)),
            (_("Длительность, мс"), str(row.duration_ms)),
            (_("Подробности"), pretty(veil.value(row.detail)) if row.detail else ""),
        )
        look = "good" if row.status == "ok" else "bad"
        return Page(
            _("Запрос к порталу"), veil.text(show_status(row.status)), look, sections=(Section(_("Запрос"), rows),)
        )


@admin.register(CrmAction)
class CrmActionAdmin(PageAdmin):
    list_display = ["about", "key", "method", "how", "sent_at", "done_at", "error"]
    list_filter = ["state", "method", ("communication__portal", PortalFilter)]
    list_select_related = ["communication"]
    search_fields = ["communication__uis_id", "key", "method", "communication__portal__domain"]
    ordering = ["-pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CrmAction]:
        return super().get_queryset(request).defer("communication__trace", "communication__facts_rank")

    @admin.display(description=gettext_lazy("обращение"), ordering="communication")
    def about(self, row: CrmAction) -> str:
        return str(row.communication)

    @admin.display(description=gettext_lazy("состояние"), ordering="state")
    def how(self, row: CrmAction) -> SafeString:
        return badge(row.get_state_display(), _ACTION_LOOKS.get(row.state, "plain"))

    def describe(self, request: HttpRequest, row: CrmAction) -> Page:
        veil = veil_for(request, names=client_names(row.communication))
        rows = (
            (_("Обращение"), link(row_url(Communication, row.communication_id), row.communication)),
            (_("Метод"), row.method),
            (_("Отправлено"), show_moment(row.sent_at)),
            (_("Сделано"), show_moment(row.done_at)),
            (_("Ждёт"), ", ".join(row.needs)),
            (_("Параметры"), pretty(veil.value(row.params))),
            (_("Ответ"), pretty(veil.value(row.result)) if row.result else ""),
            (_("Ошибка"), veil.text(row.error)),
        )
        look = _ACTION_LOOKS.get(row.state, "plain")
        return Page(row.key, row.get_state_display(), look, sections=(Section(_("Действие в CRM"), rows),))


@admin.register(BitrixItem)
class BitrixItemAdmin(ItemAdmin):
    list_filter = ["kind", GoneFilter, ("portal", PortalFilter)]
    list_select_related = ["portal"]
    fields = ["portal", "kind", "code", "name", "content", "missing_since"]

    @admin.display(description=gettext_lazy("портал"), ordering="portal")
    def owner(self, row: BitrixItem) -> str:
        return row.portal.domain


@admin.register(SyncRun)
class SyncRunAdmin(OfPortalAdmin):
    list_display = ["started_at", "portal_name", "how", "started_by", "finished_at", "error"]
    list_filter = ["state", "started_at", ("portal", PortalFilter)]
    ordering = ["-started_at", "-pk"]

    @admin.display(description=gettext_lazy("состояние"), ordering="state")
    def how(self, row: SyncRun) -> SafeString:
        return badge(row.get_state_display(), _SYNC_LOOKS.get(row.state, "plain"))

    def describe(self, request: HttpRequest, row: SyncRun) -> Page:
        veil = veil_for(request)
        rows = (
            (_("Портал"), row.portal),
            (_("Кто начал"), row.started_by),
            (_("Начало"), show_moment(row.started_at)),
            (_("Конец"), show_moment(row.finished_at)),
            (_("Ошибка"), veil.text(row.error)),
        )
        head = (_("Шаг"), _("Состояние"), _("Сделано"), _("Затруднения"))
        stages = tuple(_stage(stage) for stage in row.stages)
        return Page(
            _("Синхронизация"),
            row.get_state_display(),
            _SYNC_LOOKS.get(row.state, "plain"),
            sections=(
                Section(_("Кратко"), rows),
                Section(_("Шаги"), stages, head),
                Section(_("Изменения"), tuple((key, pretty(veil.value(part))) for key, part in row.changes.items())),
            ),
        )


_SYNC_LOOKS = {"done": "good", "failed": "bad", "running": "wait"}


def _stage(stage: Any) -> tuple[Any, ...]:
    count = f"{stage.get('done') or 0} / {stage['total']}" if stage.get("total") else str(stage.get("done") or "")
    return (
        stage.get("about") or stage.get("name"),
        stage.get("state"),
        count,
        "\n".join(map(str, stage.get("problems", ()))),
    )
