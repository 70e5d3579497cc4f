"""What UIS's refusals mean: every documented mnemonic → what becomes of the request, and what the administrator does.

Source: https://comagic.github.io/data_api/ and https://comagic.github.io/call_api/, chapters on errors. The HTTP status
of an error is not documented, so only the body decides.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from integration.events import whole_number
from integration.remote import Outcome


class Effect(StrEnum):
    """What an error means for the request and for the rest of the account's work."""

    RETRY = "retry"  # passes by itself
    LIMIT = "limit"  # all requests of the account wait until points are back
    HOLD = "hold"  # no request of the account works until somebody acts
    UNAVAILABLE = "unavailable"  # this account does not have what the method needs; the others go on
    REFUSED = "refused"  # this request is wrong as it stands; the others go on


class UisError(Exception):
    """A request to UIS that brought nothing usable.

    `instruction` is for the administrator, in his language when it is shown: cause, effect, next step. `is_permanent`:
    repeating changes nothing before somebody acts. `is_hold`: the other requests of the account would fail as well.
    `retry_at`: the moment UIS named. `outcome`: whether UIS may have acted on the request nevertheless.
    """

    def __init__(
        self,
        message: str,
        *,
        mnemonic: str,
        instruction: Any,
        effect: Effect,
        retry_at: datetime | None = None,
        outcome: Outcome = Outcome.NOT_SENT,
    ) -> None:
        super().__init__(message)
        self.mnemonic = mnemonic
        self.instruction = instruction
        self.effect = effect
        self.retry_at = retry_at
        self.outcome = outcome

    @property
    def is_permanent(self) -> bool:
        return self.effect in (Effect.HOLD, Effect.UNAVAILABLE, Effect.REFUSED)

    @property
    def is_hold(self) -> bool:
        return self.effect in (Effect.HOLD, Effect.LIMIT)


class ShortRead(UisError):
    """Fewer rows came than UIS said there are. What was read must not be taken for everything."""


@dataclass(frozen=True)
class Meaning:
    """One row of the table: the effect, and the instruction with `{method}`, `{field}`, `{ip}` where it names them."""

    effect: Effect
    instruction: Any


_KEY = _(
    "UIS не принимает ключ API: {cause}. Звонки, чаты и заявки из UIS не сверяются, звонки по клику не работают. "
    "Создайте новый ключ в личном кабинете UIS («Управление пользователями» → пользователь → «Ключи API») "
    "и вставьте его в учётные данные.{more}"
)
_OURS = _(
    "UIS отклонил запрос «{method}» как составленный неверно (поле «{field}»). Это ошибка интеграции, а не ваших "
    "настроек: остальное продолжает работать. Передайте это сообщение в поддержку интеграции."
)
_DEAD = _(
    "UIS отклонил запрос «{method}»: того, на что он ссылается (поле «{field}»), в аккаунте больше нет или оно "
    "не подходит. Этот запрос не выполнен. Обновите справочники UIS в настройках и выберите значение заново."
)
_AGAIN = _("UIS временно не справился с запросом «{method}». Он будет повторён сам, делать ничего не нужно.")
_OPTION = _(
    "В аккаунте UIS не подключён компонент, который нужен для «{method}». Эта часть интеграции выключена, остальное "
    "работает. Если она нужна, подключите компонент в личном кабинете UIS («Тарифы и опции») или через менеджера UIS."
)
_LIMIT = _(
    "Баллы API UIS исчерпаны ({field}). Сверка с отчётами UIS приостановлена и продолжится сама, когда баллы вернутся; "
    "уведомления о звонках принимаются. Если это повторяется, проверьте, кто ещё пользуется API этого аккаунта, "
    "или увеличьте лимит через менеджера UIS."
)
_NOT_CONNECTED = _("Нет ответа от UIS на запрос «{method}». Проверьте, доступен ли UIS; запрос будет повторён сам.")
_MAY_RING = _(
    "UIS не ответил, и начат ли звонок, неизвестно. Сам запрос не повторяется, чтобы не позвонить дважды. "
    "Если телефон не зазвонил за 15 секунд, позвоните ещё раз."
)
_DOES_NOT_RING = _(
    "Звонок не начат: UIS сейчас недоступен или исчерпаны баллы Call API. Позвоните ещё раз через минуту."
)


def _key(cause: Any, more: Any = "") -> Meaning:
    return Meaning(Effect.HOLD, format_lazy(_KEY, cause=cause, more=more))


def _refused(text: Any) -> Meaning:
    return Meaning(Effect.REFUSED, text)


_OUR_MISTAKE = Meaning(Effect.REFUSED, _OURS)
_DEAD_REFERENCE = Meaning(Effect.REFUSED, _DEAD)
_PASSES = Meaning(Effect.RETRY, _AGAIN)

