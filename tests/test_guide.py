"""The administrator's guide tells the truth: every setting has its paragraph, every label is the one on the screen."""

import gettext
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from integration.rules.facts import StreamKind
from settings_ui.screen_fields import TABS

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("ru", "en")
STREAMS = tuple(f"{tab}.{kind}." for tab in ("telephony", "chats") for kind in StreamKind)
WHOLE = ("filter", "responsible.rules.when", "responsible.rules.assign", "mapping.values")
"""Keys whose insides are the administrator's own."""

PARAGRAPH = re.compile(r"^\*\*(?P<label>[^*]+)\*\* \(`(?P<key>[\w.]+)`\): \S", re.MULTILINE)
BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
OWN_WORDS = {"жирным", "bold"}


@cache
def pages(language: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((ROOT / "docs/guide" / language).glob("*.md"))}


def text(language: str) -> str:
    return "\n".join(pages(language).values())


@cache
def catalogues() -> list[dict[str, str]]:
    """Of each catalogue the texts, as msgid → translation."""
    found = []
    for path in sorted(ROOT.glob("*/locale/en/LC_MESSAGES/django.mo")):
        with path.open("rb") as file:
            pairs: Mapping[Any, str] = gettext.GNUTranslations(file)._catalog
        found.append({key: told for key, told in pairs.items() if key and isinstance(key, str)})
    return found


@cache
def sources() -> str:
    """All code and all templates of the product."""
    paths = (path for ending in ("py", "html") for path in sorted(ROOT.glob(f"*/**/*.{ending}")))
    apps = ("integration", "crm_bitrix", "telephony", "chats", "settings_ui")
    return "\n".join(path.read_text() for path in paths if path.relative_to(ROOT).parts[0] in apps)


@cache
def texts_by_label(language: str) -> dict[str, set[str]]:
    """What is shown → the texts of the code that it translates."""
    found: dict[str, set[str]] = {}
    with translation.override(language):
        for key in {key for catalogue in catalogues() for key in catalogue}:
            found.setdefault(translation.gettext(key), set()).add(key)
    return found


def is_on_a_screen(label: str, language: str) -> bool:
    """Whether a text stands in the code as it is: what a catalogue knows and nobody shows any more is no label."""
    texts = texts_by_label(language).get(label, set())
    return any(f'"{one}"' in sources() or f"'{one}'" in sources() for one in texts)


def within_stream(key: str) -> str:
    """The key of a setting as the guide names it: without the stream that it belongs to."""
    return next((key.removeprefix(stream) for stream in STREAMS if key.startswith(stream)), key)


def keys_of(value: Any, path: str = "") -> Iterator[str]:
    """The keys of all settings in a document."""
    key = within_stream(f"{path}.".strip(".")) if path else ""
    if isinstance(value, list) and value and isinstance(value[0], dict) and not is_reference(value[0]):
        for one in value:
            yield from keys_of(one, path)
    elif isinstance(value, dict) and not is_reference(value) and key not in WHOLE:
        for name, inner in value.items():
            yield from keys_of(inner, f"{path}.{name}".strip("."))
    else:
        yield key


def is_reference(value: Mapping[str, Any]) -> bool:
    return value.keys() <= {"id", "name"}


def settings_of_the_document() -> set[str]:
    document = json.loads((ROOT / "tests/payloads/settings.complete.json").read_text())
    return set(keys_of({name: document[name] for name in ("main", "telephony", "chats")}))


def fields_of_the_screen(language: str) -> dict[str, str]:
    """Key → label of every field that the screen draws."""
    with translation.override(language):
        return {
            within_stream(f"{section.path}.{field.key}".strip(".")): str(field.label)
            for tab in TABS
            for group in tab.groups
            for section in group.sections
            for field in section.fields
        }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_has_a_paragraph(language):
    told = {match["key"] for match in PARAGRAPH.finditer(text(language))}
    wanted = settings_of_the_document() | fields_of_the_screen(language).keys() | {"responsible.rules", "mapping"}
    assert told == wanted


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_is_called_as_on_the_screen(language):
    told = {match["key"]: match["label"] for match in PARAGRAPH.finditer(text(language))}
    fields = fields_of_the_screen(language)
    assert {key: told[key] for key in fields} == fields


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_section_of_the_screen_has_a_heading(language):
    headings = set(re.findall(r"^#+ (.+)$", text(language), re.MULTILINE))
    with translation.override(language):
        titles = {str(section.title) for tab in TABS for group in tab.groups for section in group.sections}
    assert titles - headings == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_label_that_the_guide_quotes_stands_on_a_screen(language):
    quoted = {label for label in BOLD.findall(text(language)) if not label.endswith(".")} - OWN_WORDS
    assert [label for label in sorted(quoted) if not is_on_a_screen(label, language)] == []


def test_both_languages_tell_the_same():
    russian, english = (pages(language) for language in LANGUAGES)
    assert russian.keys() == english.keys()
    for name in russian:
        assert [match["key"] for match in PARAGRAPH.finditer(russian[name])] == [
            match["key"] for match in PARAGRAPH.finditer(english[name])
        ]
        assert len(re.findall(r"^(#|\d\.|- |\|)", russian[name], re.MULTILINE)) == len(
            re.findall(r"^(#|\d\.|- |\|)", english[name], re.MULTILINE)
        ), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_lead_to_pages_and_headings_that_exist(language):
    for name, page in pages(language).items():
        for target, anchor in re.findall(r"\]\((\w+\.md)?(?:#([^)]+))?\)", page):
            there = pages(language)[target or name]
            headings = {slug(heading) for heading in re.findall(r"^#+ (.+)$", there, re.MULTILINE)}
            assert not anchor or anchor in headings, f"{name}: {anchor}"


def slug(heading: str) -> str:
    """The anchor that a heading gets where the guide is shown."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_a_text_has_the_same_translation_in_every_catalogue():
    first, *others = catalogues()
    assert [key for other in others for key in other if first.get(key, other[key]) != other[key]] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_pictures_show_the_screen_in_the_language_of_the_guide(language):
    pictures = re.findall(r"!\[[^\]]+\]\(\.\./\.\./(screenshots/[\w-]+\.png)\)", text(language))
    assert len(pictures) > 8
    assert [one for one in pictures if f"-{language}-" not in one or not (ROOT / "docs" / one).exists()] == []
