"""Incoming events: what was told to us, as it came."""

from typing import Any

from django.contrib import admin
from django.db.models import CharField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integration.admin.base import LookupFilter, PageAdmin, badge, link, row_url
from integration.admin.page import Page, Section, pretty
from integration.admin.veil import Veil, veil_for
from integration.events import BadPayload, read_notification
from integration.models import Credential, InboxEvent
from integration.reasons import show_reason
from integration.rules.phones import normalise_phone
from integration.tracing import LENGTH, trace_id

NOT_READABLE, NOT_SUPPORTED = "не читается", "не поддерживается"
SHOWN_CHARACTERS = 20_000


class ReadingFilter(LookupFilter):
    """By how far an event has come."""

    title = gettext_lazy("состояние")
    parameter_name = "reading"
    answers = {
        "unread": (gettext_lazy("ждёт чтения"), Q(folded_at__isnull=True)),
        "read": (gettext_lazy("прочитано"), Q(folded_at__isnull=False, error="")),
        "error": (gettext_lazy("любая ошибка"), ~Q(error="")),
        "unreadable": (gettext_lazy("не читается"), Q(error__startswith=NOT_READABLE)),
        "unsupported": (gettext_lazy("не поддерживается"), Q(error__startswith=NOT_SUPPORTED)),
    }


@admin.register(InboxEvent)
class InboxEventAdmin(PageAdmin):
    list_display = ["received_at", "source", "event", "account", "reading", "about"]
    list_filter = ["source", ReadingFilter, "received_at"]
    search_fields = ["name"]
    search_help_text = gettext_lazy("событие, номер звонка (call session) или телефон клиента")
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxEvent]:
        channel = Concat(Value("uis:"), Cast("pk", CharField()))
        names = Credential.objects.annotate(channel=channel).filter(channel=OuterRef("channel")).values("name")[:1]
        rows = super().get_queryset(request).select_related("communication").defer("communication__trace")
        return rows.annotate(account_name=Subquery(names))

    def get_search_results(
        self, request: HttpRequest, rows: QuerySet[InboxEvent], text: str
    ) -> tuple[QuerySet[InboxEvent], bool]:
        """Bodies are encrypted: a phone or a call is found by the communication the event was read into."""
        text = text.strip()
        if not text:
            return rows, False
        wanted = Q(name__icontains=text) | Q(communication__uis_id=text) | Q(channel=text)
        if len(text) == LENGTH:
            wanted |= Q(dedupe_key__startswith=text)
        phone = normalise_phone(text, "RU")
        return rows.filter(wanted | Q(communication__client_phone=phone) if phone else wanted), False

    @admin.display(description=gettext_lazy("событие"))
    def event(self, row: InboxEvent) -> str:
        return row.name or "—"

    @admin.display(description=gettext_lazy("откуда"))
    def account(self, row: Any) -> str:
        return row.account_name or row.channel

    @admin.display(description=gettext_lazy("состояние"))
    def reading(self, row: InboxEvent) -> SafeString:
        text, look = reading_of(row)
        return badge(text, look)

    @admin.display(description=gettext_lazy("обращение"))
    def about(self, row: InboxEvent) -> SafeString | str:
        return _communication_link(row)

    def describe(self, request: HttpRequest, row: InboxEvent) -> Page:
        veil = veil_for(request)
        text, look = reading_of(row)
        facts = (
            (_("Получено"), date_format(localtime(row.received_at), "DATETIME_FORMAT")),
            (_("Источник"), row.get_source_display()),
            (_("Канал"), row.channel),
            (_("След в журнале"), trace_id(row.dedupe_key)),
            (_("Обращение"), _communication_link(row)),
        )
        return Page(
            heading=row.name or _("Событие без названия"),
            badge=text,
            look=look,
            reason=veil.text(show_reason(row.error)),
            sections=(Section(_("Событие"), facts), *_content(row, veil)),
        )


def reading_of(row: InboxEvent) -> tuple[str, str]:
    """The state of an event in a word, and how it looks."""
    if row.folded_at is None:
        return _("ждёт чтения"), "wait"
    if not row.error:
        return _("прочитано"), "good"
    if row.error.startswith(NOT_READABLE):
        return _("не читается"), "bad"
    if row.error.startswith(NOT_SUPPORTED):
        return _("не поддерживается"), "plain"
    return _("ошибка"), "bad"


def _communication_link(row: InboxEvent) -> SafeString | str:
    if row.communication is None:
        return "—"
    try:
        return link(row_url(type(row.communication), row.communication.pk), str(row.communication))
    except NoReverseMatch:  # the journal stands in an app above this one
        return str(row.communication)


def _content(row: InboxEvent, veil: Veil) -> tuple[Section, ...]:
    """The body, decoded as the service reads it; one that cannot be read as the text it is."""
    body = bytes(row.body or b"")
    if row.source in (InboxEvent.Source.UIS, InboxEvent.Source.REPORT):
        try:
            payload = veil.value(dict(read_notification(row.query, body).payload))
            rows = tuple((name, pretty(value)) for name, value in payload.items())
            return (Section(_("Что сообщено"), rows, empty=_("Событие пустое.")),)
        except BadPayload:
            pass
    raw = ((_("Строка запроса"), veil.text(row.query)), (_("Тело"), veil.text(body.decode("utf-8", "replace"))))
    shown = tuple((name, text[:SHOWN_CHARACTERS]) for name, text in raw if text)
    return (Section(_("Как пришло"), shown, empty=_("Событие пустое.")),)
