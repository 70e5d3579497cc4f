"""What is handed to the Market fits its rules and the code: the name, the texts' limits, every place that is named."""

import re
from pathlib import Path

import pytest

from crm_bitrix import scopes
from crm_bitrix.installation import PLACEMENTS
from integration.journals import JOURNALS

ROOT = Path(__file__).resolve().parent.parent
MARKET = ROOT / "docs/market"
LANGUAGES = ("ru", "en")


def page(name: str) -> str:
    return (MARKET / name).read_text()


def part(name: str, heading: str) -> str:
    """The text under a heading of the card."""
    return page(name).partition(f"## {heading}\n")[2].partition("\n## ")[0].strip()


NAME = {"ru": "Название", "en": "Name"}
SHORT = {"ru": "Краткое описание", "en": "Short description"}
KEYWORDS = {"ru": "Ключевые слова", "en": "Keywords"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_name_is_the_same_everywhere(language):
    name = part(f"listing.{language}.md", NAME[language])
    assert name == PLACEMENTS["REST_APP_URI"][language]
    assert name in page(f"licence.{language}.md")
    assert name in page(f"privacy.{language}.md")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_short_description_is_short(language):
    short = part(f"listing.{language}.md", SHORT[language])
    assert 1 <= len(re.findall(r"[.!?](?:\s|$)", short)) <= 2
    assert part(f"listing.{language}.md", NAME[language]) not in short


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_keywords_are_as_the_market_wants_them(language):
    keywords = part(f"listing.{language}.md", KEYWORDS[language])
    words = keywords.split(", ")
    assert len(keywords) <= 2000
    assert len(words) == len(set(words)) > 5
    assert not re.search("битрикс|bitrix|uis|comagic|callgear", keywords, re.IGNORECASE)


def test_every_right_has_its_reason_and_no_other_has():
    assert set(re.findall(r"^\| `(\w+)` \|", page("scopes.md"), re.MULTILINE)) == {*scopes.SCOPES, *scopes.OPTIONAL}
    asked = re.search(r"^\| rights \| (.+?);", (ROOT / "docs/registration.md").read_text(), re.MULTILINE)
    assert asked
    assert set(re.findall(r"`(\w+)`", asked[1])) == {*scopes.SCOPES, *scopes.OPTIONAL}


def test_every_place_of_a_widget_is_named():
    for name in ("docs/market/scopes.md", "docs/registration.md"):
        assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", (ROOT / name).read_text())) & set(PLACEMENTS) == set(PLACEMENTS)


def test_every_requirement_says_where_it_is_met():
    rows = re.findall(r"^\| (?!requirement|---)(.+?) \| (.+) \|$", page("checklist.md"), re.MULTILINE)
    assert len(rows) > 40
    place = re.compile(r"`[\w./]+/[\w./]+`|`test_\w+`|`CHANGELOG.md`|publisher")
    assert [what for what, where in rows if not place.search(where)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_privacy_notice_tells_the_periods_that_are_kept(language):
    rows = re.findall(r"^\| (.*`\w+`.*) \| (\d+) \|$", page(f"privacy.{language}.md"), re.MULTILINE)
    told = {name: int(days) for what, days in rows for name in re.findall(r"`(\w+)`", what)}
    assert told == {name: journal.days for name, journal in JOURNALS.items()}
