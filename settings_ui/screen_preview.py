"""What a title would look like, filled with invented facts. Pure."""

from datetime import UTC, datetime, time

from integration.rules.facts import FACTS, Fact, Facts, FactType, FactValue, StreamKind, choices_of, facts_of
from integration.rules.titles import parse_title

_BY_TYPE: dict[FactType, FactValue] = {
    FactType.TEXT: "…",
    FactType.PHONE: "+79161234567",
    FactType.NUMBER: 1,
    FactType.DURATION: 75,
    FactType.LIST: ("VIP",),
    FactType.YES_NO: True,
    FactType.DATETIME: datetime(2026, 3, 16, 9, 30, tzinfo=UTC),
    FactType.TIME_OF_DAY: time(9, 30),
    FactType.WEEKDAY: "mon",
}
_SAMPLES: dict[str, dict[str, FactValue]] = {
    "ru": {
        "virtual_phone_number": "+74951234567", "virtual_number_name": "Сайт", "contact_full_name": "Ольга Петрова",
        "client_name": "Ольга Петрова", "scenario_name": "Продажи", "visitor_name": "Ольга", "chat_username": "olga",
        "visitor_email": "olga@example.com", "chat_channel_name": "Чат на сайте", "responsible_name": "Анна Смирнова",
        "employee_full_name": "Анна Смирнова", "first_talked_employee_full_name": "Анна Смирнова",
        "last_talked_employee_full_name": "Пётр Иванов", "text": "Перезвоните мне", "site_domain_name": "example.com",
        "visitor_city": "Казань", "communication_id": "123456",
    },
    "en": {
        "virtual_phone_number": "+74951234567", "virtual_number_name": "Web site", "contact_full_name": "Olga Petrova",
        "client_name": "Olga Petrova", "scenario_name": "Sales", "visitor_name": "Olga", "chat_username": "olga",
        "visitor_email": "olga@example.com", "chat_channel_name": "Site chat", "responsible_name": "Anna Smirnova",
        "employee_full_name": "Anna Smirnova", "first_talked_employee_full_name": "Anna Smirnova",
        "last_talked_employee_full_name": "Peter Ivanov", "text": "Please call me", "site_domain_name": "example.com",
        "visitor_city": "London", "communication_id": "123456",
    },
}  # fmt: skip


def preview(text: str, kind: StreamKind, language: str) -> str:
    """The title that a template would give; "" for one that cannot be read."""
    title, faults = parse_title(text, stream=kind, path="")
    return "" if faults else title.render(_facts(kind, language), zone=UTC, language=language)


def _facts(kind: StreamKind, language: str) -> Facts:
    samples = _SAMPLES.get(language, _SAMPLES["en"])
    return {fact.name: samples.get(fact.name, _value(fact, kind)) for fact in facts_of(kind)}


def _value(fact: Fact, kind: StreamKind) -> FactValue:
    codes = choices_of(FACTS[fact.name], kind)
    return codes[0] if codes else _BY_TYPE[fact.type]
