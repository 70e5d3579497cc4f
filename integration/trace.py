"""Traces of decisions → sentences: what was found, asked and chosen, and what each code of it means.

A trace is what `Plan.trace` of every round left behind, one after another. The words are those of the active language.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from integration.fact_names import fact_name, operator_name
from integration.rules.facts import FACTS, FactType
from integration.rules.wording import show_fact

Entry = Mapping[str, Any]
Named = Callable[[int], str]

GOOD, BAD, PASSED_OVER, PLAIN = "good", "bad", "over", "plain"

_OUTCOMES: Mapping[str, tuple[object, str]] = {
    "off": (gettext_lazy("правило выключено"), PASSED_OVER),
    "passed_over": (gettext_lazy("отложено до конца: сейчас ответ ещё не известен"), PASSED_OVER),
    "no_match": (gettext_lazy("условия не выполнены"), BAD),
    "nobody": (gettext_lazy("никого не нашлось, пробуем дальше"), BAD),
    "chosen": (gettext_lazy("выбран"), GOOD),
}
_CHOOSERS: Mapping[str, object] = {
    "talked": gettext_lazy("Кто говорил"),
    "ringing": gettext_lazy("Кому сейчас звонят (до конца звонка)"),
    "default": gettext_lazy("Ответственный по умолчанию"),
    "fallback": gettext_lazy("Администратор, подключивший приложение"),
}
_CLIENT_STATES: Mapping[str, object] = {
    "new": gettext_lazy("новый: в CRM не найден"),
    "repeat_open": gettext_lazy("есть открытый лид или сделка"),
    "repeat_closed": gettext_lazy("известен, открытых лидов и сделок нет"),
}
_NOT_WRITTEN: Mapping[str, object] = {
    "no_field": gettext_lazy("такого поля в портале нет"),
    "read_only": gettext_lazy("поле только для чтения"),
    "immutable": gettext_lazy("поле нельзя менять после создания"),
    "type_not_supported": gettext_lazy("тип поля не поддерживается"),
    "wrong_type": gettext_lazy("данные не подходят к типу поля"),
    "unknown_value": gettext_lazy("такого значения в списке поля нет"),
    "not_known": gettext_lazy("прежнее значение поля не прочитано"),
    "not_a_number": gettext_lazy("не число"),
    "no_currency": gettext_lazy("не указана валюта"),
    "not_yes_or_no": gettext_lazy("не «да» и не «нет»"),
    "not_a_date": gettext_lazy("не дата"),
    "not_an_address": gettext_lazy("не адрес сайта"),
    "not_a_phone": gettext_lazy("не номер телефона"),
    "not_an_email": gettext_lazy("не адрес почты"),
}
_CALLS: Mapping[str, object] = {
    "click": gettext_lazy("Звонок по клику"),
    "callback": gettext_lazy("Обратный звонок из формы"),
}
_PUT_OFF: Mapping[str, object] = {
    "limit_exceeded": gettext_lazy("исчерпаны баллы Call API"),
    "no_answer": gettext_lazy("с UIS нет связи"),
}
OBJECT_NAMES: Mapping[str, object] = {
    "lead": gettext_lazy("лид"),
    "deal": gettext_lazy("сделка"),
    "contact": gettext_lazy("контакт"),
    "company": gettext_lazy("компания"),
}


@dataclass(frozen=True)
class ConditionLine:
    """One condition in words; `mark` is ✓ or ✗."""

    question: str
    actual: Any
    passed: bool

    @property
    def mark(self) -> str:
        return "✓" if self.passed else "✗"


@dataclass(frozen=True)
class Step:
    """One step of a decision: what it was about, how it came out, how that is to be seen, what it looked at."""

    title: str
    text: str = ""
    look: str = PLAIN
    conditions: tuple[ConditionLine, ...] = ()
    notes: tuple[str, ...] = field(default=())


def explain(trace: Sequence[Entry], *, user_name: Named) -> list[list[Step]]:
    """The decisions of a trace in their order, each as its steps. An entry of an unknown kind is shown as it is.

    `user_name` names a Bitrix24 user by his id.
    """
    decisions: list[list[Step]] = []
    before = ""
    for entry in trace:
        step = str(entry.get("step"))
        if not decisions or step == "client" or (step == "filter" and before != "client"):
            decisions.append([])
        decisions[-1].append(_step(entry, user_name))
        before = step
    return decisions


def show_object(code: str) -> str:
    """A CRM object by its code `lead:12`: "лид 12"."""
    kind, _colon, number = code.partition(":")
    return f"{OBJECT_NAMES.get(kind, kind)} {number}".strip()


def _step(entry: Entry, user_name: Named) -> Step:
    explain_one = _EXPLAINERS.get(str(entry.get("step")))
    if explain_one is None:
        rest = ", ".join(f"{key}: {value}" for key, value in entry.items() if key != "step")
        return Step(str(entry.get("step", "?")), rest)
    return explain_one(entry, user_name)


def _explain_client(entry: Entry, _user_name: Named) -> Step:
    state = entry.get("state", "")
    candidates = [show_object(code) for code in entry.get("candidates", ())]
    deals = [
        f"{_('сделка')} {deal['id']} ({_('открыта') if deal.get('open') else _('закрыта')})"
        for deal in entry.get("deals", ())
    ]
    notes = [_("найдено: {objects}").format(objects=", ".join(candidates))] if candidates else []
    notes += [_("сделки: {deals}").format(deals=", ".join(deals))] if deals else []
    return Step(_("Клиент"), str(_CLIENT_STATES.get(state, state)), notes=tuple(notes))


def _explain_filter(entry: Entry, _user_name: Named) -> Step:
    passed = bool(entry.get("passed"))
    text = _("пропустил") if passed else _("не пропустил: в CRM не передаётся")
    return Step(_("Фильтр"), text, GOOD if passed else BAD, _conditions(entry))


def _explain_rule(entry: Entry, user_name: Named) -> Step:
    title = _("Правило {number}: {name}").format(number=entry.get("index", 0) + 1, name=entry.get("rule", ""))
    return _explain_choice(entry, user_name, title=title)


def _explain_chooser(entry: Entry, user_name: Named) -> Step:
    return _explain_choice(entry, user_name, title=str(_CHOOSERS[entry["step"]]))


def _explain_choice(entry: Entry, user_name: Named, *, title: str) -> Step:
    outcome = str(entry.get("outcome", ""))
    text, look = _OUTCOMES.get(outcome, (outcome, PLAIN))
    said = f"{text}: {user_name(entry['user_id'])}" if entry.get("user_id") else str(text)
    notes = tuple(_note(note, user_name) for note in entry.get("notes", ()))
    return Step(title, said, look, _conditions(entry), notes)


def _explain_title(entry: Entry, _user_name: Named) -> Step:
    return Step(_("Название"), str(entry.get("title", "")))


def _explain_mapping(entry: Entry, _user_name: Named) -> Step:
    notes = []
    for warning in entry.get("warnings", ()):
        source = fact_name(warning["fact"]) if warning.get("fact") else str(warning.get("constant", ""))
        reason = str(_NOT_WRITTEN.get(str(warning.get("reason")), warning.get("reason")))
        notes.append(
            f"{source} → {warning.get('object')}.{warning.get('field')}: {reason} ({warning.get('value', '')})"
        )
    return Step(_("Поля"), _("записано не всё"), BAD, notes=tuple(notes))


def _explain_chat(entry: Entry, _user_name: Named) -> Step:
    if entry.get("chat_id"):
        text = _("сообщение о пропущенном звонке написано в чат {number}").format(number=entry["chat_id"])
        return Step(_("Чат открытой линии"), text, GOOD)
    return Step(_("Чат открытой линии"), _("активного чата у клиента нет: о звонке говорит только оповещение"))


def _explain_dial(entry: Entry, _user_name: Named) -> Step:
    title = str(_CALLS.get(str(entry.get("asked")), _("Звонок из портала")))
    if entry.get("refused"):
        return Step(title, _(str(entry["refused"])), BAD)
    if again_at := entry.get("again_at"):
        cause = str(_PUT_OFF.get(str(entry.get("put_off")), entry.get("put_off")))
        moment = f"{localtime(datetime.fromisoformat(again_at)):%H:%M:%S}"
        said = _("UIS пока не начал звонок: {cause}. Следующая попытка в {moment}")
        return Step(title, said.format(cause=cause, moment=moment), PASSED_OVER)
    number = _("с номера {number}").format(number=entry.get("virtual_phone_number", ""))
    return Step(title, _("UIS набирает номер"), notes=(number,))


def _note(note: Entry, user_name: Named) -> str:
    code = note.get("note")
    if code == "not_active":
        return _("{user} не работает: уволен или отключён").format(user=user_name(note["user_id"]))
    if code == "not_at_work":
        return _("{user} сейчас не на работе").format(user=user_name(note["user_id"]))
    if code == "unmatched":
        return _("сотрудников UIS без пары в Битрикс24: {count}").format(count=note.get("count", 0))
    return ", ".join(f"{key}: {value}" for key, value in note.items())


def _conditions(entry: Entry) -> tuple[ConditionLine, ...]:
    rows: Iterable[Entry] = entry.get("conditions", ())
    return tuple(
        ConditionLine(
            question=" ".join(
                filter(None, (fact_name(row["fact"]), operator_name(row["op"]), _value(row, row.get("value"))))
            ),
            actual=_value(row, row.get("actual")) or "—",
            passed=bool(row.get("passed")),
        )
        for row in rows
    )


def _value(row: Entry, value: Any) -> str:
    """A value of a condition in words. Phones stay as they are: they may be masked by now."""
    if isinstance(value, list | tuple):
        return ", ".join(_value(row, item) for item in value)
    fact = FACTS.get(row["fact"])
    if value is None or fact is None or fact.type is FactType.PHONE:
        return "" if value is None else str(value)
    return show_fact(fact.name, value, zone=UTC, language=get_language() or "ru")


_EXPLAINERS: Mapping[str, Callable[[Entry, Named], Step]] = {
    "client": _explain_client,
    "filter": _explain_filter,
    "rule": _explain_rule,
    "title": _explain_title,
    "mapping": _explain_mapping,
    "chat": _explain_chat,
    "dial": _explain_dial,
    **dict.fromkeys(_CHOOSERS, _explain_chooser),
}