MEANINGS: Mapping[str, Meaning] = {
    # access: nothing works until somebody acts
    "access_token_expired": _key(_("срок ключа истёк")),
    "access_token_blocked": _key(_("ключ заблокирован")),
    "access_token_invalid": _key(
        _("такого ключа нет"), _(" Проверьте и бренд: ключ аккаунта UIS не подходит для CoMagic и CallGear.")
    ),
    "auth_error": _key(_("вход не выполнен")),
    "ip_not_whitelisted": Meaning(
        Effect.HOLD,
        _(
            "UIS не принимает запросы с адреса интеграции {ip}. Сверка и звонки по клику не работают. Добавьте адрес "
            "{ip} в личном кабинете UIS: «Администратор» → «Аккаунт» → «Правила и настройки безопасности» → «API». "
            "После этого работа продолжится сама."
        ),
    ),
    "account_inactive": Meaning(
        Effect.HOLD,
        _(
            "Аккаунт UIS отключён. Данные из UIS не поступают, звонки по клику не работают. "
            "Проверьте баланс и договор в личном кабинете UIS; после включения работа продолжится сама."
        ),
    ),
    "forbidden": _refused(
        _(
            "У пользователя UIS, которому принадлежит ключ API, нет права на «{method}». Этот запрос не выполняется, "
            "остальное работает. Дайте ему это право в личном кабинете UIS («Управление пользователями»; для звонков – "
            "отметка «Доступ к Call API») или создайте ключ под пользователем с полными правами."
        )
    ),
    # points and the server's own trouble
    "limit_exceeded": Meaning(Effect.LIMIT, _LIMIT),
    "internal_error": _PASSES,
    # what the account does not have
    "method_component_disabled": Meaning(Effect.UNAVAILABLE, _OPTION),
    "component_disabled": Meaning(Effect.UNAVAILABLE, _OPTION),
    "parameter_component_disabled": _refused(_OPTION),
    "tariff_restrictions": _refused(
        _("Тариф UIS не позволяет «{method}». Запрос не выполнен. Уточните условия тарифа у менеджера UIS.")
    ),
    "data_limit_exceeded": _refused(
        _("В аккаунте UIS достигнут предел числа записей для «{method}». Удалите лишние записи или расширьте тариф.")
    ),
    # calls
    "direction_forbidden": _refused(
        _(
            "Правила безопасности UIS запрещают звонить на этот номер или в эту страну. Звонок не начат. Разрешите "
            "направление в личном кабинете UIS («Правила и настройки безопасности») или через менеджера UIS."
        )
    ),
    "contact_in_blacklist": _refused(
        _("Номер клиента в чёрном списке UIS. Звонок не начат. Уберите номер из чёрного списка, чтобы позвонить.")
    ),
    "virtual_phone_number_not_found": _refused(
        _(
            "Виртуального номера, с которого нужно звонить, в аккаунте UIS нет или он отключён. Звонок не начат. "
            "Обновите справочники UIS и выберите другой номер на вкладке «Телефония»."
        )
    ),
    "employee_not_found": _refused(
        _("Сотрудника в UIS больше нет. Звонок не начат. Обновите справочники UIS и свяжите сотрудника заново.")
    ),
    "no_active_phone_number": _refused(
        _(
            "У сотрудника в UIS нет активного телефона. Звонок не начат. Добавьте или включите ему номер в личном "
            "кабинете UIS («Сотрудники»)."
        )
    ),
    "own_virtual_phone_number_not_allowed": _refused(
        _("Нельзя звонить на собственный виртуальный номер UIS. Звонок не начат. Проверьте номер клиента.")
    ),
    "scenario_not_found": _refused(
        _(
            "Сценария, выбранного для обратных звонков, в UIS больше нет. Звонок не начат. Обновите справочники UIS "
            "и выберите сценарий заново на вкладке «Телефония»."
        )
    ),
    "media_file_not_found": _DEAD_REFERENCE,
    "call_session_not_found": _refused(
        _("Звонок уже завершён, «{method}» к нему не применить. Ничего делать не нужно.")
    ),
    "invalid_state": _refused(_("Звонок сейчас не в том состоянии, чтобы выполнить «{method}». Попробуйте ещё раз.")),
    "tts_text_exceeded": _refused(
        _("Текст сообщения длиннее, чем позволяет тариф UIS. Звонок не начат. Сократите текст.")
    ),
    "character_encoding_not_allowed": _refused(
        _("UIS не произносит некоторые знаки в тексте сообщения. Звонок не начат. Оставьте буквы, цифры и точки.")
    ),
    # dead references
    "entity_not_found": _DEAD_REFERENCE,
    "campaign_is_inactive": _DEAD_REFERENCE,
    "duplicate_entity": _DEAD_REFERENCE,
    "already_in_use": _DEAD_REFERENCE,
    "dependency_error": _DEAD_REFERENCE,
    # our own mistakes
    "parse_error": _OUR_MISTAKE,
    "invalid_request": _OUR_MISTAKE,
    "method_not_found": _OUR_MISTAKE,
    "data_type_error": _OUR_MISTAKE,
    "required_parameter_missed": _OUR_MISTAKE,
    "invalid_parameter_value": _OUR_MISTAKE,
    "unexpected_parameters": _OUR_MISTAKE,
    "invalid_parameters_combination": _OUR_MISTAKE,
    "error": _OUR_MISTAKE,
    "sort_prohibited": _OUR_MISTAKE,
    "filter_prohibited": _OUR_MISTAKE,
    "date_interval_limit_reached": _OUR_MISTAKE,
    "invalid_date_time": _OUR_MISTAKE,
    "batch_opreations_not_supported": _OUR_MISTAKE,  # the vendor's spelling
    "notifications_not_supported": _OUR_MISTAKE,
    # ours: no answer of UIS at all
    "no_answer": Meaning(Effect.RETRY, _NOT_CONNECTED),
    "unreadable_answer": _PASSES,
    "short_read": _PASSES,
    "too_many_rows": _OUR_MISTAKE,
}
ACCOUNT_CODES = tuple(
    mnemonic for mnemonic, meaning in MEANINGS.items() if meaning.effect in (Effect.HOLD, Effect.LIMIT, Effect.RETRY)
)
"""What ails all requests of an account: the first that succeeds proves that it is over."""

