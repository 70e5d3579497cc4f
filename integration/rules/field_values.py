"""Turning a fact into the JSON value of a Bitrix24 field.

Source: Bitrix24 REST, `crm.item.fields` and the types of CRM fields.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, tzinfo
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from integration.rules.condition_tests import fold_text
from integration.rules.facts import FactType
from integration.rules.phones import normalise_phone
from integration.rules.wording import DATETIME_FORMAT, show_number

MAX_STRING = 255
MULTIFIELDS: Mapping[str, str] = MappingProxyType({"PHONE": "WORK", "EMAIL": "WORK", "WEB": "WORK", "IM": "OTHER"})
TEXT_TYPES = frozenset({"string", "text"})

_YES = frozenset({"y", "yes", "true", "1", "on", "да", "истина"})
_NO = frozenset({"n", "no", "false", "0", "off", "нет", "ложь"})
_MONEY = re.compile(r"(-?\d+(?:[.,]\d{1,4})?)\|([A-Z]{3})")
_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")

_ANY = frozenset(FactType)
_WORDS = frozenset({FactType.TEXT, FactType.CHOICE, FactType.LIST, FactType.WEEKDAY, FactType.YES_NO, FactType.PHONE})
# Types of fields that a mapping may fill, and the facts that each takes without a value table.
_TAKES: Mapping[str, frozenset[FactType]] = MappingProxyType(
    {
        "string": _ANY,
        "text": _ANY,
        "integer": frozenset({FactType.NUMBER, FactType.DURATION, FactType.TEXT}),
        "double": frozenset({FactType.NUMBER, FactType.DURATION, FactType.TEXT}),
        "money": frozenset({FactType.NUMBER, FactType.TEXT}),
        "boolean": frozenset({FactType.YES_NO, FactType.NUMBER, FactType.TEXT}),
        "char": frozenset({FactType.YES_NO, FactType.NUMBER, FactType.TEXT}),
        "date": frozenset({FactType.DATETIME}),
        "datetime": frozenset({FactType.DATETIME}),
        "enumeration": _WORDS | {FactType.NUMBER},
        "crm_status": _WORDS | {FactType.NUMBER},
        "crm_category": _WORDS | {FactType.NUMBER},
        "user": _WORDS,
        "employee": _WORDS,
        "url": frozenset({FactType.TEXT}),
        "address": frozenset({FactType.TEXT}),
        "PHONE": frozenset({FactType.PHONE, FactType.TEXT}),
        "EMAIL": frozenset({FactType.TEXT}),
        "WEB": frozenset({FactType.TEXT}),
        "IM": frozenset({FactType.TEXT}),
    }
)
# A value table can turn words into these, whatever they were.
_TABLE_TARGETS = frozenset({"integer", "double", "money", "boolean", "char", "url", "address"})


class Unwritable(Exception):
    """A value that the field does not take; `reason` is a code for the journal."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class FieldInfo:
    """A field of a Bitrix24 object, as the last synchronisation saw it.

    `code` is what is sent (`utmSource`, `UF_CRM_1`; PHONE EMAIL WEB IM for the multifields, of type `crm_multifield`).
    `is_read_only`: also for fields that our own engine fills. `is_immutable`: can be set at creation only. `items`:
    id → title of a list, directory or people field. `is_gone`: no longer seen in the portal. `currency`: for `money`.
    """

    code: str
    type: str
    title: str = ""
    is_multiple: bool = False
    is_read_only: bool = False
    is_immutable: bool = False
    is_required: bool = False
    is_gone: bool = False
    items: Mapping[str, str] = field(default_factory=dict, hash=False)
    currency: str | None = None

    @property
    def kind(self) -> str:
        """The type that decides what may be written: the code itself for multifields."""
        return self.code if self.type == "crm_multifield" else self.type

    @property
    def takes_append(self) -> bool:
        """True for texts and multifields, to which a value can be added."""
        return self.type in TEXT_TYPES or self.kind in MULTIFIELDS


def takes_fact(target: FieldInfo, fact_type: FactType, *, has_table: bool) -> bool:
    """True if a fact of the type can be written into the field, with or without a value table."""
    return fact_type in _TAKES.get(target.kind, frozenset()) or (
        has_table and target.kind in _TABLE_TARGETS and fact_type in _WORDS
    )


def is_supported(target: FieldInfo) -> bool:
    """True if a mapping may fill fields of this type at all."""
    return target.kind in _TAKES


@dataclass(frozen=True)
class Writing:
    """How values are written: zone of the UIS account, country of phones, format of times in texts."""

    zone: tzinfo
    country: str
    format: str | None = None


def convert(value: Any, target: FieldInfo, writing: Writing) -> Any:
    """One value of a fact (of a list: one element) as the field's JSON. Raises Unwritable.

    Lists give ids, yes/no gives Y/N, times carry their offset, money its currency; a string of a system field is cut at
    255 characters. "" means there is nothing to write.
    """
    converter = _CONVERTERS.get(target.kind)
    if converter is None:
        raise Unwritable("type_not_supported")
    return converter(value, target, writing)


def write_text(value: Any, writing: Writing) -> str:
    """Any fact as text: times in the given format, durations in seconds, phones in E.164, yes/no as Y/N."""
    if isinstance(value, str):
        return _storable(value).strip()
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, datetime):
        return value.astimezone(writing.zone).strftime(writing.format or DATETIME_FORMAT)
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, int | float):
        return show_number(value)
    return _storable(str(value)).strip()


