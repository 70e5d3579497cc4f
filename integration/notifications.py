"""Setting up the notifications of a UIS account: the texts to paste, the steps, what has come, and a new secret.

No interface of UIS creates notifications, so an administrator pastes our texts into the account area. The texts are
flat and carry the event as a literal, hence renaming a notification does no harm. The secret stands in the address
only. Screens show this; nothing here is HTTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Subquery
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from integration.events import EVENT_KINDS
from integration.models import Brand, Credential, InboxEvent

SCHEMA = "uis-b24/1"
ROTATION = timedelta(days=14)
"""How long the previous secret stays valid after a rotation, unless said otherwise."""

_ACCOUNT_AREAS: Mapping[str, str] = {
    Brand.UIS: "https://go.uiscom.ru",
    Brand.COMAGIC: "https://go.comagic.ru",
    Brand.CALLGEAR: "https://go.callgear.ae",
}


class Need(StrEnum):
    """Whether the product's functions rest on an event, or only gain by it."""

    MINIMUM = "minimum"
    OPTIONAL = "optional"


@dataclass(frozen=True)
class Template:
    """One event to set up: its label in the account area and the variables of its text.

    `sure` stand in the vendor's own text of the event. `likely` were seen to work for it, but an editor that refuses
    one loses nothing by its line being deleted.
    """

    event: str
    label: Any
    need: Need
    sure: str
    likely: str

    @property
    def kind(self) -> str:
        """The kind of communication it tells of: call, chat or request."""
        return EVENT_KINDS[self.event]

    @property
    def optional_variables(self) -> tuple[str, ...]:
        """Variables whose lines may be deleted without harm."""
        return tuple(self.likely.split())

    @property
    def text(self) -> str:
        """The body to paste. A placeholder stands without quotes: UIS puts a JSON literal in its place."""
        variables = ["notification_name", "notification_time", *self.sure.split(), *self.likely.split()]
        lines = [
            f'"schema": "{SCHEMA}"',
            f'"event": "{self.event}"',
            *(f'"{name}": {{{{{name}}}}}' for name in variables),
        ]
        return "{\n  " + ",\n  ".join(lines) + "\n}"


