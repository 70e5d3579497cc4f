"""What people read when a call that they asked for in the portal cannot be made, in the portal's language. Pure.

The journal is read in its reader's language: it stores the reason in Russian, like every other, and translates it.
"""

from collections.abc import Mapping

STORED = "ru"
_TEXTS: Mapping[str, Mapping[str, str]] = {
    "ru": {
        "click": "Звонок на {phone} не начат. {why}",
        "callback": "Клиент {phone} ждёт обратного звонка из формы, звонок не начат. {why}",
        "number": "Номер телефона в карточке не читается. Исправьте его и позвоните ещё раз.",
        "employee": (
            "Вы не связаны с сотрудником UIS. Попросите администратора выбрать вам сотрудника в настройках "
            "интеграции UIS: «Главная» → «Сотрудники»."
        ),
        "colleague": (
            "Сотрудник, выбранный для обратных звонков, не связан с сотрудником UIS. Администратору: свяжите его "
            "в настройках интеграции UIS, «Главная» → «Сотрудники». Перезвоните клиенту сами."
        ),
        "line": (
            "Не задан номер UIS, с которого звонить. Администратору: обновите справочники UIS или выберите номер "
            "в настройках интеграции UIS, вкладка «Телефония»."
        ),
        "off": (
            "Обратный звонок из форм выключен в настройках интеграции UIS, вкладка «Телефония». "
            "Перезвоните клиенту сами."
        ),
        "stale": "Устарело: запрос пришёл слишком поздно. Позвоните ещё раз.",
        "silent": (
            "UIS не подтвердил, что звонок начат, и больше ничего о нём не сообщил. Сам он не повторяется, чтобы не "
            "позвонить дважды. Если телефон не звонил, позвоните ещё раз."
        ),
    },
    "en": {
        "click": "The call to {phone} was not started. {why}",
        "callback": "The client {phone} waits for a callback from a form; the call was not started. {why}",
        "number": "The phone number cannot be read. Correct it and call again.",
        "employee": (
            "You are not matched with an employee of UIS. Ask the administrator to choose one for you in the settings "
            "of the UIS integration: Main, Employees."
        ),
        "colleague": (
            "The employee chosen for callbacks is not matched with an employee of UIS. Administrator: match them in "
            "the settings of the UIS integration, Main, Employees. Please call the client yourself."
        ),
        "line": (
            "No UIS number to call from is known. Administrator: synchronise with UIS or choose a number in the "
            "settings of the UIS integration, tab Telephony."
        ),
        "off": (
            "Callbacks from forms are switched off in the settings of the UIS integration, tab Telephony. "
            "Please call the client yourself."
        ),
        "stale": "Out of date: the request came too late. Please call again.",
        "silent": (
            "UIS has not confirmed that the call was started, and told nothing more of it. It is not repeated, so that "
            "nobody is called twice. If no phone rang, please call again."
        ),
    },
}
CODES = frozenset(_TEXTS["en"]) - {"click", "callback"}


def explain(code: str, language: str) -> str:
    """Why the call was not made, and what to do; a text that is no code of ours, such as UIS's, is itself."""
    return _TEXTS.get(language, _TEXTS["en"])[code] if code in CODES else code


def notice(name: str, *, phone: str, why: str, language: str) -> str:
    """The notification about a click or a callback that was not made."""
    return _TEXTS.get(language, _TEXTS["en"])[name].format(phone=phone, why=why)