_BY_CODE: Mapping[int, str] = {
    -32700: "parse_error",
    -32600: "invalid_request",
    -32601: "method_not_found",
    -32602: "error",
    -32603: "internal_error",
    -32001: "auth_error",
    -32002: "direction_forbidden",
    -32003: "forbidden",
    -32004: "invalid_state",
    -32007: "virtual_phone_number_not_found",
    -32008: "component_disabled",
    -32009: "account_inactive",
    -32029: "limit_exceeded",
    -32099: "invalid_request",
}
"""What a mnemonic that the vendor added later, or did not send, is taken for."""


_SPANS = {"minute": _("лимит на минуту"), "day": _("лимит на сутки")}


def make_error(
    mnemonic: str,
    message: str,
    *,
    method: str,
    outcome: Outcome = Outcome.NOT_SENT,
    field: Any = None,
    ip: str = "",
    retry_at: datetime | None = None,
) -> UisError:
    """The error of a mnemonic of the table."""
    meaning = MEANINGS[mnemonic]
    kind = ShortRead if mnemonic in ("short_read", "too_many_rows") else UisError
    words = meaning.instruction
    if method.startswith("start.") and meaning.effect in (Effect.RETRY, Effect.LIMIT):
        words = _MAY_RING if outcome is Outcome.UNKNOWN else _DOES_NOT_RING
    instruction = format_lazy(words, method=method, field=field or "–", ip=ip or _("(адрес сервера интеграции)"))
    return kind(
        f"{method}: {message}",
        mnemonic=mnemonic,
        instruction=instruction,
        effect=meaning.effect,
        retry_at=retry_at,
        outcome=outcome,
    )


def read_error(error: Mapping[str, Any], *, method: str, now: datetime) -> UisError:
    """The error of the `error` object of an answer. Its `value` is never repeated: it may be the key itself."""
    told = _object(error, "data")
    mnemonic, code = told.get("mnemonic"), whole_number(error, "code")
    row = mnemonic if isinstance(mnemonic, str) and mnemonic in MEANINGS else _BY_CODE.get(code or 0, "internal_error")
    params = _object(told, "params")
    made = make_error(
        row,
        f"{_short(mnemonic) or row} ({code})",
        method=method,
        field=_SPANS.get(_short(params.get("limit_type"))) if row == "limit_exceeded" else _short(told.get("field")),
        ip=_address(params.get("ip")),
        retry_at=_points_back_at(told, now) if row == "limit_exceeded" else None,
        # After its own failure UIS may have acted all the same; after a refusal it has not.
        outcome=Outcome.UNKNOWN if row == "internal_error" else Outcome.NOT_SENT,
    )
    made.mnemonic = _short(mnemonic) or row
    return made


def _points_back_at(told: Mapping[str, Any], now: datetime) -> datetime | None:
    is_day = _object(told, "params").get("limit_type") == "day"
    limits = _object(_object(told, "metadata"), "limits")
    left = whole_number(limits, "day_reset" if is_day else "minute_reset")
    return None if left is None else now + timedelta(seconds=min(max(left, 1), 90_000))


def _object(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _short(value: Any) -> str:
    return value[:60] if isinstance(value, str) else ""


def _address(value: Any) -> str:
    try:
        return str(ipaddress.ip_address(value)) if isinstance(value, str) else ""
    except ValueError:
        return ""
