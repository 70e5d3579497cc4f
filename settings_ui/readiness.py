"""What usually keeps calls from reaching the CRM as they should, looked for when somebody asks «Проверить связь»."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm_bitrix import employees, events, other_origin
from crm_bitrix.actions import Command
from crm_bitrix.client import Client
from crm_bitrix.errors import PortalError
from crm_bitrix.installation import channel_of
from crm_bitrix.matching import Person, Status
from integration import lanes, reports
from integration.models import Communication, Credential, InboxEvent, Portal, State
from integration.notifications import missing_events
from integration.reasons import show_reason
from integration.trace import show_object
from settings_ui.connection import BAD, GOOD, OFF, STATES, WAIT, Checked
from settings_ui.refusals import words_of

NAMED = 5
FOUND = {
    GOOD: gettext_lazy("в порядке"),
    BAD: gettext_lazy("не в порядке"),
    WAIT: gettext_lazy("посмотрите"),
}
RECENT = timedelta(days=7)


class Finding(Checked):
    """Something that is as it should be, or is worth a look."""

    @property
    def state(self) -> Any:
        return FOUND.get(self.look, STATES[OFF])


def findings_of(portal: Portal, credential: Credential) -> tuple[Finding, ...]:
    """Everything that is looked at, in the order in which it hurts."""
    return (
        _check_rights(portal),
        _check_reports(credential),
        _check_notifications(credential),
        *_check_people(credential),
        _check_clicks(portal),
        _check_callbacks(portal),
        _check_zones(portal, credential),
        _check_doubles(portal, credential),
    )


def _check_rights(portal: Portal) -> Finding:
    title = _("Права подключившего администратора")
    try:
        is_admin = Client(portal, level=lanes.ROUTING_LEVEL).call(Command("user.admin"))
    except PortalError as error:
        words = words_of(error)
        return Finding(title, OFF, words.title, words.step)
    if is_admin:
        return Finding(title, GOOD, _("видит все лиды, сделки, контакты и компании"))
    return Finding(title, BAD, "", _("Пусть действующий администратор портала установит приложение ещё раз."))


def _check_reports(credential: Credential) -> Finding:
    troubles = reports.troubles(credential)
    title = _("Отчёты UIS читаются")
    return Finding(title, BAD, "", " ".join(troubles)) if troubles else Finding(title, GOOD)


def _check_notifications(credential: Credential) -> Finding:
    missing = missing_events(credential, kinds=("call", "chat", "request"))
    title = _("Каждое нужное уведомление хоть раз пришло")
    if not missing:
        return Finding(title, GOOD)
    names = ", ".join(str(template.label) for template in missing)
    remedy = _("Создайте в личном кабинете UIS те, которых нет, или сделайте пробный звонок, чат и заявку: {names}.")
    return Finding(title, WAIT, "", remedy.format(names=names))


def _check_people(credential: Credential) -> tuple[Finding, Finding, Finding]:
    board = employees.board(credential)
    linked = [row for row in board.rows if row.user is not None]
    lost = [_called(row.employee) for row in board.rows if row.match.status not in (Status.MATCHED, Status.NOBODY)]
    deaf = [_called(row.employee) for row in linked if not row.employee.extension]
    nameless = [_called(user) for user in employees.without_surname(credential.portal_id or 0)]
    return (
        _listed(
            _("Сотрудники сопоставлены"), lost, _("Свяжите вручную на вкладке «Главная»: {names}."), is_empty=not linked
        ),
        _listed(_("У сотрудников есть фамилия"), nameless, _("Заполните фамилию в профиле Битрикс24: {names}.")),
        _listed(_("У сотрудников есть внутренний номер"), deaf, _("Задайте внутренний номер в UIS: {names}.")),
    )


def _called(person: Person) -> str:
    return person.name or person.email or f"№ {person.id}"


def _listed(title: str, names: list[str], remedy: str, *, is_empty: bool = False) -> Finding:
    if is_empty and not names:
        return Finding(title, BAD, "", _("Запустите синхронизацию: сотрудников ещё нет."))
    if not names:
        return Finding(title, GOOD)
    shown = ", ".join(names[:NAMED]) + (f" … +{len(names) - NAMED}" if len(names) > NAMED else "")
    return Finding(title, WAIT, "", remedy.format(names=shown))


def _check_clicks(portal: Portal) -> Finding:
    remedy = _(
        "Битрикс24 → Телефония → Настройка телефонии: выберите номер UIS номером по умолчанию для исходящих звонков "
        "и нажмите на телефон в карточке клиента."
    )
    return _seen(portal, _("Звонок по клику хоть раз пришёл к нам"), events.CALL_START, remedy)


def _check_callbacks(portal: Portal) -> Finding:
    remedy = _("Если нужен обратный звонок, выберите в CRM-форме линию UIS и отправьте пробную форму.")
    return _seen(portal, _("Обратный звонок из CRM-формы хоть раз пришёл к нам"), events.CALLBACK_START, remedy)


def _seen(portal: Portal, title: str, name: str, remedy: str) -> Finding:
    found = InboxEvent.objects.filter(channel=channel_of(portal), name=name)
    return Finding(title, GOOD) if found.exists() else Finding(title, OFF, "", remedy)


def _check_zones(portal: Portal, credential: Credential) -> Finding:
    now, title = timezone.now(), _("Часовой пояс UIS – тот же, что в Битрикс24")
    if now.astimezone(credential.zone).utcoffset() == now.astimezone(portal.zone).utcoffset():
        return Finding(title, GOOD, credential.uis_time_zone)
    remedy = _("В UIS – {uis}, в Битрикс24 – {portal}. Условия и названия считают время по UIS, журнал – по Битрикс24.")
    return Finding(title, WAIT, "", remedy.format(uis=credential.uis_time_zone, portal=portal.time_zone))


def _check_doubles(portal: Portal, credential: Credential) -> Finding:
    title = _("Прежняя интеграция UIS выключена")
    calls = Communication.objects.filter(credential=credential, kind="call", state=State.DONE).exclude(client_phone="")
    recent = calls.filter(started_at__gt=timezone.now() - RECENT, external_id="")  # began at UIS
    last = recent.order_by("-started_at").first()
    if last is None:
        return Finding(title, OFF, _("станет видно после первого переданного звонка"))
    try:
        doubles = other_origin.count_doubles(portal, last)
    except PortalError as error:
        words = words_of(error)
        return Finding(title, OFF, words.title, words.step)
    if not doubles:
        return Finding(title, GOOD)
    remedy = _("Последний звонок записан в портал ещё кем-то. Отключите прежнюю интеграцию UIS с Битрикс24.")
    return Finding(title, BAD, "", remedy)


def last_call(portal: Portal) -> tuple[Finding, ...]:
    """The way of the newest call, step by step; nothing while there is none."""
    call = Communication.objects.filter(portal=portal, kind="call").order_by("-started_at", "-pk").first()
    if call is None:
        return ()
    looks: dict[str, Any] = {State.DONE: GOOD, State.FAILED: BAD, State.IGNORED: OFF}
    told = call.events.order_by("pk").values_list("name", flat=True)
    steps = [
        Finding(
            _("Уведомления о звонке получены"), GOOD if told else WAIT, ", ".join(dict.fromkeys(filter(None, told)))
        ),
        Finding(_("Звонок разобран по настройкам"), GOOD if call.trace else WAIT, show_reason(call.reason)),
        Finding(
            _("Звонок передан в CRM"),
            looks.get(call.state, WAIT),
            show_object(call.crm_object) if ":" in call.crm_object else call.get_state_display(),
        ),
    ]
    for record in call.records.order_by("pk").defer("link"):
        look = GOOD if record.state == "done" else BAD if record.state == "failed" else WAIT
        steps.append(Finding(_("Запись разговора"), look, show_reason(record.error) or record.get_state_display()))
    return tuple(steps)
