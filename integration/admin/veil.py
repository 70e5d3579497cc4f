"""Personal data on the staff's pages: masked, until somebody who may see them asks for it, and that is written down."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext as _

from integration import audit
from integration.models import Communication
from integration.rules.phones import mask_phone

PERMISSION = "integration.view_personal_data"
ASKED = "personal"
"""The parameter of an address that asks for personal data in full."""

_PHONE_KEY = re.compile(r"phone|^line_number$|^(calling|called)|^from$|^to$|^client_keys$|^value$", re.IGNORECASE)
_NAME_KEY = re.compile(
    r"^(contact_full_name|client_name|visitor_name|chat_username|username|name|lastname|secondname|full_name)$",
    re.IGNORECASE,
)
_TEXT_KEY = re.compile(
    r"^(text|messages?|visitor_message|comment|employee_answer_message|.*_text_array|sa_call_summary)$"
)
_LINK_KEY = re.compile(r"link$|^url$|^uploadurl$", re.IGNORECASE)
_WRITTEN_PHONE = re.compile(r"(?<![\w.])(?:\+\d|[78](?=[\s(-]?[\s(-]?\d{3}))(?:[\s().-]{0,2}\d){8,13}(?!\w)")
_EMAIL = re.compile(r"([\w.+-])[\w.+-]*@([\w-])[\w.-]*\.(\w{2,})")
_HIDDEN = "•••"


@dataclass(frozen=True)
class Veil:
    """Masks what a page shows. `names` are the names of clients it must not repeat; lifted, it shows everything."""

    is_lifted: bool = False
    names: tuple[str, ...] = ()

    def phone(self, phone: str) -> str:
        return phone if self.is_lifted or not phone else mask_phone(phone)

    def text(self, text: str) -> str:
        """A text without full phone numbers and e-mail addresses, and the known names as initials."""
        if self.is_lifted:
            return text
        for name in self.names:
            text = text.replace(name, initials(name))
        text = _WRITTEN_PHONE.sub(lambda found: mask_phone(found[0]), text)
        return _EMAIL.sub(r"\1***@\2***.\3", text)

    def value(self, value: Any, key: str = "") -> Any:
        """A JSON value with everything personal masked, told by the key it stands under and by how it looks."""
        if self.is_lifted or key.startswith("tag:"):
            return value
        if isinstance(value, Mapping):
            is_block = key == "properties"  # of an activity: its value is what a client has written
            return {name: self.value(part, "text" if is_block else str(name)) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return _HIDDEN if value and _TEXT_KEY.match(key.lower()) else [self.value(part, key) for part in value]
        if isinstance(value, int) and not isinstance(value, bool) and re.search("phone", key, re.IGNORECASE):
            return _mask(str(value))
        return self._named(value, key) if isinstance(value, str) and value else value

    def _named(self, text: str, key: str) -> str:
        if _LINK_KEY.search(key) or _TEXT_KEY.match(key.lower()):
            return _HIDDEN
        if _NAME_KEY.match(key):
            return initials(text)
        if _PHONE_KEY.search(key) and sum(map(str.isdigit, text)) >= 7 and not re.search("[A-Za-zА-я/]", text):
            return _mask(text)
        return self.text(text)


def _mask(number: str) -> str:
    """UIS writes numbers without the plus, with which the area remains readable."""
    return mask_phone(number if number.startswith("+") or len(number) < 11 else f"+{number}")


def initials(name: str) -> str:
    """`Пётр Иванов` → `П. И.`"""
    return " ".join(f"{word[0]}." for word in name.split() if word)


def veil_for(request: HttpRequest, *, names: Iterable[str] = ()) -> Veil:
    """The veil of a page for this request: lifted only when that was asked for by somebody who may."""
    is_lifted = ASKED in request.GET and may_lift(request)
    return Veil(is_lifted, tuple(name for name in dict.fromkeys(names) if len(name) > 1))


def may_lift(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(PERMISSION))  # type: ignore[union-attr]


def note_reveal(request: HttpRequest, shown: models.Model) -> None:
    """Write down who has looked at whose personal data."""
    LogEntry.objects.log_actions(
        request.user.pk, [shown], CHANGE, change_message=_("показаны личные данные клиента"), single_object=True
    )
    portal = getattr(shown, "portal", None) or getattr(getattr(shown, "communication", None), "portal", None)
    about = f"{shown._meta.verbose_name} {shown.pk}"
    audit.note(audit.Action.SHOWN, by=audit.Actor.STAFF, actor=request.user, portal=portal, about=about)


def client_names(communication: Communication) -> list[str]:
    """The names of the client that the facts of a communication hold."""
    found: list[str] = []

    def collect(value: Any, key: str = "") -> None:
        if isinstance(value, Mapping):
            for name, part in value.items():
                collect(part, str(name))
        elif isinstance(value, list | tuple):
            for part in value:
                collect(part, key)
        elif isinstance(value, str) and _NAME_KEY.match(key) and value.strip():
            found.append(value.strip())

    collect(communication.facts)
    return sorted(found, key=len, reverse=True)
