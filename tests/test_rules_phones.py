import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.rules.phones import mask_phone, normalise_phone, phone_digits, show_phone

WRITINGS = [
    ("8 (495) 123-45-67", "RU", "+74951234567"),
    ("8(495)1234567", "RU", "+74951234567"),
    ("495 123 45 67", "RU", "+74951234567"),
    ("74951234567", "RU", "+74951234567"),
    ("+7 495 123‑45‑67", "RU", "+74951234567"),
    ("\u202a+7\u00a0495\u00a0123-45-67\u202c", "RU", "+74951234567"),
    ("tel:+74951234567", "RU", "+74951234567"),
    ("+74951234567 доб. 123", "RU", "+74951234567"),
    ("84951234567 ext 12", "RU", "+74951234567"),
    ("+7(495)123-45-67,12", "RU", "+74951234567"),
    (79161234567, "RU", "+79161234567"),
    ("8 800 555-35-35", "ru", "+78005553535"),
    ("380441234567", "RU", "+380441234567"),
    ("810 380 44 1234567", "RU", "+380441234567"),
    ("00380441234567", "RU", "+380441234567"),
    ("+44 (0) 20 7946 0018", "RU", "+442079460018"),
    ("020 7946 0018", "GB", "+442079460018"),
    ("97142345678", "AE", "+97142345678"),
    ("+74951234567", "??", "+74951234567"),
]
NO_PHONES = [
    "", " ", "+", "101", "7 495", "007321", "1234567890", "0000000000", "70000000000", "+70000000000", "anonymous",
    "Unknown", "sip:101@example.com", "ivanov", "0012345@uis", "8-800-FLOWERS", "１", "٣", "+7" * 40, "9" * 65, None,
    True,
]  # fmt: skip


@pytest.mark.parametrize(("written", "country", "expected"), WRITINGS)
def test_usual_writings_become_one_number(written, country, expected):
    assert normalise_phone(written, country) == expected


@pytest.mark.parametrize("written", NO_PHONES)
def test_what_is_no_phone_number_is_none(written):
    assert normalise_phone(written, "RU") is None


def test_own_country_with_a_range_newer_than_the_metadata_is_kept():
    number = phonenumbers.parse("+72001234567")
    assert not phonenumbers.is_valid_number(number)
    assert normalise_phone("72001234567", "RU") == "+72001234567"
    assert normalise_phone("+72001234567", "KZ") == "+72001234567"


@given(st.one_of(st.text(), st.text(alphabet="0123456789+()- .доб", max_size=25)), st.sampled_from(["RU", "AE", "US"]))
def test_any_text_gives_e164_or_none_and_the_second_reading_changes_nothing(text, country):
    phone = normalise_phone(text, country)
    if phone is not None:
        assert re.fullmatch(r"\+[1-9][0-9]{5,16}", phone)
        assert normalise_phone(phone, country) == phone


@given(st.integers(9000000000, 9999999999))
def test_russian_mobile_reads_the_same_in_every_writing(national):
    n = str(national)
    expected = f"+7{n}"
    for written in (f"+7{n}", f"7{n}", f"8{n}", f"8 ({n[:3]}) {n[3:6]}-{n[6:8]}-{n[8:]}"):
        phone = normalise_phone(written, "RU")
        assert phone == expected or not phonenumbers.is_valid_number(phonenumbers.parse(expected))


def test_mask_keeps_code_area_and_last_two_digits():
    assert mask_phone("+79161234512") == "+7 916 ***-**-12"
    assert mask_phone("+380441234567") == "+380 ***-**-67"
    assert mask_phone("74951234567") == "***-**-67"
    assert mask_phone("1012") == "***"
    assert mask_phone("Иванов") == "***"


@given(st.one_of(st.text(), st.text(alphabet="0123456789+ -", max_size=40), st.from_regex(r"\+[0-9]{1,20}\Z")))
def test_mask_never_leaves_more_than_four_digits_in_a_row(text):
    masked = mask_phone(text)
    assert max((len(run) for run in re.findall(r"\d+", masked)), default=0) <= 4
    assert "***" in masked
    assert len(phone_digits(masked)) <= 8


def test_phone_is_shown_in_international_format():
    assert show_phone("+74951234567") == "+7 495 123-45-67"
    assert show_phone("аноним") == "аноним"
