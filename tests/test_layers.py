"""The house stands on its own feet: imports go one way, and pure modules stay pure.

integration ← crm_bitrix ← telephony, chats (never each other) ← settings_ui ← config
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

MAY_IMPORT = {
    "integration": {"integration"},
    "crm_bitrix": {"integration", "crm_bitrix"},
    "telephony": {"integration", "crm_bitrix", "telephony"},
    "chats": {"integration", "crm_bitrix", "chats"},
    "settings_ui": {"integration", "crm_bitrix", "telephony", "chats", "settings_ui"},
    "config": {"config"},
}
NAMES_THE_APPS = {"config/urls.py", "config/settings.py"}
TAKEN_BY_SETTINGS_UI = {"events", "facts", "plan"}  # of telephony and chats
HOUSE = {*MAY_IMPORT, "tests"}

PURE = (
    "integration/rules/*.py",
    "integration/events.py",
    *(f"crm_bitrix/{name}.py" for name in ("actions", "batch", "call_requests", "clients", "corrections", "creation")),
    *(f"crm_bitrix/{name}.py" for name in ("events", "notices", "owners", "payloads", "php_form", "presence")),
    *(
        f"{app}/{name}.py"
        for app in ("telephony", "chats")
        for name in ("case", "events", "facts", "plan", "cards", "creation", "making", "messages")
    ),
    *(f"chats/{name}.py" for name in ("conversation", "telling", "waiting")),
    *(
        f"telephony/{name}.py"
        for name in (
            "asked",
            "callback",
            "calling",
            "case",
            "click",
            "corrections",
            "ending",
            "imported",
            "known",
            "missed",
            "outcome",
            "refusals",
            "reported",
            "routing",
        )
    ),
)
PURE_MAY_IMPORT = {"phonenumbers", *sys.stdlib_module_names} - {
    # of the standard library, but not pure: the outside world, or another answer each time
    *("asyncio", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets"),
    *("select", "shutil", "signal", "smtplib", "socket", "sqlite3", "ssl", "subprocess"),
    *("tempfile", "threading", "time", "urllib"),
}
PURE_PARTS = {"urllib.parse"}

INNER_IMPORTS: dict[str, str] = {}
"""File → why it imports inside a function. Breaking a circle is no reason: move the shared thing down."""


@dataclass(frozen=True)
class Import:
    """One imported name, in full, where it stands, and whether inside a function."""

    name: str
    line: int
    is_inner: bool


def read_imports(source: str, *, path: str) -> Iterator[Import]:
    """Yield every import of a file; `from a import b` names `a.b`, and relative ones are written out."""

    def read(node: ast.AST, *, is_inner: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, is_inner) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.removesuffix(".py").split("/")[: -node.level] if node.level else []
            module = ".".join([*package, *([node.module] if node.module else [])])
            yield from (Import(f"{module}.{alias.name}", node.lineno, is_inner) for alias in node.names)
        is_inner = is_inner or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from read(child, is_inner=is_inner)

    yield from read(ast.parse(source, path), is_inner=False)


def is_pure(path: str) -> bool:
    return any(Path(path).match(pattern) for pattern in PURE)


def is_pure_import(name: str) -> bool:
    """Say whether a pure module may import this: the standard library's pure part, or another pure module."""
    parts = name.split(".")
    if parts[0] in HOUSE:
        # "integration.rules.phones.parse" is a name in a module, "integration.rules.phones" a module itself
        return any(is_pure("/".join(parts[:end]) + ".py") for end in (len(parts), len(parts) - 1))
    return parts[0] in PURE_MAY_IMPORT or any(f"{name}.".startswith(f"{part}.") for part in PURE_PARTS)


