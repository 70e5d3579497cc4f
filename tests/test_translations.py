"""Every text that people read has an English translation, whichever app it stands in."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation.template import templatize

from integration.reasons import REASONS, show_reason
from integration.trace import explain
from telephony import refusals

ROOT = Path(__file__).resolve().parent.parent
APPS = ("integration", "crm_bitrix", "telephony", "chats", "settings_ui")
CATALOGUES = [ROOT / app / "locale/en/LC_MESSAGES/django" for app in ("integration", "settings_ui")]
DECIDING = (
    *("telephony/plan.py", "telephony/case.py", "telephony/calling.py", "telephony/ending.py", "telephony/imported.py"),
    *("chats/plan.py", "chats/waiting.py", "chats/making.py"),
)
CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
IN_TEMPLATE = re.compile(r"(?:_|gettext)\(u?('(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")")


def in_code(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in CALLS:
            yield from (arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))


def in_template(path: Path) -> Iterator[str]:
    """The text of a block that has a plural is its singular."""
    yield from (ast.literal_eval(found[1]) for found in IN_TEMPLATE.finditer(templatize(path.read_text())))


def texts_of(app: str) -> set[str]:
    code = (path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)
    pages = (ROOT / app / "templates").rglob("*.html")
    found = {text for path in code for text in in_code(path)}
    found |= {text for path in pages for text in in_template(path)}
    return {text for text in found if re.search("[А-яЁё]", text)}


@pytest.fixture(scope="module")
def translated() -> set[str]:
    known: set[str] = set()
    for place in CATALOGUES:
        with place.with_suffix(".mo").open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog
        known |= {key[0] if isinstance(key, tuple) else key for key, value in catalogue.items() if value}
    return known


@pytest.mark.parametrize("app", APPS)
def test_every_text_has_an_english_translation(app: str, translated: set[str]):
    assert sorted(texts_of(app) - translated) == []


def reasons_in(path: Path) -> Iterator[str]:
    """The Russian texts of a module that decides; of one with particulars behind a colon its head."""
    tree = ast.parse(path.read_text())
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for joined in (node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)):
        heads = [part for part in joined.values[:1] if isinstance(part, ast.Constant)]
        told |= {id(part) for part in joined.values}
        yield from (head.value.partition(":")[0] for head in heads)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


@pytest.mark.parametrize("path", [ROOT / path for path in DECIDING], ids=DECIDING)
def test_every_reason_that_a_decision_gives_has_words(path: Path):
    said = {text for text in reasons_in(path) if re.search("[А-яЁё]", text)}
    assert said - set(REASONS) == set()


def test_no_translation_waits_for_a_second_look():
    for place in CATALOGUES:
        assert "#, fuzzy" not in place.with_suffix(".po").read_text()


@pytest.mark.parametrize("code", sorted(refusals.CODES))
def test_why_a_call_was_not_made_is_told_alike_in_the_portal_and_in_the_journal(code: str):
    stored = refusals.explain(code, refusals.STORED)
    with translation.override("en"):
        said = show_reason(f"звонок по клику не состоялся: {stored}")
        [[step]] = explain([{"step": "dial", "asked": "click", "refused": stored}], user_name=str)
    assert said == f"the click-to-call was not made: {refusals.explain(code, 'en')}"
    assert step.text == refusals.explain(code, "en")
