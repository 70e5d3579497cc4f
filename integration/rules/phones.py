"""Phone numbers: one spelling for comparing and storing, a masked one for journals and logs."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

MAX_WRITTEN_CHARACTERS = 64
REMEMBERED = 2048
"""Spellings whose numbers a process remembers: each event of a call tells the same few again."""

HIDDEN = "***"

_EXTENSION = re.compile(r"(?:доб|вн|ext|extension|x|#|;ext=|,)[\s.:]*\d{1,7}\Z", re.IGNORECASE)
_NO_DIGITS = re.compile(r"[^0-9]+")
_WRITTEN = re.compile(r"\+?[\d\s().\-/]*\d[\d\s().\-/]*")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−⁃", "-"))


@lru_cache(maxsize=REMEMBERED)
def normalise_phone(text: str | int | None, country: str) -> str | None:
    """Read a phone number in any usual writing; E.164 with the plus (`+74951234567`), or None if it is no phone number.

    `country` (two letters) is the country of numbers written without a code. Digits that can be read as a number of
    that country are read so (`8 (495) …`, `495…`, and `7495…` as UIS sends it); otherwise digits that start with
    a country's code are read as if a plus stood before them. An extension is dropped. None: hidden and anonymous
    numbers, short and inner numbers, SIP logins and addresses.
    """
    written = _clean(text)
    if written is None:
        return None
    digits = re.sub(r"\D", "", written)
    if written.startswith("+"):
        return _read("+" + written[1:], None, is_sure=True)
    if digits.startswith("00"):
        return _read("+" + digits[2:], None, is_sure=False) or _read(written, country, is_sure=False)
    national = _read(written, country, is_sure=False)
    if national is not None:
        return national
    # Ranges younger than the metadata: with the code of the own country the length alone is proof enough.
    is_own = digits.startswith(str(phonenumbers.country_code_for_region(country.upper()) or "-"))
    return _read("+" + digits, None, is_sure=is_own)


def phone_digits(text: str) -> str:
    """The ASCII digits of a text: `+7 495 …` → `7495…`."""
    written = text.removeprefix("+")
    return written if written.isdecimal() and written.isascii() else _NO_DIGITS.sub("", text)


def show_phone(phone: str) -> str:
    """Write an E.164 number for people: `+7 495 123-45-67`; anything else is returned as it is."""
    number = _parse(phone, None) if phone.startswith("+") else None
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL) if number else phone


def mask_phone(phone: str) -> str:
    """Hide a number for logs: `+7 916 ***-**-12`.

    Code and area are shown only of a number with the plus, the area only of 10 national digits and more; of fewer than
    7 digits nothing. Never more than 4 digits in a row. Takes any text; letters are never repeated.
    """
    digits = phone_digits(phone)
    if len(digits) < 7:
        return HIDDEN
    tail = f"***-**-{digits[-2:]}"
    number = _parse("+" + digits, None) if phone.startswith("+") else None
    if number is None:
        return tail
    code = str(number.country_code)
    national = digits[len(code) :]
    return f"+{code} {national[:3]} {tail}" if len(national) >= 10 else f"+{code} {tail}"


def _clean(text: str | int | None) -> str | None:
    """Digits, separators and at most a leading plus, or None if the text holds anything else."""
    if text is None or isinstance(text, bool):
        return None
    raw = str(text)
    if len(raw) > MAX_WRITTEN_CHARACTERS:
        return None
    # Copied numbers carry invisible marks, no-break spaces and full-width digits.
    plain = unicodedata.normalize("NFKC", raw).translate(_DASHES)
    plain = "".join(c for c in plain if unicodedata.category(c) != "Cf").strip()
    plain = _EXTENSION.sub("", plain.removeprefix("tel:")).strip()
    return plain if plain.isascii() and _WRITTEN.fullmatch(plain) else None


def _read(written: str, country: str | None, *, is_sure: bool) -> str | None:
    """E.164 of a number that is valid, or at least of a possible length when the country code is sure."""
    number = _parse(written, country)
    if number is None:
        return None
    if not phonenumbers.is_valid_number(number):
        is_possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
        is_filler = len(set(str(number.national_number))) == 1
        if not is_sure or not is_possible or is_filler:
            return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _parse(written: str, country: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(written, country.upper() if country else None)
    except NumberParseException:
        return None