def table_key(value: Any, writing: Writing) -> str:
    """What a value table calls a value: codes and texts themselves, numbers in digits, `true` and `false`."""
    return str(value).lower() if isinstance(value, bool) else write_text(value, writing)


def _storable(text: str) -> str:
    """The text without what PostgreSQL and JSON do not take; nearly every text is printable, which is told faster."""
    return text if text.isprintable() else _UNSTORABLE.sub("", text)


def _to_string(value: Any, target: FieldInfo, writing: Writing) -> str:
    text = write_text(value, writing)
    if len(text) <= MAX_STRING:
        return text
    is_system = target.type == "string" and not target.code.upper().startswith("UF_")
    return text[:MAX_STRING] if is_system else text


def _to_decimal(value: Any) -> Decimal:
    try:
        number = Decimal(re.sub(r"\s", "", str(value)).replace(",", "."))
    except InvalidOperation:
        raise Unwritable("not_a_number") from None
    if isinstance(value, bool) or not number.is_finite() or abs(number) > 10**15:
        raise Unwritable("not_a_number")
    return number


def _to_integer(value: Any, target: FieldInfo, writing: Writing) -> int:
    return int(_to_decimal(value))


def _to_double(value: Any, target: FieldInfo, writing: Writing) -> int | float:
    number = _to_decimal(value)
    return int(number) if number == number.to_integral_value() else float(number)


def _to_money(value: Any, target: FieldInfo, writing: Writing) -> str:
    written = _MONEY.fullmatch(value.strip()) if isinstance(value, str) else None
    if written:
        return f"{written[1].replace(',', '.')}|{written[2]}"
    number = _to_decimal(value)
    if not target.currency:
        raise Unwritable("no_currency")
    return f"{number:.2f}|{target.currency}"


def _to_yes_no(value: Any, target: FieldInfo, writing: Writing) -> str:
    if isinstance(value, int | float):
        return "Y" if value else "N"
    word = fold_text(write_text(value, writing))
    if word not in _YES | _NO:
        raise Unwritable("not_yes_or_no")
    return "Y" if word in _YES else "N"


def _to_date(value: Any, target: FieldInfo, writing: Writing) -> str:
    return _to_local(value, writing).date().isoformat()


def _to_datetime(value: Any, target: FieldInfo, writing: Writing) -> str:
    return _to_local(value, writing).isoformat(timespec="seconds")


def _to_local(value: Any, writing: Writing) -> datetime:
    """A time, or a constant in ISO form, in the account's zone."""
    moment = value if isinstance(value, datetime) else _parse_iso(value, writing)
    return moment.astimezone(writing.zone)


def _parse_iso(value: Any, writing: Writing) -> datetime:
    try:
        moment = datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
    except ValueError:
        raise Unwritable("not_a_date") from None
    if not 1970 <= moment.year <= 2100:
        raise Unwritable("not_a_date")
    return moment if moment.tzinfo else moment.replace(tzinfo=writing.zone)


def _to_item(value: Any, target: FieldInfo, writing: Writing) -> str | int:
    """Id of a list entry by its id or title; people and pipelines have numbers, directories keep their codes."""
    text = table_key(value, writing)
    known = text if text in target.items else _find_title(text, target.items)
    if known is None and not target.items and target.kind in ("user", "employee") and text.isdecimal():
        known = text
    if known is None:
        raise Unwritable("unknown_value")
    return int(known) if target.kind != "crm_status" and known.isdecimal() else known


def _find_title(text: str, items: Mapping[str, str]) -> str | None:
    exact = [id_ for id_, title in items.items() if title == text]
    folded = exact or [id_ for id_, title in items.items() if fold_text(title) == fold_text(text)]
    return folded[0] if len(folded) == 1 or exact else None


def _to_url(value: Any, target: FieldInfo, writing: Writing) -> str:
    text = write_text(value, writing)
    if not _URL.fullmatch(text):
        raise Unwritable("not_an_address")
    return text


def _to_phone(value: Any, target: FieldInfo, writing: Writing) -> str:
    phone = normalise_phone(str(value), writing.country)
    if phone is None:
        raise Unwritable("not_a_phone")
    return phone


def _to_email(value: Any, target: FieldInfo, writing: Writing) -> str:
    text = write_text(value, writing)
    if not _EMAIL.fullmatch(text) or len(text) > 254:
        raise Unwritable("not_an_email")
    return text


_CONVERTERS: Mapping[str, Callable[[Any, FieldInfo, Writing], Any]] = {
    "string": _to_string,
    "text": _to_string,
    "integer": _to_integer,
    "double": _to_double,
    "money": _to_money,
    "boolean": _to_yes_no,
    "char": _to_yes_no,
    "date": _to_date,
    "datetime": _to_datetime,
    "enumeration": _to_item,
    "crm_status": _to_item,
    "crm_category": _to_item,
    "user": _to_item,
    "employee": _to_item,
    "url": _to_url,
    "address": _to_string,
    "PHONE": _to_phone,
    "EMAIL": _to_email,
    "WEB": _to_string,
    "IM": _to_string,
}
