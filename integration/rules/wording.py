"""How a fact is shown to people inside a title or a text field."""

from collections.abc import Mapping
from datetime import datetime, time, tzinfo
from types import MappingProxyType

from integration.rules.facts import FACTS, FactType, FactValue, is_absent
from integration.rules.phones import show_phone

LANGUAGES = ("ru", "en")
DATETIME_FORMAT = "%d.%m.%Y %H:%M"

# Our own codes in words; UIS's codes (call_source and the like) stay as they are, for UIS may add some.
_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "ru": {
            "result.answered": "отвечен",
            "result.missed": "пропущен",
            "result.unanswered": "нет ответа",
            "missed_reason.in_menu": "в голосовом меню",
            "missed_reason.in_queue": "в очереди",
            "missed_reason.no_answer": "не ответили",
            "missed_reason.declined": "отклонён",
            "missed_reason.busy": "занято",
            "missed_reason.after_hours": "в нерабочее время",
            "missed_reason.voice_mail": "голосовая почта",
            "client_state.new": "новый клиент",
            "client_state.repeat_open": "есть открытый лид или сделка",
            "client_state.repeat_closed": "повторное обращение",
            "weekday.mon": "понедельник",
            "weekday.tue": "вторник",
            "weekday.wed": "среда",
            "weekday.thu": "четверг",
            "weekday.fri": "пятница",
            "weekday.sat": "суббота",
            "weekday.sun": "воскресенье",
            "yes": "да",
            "no": "нет",
        },
        "en": {
            "result.answered": "answered",
            "result.missed": "missed",
            "result.unanswered": "no answer",
            "missed_reason.in_menu": "in the voice menu",
            "missed_reason.in_queue": "in the queue",
            "missed_reason.no_answer": "no answer",
            "missed_reason.declined": "declined",
            "missed_reason.busy": "busy",
            "missed_reason.after_hours": "after hours",
            "missed_reason.voice_mail": "voice mail",
            "client_state.new": "new client",
            "client_state.repeat_open": "has an open lead or deal",
            "client_state.repeat_closed": "returning client",
            "weekday.mon": "Monday",
            "weekday.tue": "Tuesday",
            "weekday.wed": "Wednesday",
            "weekday.thu": "Thursday",
            "weekday.fri": "Friday",
            "weekday.sat": "Saturday",
            "weekday.sun": "Sunday",
            "yes": "yes",
            "no": "no",
        },
    }
)


def show_fact(name: str, value: FactValue, *, zone: tzinfo, language: str) -> str:
    """Write a fact in words; "" if it is absent.

    Phones in international format, durations as m:ss or h:mm:ss, times in `zone` (the UIS account's) as
    22.11.2026 09:30, lists joined with ", ", yes/no, weekdays and our own codes in the language (others than "ru" and
    "en" are shown in English).
    """
    if is_absent(value):
        return ""
    words = _WORDS.get(language, _WORDS["en"])
    type_ = FACTS[name].type if name in FACTS else FactType.TEXT
    if isinstance(value, str):
        return show_phone(value) if type_ is FactType.PHONE else words.get(f"{name}.{value}", value)
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime(DATETIME_FORMAT)
    if isinstance(value, bool):
        return words["yes" if value else "no"]
    return _show_amount(value, type_)


def _show_amount(value: FactValue, type_: FactType) -> str:
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, int | float):
        return show_duration(int(value)) if type_ is FactType.DURATION else show_number(value)
    return ""


def show_duration(seconds: int) -> str:
    """Seconds as m:ss, from an hour on as h:mm:ss."""
    minutes, rest = divmod(max(seconds, 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def show_number(value: float) -> str:
    """A number without a needless `.0`."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
