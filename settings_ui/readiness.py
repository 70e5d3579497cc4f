"""What usually keeps calls from reaching the CRM as they should, looked for when somebody asks «Проверить связь»."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from crm_bitrix import employees, events, other_origin
from crm_bitrix.actions import Command
from crm_bitrix.client import Client
from crm_bitrix.errors import PortalError
from crm_bitrix.installation import channel_of
from crm_bitrix.matching import Status
from integration import lanes, reports
from integration.models import Communication, Credential, InboxEvent, Portal, State
from integration.notifications import missing_events
from integration.trace import show_object, show_reason
from settings_ui.connection import BAD, GOOD, OFF, WAIT, Checked
from settings_ui.refusals import words_of

NAMED = 5
RECENT = timedelta(days=7)


def findings_of(portal: Portal, credential: Credential) -> tuple[Checked, ...]:
    """Everything that is looked at, in the order in which it hurts."""
    return (
        _check_rights(portal),
        _check_reports(credential),
        _check_notifications(credential),
        *_check_people(credential),
        _check_clicks(portal),
        _check_callbacks(portal),
        _check_doubles(portal, credential),
    )


def _check_rights(portal: Portal) -> Checked:
    title = _("Права подключившего администратора")
    try:
        is_admin = Client(portal, level=lanes.ROUTING_LEVEL).call(Command("user.admin"))
    except PortalError as error:
        words = words_of(error)
        return Checked(title, OFF, words.title, words.step)
    if is_admin:
        return Checked(title, GOOD, _("видит все лиды, сделки, контакты и компании"))
    return Checked(title, BAD, "", _("Пусть действующий администратор портала установит приложение ещё раз."))


def _check_reports(credential: Credential) -> Checked:
    troubles = reports.troubles(credential)
    title = _("Отчёты UIS читаются")
    return Checked(title, BAD, "", " ".join(troubles)) if troubles else Checked(title, GOOD)


def _check_notifications(credential: Credential) -> Checked:
    missing = missing_events(credential, kinds=("call", "chat", "request"))
    title = _("Каждое нужное уведомление хоть раз пришло")
    if not missing:
        return Checked(title, GOOD)
    names = ", ".join(str(template.label) for template in missing)
    remedy = _("Создайте в личном кабинете UIS те, которых нет, или сделайте пробный звонок, чат и заявку: {names}.")
    return Checked(title, WAIT, "", remedy.format(names=names))


def _check_people(credential: Credential) -> tuple[Checked, Checked, Checked]:
    board = employees.board(credential)
    linked = [row for row in board.rows if row.user is not None]
    lost = [row.employee.name for row in board.rows if row.match.status not in (Status.MATCHED, Status.NOBODY)]
    deaf = [row.employee.name for row in linked if not row.employee.extension]
    nameless = [user.name or user.email for user in employees.without_surname(credential.portal_id or 0)]
    return (
        _listed(
            _("Сотрудники сопоставлены"), lost, _("Свяжите вручную на вкладке «Главная»: {names}."), is_empty=not linked
        ),
        _listed(_("У сотрудников есть фамилия"), nameless, _("Заполните фамилию в профиле Битрикс24: {names}.")),
        _listed(_("У сотрудников есть внутренний номер"), deaf, _("Задайте внутренний номер в UIS: {names}.")),
    )


def _listed(title: str, names: list[str], remedy: str, *, is_empty: bool = False) -> Checked:
    if is_empty and not names:
        return Checked(title, BAD, "", _("Запустите синхронизацию: сотрудников ещё нет."))
    if not names:
        return Checked(title, GOOD)
    shown = ", ".join(names[:NAMED]) + (f" … +{len(names) - NAMED}" if len(names) > NAMED else "")
    return Checked(title, WAIT, "", remedy.format(names=shown))


def _check_clicks(portal: Portal) -> Checked:
    remedy = _(
        "Битрикс24 → Телефония → Настройка телефонии: выберите номер UIS номером по умолчанию для исходящих звонков "
        "и нажмите на телефон в карточке клиента."
    )
    return _seen(portal, _("Звонок по клику хоть раз пришёл к нам"), events.CALL_START, remedy)


def _check_callbacks(portal: Portal) -> Checked:
    remedy = _("Если нужен обратный звонок, выберите в CRM-форме линию UIS и отправьте пробную форму.")
    return _seen(portal, _("Обратный звонок из CRM-формы хоть раз пришёл к нам"), events.CALLBACK_START, remedy)


def _seen(portal: Portal, title: str, name: str, remedy: str) -> Checked:
    found = InboxEvent.objects.filter(channel=channel_of(portal), name=name)
    return Checked(title, GOOD) if found.exists() else Checked(title, OFF, "", remedy)


def _check_doubles(portal: Portal, credential: Credential) -> Checked:
    title = _("Прежняя интеграция UIS выключена")
    calls = Communication.objects.filter(credential=credential, kind="call", state=State.DONE).exclude(client_phone="")
    last = calls.filter(started_at__gt=timezone.now() - RECENT).order_by("-started_at").first()
    if last is None:
        return Checked(title, OFF, _("станет видно после первого переданного звонка"))
    try:
        doubles = other_origin.count_doubles(portal, last)
    except PortalError as error:
        words = words_of(error)
        return Checked(title, OFF, words.title, words.step)
    if not doubles:
        return Checked(title, GOOD)
    remedy = _("Последний звонок записан в портал ещё кем-то. Отключите прежнюю интеграцию UIS с Битрикс24.")
    return Checked(title, BAD, "", remedy)


def last_call(portal: Portal) -> tuple[Checked, ...]:
    """The way of the newest call, step by step; nothing while there is none."""
    call = Communication.objects.filter(portal=portal, kind="call").order_by("-started_at", "-pk").first()
    if call is None:
        return ()
    looks: dict[str, Any] = {State.DONE: GOOD, State.FAILED: BAD, State.IGNORED: OFF}
    told = call.events.order_by("pk").values_list("name", flat=True)
    steps = [
        Checked(
            _("Уведомления о звонке получены"), GOOD if told else WAIT, ", ".join(dict.fromkeys(filter(None, told)))
        ),
        Checked(_("Звонок разобран по настройкам"), GOOD if call.trace else WAIT, show_reason(call.reason)),
        Checked(
            _("Звонок передан в CRM"),
            looks.get(call.state, WAIT),
            show_object(call.crm_object) if ":" in call.crm_object else call.get_state_display(),
        ),
    ]
    for record in call.records.order_by("pk").defer("link"):
        look = GOOD if record.state == "done" else BAD if record.state == "failed" else WAIT
        steps.append(Checked(_("Запись разговора"), look, record.error or record.get_state_display()))
    return tuple(steps)
