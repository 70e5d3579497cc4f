"""`verify_portal` against the sandbox: what it reads, what it writes and takes back, what it says of a difference."""

import ast
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from crm_bitrix import installation, live_account, live_checks, live_writes, scopes
from tests.conftest import Product
from tests.sandbox.defaults import KNOWN_PHONE

ROOT = Path(__file__).resolve().parent.parent
METHODS = json.loads((ROOT / "tests/sandbox/spec.json").read_text())
METHODS_OF_ALL = {name for name, told in METHODS.items() if told["scope"] == ["basic"]}
APPS = ("integration", "crm_bitrix", "telephony", "chats", "settings_ui")


@pytest.fixture
def portal(product: Product, monkeypatch: pytest.MonkeyPatch) -> Product:
    monkeypatch.setattr("crm_bitrix.live_writes.time.sleep", product.clock.shift)
    product.credential.uis_account_id = product.sandbox.uis.app_id
    product.credential.save()
    installation.bind(product.portal)
    return product


def verify(product: Product, **options: Any) -> tuple[str, str]:
    """What the command prints, and how it complains ("" = nothing differs)."""
    out = StringIO()
    try:
        call_command("verify_portal", product.portal.domain, stdout=out, **options)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def verdicts(told: str) -> dict[str, str]:
    return dict(re.findall(r"^([PU]\d+) +(\S+)", told, re.MULTILINE))


@pytest.mark.django_db(transaction=True)
def test_a_portal_in_good_order_is_as_the_service_takes_it_to_be(portal: Product):
    portal.play("answered_call", client_phone=KNOWN_PHONE)
    before = portal.sandbox.portal.counts()
    told, complaint = verify(portal, phone=KNOWN_PHONE, write=True)
    found = verdicts(told)
    assert complaint == "", told
    written = {check.item for check in live_writes.CHECKS}
    assert set(found) == {check.item for check in (*live_checks.CHECKS, *live_account.CHECKS)} | written
    assert {item for item in found if found[item] != "holds"} <= {"P10", "U4", "U9"}
    assert portal.sandbox.portal.counts() == before


@pytest.mark.django_db(transaction=True)
def test_without_a_wish_to_write_nothing_is_changed(portal: Product):
    portal.sandbox.portal.clear_log()
    told, _ = verify(portal)
    changing = (".add", ".update", ".delete", ".register", ".finish", ".set")
    sent = {record.method for record in portal.sandbox.portal.commands()}
    assert sent
    assert not {method for method in sent if method.endswith(changing)}
    assert "Not run without --write: P1, P7, P14." in told


@pytest.mark.django_db(transaction=True)
def test_what_differs_is_named_with_what_it_means(portal: Product):
    portal.sandbox.portal.users[1]["ADMIN"] = False
    told, complaint = verify(portal)
    assert verdicts(told)["P9"] == "DIFFERS"
    assert "means: an administrator has to open the application" in told
    assert "P9" in complaint


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("lag", "verdict"), [(3, "holds"), (8, "DIFFERS"), (60, "DIFFERS")])
def test_how_long_the_search_lags_is_told(portal: Product, lag: int, verdict: str):
    portal.sandbox.faults.crm_search_lag_seconds = lag
    before = portal.sandbox.portal.counts()
    told, _ = verify(portal, write=True)
    assert verdicts(told)["P7"] == verdict
    assert portal.sandbox.portal.counts() == before


@pytest.mark.django_db
def test_an_unknown_portal_is_refused():
    with pytest.raises(CommandError) as refused:
        call_command("verify_portal", "nobody.example")
    assert refused.value.returncode == 2


def named_methods() -> set[str]:
    """Every method of the vendor's that the code names, apart from the table of rights itself."""
    paths = (path for app in APPS for path in ROOT.glob(f"{app}/**/*.py") if path.name != "scopes.py")
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text())))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and node.value in METHODS}


EVERY = {**scopes.SCOPES, **scopes.OPTIONAL}


def test_the_rights_we_ask_for_are_those_of_the_methods_we_call():
    asked = {method: scope for scope, methods in EVERY.items() for method in methods}
    assert named_methods() - METHODS_OF_ALL == asked.keys()
    assert {method for method, scope in asked.items() if scope not in METHODS[method]["scope"]} == set()


@pytest.mark.parametrize(
    ("granted", "lacking"),
    [
        (scopes.SCOPES, ()),
        ({*scopes.SCOPES, "user"} - {"user_basic"}, ()),
        (set(scopes.SCOPES) - {"im", "user_basic"}, ("im", "user_basic")),
    ],
)
def test_a_wider_right_counts_for_the_smaller_one(granted, lacking):
    assert scopes.missing(granted) == lacking


def test_the_page_of_what_is_to_be_verified_says_of_each_number_how():
    text = (ROOT / "docs/verified.md").read_text()
    rows = dict(re.findall(r"^\| ([PU]\d+) \|.*\| ([^|]+) \|$", text, re.MULTILINE))
    by_command = {item for item, how in rows.items() if "`manage.py verify_portal" in how}
    checks = (*live_checks.CHECKS, *live_writes.CHECKS, *live_account.CHECKS)
    assert by_command == {check.item for check in checks}
    assert [item for item, how in rows.items() if "`manage.py" not in how and "Click: " not in how] == []
    assert len(rows) == len(re.findall(r"^\| [PU]\d+ \|", text, re.MULTILINE))
