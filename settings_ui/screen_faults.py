# ruff: noqa: E501
"""Faults of the settings document in the words of the screen.

A fault is English, made for files and scripts. Here its sentence is recognised and said anew in the language that is
active; one that is not recognised is shown as it is, rather than hidden.
"""

import re
from typing import Any

from django.utils.translation import gettext_lazy as _

_VALUE = r'(?P<value>"(?:[^"\\]|\\.)*"|\S+)'
_WORDS: tuple[tuple[str, Any], ...] = (
    (r"must be given while .* is true", _("Обязательно, пока это включено.")),
    (r"must be given while .*", _("Обязательно при таком выборе.")),
    (r"must be given", _("Заполните это поле.")),
    (_VALUE + r" is not a phone number.*", _("{value} – не номер телефона. Пример: +74951234567.")),
    (_VALUE + r" is not an e-mail address", _("{value} – не адрес почты.")),
    (_VALUE + r" is not a country.*", _("{value} – не страна. Нужны две буквы, например RU.")),
    (r"must be a text of 1 to (?P<most>\d+) characters", _("Нужен текст от 1 до {most} знаков.")),
    (r"must be at most (?P<most>\d+) characters.*", _("Не больше {most} знаков.")),
    (r"must be a list of 1 to (?P<most>\d+) conditions or groups.*", _("В группе должно быть от 1 до {most} условий.")),
    (r"must hold 1 to (?P<most>\d+) values.*", _("Нужно от 1 до {most} значений.")),
    (r"must name 1 to (?P<most>\d+) people.*", _("Нужно выбрать от 1 до {most} сотрудников.")),
    (r"must name each of .*", _("Назовите каждый по одному разу.")),
    (r"must name at least one of .*", _("Выберите хотя бы одно.")),
    (r"must be a number.*", _("Нужно число.")),
    (r"must be whole seconds.*", _("Нужно целое число секунд, 0 или больше.")),
    (r"must be digits.*", _("Нужны цифры с кодом страны; в маске ещё * и ?.")),
    (r"must be a time of day.*", _("Нужно время суток, например 09:00.")),
    (r"must be a time like.*", _("Нужны дата и время.")),
    (r"must be a date format.*", _("Нужен вид даты, например %d.%m.%Y %H:%M.")),
    (r"must be one of .*", _("Выберите одно из предложенного.")),
    (r"must be null or one of .*", _("Выберите одно из предложенного.")),
    (r"must be a text, not .*", _("Нужен текст.")),
    (r"must have exactly one of fact and constant", _("Выберите, откуда взять значение, или напишите его.")),
    (r"from and to must differ.*", _("Начало и конец должны различаться.")),
    (r"from \(.*\) must be .* to \(.*\)", _("Начало должно быть раньше конца.")),
    (r"(?P<value>.*) stands twice", _("{value}: указано дважды.")),
    (_VALUE + r" fits (?P<count>\d+) (?P<what>.*?): (?P<names>.*); write the (?:id|code)", _("{value} подходит нескольким: {names}. Выберите из списка.")),
    (r"unknown fact " + _VALUE, _("Нет такой переменной: {value}.")),
    (_VALUE + r" is not a fact of .*", _("Здесь нет переменной {value}.")),
    (_VALUE + r" may stand in titles only", _("{value} бывает только в названиях.")),
    (_VALUE + r" is not closed", _("Не закрыто: {value}.")),
    (r"empty \{\{\}\}", _("Между скобками {{}} ничего нет.")),
    (r"an empty alternative beside \|", _("Рядом с | ничего нет.")),
    (r"groups may be nested (?P<most>\d+) deep at most", _("Вложенность групп – не больше {most}.")),
    (r"at most (?P<most>\d+) conditions in a tree.*", _("Условий в фильтре – не больше {most}.")),
    (r"at most (?P<most>\d+) rows.*", _("Строк – не больше {most}.")),
    (r"the same as row \[(?P<row>\d+)\].*", _("Такая строка уже есть: откуда, куда и поле не могут повторяться.")),
    (r"(?:lead|deal|contact|company) has no field " + _VALUE + r".*", _("Нет поля {value}. Если оно новое, запустите синхронизацию.")),
    (r".* cannot be written", _("Это поле нельзя заполнять.")),
    (r".* can be set at creation only; use create", _("Это поле заполняется только при создании.")),
    (r"fields of type .* cannot be mapped", _("Поля этого типа заполнять нельзя.")),
    (r"append is only for .*", _("Дописывать можно только в текст, телефон, почту, сайт и мессенджер.")),
    (r".* does not take .*", _("Тип поля не подходит. Выберите другое поле или заполните таблицу значений.")),
    (r"(?P<value>\"(?:[^\"\\]|\\.)*\") does not fit .*", _("Значение {value} не подходит полю.")),
    (r"only for facts of type datetime and text fields", _("Вид даты бывает только у даты в текстовом поле.")),
    (r"only with .*\"deal\".*", _("Воронки есть только у сделок.")),
    (r"(?P<value>.*) is a stage of .*, not of .*", _("Стадия {value} – из другой воронки.")),
    (r"no (?P<what>[\w ]+) (?:has|is) .*", _("Такого нет в списке. Если он новый, запустите синхронизацию.")),
    (r".* is not known.*", _("Такого нет в списке. Если он новый, запустите синхронизацию.")),
    (r".*; synchronise if .*", _("Такого нет в списке. Если он новый, запустите синхронизацию.")),
    (r"is never reached as long as .*", _("До этого правила дело не дойдёт: правило выше без условий и всегда даёт сотрудника.")),
    (r"the portal works without leads; deals are made", _("Портал работает без лидов: создаются сделки.")),
    (r"asks for what is known only at the end.*", _("Фильтр спрашивает о том, что известно только в конце, поэтому и создаётся всё в конце.")),
    (r"(?P<value>.*) has no surname.*", _("У сотрудника нет фамилии: {value}.")),
    (r"(?P<value>.*) is dismissed.*", _("Сотрудник уволен: {value}.")),
    (r".* no longer exists; the row is skipped", _("Такого поля на портале больше нет: строка пропускается.")),
    (
        r"the portal has not granted the right timeman",
        _("У приложения нет права «Учёт рабочего времени» (timeman): на работе считаются все."),
    ),
    (r"UIS has no " + _VALUE, _("В UIS такого нет: {value}. Возможно, это опечатка или его удалили.")),
    (r"(?P<value>.*) no longer exists.*", _("Больше не существует: {value}.")),
)  # fmt: skip
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), words) for pattern, words in _WORDS)


def word(message: str) -> str:
    """Say a fault or a warning in the language that is active."""
    for pattern, words in _PATTERNS:
        found = pattern.fullmatch(message)
        if found:
            return _fill(str(words), found.groupdict())
    return message


def _fill(words: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        words = words.replace(f"{{{name}}}", value or "")
    return words
