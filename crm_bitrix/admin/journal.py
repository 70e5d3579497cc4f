"""The journal: every communication, what became of it, and why."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm_bitrix.admin.people import object_url, show_user, user_names, with_responsible
from crm_bitrix.models import CrmAction
from integration import lanes
from integration.admin.base import LookupFilter, PageAdmin, PortalFilter, badge, link, row_url, unbroken
from integration.admin.page import Button, Page, Section, Trace, pretty
from integration.admin.veil import Veil, client_names, veil_for
from integration.fact_names import FACT_NAMES, fact_name
from integration.models import Communication, InboxEvent, Portal, State
from integration.reasons import show_reason
from integration.retention import OUTDATED
from integration.rules.phones import normalise_phone, phone_digits
from integration.trace import explain, show_object
from integration.tracing import trace_id

LOOKS = {State.DONE: "good", State.FAILED: "bad", State.RETRY: "wait", State.WAITING: "wait", State.WITHHELD: "wait"}
KINDS = {"call": gettext_lazy("звонок"), "chat": gettext_lazy("чат"), "request": gettext_lazy("заявка")}
DIRECTIONS = {"in": gettext_lazy("входящий"), "out": gettext_lazy("исходящий")}
_ACTION_LOOKS = {"done": "good", "failed": "bad", "sent": "wait"}
SHORTEST_NUMBER = 4


class KindFilter(LookupFilter):
    title = gettext_lazy("вид")
    parameter_name = "kind"
    answers = {kind: (name, Q(kind=kind)) for kind, name in KINDS.items()}


class DirectionFilter(LookupFilter):
    title = gettext_lazy("направление")
    parameter_name = "direction"
    answers = {code: (name, Q(direction=code)) for code, name in DIRECTIONS.items()}


@admin.register(Communication)
class CommunicationAdmin(PageAdmin):
    list_display = [
        *("when", "client", "what", "outcome", "short_reason", "crm", "responsible", "portal_name"),
    ]
    list_filter = ["state", KindFilter, DirectionFilter, "started_at", ("portal", PortalFilter)]
    list_select_related = ["portal"]
    ordering = ["-pk"]
    search_fields = ["uis_id"]
    search_help_text = gettext_lazy("телефон клиента, номер звонка (call session) или адрес портала")
    actions = ["process_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_responsible(super().get_queryset(request))

    def get_search_results(self, request: HttpRequest, rows: QuerySet[Any], text: str) -> tuple[QuerySet[Any], bool]:
        """By phone in any usual writing or by its last digits, by call session, by the portal's address."""
        text = text.strip()
        if not text:
            return rows, False
        wanted = Q(uis_id=text) | Q(portal__domain__icontains=text)
        digits = phone_digits(text)
        if phone := normalise_phone(text, "RU"):
            wanted |= Q(client_phone=phone)
        elif len(digits) >= SHORTEST_NUMBER:
            wanted |= Q(client_phone__endswith=digits)
        return rows.filter(wanted), False

    # --- the list ---------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("время"), ordering="started_at")
    def when(self, row: Any) -> SafeString:
        return unbroken(f"{timezone.localtime(row.started_at):%d.%m.%Y %H:%M}")

    @admin.display(description=gettext_lazy("клиент"), ordering="client_phone")
    def client(self, row: Any) -> SafeString:
        return unbroken(Veil().phone(row.client_phone) or "—")

    @admin.display(description=gettext_lazy("портал"), ordering="portal__domain")
    def portal_name(self, row: Any) -> str:
        return row.portal.domain

    @admin.display(description=gettext_lazy("обращение"), ordering="kind")
    def what(self, row: Any) -> str:
        return describe_kind(row)

    @admin.display(description=gettext_lazy("состояние"), ordering="state")
    def outcome(self, row: Any) -> SafeString:
        return badge(state_label(row), LOOKS.get(row.state, "plain"))

    @admin.display(description=gettext_lazy("причина"))
    def short_reason(self, row: Any) -> str:
        return Veil(names=tuple(client_names(row))).text(show_reason(row.reason)) or "—"

    @admin.display(description=gettext_lazy("объект CRM"))
    def crm(self, row: Any) -> SafeString | str:
        return object_link(row.portal, row.crm_object)

    @admin.display(description=gettext_lazy("ответственный"), ordering="responsible_id")
    def responsible(self, row: Any) -> str:
        if row.responsible_id is None:
            return "—"
        return row.responsible_name or show_user({}, row.responsible_id)

    @admin.action(description=gettext_lazy("Обработать ещё раз"), permissions=["operate"])
    def process_again(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        """Decide anew by the present settings; what is done in the portal already is not done again."""
        portals = Portal.objects.filter(pk__in=rows.values("portal"))
        count = Communication.objects.filter(pk__in=list(rows.values_list("pk", flat=True))).update(
            due_at=timezone.now(), attempts=0
        )
        for portal in portals:
            lanes.ring(portal.live_lane)
        self.message_user(request, _("Будет обработано: {count}").format(count=count), messages.SUCCESS)
        for portal in portals:
            if portal.is_on_hold:
                warning = _("Портал {portal} остановлен: обработка начнётся, когда его возобновят.")
                self.message_user(request, warning.format(portal=portal), messages.WARNING)
        return self.back(request, rows)

    # --- the page ---------------------------------------------------------------------------------------------------

    def buttons(self, _row: Any) -> tuple[Button, ...]:
        return (Button("process_again", _("Обработать ещё раз")),)

    def describe(self, request: HttpRequest, row: Any) -> Page:
        veil = veil_for(request, names=client_names(row))
        names = user_names(row.portal)
        return Page(
            heading=f"{describe_kind(row)} {row.uis_id}",
            badge=state_label(row),
            look=LOOKS.get(row.state, "plain"),
            reason=veil.text(show_reason(row.reason)),
            sections=(
                summary(row, veil, names),
                trace_section(row, veil, names),
                actions_section(row, veil),
                *self.more_sections(row, veil),
                events_section(row),
                facts_section(row, veil),
            ),
            buttons=self.buttons(row),
        )

    def more_sections(self, _row: Any, _veil: Veil) -> tuple[Section, ...]:
        """What a kind of communication has besides."""
        return ()


def describe_kind(row: Communication) -> str:
    """ "Входящий звонок" """
    kind = str(KINDS.get(row.kind, row.kind))
    direction = str(DIRECTIONS[row.direction]) if row.kind == "call" and row.direction in DIRECTIONS else ""
    return f"{direction} {kind}".strip().capitalize()


def state_label(row: Communication) -> str:
    """The state in a word; of a retry with its time. What was withheld for too long is out of date."""
    label = State(row.state).label if row.state in State.values else row.state
    if row.state == State.RETRY and row.due_at:
        return _("Повтор в {time}").format(time=f"{timezone.localtime(row.due_at):%H:%M}")
    return _("Устарело") if row.reason.startswith(OUTDATED) else str(label)


def object_link(portal: Portal, code: str) -> SafeString | str:
    return link(object_url(portal, code), show_object(code)) if ":" in code else "—"


def show_moment(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "d.m.Y H:i:s") if moment else "—"


def summary(row: Communication, veil: Veil, names: dict[int, str]) -> Section:
    """The communication at a glance."""
    rows = (
        (_("Портал"), link(row_url(Portal, row.portal_id), row.portal)),
        (_("Подключение"), link(row_url(type(row.credential), row.credential_id), row.credential)),
        (_("Клиент"), veil.phone(row.client_phone)),
        (_("Начало"), show_moment(row.started_at)),
        (_("Завершена обработка"), show_moment(row.finished_at)),
        (_("Следующая обработка"), show_moment(row.due_at)),
        (_("Попыток"), str(row.attempts)),
        (_("Объект CRM"), object_link(row.portal, row.crm_object)),
        (_("Ответственный"), show_user(names, row.responsible_id)),
        (_("Редакция настроек"), str(row.revision)),
    )
    return Section(_("Кратко"), rows)


def trace_section(row: Communication, veil: Veil, names: dict[int, str]) -> Trace:
    """Every decision about the communication, the last one first."""
    told = explain(veil.value(row.trace), user_name=lambda user_id: show_user(names, user_id))
    numbered = [(_("Решение {number}").format(number=number), steps) for number, steps in enumerate(told, start=1)]
    return Trace(
        _("Как было решено"), tuple(reversed(numbered)), empty=_("Решение ещё не принято или принято без вопросов.")
    )


def actions_section(row: Communication, veil: Veil) -> Section:
    """What was done in the portal, in order."""
    head = (_("Действие"), _("Метод"), _("Состояние"), _("Отправлено"), _("Сделано"), _("Параметры"), _("Ответ"))
    rows = tuple(
        (
            action.key,
            action.method,
            badge(action.get_state_display(), _ACTION_LOOKS.get(action.state, "plain")),
            show_moment(action.sent_at),
            show_moment(action.done_at),
            pretty(veil.value(action.params)),
            veil.text(show_reason(action.error)) or pretty(veil.value(action.result)),
        )
        for action in CrmAction.objects.filter(communication_id=row.pk).order_by("seq", "pk")
    )
    return Section(_("Действия в CRM"), rows, head, empty=_("В портале ничего не сделано."))


def events_section(row: Communication) -> Section:
    """The notifications that the communication was put together from."""
    events = row.events.order_by("id").defer("body", "query")
    rows = tuple(
        (
            show_moment(event.received_at),
            event.get_source_display(),
            link(row_url(InboxEvent, event.pk), event.name or _("без названия")),
            trace_id(event.dedupe_key),
            show_reason(event.error),
        )
        for event in events
    )
    head = (_("Получено"), _("Источник"), _("Событие"), _("След в журнале"), _("Ошибка"))
    return Section(_("Из каких событий сложилось"), rows, head, empty=_("Событий нет."))


def facts_section(row: Communication, veil: Veil) -> Section:
    """Everything that is known of it."""
    facts = veil.value(row.facts)
    names = sorted(facts, key=lambda name: (name not in FACT_NAMES, name))
    return Section(_("Факты"), tuple((fact_name(name), pretty(facts[name])) for name in names))
