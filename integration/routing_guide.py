"""Setting up the forwarding to the personal manager in a UIS account: steps, parameters, branches.

No interface of UIS changes a scenario, so an administrator adds the operation by hand. Screens show this; nothing here
is HTTP. Source: https://comagic.github.io/interactive_call_processing/
"""

from dataclasses import dataclass
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from integration.models import Credential
from integration.rules.ruleset import NOT_FOUND_CODE

METHOD = "GET"
"""Recommended: how UIS encodes a POST is not documented. Both are understood."""


@dataclass(frozen=True)
class Parameter:
    """What the operation is to send. The needed ones decide, the others are accepted and not used."""

    name: str
    label: Any
    is_needed: bool = False


@dataclass(frozen=True)
class Branch:
    """An exit of the operation, as the scenario editor shows it, and where it should lead."""

    exit: Any
    when: Any
    lead_to: Any


PARAMETERS: tuple[Parameter, ...] = (
    Parameter("numa", _("номер клиента"), is_needed=True),
    Parameter("direction", _("направление звонка")),
    Parameter("numb", _("виртуальный номер")),
    Parameter("call_session_id", _("номер звонка")),
    Parameter("start_time", _("время начала")),
    Parameter("input_result", _("введённые клиентом цифры")),
)

BRANCHES: tuple[Branch, ...] = (
    Branch(
        format_lazy(_("Код {code} – «не найден»"), code=NOT_FOUND_CODE),
        _("клиента нет в CRM, ответственный уволен или не на работе, портал занят или не ответил вовремя"),
        _("то, что было в сценарии до этой операции: меню или группа сотрудников"),
    ),
    Branch(
        _("Ошибка запроса"),
        _("интеграция недоступна или UIS не дождался ответа"),
        _("туда же, куда и «не найден»: без этой ветки звонок оборвётся"),
    ),
    Branch(
        _("Ошибка дозвона"),
        _("персональный менеджер найден, но не ответил или занят"),
        _("группа сотрудников, которая его заменяет"),
    ),
)


def steps(credential: Credential) -> tuple[Any, ...]:
    """What the administrator does in the account area, step by step; the address is `Addresses.route_url`."""
    return (
        _("Включите здесь «Переадресацию на персонального менеджера» и сохраните настройки."),
        format_lazy(
            _(
                "Откройте в личном кабинете {brand} сценарий входящих звонков и поставьте операцию «Интерактивная "
                "обработка вызова» первой, до меню и групп сотрудников."
            ),
            brand=credential.get_brand_display(),
        ),
        format_lazy(
            _("Укажите адрес, показанный здесь, и метод {method}. Адрес содержит секрет: никому его не пересылайте."),
            method=METHOD,
        ),
        _("Отметьте передаваемые параметры. Обязателен numa – номер клиента; остальные из списка можно добавить."),
        format_lazy(
            _("Добавьте код возврата {code} и проведите от него ветку «не найден» к прежнему ходу сценария."),
            code=NOT_FOUND_CODE,
        ),
        _("Проведите ветки ошибки запроса и ошибки дозвона: клиент не должен остаться без ответа ни в одном случае."),
        _(
            "Проверьте, что внутренние номера сотрудников в Битрикс24 и в UIS совпадают. У кого внутреннего номера "
            "нет, тому звонок придёт на рабочий телефон из его профиля."
        ),
        _(
            "Позвоните с номера, который есть в CRM: в списке последних вопросов появятся номер, ответ, причина и "
            "время ответа. На ответ отводится полторы секунды, после этого звонок идёт по ветке «не найден»."
        ),
    )
