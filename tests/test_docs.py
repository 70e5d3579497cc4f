"""The documents speak of what is there: paths, targets of make, commands, variables and tests that they name exist."""

import re
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands
from django.urls import resolve

from crm_bitrix.models import CrmAction
from integration.models import State

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))

CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(
    r"\.?[\w-]+(?:/[\w.-]+)*(?:/|\.(?:py|md|html|json|toml|txt|po|css|js|example|demo))|Makefile|Procfile"
)
MADE_BY_RUNNING = {"db.sqlite3", "var/"}


def text_of(document: str) -> str:
    return (ROOT / document).read_text()


APPS = ("config", "integration", "crm_bitrix", "telephony", "chats", "settings_ui")


@cache
def sources(*names: str) -> str:
    """All code of these folders."""
    return "\n".join(path.read_text() for name in names for path in sorted(ROOT.glob(f"{name}/**/*.py")))


def paths_in(text: str) -> list[str]:
    quoted = (name.strip() for name in CODE.findall(FENCE.sub("", text)))
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    return [*(name for name in quoted if PATH.fullmatch(name) and not name.startswith("/")), *linked]


def test_the_documents_that_a_newcomer_needs_are_there():
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md", "docs/operations.md"} <= set(
        DOCUMENTS
    )


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document):
    places = (ROOT, (ROOT / document).parent)
    named = set(paths_in(text_of(document))) - MADE_BY_RUNNING
    assert [name for name in sorted(named) if not any((place / name).exists() for place in places)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_target_of_make_that_a_document_names_exists(document):
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text_of(document), re.MULTILINE)
    assert set(named) - targets == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_a_document_names_exists(document):
    named = set(re.findall(r"manage\.py ([a-z]\w*)", text_of(document)))
    assert named - get_commands().keys() == set()


def test_every_variable_of_the_environment_is_told_to_the_operator():
    known = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", text_of(".env.example"), re.MULTILINE))
    told = set(CODE.findall(text_of("docs/operations.md")))
    assert known - told == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_a_document_names_exists(document):
    named = set(re.findall(r"`(test_\w+)`", text_of(document)))
    assert [name for name in sorted(named) if f"def {name}(" not in sources("tests")] == []


def test_every_promise_names_the_file_that_has_its_test():
    told = re.findall(r"`(tests/test_\w+\.py)`: ((?:`test_\w+`(?:, )?)+)", text_of("docs/architecture.md"))
    assert told
    for path, tests in told:
        for name in CODE.findall(tests):
            assert f"def {name}(" in text_of(path), path


def test_the_readme_names_the_two_commands_plainly():
    lines = text_of("README.md").splitlines()
    assert {"make run", "make test"} <= set(lines)


def test_the_readme_leads_to_every_document():
    pages = {path.name for path in ROOT.glob("docs/*.md")}
    assert [name for name in sorted(pages) if f"`docs/{name}`" not in text_of("README.md")] == []


def test_every_decision_is_in_the_list():
    index = text_of("docs/decisions/README.md")
    records = {path.name for path in ROOT.glob("docs/decisions/0*.md")}
    assert records == set(re.findall(r"\((0\d{3}-[\w-]+\.md)\)", index))


def test_every_command_of_ours_is_told_to_the_operator():
    ours = {path.stem for path in ROOT.glob("*/management/commands/[a-z]*.py")}
    told = set(CODE.findall(text_of("docs/operations.md")))
    assert ours - told == set()


NAMED = re.compile(r"((?:`\w+`(?:, | and ))*`\w+`) (?:there, )?(?:in|of) `([\w/]+\.py)`")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_name_that_a_document_places_in_a_file_stands_there(document):
    for names, path in NAMED.findall(text_of(document)):
        source = text_of(path)
        assert [name for name in CODE.findall(names) if not re.search(rf"\b{name}\b", source)] == [], path


def table_after(document: str, words: str) -> list[list[str]]:
    """The cells of the first table after these words, without its head."""
    rows = re.search(r"(?:^\|.*\n)+", text_of(document).partition(words)[2], re.MULTILINE)
    assert rows, words
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[0].splitlines()[2:]]


def test_the_picture_of_the_house_has_its_floors_in_the_order_of_imports():
    [picture, *_] = FENCE.findall(text_of("docs/architecture.md"))
    floors = [picture.index(f"  {app}/") for app in ("config", "settings_ui", "telephony", "crm_bitrix", "integration")]
    assert floors == sorted(floors)
    assert "│ chats/" in picture.splitlines()[picture[: floors[2]].count("\n")]


def test_the_picture_of_the_house_shows_addresses_that_are_answered():
    [picture, *_] = FENCE.findall(text_of("docs/architecture.md"))
    uis = "/uis/0b0e7c6e-5d2c-4a51-8f57-3b0a3f2f5f10/secret"
    shown = {"/bitrix24/install/", "/bitrix24/app/", "/admin/"}
    assert all(address in picture for address in shown)
    for address in (*shown, "/bitrix24/events/", "/api/schema/", f"{uis}/events/", f"{uis}/route/"):
        assert resolve(address)


@pytest.mark.parametrize(
    ("words", "states"), [("**Communication**", State.values), ("**CrmAction**", CrmAction.State.values)]
)
def test_the_tables_of_states_are_complete(words, states):
    assert [cells[0] for cells in table_after("docs/architecture.md", words)] == list(states)


def test_the_table_of_models_is_complete():
    told = {
        cells[0].strip("`"): set(re.findall(r"\b[A-Z]\w+", cells[1].partition("is a proxy")[0]))
        for cells in table_after("docs/architecture.md", "## Who owns which model")
    }
    real = {app: {model.__name__ for model in apps.get_app_config(app).get_models()} for app in told}
    assert told == real


def test_every_file_that_the_code_names_exists():
    named = re.findall(
        r"\b((?:docs|tests|config|integration|crm_bitrix|telephony|chats|settings_ui)/[\w/.-]+\.(?:md|py|json))",
        sources(*APPS),
    )
    assert len(named) > 10
    assert [name for name in sorted(set(named)) if not (ROOT / name).exists()] == []