# Facts: tests/payloads/_templates.json. The events of single legs (in_call, out_call, call_disconnected) are understood
# when they come, but not asked for: they say nothing the others do not, and double the traffic.
TEMPLATES: tuple[Template, ...] = (
    Template(
        "in_call_session",
        _("Входящий звонок на виртуальный номер"),
        Need.MINIMUM,
        "virtual_phone_number scenario_name contact_phone_number communication_number contact_id "
        "contact_full_name call_session_id",
        "start_time call_source direction",
    ),
    Template(
        "out_call_session",
        _("Исходящий звонок"),
        Need.MINIMUM,
        "virtual_phone_number contact_phone_number contact_id contact_full_name call_session_id "
        "employee_full_name employee_id employee_phone_number",
        "start_time calling_phone_number called_phone_number call_source direction",
    ),
    Template(
        "call_proceeding",
        _("Ожидание ответа"),
        Need.MINIMUM,
        "external_id contact_phone_number contact_id employee_full_name employee_id call_source "
        "call_session_id direction leg_id",
        "calling_phone_number called_phone_number contact_full_name virtual_phone_number scenario_name",
    ),
    Template(
        "call_connected",
        _("Поднятие трубки"),
        Need.OPTIONAL,
        "external_id contact_phone_number contact_id employee_full_name employee_id call_source "
        "call_session_id direction leg_id",
        "calling_phone_number called_phone_number contact_full_name virtual_phone_number scenario_name "
        "wait_time_duration",
    ),
    Template(
        "talk_started",
        _("Начало разговора"),
        Need.MINIMUM,
        "external_id contact_phone_number contact_id employee_full_name employee_id call_source "
        "call_session_id direction leg_ids",
        "calling_phone_number called_phone_number contact_full_name virtual_phone_number scenario_name",
    ),
    Template(
        "talk_finished",
        _("Окончание разговора"),
        Need.MINIMUM,
        "virtual_phone_number external_id contact_phone_number communication_number employee_full_name "
        "employee_id call_source call_session_id direction scenario_name talk_time_duration leg_ids",
        "contact_full_name",
    ),
    Template(
        "call_session_finished",
        _("Завершение звонка"),
        Need.MINIMUM,
        "virtual_phone_number external_id contact_phone_number communication_number employee_full_name "
        "employee_id call_source direction call_session_id scenario_name talk_time_duration "
        "total_time_duration wait_time_duration tag_names",
        "contact_full_name start_time communication_id is_transfer last_talked_employee_id",
    ),
    Template(
        "lost_call_session",
        _("Потерянный звонок"),
        Need.MINIMUM,
        "virtual_phone_number scenario_name wait_time_duration employee_ids contact_phone_number "
        "communication_number contact_id contact_full_name call_session_id",
        "start_time direction noanswered_employee_full_names lost_reason",
    ),
    Template(
        "talk_record_file",
        _("Записанный разговор"),
        Need.MINIMUM,
        "virtual_phone_number scenario_name contact_phone_number communication_number contact_id "
        "contact_full_name call_session_id employee_full_name employee_id file_link file_duration tag_ids "
        "tag_names",
        "",
    ),
    Template(
        "voice_message",
        _("Голосовое сообщение"),
        Need.OPTIONAL,
        "virtual_phone_number scenario_name contact_phone_number communication_number contact_id "
        "contact_full_name call_session_id file_link file_duration",
        "",
    ),
    Template(
        "call_session_recognized",
        _("Текст распознанного звонка"),
        Need.OPTIONAL,
        "call_session_id",
        "contact_phone_number extension_phone_number talk_time_duration call_session_recognized_text_array",
    ),
    Template(
        "ai_result_ready",
        _("Результат AI-анализа"),
        Need.OPTIONAL,
        "call_session_id sa_scenario_name sa_communication_score sa_scenario_score employee_full_name employee_id "
        "sa_call_summary tag_names full_record_file_link",
        "",
    ),
    Template(
        "set_mark",
        _("Проставление тега"),
        Need.OPTIONAL,
        "virtual_phone_number external_id contact_phone_number communication_number call_source "
        "call_session_id direction tag_id tag_name",
        "contact_full_name",
    ),
    Template(
        "unset_mark",
        _("Снятие тега"),
        Need.OPTIONAL,
        "virtual_phone_number external_id contact_phone_number communication_number call_source "
        "call_session_id direction tag_id tag_name",
        "contact_full_name",
    ),
    Template(
        "chat_started",
        _("Новый чат"),
        Need.OPTIONAL,
        "chat_id",
        "channel_name",
    ),
    Template(
        "chat_accepted_to_work",
        _("Чат принят в работу"),
        Need.MINIMUM,
        "chat_id employee_id employee_full_name",
        "",
    ),
    Template(
        "chat_operator_changed",
        _("Чаты: смена оператора"),
        Need.OPTIONAL,
        "chat_id employee_id employee_full_name previous_employee_id previous_employee_full_name",
        "",
    ),
    Template(
        "chat_finished",
        _("Завершение чата"),
        Need.MINIMUM,
        "site_domain_name campaign_id campaign_name communication_id search_engine search_query session_id "
        "ua_client_id utm_campaign utm_content utm_medium utm_source utm_term chat_id tag_ids messages "
        "employee_full_name visitor_name visitor_id status",
        "chat_channel_name visitor_phone_number",
    ),
    Template(
        "lost_chat",
        _("Потерянный чат"),
        Need.MINIMUM,
        "site_domain_name campaign_id campaign_name communication_id search_engine search_query session_id "
        "ua_client_id utm_campaign utm_content utm_medium utm_source utm_term chat_id tag_ids messages "
        "employee_full_name visitor_name visitor_id",
        "chat_channel_name visitor_phone_number",
    ),
    Template(
        "offline_message",
        _("Офлайн заявка"),
        Need.MINIMUM,
        "visitor_name visitor_phone_number visitor_email visitor_message visitor_id session_id "
        "offline_message_id site_domain_name campaign_id campaign_name communication_id search_engine "
        "search_query",
        "",
    ),
)


@dataclass(frozen=True)
class Notification:
    """A template as it stands for one credential; `received_at` is None until the first one was read."""

    template: Template
    received_at: datetime | None


