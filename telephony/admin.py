"""The journal of calls with their recordings."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm_bitrix.admin import CommunicationAdmin
from crm_bitrix.admin.journal import DIRECTIONS, DirectionFilter, show_moment
from integration.admin.base import (
    CredentialFilter,
    PageAdmin,
    PhoneSearch,
    PortalFilter,
    ReadOnlyAdmin,
    badge,
    link,
    row_url,
)
from integration.admin.page import Button, Page, Section
from integration.admin.veil import Veil, veil_for
from integration.reasons import show_reason
from integration.rules.wording import show_duration
from telephony.facts import ANSWERED, MISSED, UNANSWERED, read_call
from telephony.models import Call, Dial, Record, RecordQuerySet, RoutingQuestion

RESULTS = {
    ANSWERED: gettext_lazy("отвечен"),
    MISSED: gettext_lazy("пропущен"),
    UNANSWERED: gettext_lazy("нет ответа"),
}
_LOOKS = {"done": "good", "failed": "bad", "waiting": "wait"}


def say_records(page: admin.ModelAdmin, request: HttpRequest, count: int) -> None:
    said = _("Будет передано записей: {count}").format(count=count)
    page.message_user(request, said, messages.SUCCESS if count else messages.WARNING)


@admin.register(Call)
class CallAdmin(CommunicationAdmin):
    list_display = [
        *("when", "client", "way", "outcome", "short_reason", "crm"),
        *("responsible", "portal_name"),
    ]
    list_filter = ["state", DirectionFilter, "started_at", ("portal", PortalFilter)]
    actions = ["process_again", "send_records_again"]

    @admin.display(description=gettext_lazy("звонок"), ordering="direction")
    def way(self, row: Any) -> SafeString:
        return format_html("{}<br>{}", DIRECTIONS.get(row.direction, "—"), show_result(row))

    @admin.action(description=gettext_lazy("Передать запись ещё раз"), permissions=["operate"])
    def send_records_again(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        say_records(self, request, Record.objects.filter(communication__in=rows.values("pk")).send_again())
        return self.back(request, rows)

    def buttons(self, row: Any) -> tuple[Button, ...]:
        again = Button("send_records_again", _("Передать запись ещё раз"))
        return (*super().buttons(row), *((again,) if row.records.exists() else ()))

    def more_sections(self, row: Any, veil: Veil) -> tuple[Section, ...]:
        head = (_("Запись"), _("Состояние"), _("К передаче"), _("Попыток"), _("Ошибка"), _("Ссылка"))
        rows = tuple(
            (
                record.filename,
                badge(record.get_state_display(), _LOOKS.get(record.state, "plain")),
                show_moment(record.due_at),
                str(record.attempts),
                veil.text(show_reason(record.error)),
                veil.value(record.link, "link"),
            )
            for record in row.records.order_by("pk")
        )
        return (Section(_("Записи разговора"), rows, head, empty=_("Записей нет.")),)


@admin.register(Record)
class RecordAdmin(PageAdmin):
    list_display = ["filename", "about", "how", "due_at", "attempts", "error"]
    list_filter = ["state", ("communication__portal", PortalFilter)]
    list_select_related = ["communication"]
    search_fields = ["filename", "communication__uis_id", "communication__portal__domain"]
    ordering = ["-pk"]
    actions = ["send_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Record]:
        return super().get_queryset(request).defer("link", "communication__trace", "communication__facts")

    @admin.display(description=gettext_lazy("звонок"), ordering="communication")
    def about(self, row: Record) -> str:
        return row.communication.uis_id

    @admin.display(description=gettext_lazy("состояние"), ordering="state")
    def how(self, row: Record) -> SafeString:
        return badge(row.get_state_display(), _LOOKS.get(row.state, "plain"))

    @admin.action(description=gettext_lazy("Передать ещё раз"), permissions=["operate"])
    def send_again(self, request: HttpRequest, rows: RecordQuerySet) -> HttpResponse | None:
        say_records(self, request, rows.send_again())
        return self.back(request, rows)

    def describe(self, request: HttpRequest, row: Record) -> Page:
        veil = veil_for(request)
        rows = (
            (_("Звонок"), link(row_url(Call, row.communication_id), row.communication.uis_id)),
            (_("Файл"), row.filename),
            (_("К передаче"), show_moment(row.due_at)),
            (_("Попыток"), str(row.attempts)),
            (_("Файл в портале"), row.file_id),
            (_("Ссылка"), veil.value(row.link, "link")),
        )
        return Page(
            row.filename,
            row.get_state_display(),
            _LOOKS.get(row.state, "plain"),
            reason=veil.text(row.error),
            sections=(Section(_("Запись разговора"), rows),),
            buttons=(Button("send_again", _("Передать ещё раз")),),
        )


@admin.register(Dial)
class DialAdmin(PhoneSearch, ReadOnlyAdmin):
    list_display = ["about", "method", "how", "sent_at", "until", "error", "portal_name"]
    list_filter = ["state", "until", ("communication__portal", PortalFilter)]
    list_select_related = ["communication__portal"]
    search_fields = ["=communication__uis_id", "communication__portal__domain"]
    search_help_text = gettext_lazy("телефон клиента, номер звонка (call session) или портал")
    phone_lookup = "communication__client_phone"
    ordering = ["-pk"]
    fields = ["about", "method", "how", "sent_at", "due_at", "until", "error"]
    readonly_fields = ["about", "how"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dial]:
        return super().get_queryset(request).defer("params", "communication__trace", "communication__facts")

    @admin.display(description=gettext_lazy("звонок"))
    def about(self, row: Dial) -> SafeString:
        text = row.communication.uis_id or Veil().phone(row.communication.client_phone) or "—"
        return link(row_url(Call, row.communication_id), text)

    @admin.display(description=gettext_lazy("состояние"), ordering="state")
    def how(self, row: Dial) -> SafeString:
        looks = {Dial.State.ANSWERED: "good", Dial.State.FAILED: "bad"}
        return badge(row.get_state_display(), looks.get(Dial.State(row.state), "wait"))

    @admin.display(description=gettext_lazy("портал"), ordering="communication__portal__domain")
    def portal_name(self, row: Dial) -> str:
        return row.communication.portal.domain


@admin.register(RoutingQuestion)
class RoutingQuestionAdmin(PhoneSearch, ReadOnlyAdmin):
    list_display = ["asked_at", "client", "reason", "took_ms", "credential", "portal_name"]
    list_filter = ["reason", "asked_at", ("credential", CredentialFilter)]
    list_select_related = ["credential__portal"]
    search_fields = ["credential__name", "credential__portal__domain"]
    search_help_text = gettext_lazy("телефон клиента, учётные данные или портал")
    phone_lookup = "phone"
    ordering = ["-asked_at"]
    fields = ["asked_at", "client", "reason", "took_ms", "credential"]
    readonly_fields = ["client"]

    @admin.display(description=gettext_lazy("номер клиента"), ordering="phone")
    def client(self, row: RoutingQuestion) -> str:
        return Veil().phone(row.phone) or "—"

    @admin.display(description=gettext_lazy("портал"), ordering="credential__portal__domain")
    def portal_name(self, row: RoutingQuestion) -> str:
        return str(row.credential.portal or "—")


def show_result(row: Call) -> str:
    """How a call ended, and how long it was talked; "" while it goes on."""
    if not row.facts.get("call_session_id"):
        return ""
    call = read_call(row.facts)
    if not call.is_over:
        return _("идёт")
    word = str(RESULTS[call.result])
    return f"{word} · {show_duration(call.talk_seconds)}" if call.is_answered else word
