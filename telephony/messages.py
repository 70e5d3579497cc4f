"""What managers read from us in the portal, in the portal's language. Pure."""

from collections.abc import Mapping, Sequence

from crm_bitrix.actions import Joined
from crm_bitrix.notices import object_notice
from crm_bitrix.payloads import Id
from integration.rules.phones import show_phone

_TEXTS: Mapping[str, Mapping[str, str]] = {
    "ru": {
        "missed": "Пропущенный звонок",
        "created": "Новое обращение по телефону",
        "hidden": "Звонок со скрытого номера: в CRM не создан, перезвонить по нему нельзя",
        "records": "Другие записи этого звонка",
    },
    "en": {
        "missed": "Missed call",
        "created": "New call",
        "hidden": "A call from a hidden number: nothing was created in the CRM, it cannot be called back",
        "records": "Other records of this call",
    },
}


def word(code: str, language: str) -> str:
    """One of our words to managers; English for every language but Russian."""
    return _TEXTS.get(language, _TEXTS["en"])[code]


def notice(code: str, *, language: str, detail: str, item: tuple[str, Id] | None) -> Joined:
    """A notification: what happened, with whom, and a link to the object it concerns."""
    return object_notice(f"{word(code, language)}: {detail}", language=language, item=item)


def missed_text(phone: str, language: str) -> str:
    """The built-in message about a missed call."""
    return f"{word('missed', language)}: {show_phone(phone)}"


def other_records(links: Sequence[str], language: str) -> str:
    """A note that leads to the recordings that are not attached themselves."""
    return "\n".join((f"{word('records', language)}:", *links))
