"""Notifications to people of the portal, in its language. Pure."""

from collections.abc import Mapping

from crm_bitrix import payloads
from crm_bitrix.actions import Joined
from crm_bitrix.payloads import Id

_OBJECTS: Mapping[str, Mapping[str, str]] = {
    "ru": {"lead": "лид", "deal": "сделка", "contact": "контакт", "company": "компания"},
    "en": {"lead": "lead", "deal": "deal", "contact": "contact", "company": "company"},
}


def object_notice(head: str, *, language: str, item: tuple[str, Id] | None) -> Joined:
    """What happened, and a link to the object it concerns. English for every language but Russian."""
    if item is None:
        return Joined((head,))
    kind, item_id = item
    word = _OBJECTS.get(language, _OBJECTS["en"])[kind]
    return Joined((f"{head} – ", *payloads.item_link(kind, item_id, word).parts))
