# ruff: noqa: E501
"""What the screen shows: every setting as one line of data. A new setting is a new line here.

A field: its key below the section, its label, one line of what it does, the control, how the form reads it, and where
its choices come from. Sections stand in tabs in this order; `kind` names what draws the section when it is more than
its fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from integration.rules.facts import StreamKind
from integration.rules.ruleset import CALLS

NUMBERS = "virtual_phone_number"
Choices = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Field:
    """One setting. `choices`: fixed ones, or the name of a list of `screen_choices`; `none`: the label of null."""

    key: str
    label: Any
    hint: Any = ""
    widget: str = "text"
    kind: str = "text"
    choices: Choices | str = ()
    none: Any = None
    search: str = ""
    refresh: bool = False
    is_wide: bool = False


@dataclass(frozen=True)
class Section:
    """Fields that stand together. `path`: what their keys are counted from."""

    path: str
    title: Any
    hint: Any = ""
    fields: tuple[Field, ...] = ()
    kind: str = "fields"


@dataclass(frozen=True)
class Group:
    """Sections under one heading: a stream, or the tab as a whole."""

    code: str
    title: Any
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Tab:
    code: str
    title: Any
    groups: tuple[Group, ...]


def yes(key: str, label: Any, hint: Any = "") -> Field:
    return Field(key, label, hint, widget="yes", kind="yes")


def one_of(key: str, label: Any, choices: Choices | str, hint: Any = "", **more: Any) -> Field:
    return Field(key, label, hint, **{"widget": "select", "kind": "null", "choices": choices, **more})


def person(key: str, label: Any, hint: Any = "", search: str = "people") -> Field:
    return Field(key, label, hint, widget="search", kind="ref", search=search)


OBJECTS: Choices = (("lead", _("Лид")), ("deal", _("Сделка")), ("contact", _("Контакт")), ("company", _("Компания")))
OWNERS: Choices = (
    ("deal", _("Открытая сделка")),
    ("lead", _("Открытый лид")),
    ("contact", _("Контакт")),
    ("company", _("Компания")),
)
TALKED: Choices = (("first", _("Кто говорил первым")), ("last", _("Кто говорил последним")), ("longest", _("Кто говорил дольше всех")))  # fmt: skip
RUNG: Choices = (("first", _("Кому звонили первым")), ("last", _("Кому звонили последним")))
CARDS: Choices = (("default", _("Как у всех")), ("ring", _("При звонке")), ("answer", _("При ответе")), ("never", _("Никогда")))  # fmt: skip
POLICIES: Choices = (
    ("create", _("При создании")),
    ("if_empty", _("Если поле пустое")),
    ("overwrite", _("Всегда заменять")),
    ("append", _("Дописывать")),
)
ASSIGN: Choices = (
    ("user", _("Сотрудник")),
    ("client_owner", _("Ответственный за клиента в CRM")),
    ("talked", _("Тот, кто говорил")),
    ("rung", _("Тот, кому звонили")),
    ("operator", _("Оператор чата или заявки")),
    ("spread", _("Поровну между сотрудниками")),
)
PRESETS: Choices = (("exclusions", _("Список исключений")), ("working_hours", _("Рабочее время")), ("answered", _("Только отвеченные")))  # fmt: skip
JOINS: Choices = (("all", _("Выполнены все условия (И)")), ("any", _("Выполнено хотя бы одно (ИЛИ)")))

NUMBER_FIELDS = (
    Field("number", _("Виртуальный номер"), search=NUMBERS),
    one_of("source", _("Источник"), "sources", none=_("Как у потока")),
    one_of("pipeline", _("Воронка"), "pipelines", none=_("Как у потока"), kind="ref", refresh=True),
    one_of("stage", _("Стадия"), "stages", none=_("Как у потока")),
)
EMPLOYEE_FIELDS = (
    person("uis", _("Сотрудник UIS"), search="employees"),
    person("bitrix", _("Пользователь Битрикс24"), _("Пусто – никому не принадлежит.")),
    one_of("card", _("Карточка звонка"), CARDS),
    Field("line", _("SIP-линия"), _("Для звонков по клику в режиме WebRTC."), kind="null"),
)
RULE_FIELDS = (Field("name", _("Название правила")), yes("active", _("Правило включено")))

MAIN = Tab(
    "main",
    _("Главная"),
    (
        Group(
            "main",
            "",
            (
                Section(
                    "main",
                    _("Интеграция"),
                    fields=(
                        yes("active", _("Интеграция активна"), _("Выключена – события принимаются и хранятся 30 дней, но в CRM ничего не передаётся.")),
                        Field("country", _("Страна номеров без кода"), _("Две буквы, например RU.")),
                    ),
                ),
                Section(
                    "main.client_order",
                    _("Чьим считать обращение"),
                    _("Если с номером клиента найдены и контакт, и компания, и лид, звонок привязывается к первому в этом порядке."),
                    (Field("", _("Порядок"), widget="order", kind="codes", choices=OBJECTS[2:] + OBJECTS[:1]),),
                ),
                Section(
                    "main.alerts",
                    _("Кому сообщать о неполадках"),
                    _("Кроме администратора, который подключил портал."),
                    (
                        Field("users", _("Сотрудники"), _("Получат уведомление в Битрикс24."), widget="searches", kind="ids", search="people"),
                        Field("emails", _("Почта"), _("По одному адресу в строке."), widget="lines", kind="lines"),
                    ),
                ),
                Section(
                    "main.employees",
                    _("Сотрудники: связи вручную"),
                    _("Остальные сопоставляются сами: по почте, внутреннему номеру и телефону."),
                    EMPLOYEE_FIELDS,
                    kind="employees",
                ),
            ),
        ),
    ),
)  # fmt: skip

TELEPHONY_SECTIONS = (
    Section(
        "telephony",
        _("Телефония"),
        fields=(
            yes("active", _("Передавать звонки"), _("Работает, пока включена и сама интеграция на вкладке «Главная».")),
            one_of(
                "mode",
                _("Режим работы телефонии"),
                (("ip", _("IP-телефония")), ("webrtc", _("WebRTC-виджет: расширение UIS для Chrome"))),
                _("IP-телефония: карточка открывается, пока телефон звонит. WebRTC: звонит виджет, карточка открывается при ответе."),
                widget="radio",
            ),
            yes("records", _("Передавать записи разговоров"), _("Каждая запись прикладывается к звонку в CRM, и после перевода тоже.")),
            yes("number_as_source", _("Передавать номера как источник обращения"), _("Виртуальный номер становится источником лида или сделки; только при создании.")),
        ),
    ),
    Section(
        "telephony.numbers",
        _("Отдельные настройки номеров"),
        _("Источник, воронка и стадия для звонков на один виртуальный номер; важнее настроек потока."),
        NUMBER_FIELDS,
        kind="numbers",
    ),
    Section(
        "telephony.click_to_call",
        _("Звонок по клику"),
        fields=(Field("number", _("Виртуальный номер"), _("С него звонить, если портал не назвал линию. Пусто – первый действующий номер."), kind="null", search=NUMBERS),),
    ),
    Section(
        "telephony.form_callback",
        _("Обратный звонок из форм CRM"),
        fields=(
            yes("active", _("Перезванивать"), _("Когда клиент заказал звонок в CRM-форме, UIS соединит его с вами.")),
            one_of(
                "by",
                _("Кому звонить"),
                (("number", _("По сценарию номера")), ("scenario", _("По выбранному сценарию")), ("employee", _("Сотруднику"))),
                widget="radio",
            ),
            one_of("scenario", _("Сценарий UIS"), "scenarios", _("Нужен, когда выбран сценарий."), none=_("Не выбран"), kind="ref"),
            person("employee", _("Сотрудник"), _("Нужен, когда звонить сотруднику.")),
            Field("number", _("Виртуальный номер"), _("С него клиенту перезвонят. Обязателен, если обратный звонок включён."), kind="null", search=NUMBERS),
        ),
    ),
    Section(
        "telephony.missed_call_message",
        _("Сообщение о пропущенном в открытой линии"),
        fields=(
            yes("active", _("Писать о пропущенном звонке в чат клиента"), _("Если чата нет, ответственный получит уведомление.")),
            one_of(
                "reader",
                _("Кто увидит"),
                (("operators", _("Только операторы")), ("client", _("Клиент"))),
                widget="radio",
            ),
            Field("text", _("Текст"), _("Пусто – встроенный текст."), widget="title", is_wide=True),
        ),
    ),
)  # fmt: skip


def _moments(kind: StreamKind) -> Choices:
    if kind is StreamKind.REQUEST:
        return (("start", _("При поступлении")), ("end", _("После обработки оператором")))
    return (("start", _("В начале")), ("end", _("После завершения")))


def _create_fields(kind: StreamKind) -> tuple[Field, ...]:
    what = (
        one_of(
            "what",
            _("Что создавать"),
            (("item_and_activity", _("Лид или сделку и дело")), ("item", _("Лид или сделку")), ("activity", _("Дело"))),
            widget="radio",
        ),
    )
    return (
        one_of(
            "for",
            _("Для каких клиентов"),
            (("new", _("Только новые")), ("repeat", _("Только повторные")), ("both", _("Все")), ("none", _("Ничего не создавать"))),
            _("Новый – если в CRM нет ни лида, ни контакта, ни компании с его телефоном или почтой."),
        ),
        *(() if kind in CALLS else what),
        one_of("item", _("Сущность"), OBJECTS[:2], _("На портале без лидов всегда создаётся сделка."), refresh=True),
        one_of("pipeline", _("Воронка"), "pipelines", _("Только для сделки."), none=_("Основная"), kind="ref", refresh=True),
        one_of("stage", _("Стадия"), "stages", none=_("Первая")),
        one_of("source", _("Источник"), "sources", none=_("Звонок") if kind in CALLS else _("Веб-сайт")),
        one_of("moment", _("Когда создавать"), _moments(kind), widget="radio"),
        yes("second_open", _("Создавать ещё одну, если у клиента уже есть открытая"), _("Обычно новая не создаётся: обращение добавляется к открытой.")),
    )  # fmt: skip


_TITLES: Mapping[str, Any] = {
    "answered": _("Принят"),
    "missed": _("Пропущен"),
    "unanswered": _("Нет ответа"),
    "received": _("Заявка"),
}


def _rest_fields(kind: StreamKind) -> tuple[Field, ...]:
    without = yes(
        "without_contacts",
        _("Передавать без контактных данных"),
        _("Иначе обращение ждёт до 7 дней, пока появятся телефон, почта или мессенджер."),
    )
    return (
        *(() if kind in CALLS else (without,)),
        Field(
            "change_responsible_of",
            _("Менять ответственного у существующих"),
            _("Ничего не отмечено – ответственные за существующие объекты не меняются."),
            widget="codes",
            kind="codes",
            choices=OBJECTS,
        ),
        yes("notify", _("Оповещать ответственного"), _("Уведомление в Битрикс24 со ссылкой на созданное.")),
    )


def stream_group(tab: str, kind: StreamKind, title: Any) -> Group:
    """Everything that can be set for one stream; chats and requests are drawn by the same lines."""
    at = f"{tab}.{kind.value}"
    titles = {
        StreamKind.INCOMING: ("answered", "missed"),
        StreamKind.OUTGOING: ("answered", "unanswered"),
        StreamKind.CHAT: ("answered", "missed"),
        StreamKind.REQUEST: ("received",),
    }[kind]
    talked = one_of(
        "talked",
        _("Если правила никого не дали"),
        TALKED,
        _("Кто из говоривших станет ответственным, пока не дошло до ответственного по умолчанию."),
        none=_("Сразу по умолчанию"),
    )
    default = person(
        "default",
        _("Ответственный по умолчанию"),
        _("Если больше никто не найден. Обязателен, когда вкладка включена."),
    )
    own = {
        StreamKind.INCOMING: Section(
            f"{at}.personal_manager",
            _("Переадресация на персонального менеджера"),
            _("Сценарий UIS спросит, кто ответственный за клиента, и сразу соединит с ним."),
            (
                yes("active", _("Включена"), _("Ещё нужна операция «Интерактивная обработка вызова» в сценарии: см. «Настройка переадресации» внизу вкладки.")),
                yes("only_at_work", _("Только в рабочее время сотрудника"), _("По рабочему дню в Битрикс24.")),
            ),
        ),
        StreamKind.CHAT: Section(
            f"{at}.channels",
            _("Каналы"),
            _("«Все» – и те, что появятся позже."),
            (Field("", _("Какие чаты передавать"), widget="channels", kind="channels", choices="channels"),),
        ),
    }  # fmt: skip
    return Group(
        kind.value,
        title,
        (
            *((own[kind],) if kind in own else ()),
            Section(f"{at}.filter", _("Фильтр"), _("Что не прошло, остаётся в журнале с причиной. Без условий проходит всё."), kind="filter"),
            Section(
                f"{at}.responsible",
                _("Ответственный"),
                _("Правила проверяются сверху вниз; действует первое подходящее, которое дало работающего сотрудника."),
                ((talked,) if kind is StreamKind.OUTGOING else ()) + (default,),
                kind="responsible",
            ),
            Section(f"{at}.create", _("Что создавать в CRM"), fields=_create_fields(kind)),
            Section(
                f"{at}.titles",
                _("Названия"),
                _("Переменные берутся из обращения: {{первая|вторая|\"текст\"}} – первая непустая. Пусто – встроенное название."),
                tuple(Field(code, _TITLES[code], widget="title", is_wide=True) for code in titles),
                kind="titles",
            ),
            Section(f"{at}.mapping", _("Сопоставление полей"), _("Какие данные обращения в какие поля CRM записать. Пустое значение никогда ничего не стирает."), kind="mapping"),
            Section(at, _("Прочее"), fields=_rest_fields(kind)),
        ),
    )  # fmt: skip


TABS: tuple[Tab, ...] = (
    MAIN,
    Tab(
        "telephony",
        _("Телефония"),
        (
            Group("telephony", "", TELEPHONY_SECTIONS),
            stream_group("telephony", StreamKind.INCOMING, _("Входящие звонки")),
            stream_group("telephony", StreamKind.OUTGOING, _("Исходящие звонки")),
        ),
    ),
    Tab(
        "chats",
        _("Чаты и офлайн заявки"),
        (
            Group("chats", "", (Section("chats", _("Чаты и офлайн заявки"), fields=(yes("active", _("Передавать чаты и заявки"), _("Работает, пока включена и сама интеграция на вкладке «Главная».")),)),)),
            stream_group("chats", StreamKind.CHAT, _("Чаты")),
            stream_group("chats", StreamKind.REQUEST, _("Офлайн заявки")),
        ),
    ),
)  # fmt: skip
