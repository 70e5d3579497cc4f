"""The documents speak of what is there: paths, targets of make, commands, variables and tests that they name exist."""

import re
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))

CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(
    r"\.?[\w-]+(?:/[\w.-]+)*(?:/|\.(?:py|md|html|json|toml|txt|po|css|js|example|demo))|Makefile|Procfile"
)
MADE_BY_RUNNING = {"db.sqlite3", "var/", "var/bench.json"}


def text_of(document: str) -> str:
    return (ROOT / document).read_text()


@cache
def sources() -> str:
    """All code of the product and of the tests."""
    names = ("config", "integration", "crm_bitrix", "telephony", "chats", "settings_ui", "tests")
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
    assert [name for name in sorted(named) if f"def {name}(" not in sources()] == []


def test_every_promise_names_the_file_that_has_its_test():
    told = re.findall(r"`(tests/test_\w+\.py)`: ((?:`test_\w+`(?:, )?)+)", text_of("docs/architecture.md"))
    assert told
    for path, tests in told:
        for name in CODE.findall(tests):
            assert f"def {name}(" in text_of(path), path


def test_the_readme_names_the_two_commands_plainly():
    lines = text_of("README.md").splitlines()
    assert {"make run", "make test"} <= set(lines)


def test_every_decision_is_in_the_list():
    index = text_of("docs/decisions/README.md")
    records = {path.name for path in ROOT.glob("docs/decisions/0*.md")}
    assert records == set(re.findall(r"\((0\d{3}-[\w-]+\.md)\)", index))


def test_every_command_of_ours_is_told_to_the_operator():
    ours = {path.stem for path in ROOT.glob("*/management/commands/[a-z]*.py")}
    told = set(CODE.findall(text_of("docs/operations.md")))
    assert ours - told == set()
