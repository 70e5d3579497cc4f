"""Every trouble that people are told of: what it is called, what helps, and whom it concerns. One table.

Each cause has a chapter of its own under "Alerts" in docs/operations.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Cause:
    """What is wrong and what to do about it, in the language of the reader.

    `stops`: nothing is carried over while it lasts. `is_for_portal`: the portal's administrators are told, not only
    the staff. `is_reachable`: the portal can be told while it lasts; otherwise afterwards. `reminds`: said again each
    day. `has_end`: that it is over is news too.
    """

    title: str | Promise
    remedy: str | Promise
    stops: bool = False
    is_for_portal: bool = True
    is_reachable: bool = True
    reminds: bool = True
    has_end: bool = True


def _hold(title: str | Promise, remedy: str | Promise, *, reminds: bool = True) -> Cause:
    return Cause(title, remedy, stops=True, is_reachable=False, reminds=reminds)


def _staff(title: str | Promise, remedy: str | Promise, *, stops: bool = True) -> Cause:
    return Cause(title, remedy, stops=stops, is_for_portal=False)


WAITS = _("Принятые звонки, чаты и заявки не пропадут и будут переданы.")

OTHER = _hold(_("работа с порталом остановлена"), _("Откройте приложение в Битрикс24 под администратором."))

CAUSES: Mapping[str, Cause] = {
    # the portal is on hold
    "token": _hold(
        _("Битрикс24 не принимает доступ приложения"),
        _("Администратор портала должен открыть приложение «UIS» в Битрикс24: доступ обновится сам."),
    ),
    "payment": _hold(
        _("приложение или портал Битрикс24 не оплачены"),
        _("Оплатите тариф или подписку в Битрикс24. Работа продолжится сама."),
    ),
    "access_denied": _hold(
        _("Битрикс24 закрыл приложению доступ"),
        _("Проверьте тариф портала и права на приложение, затем откройте приложение под администратором."),
    ),
    "not_installed": _hold(
        _("приложения на портале больше нет"),
        _("Установите приложение «UIS» на портале ещё раз: настройки сохранены."),
    ),
    "uninstalled": _hold(
        _("приложение удалено с портала"),
        _("Если это произошло по ошибке, установите его снова: журнал и настройки сохранены."),
        reminds=False,
    ),
    "overload": _hold(
        _("Битрикс24 заблокировал портал из-за нагрузки"),
        _("Обратитесь в поддержку Битрикс24: блокировку снимают вручную."),
    ),
    "wrong_client": _hold(
        _("Битрикс24 не узнаёт приложение"),
        _("Проверьте ключи приложения на сервере интеграции."),
    ),
    "held_by_hand": _hold(
        _("передача остановлена сотрудником сервиса"),
        _("Обратитесь в поддержку интеграции."),
    ),
    "held": OTHER,
    # the portal does not keep pace
    "portal_away": Cause(
        _("портал Битрикс24 не отвечает"),
        _("Проверьте, открывается ли портал. Запросы повторяются сами."),
        stops=True,
        is_reachable=False,
    ),
    "queue_late": Cause(
        _("очередь отстаёт больше чем на полчаса"),
        _("Если отставание растёт, обратитесь в поддержку интеграции."),
    ),
    # UIS
    "uis_key": Cause(
        _("UIS не принимает ключ API"),
        _("Создайте новый ключ в личном кабинете UIS и вставьте его в учётные данные."),
    ),
    "uis_account": Cause(
        _("аккаунт UIS отключён"),
        _("Проверьте баланс и договор в личном кабинете UIS. Работа продолжится сама."),
        stops=True,
    ),
    "uis_ip": Cause(
        _("UIS не принимает запросы с адреса интеграции"),
        _("Добавьте адрес в белый список в личном кабинете UIS: «Правила и настройки безопасности» → «API»."),
    ),
    "uis_points": Cause(
        _("баллы API UIS исчерпаны больше часа"),
        _("Проверьте, кто ещё пользуется API этого аккаунта, или увеличьте лимит через менеджера UIS."),
    ),
    "uis_away": Cause(
        _("UIS не отвечает больше получаса"),
        _("Делать ничего не нужно: запросы повторяются сами. Уведомления о звонках принимаются."),
    ),
    "uis_refused": Cause(
        _("UIS отклоняет часть запросов сверки"),
        _("Дайте права пользователю, которому принадлежит ключ API, или создайте ключ с полными правами."),
    ),
    "no_notifications": Cause(
        _("уведомления UIS не приходят, хотя звонки есть"),
        _("Проверьте в личном кабинете UIS адрес уведомлений. Пока звонки попадают в CRM с задержкой."),
    ),
    "gap": Cause(
        _("в журнале меньше обращений, чем в UIS"),
        _("Откройте журнал и запустите сверку за эти дни."),
    ),
    "failures": Cause(
        _("много обращений с ошибкой"),
        _("Откройте журнал с отбором «Ошибка»: причина написана у каждого обращения, исправленные можно повторить."),
    ),
    "records": Cause(
        _("записи части звонков не переданы"),
        _("Откройте журнал с отбором «Ошибка записи»: у звонка написано, почему, и её можно передать ещё раз."),
        reminds=False,
        has_end=False,
    ),
    # daily, before it hurts
    "token_owner": Cause(
        _("подключивший приложение больше не администратор портала"),
        _("С урезанными правами возможны дубли. Пусть действующий администратор установит приложение ещё раз."),
    ),
    "default_responsible": Cause(
        _("ответственный по умолчанию уволен"),
        _("Назначьте нового в настройках. Пока ответственным становится подключивший приложение администратор."),
    ),
    "required_fields": Cause(
        _("обязательные поля CRM не заполняются"),
        _("Сопоставьте им значение в настройках полей или сделайте их необязательными в CRM."),
    ),
    "broken_settings": Cause(
        _("настройки ссылаются на то, чего больше нет"),
        _("Откройте настройки: эти места отмечены. Выберите другое значение."),
    ),
    # news
    "crm_mode": Cause(
        _("режим CRM портала изменился"),
        _("Проверьте в настройках, что создавать для новых клиентов, и обновите воронки и стадии."),
        reminds=False,
        has_end=False,
    ),
    # the service itself
    "worker_stopped": _staff(_("очередь сервиса стоит"), _("Перезапустите процесс worker.")),
    "tick_stopped": _staff(_("часы сервиса стоят"), _("Перезапустите процесс tick."), stops=False),
}
