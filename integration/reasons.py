"""Why a communication, an action or a recording stands as it does: the texts that are stored, and their translations.

Decisions and the lane store their reasons in Russian, as they are; whoever shows one translates it.
"""

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from integration.fact_names import fact_name, operator_name
from integration.retention import OUTDATED
from integration.withheld import HANDED_OVER, SKIPPED

FILTERED = gettext_noop("не прошёл фильтр")
# Of one with particulars behind a colon the head is translated, and they are where they are words of ours.
REASONS = (
    FILTERED,
    OUTDATED,
    gettext_noop("создан лид"),
    gettext_noop("создана сделка"),
    gettext_noop("передан на найденного клиента"),
    gettext_noop("передан без объекта CRM"),
    gettext_noop("идёт звонок"),
    gettext_noop("UIS набирает номер"),
    gettext_noop("UIS пока не начал звонок, следующая попытка"),
    gettext_noop("UIS не ответил, начат ли звонок: ждём его уведомлений"),
    gettext_noop("звонок по клику не состоялся"),
    gettext_noop("обратный звонок не состоялся"),
    gettext_noop("Устарело: запрос на звонок пришёл слишком поздно, звонок не начат"),
    gettext_noop("ждёт звонка сотруднику или конца"),
    gettext_noop("ждёт отчёта UIS о звонке"),
    gettext_noop("ждёт AI-анализа UIS: он нужен фильтру"),
    gettext_noop("этот звонок уже есть в статистике Битрикс24: второй раз не передаётся"),
    HANDED_OVER,
    SKIPPED,
    gettext_noop("номер клиента скрыт"),
    gettext_noop("внутренний звонок: в CRM не передаётся"),
    gettext_noop("интеграция или вкладка «Телефония» выключена"),
    gettext_noop("некому быть ответственным: назначьте ответственного по умолчанию"),
    gettext_noop("исход неизвестен, проверяем"),
    gettext_noop("метод портала отдыхает: исчерпано время работы"),
    gettext_noop("внутренняя ошибка при чтении, см. журнал сервера"),
    gettext_noop("не читается"),
    gettext_noop("не поддерживается"),
    gettext_noop("интеграция или вкладка «Телефония» выключена: звонок из портала не начат"),
    gettext_noop("идёт звонок, закрытый в портале до первого слова UIS о нём"),
    gettext_noop("этот звонок передан как сессия UIS"),
    gettext_noop("набран не телефонный номер, а короткий или внутренний: в CRM не передаётся"),
    gettext_noop("ждёт, не его ли заказали из портала: ответ UIS на заказ ещё не пришёл"),
    gettext_noop("создан контакт с делом"),
    gettext_noop("создано дело у найденного клиента"),
    gettext_noop("новый клиент: по настройкам для него ничего не создаётся"),
    gettext_noop("у клиента нет объекта, на котором это можно показать"),
    gettext_noop("интеграция или вкладка «Чаты и заявки» выключена"),
    gettext_noop("идёт чат"),
    gettext_noop("ждёт, что оператор возьмёт чат"),
    gettext_noop("посетитель ничего не написал"),
    gettext_noop("ждёт обработки оператором"),
    gettext_noop("канал не выбран в настройках"),
    gettext_noop("ждёт отчёта UIS"),
    gettext_noop("ждёт отчёта UIS о чате"),
    gettext_noop("ждёт отчёта UIS: из какого канала чат"),
    gettext_noop("отчёт UIS не сказал, из какого канала чат, а выбраны не все каналы"),
    gettext_noop("ждёт контактов"),
    gettext_noop("за 7 дней клиент не оставил контактов"),
    gettext_noop("решение не принято: слишком много вопросов к порталу"),
    gettext_noop("портал отказал в чтении"),
    gettext_noop("внутренняя ошибка"),
    gettext_noop("без ответа портала не решить"),
    gettext_noop("портал не отвечает на это действие"),
    gettext_noop("портал не говорит, что стало с этим действием"),
    gettext_noop("ответ непонятен"),
    gettext_noop("исход неизвестен: посмотрите в портале и решите, нужно ли повторить"),
    gettext_noop("запись не получена из UIS"),
    gettext_noop("портал не принял запись"),
    gettext_noop("ссылка на запись ведёт не на сервер UIS: запись не запрошена"),
    gettext_noop("адрес для загрузки записи ведёт не на портал"),
    gettext_noop("портал не подтвердил запись"),
)

_UNDONE: Mapping[str, object] = {
    "lead": gettext_lazy("не создан лид"),
    "deal": gettext_lazy("не создана сделка"),
    "contact": gettext_lazy("не создан контакт"),
    "activity": gettext_lazy("не создано дело"),
    "register": gettext_lazy("звонок не зарегистрирован в Битрикс24"),
    "card": gettext_lazy("карточка звонка не показана"),
    "show": gettext_lazy("карточка звонка не показана"),
    "hide": gettext_lazy("карточка звонка не убрана"),
    "finish": gettext_lazy("звонок не завершён в Битрикс24"),
    "correct": gettext_lazy("итог не записан в CRM"),
    "late": gettext_lazy("дополнение не записано в CRM"),
    "reported": gettext_lazy("дополнение не записано в CRM"),
    "text": gettext_lazy("комментарий не записан"),
    "transcript": gettext_lazy("переписка не записана"),
}
"""How the key of an action begins, without which a communication is not carried over → what was not done then."""


def show_reason(reason: str) -> str:
    """A stored reason in the active language, as far as we have words for it."""
    if not reason:
        return ""
    translated = _(reason)
    head, colon, rest = reason.partition(": ")
    undone = _UNDONE.get(head.partition(":")[0].rstrip("0123456789"))
    if colon and undone:
        return f"{undone}: {show_reason(rest)}"
    if head == FILTERED:
        fact, _blank, question = rest.partition(" ")
        operator, _blank, value = question.partition(" ")
        said = {"true": _("да"), "false": _("нет")}.get(value, value)
        rest = f"{fact_name(fact)} {operator_name(operator)} {said}".strip()
    return translated if translated != reason or not colon else f"{_(head)}: {_(rest) if rest else rest}"