def find_violations(source: str, *, path: str) -> list[str]:
    """Say what is wrong with the imports of one file of the product; `path` is relative to the top."""
    app = path.split("/", maxsplit=1)[0]
    found = []
    for each in read_imports(source, path=path):
        place = f"{path}:{each.line} imports {each.name}"
        top, *inner = each.name.split(".")
        if top in HOUSE and top not in MAY_IMPORT[app] and not (path in NAMES_THE_APPS and top != "tests"):
            found.append(f"{place}: {app} may not know {top}")
        elif app == "settings_ui" and top in ("telephony", "chats") and inner[0] not in TAKEN_BY_SETTINGS_UI:
            found.append(f"{place}: settings_ui takes only {', '.join(sorted(TAKEN_BY_SETTINGS_UI))} of it")
        if is_pure(path) and not is_pure_import(each.name):
            found.append(f"{place}: a pure module imports pure things only")
        if each.is_inner and path not in INNER_IMPORTS:
            found.append(f"{place}: inside a function; move the shared thing down")
    return found


def product_files() -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for app in MAY_IMPORT for path in ROOT.glob(f"{app}/**/*.py"))


@pytest.mark.parametrize("path", product_files())
def test_imports_of_the_product_go_one_way_and_pure_modules_stay_pure(path):
    assert find_violations((ROOT / path).read_text(), path=path) == []


def test_every_file_that_is_allowed_an_inner_import_still_has_one():
    for path in INNER_IMPORTS:
        assert any(each.is_inner for each in read_imports((ROOT / path).read_text(), path=path))


@pytest.mark.parametrize(
    ("path", "source", "said"),
    [
        ("integration/inbox.py", "from crm_bitrix import lane", "integration may not know crm_bitrix"),
        ("crm_bitrix/lane.py", "import telephony.plan", "crm_bitrix may not know telephony"),
        ("telephony/plan.py", "from chats.plan import decide_chat", "telephony may not know chats"),
        ("chats/views.py", "import telephony", "chats may not know telephony"),
        ("telephony/views.py", "from settings_ui import access", "telephony may not know settings_ui"),
        ("config/wsgi.py", "import telephony.urls", "config may not know telephony"),
        ("settings_ui/views.py", "from telephony import records", "settings_ui takes only events, facts, plan"),
        ("settings_ui/views.py", "from chats.records import keep", "settings_ui takes only events, facts, plan"),
        ("integration/views.py", "from tests.sandbox import portal", "integration may not know tests"),
        ("config/urls.py", "import tests.sandbox", "config may not know tests"),
        ("integration/rules/titles.py", "from django.utils import timezone", "pure things only"),
        ("integration/rules/titles.py", "from integration.models import Lane", "pure things only"),
        ("integration/rules/titles.py", "from .. import models", "pure things only"),
        ("crm_bitrix/batch.py", "import requests", "pure things only"),
        ("crm_bitrix/batch.py", "from urllib.request import urlopen", "pure things only"),
        ("chats/plan.py", "from time import monotonic", "pure things only"),
        ("telephony/plan.py", "def decide():\n    from telephony import facts", "inside a function"),
        ("telephony/views.py", "async def answer():\n    if True:\n        import json", "inside a function"),
    ],
)
def test_the_checker_sees_a_violation(path, source, said):
    [violation] = find_violations(source, path=path)
    assert said in violation


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("integration/rules/titles.py", "import re\nfrom integration.rules.phones import parse\nimport phonenumbers"),
        ("integration/rules/titles.py", "from integration.rules import phones\nfrom . import facts"),
        ("crm_bitrix/batch.py", "from urllib.parse import quote\nfrom crm_bitrix.actions import Command"),
        ("telephony/plan.py", "from crm_bitrix import actions\nfrom telephony.facts import CallFacts"),
        ("telephony/views.py", "import requests\nfrom crm_bitrix import lane\nfrom .records import keep"),
        ("settings_ui/views.py", "from telephony.plan import decide_call\nfrom chats import events"),
        ("config/urls.py", "import telephony.urls"),
    ],
)
def test_the_checker_lets_good_imports_pass(path, source):
    assert find_violations(source, path=path) == []


def test_every_variable_of_the_environment_is_documented():
    settings = ast.parse((ROOT / "config" / "settings.py").read_text())
    read = {
        str(node.args[0].value)
        for node in ast.walk(settings)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[0] == "env" and node.args
        if isinstance(node.args[0], ast.Constant)
    }
    documented = (ROOT / ".env.example").read_text()
    assert [name for name in sorted(read) if not re.search(rf"^(# )?{name}=", documented, re.MULTILINE)] == []