@dataclass(frozen=True)
class Addresses:
    """Where UIS sends to and asks. They hold the secret: show them once, keep them nowhere."""

    events_url: str
    route_url: str


def notifications_of(
    credential: Credential, *, kinds: tuple[str, ...] = ("call", "chat", "request")
) -> list[Notification]:
    """The events to set up for these kinds of communication, in the order of the table, with what has come."""
    received = last_received(credential)
    return [Notification(row, received.get(row.event)) for row in TEMPLATES if row.kind in kinds]


def last_received(credential: Credential) -> dict[str, datetime]:
    """When each event was last received from this account; events that never came are missing.

    One query with one look into the index per event, instead of reading all events of the account.
    """
    events = InboxEvent.objects.filter(
        channel=credential.channel, source=InboxEvent.Source.UIS, folded_at__isnull=False
    )
    columns = {
        row.event: Subquery(events.filter(name=row.event).order_by("-received_at").values("received_at")[:1])
        for row in TEMPLATES
    }
    found = Credential.objects.filter(pk=credential.pk).values(**columns).first() or {}
    return {event: at for event, at in found.items() if at is not None}


def missing_events(credential: Credential, *, kinds: tuple[str, ...]) -> list[Template]:
    """The events of the minimum set that have never come, for these kinds of communication."""
    rows = notifications_of(credential, kinds=kinds)
    return [row.template for row in rows if row.template.need is Need.MINIMUM and row.received_at is None]


def steps(credential: Credential) -> tuple[Any, ...]:
    """What the administrator does in the account area, step by step."""
    area = _ACCOUNT_AREAS.get(credential.brand, _ACCOUNT_AREAS[Brand.UIS])
    return (
        format_lazy(_("Войдите администратором в личный кабинет {area} и откройте раздел «Уведомления»."), area=area),
        _("Проверьте, что подключена опция «API Базовый» или старше: без неё UIS не отправляет уведомления по HTTP."),
        _(
            "Для каждого события из списка создайте уведомление. Название любое, тип события – как в списке. "
            "Условия оставьте пустыми: отбором занимается интеграция."
        ),
        _("Включите канал HTTP: метод POST, адрес – тот, что показан здесь, время – всегда."),
        _(
            "Удалите текст, который предложил UIS, и вставьте текст из списка целиком. Кавычки вокруг двойных "
            "фигурных скобок не добавляйте."
        ),
        _(
            "Если UIS не сохраняет текст из-за переменной, отмеченной как необязательная, удалите строку с ней "
            "(и запятую перед закрывающей скобкой)."
        ),
        _("Сохраните и включите уведомление. Если старая интеграция UIS с Битрикс24 включена, отключите её."),
        _(
            "Сделайте пробный звонок, чат и заявку: у каждого события появится время последнего уведомления. "
            "Записи, теги и распознавание приходят через несколько минут после звонка."
        ),
    )


def addresses(credential: Credential, secret: str) -> Addresses:
    """The addresses of a credential with a secret that was just made; only its hash is kept."""
    events_url = settings.PUBLIC_URL + reverse("uis-events", args=[credential.uuid, secret])
    return Addresses(events_url, events_url.removesuffix("events/") + "route/")


def rotate_secret(credential_id: int, *, now: datetime, keep_previous: timedelta = ROTATION) -> Addresses:
    """Make a new secret; the one before stays valid for a while, so that notifications are moved one by one.

    The row is locked: of two administrators at once the second makes the first one's secret the previous, which stays
    valid. A secret that was the previous one before is dead from now on.
    """
    with transaction.atomic():
        credential = Credential.objects.select_for_update().get(pk=credential_id)
        until = now + keep_previous if credential.hook_secret_hash and keep_previous else None
        secret = credential.set_new_secret(keep_previous_until=until)
        credential.save(update_fields=["hook_secret_hash", "previous_hook_secret_hash", "previous_until"])
    return addresses(credential, secret)


def drop_previous_secret(credential_id: int) -> None:
    """End a rotation: only the newest secret is accepted from now on."""
    Credential.objects.filter(pk=credential_id).update(previous_hook_secret_hash="", previous_until=None)
