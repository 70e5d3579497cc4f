"""The document on the screen, read as it will be when it is saved, and what in it points to nothing any more.

What the portal has lost – fields, people, stages – reading names itself. What UIS has lost is found here: a number, a
site or a scenario that a condition names by its value and that UIS does not have is a slip or has vanished.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from crm_bitrix.presence import SCOPE
from integration.models import Credential
from integration.rules.condition_tests import fold_text
from integration.rules.document import DEFAULT_COUNTRY, ParsedDocument
from integration.rules.document_text import write_json
from integration.rules.faults import Fault, quote
from integration.rules.known import Known
from integration.rules.phones import normalise_phone
from integration.settings_document import read_document
from settings_ui.screen_choices import UIS_LISTS

NUMBER = "virtual_phone_number"
_NAMING = frozenset({"eq", "ne", "in", "not_in"})
_STREAMS = (("telephony", "incoming"), ("telephony", "outgoing"), ("chats", "chat"), ("chats", "request"))


def read_shown(credential: Credential, document: dict[str, Any], known: Known) -> ParsedDocument:
    """Read a document as saving would, with a warning for everything in it that UIS does not have, or the portal does
    not tell."""
    parsed = read_document(credential, write_json(document), known=known)
    named = list(_named(document))
    country = str(_dict(document.get("main")).get("country") or DEFAULT_COUNTRY)
    values = _values_of(credential, {fact for _path, fact, _text in named}, country)
    unknown = (
        Fault(path, f"UIS has no {quote(text)}")
        for path, fact, text in named
        if text and fact in values and _folded(fact, text, country) not in values[fact]
    )
    return replace(parsed, warnings=(*parsed.warnings, *unknown, *_untold(credential, document)))


def _untold(credential: Credential, document: dict[str, Any]) -> Iterator[Fault]:
    """Where the rules ask for working days that the portal does not tell this application."""
    if credential.portal is None or SCOPE in credential.portal.scopes:
        return
    for tab, kind in _STREAMS:
        rules = _list(_dict(_dict(_dict(document.get(tab)).get(kind)).get("responsible")).get("rules"))
        for index, rule in enumerate(rules):
            if _dict(_dict(rule).get("assign")).get("only_at_work") is True:
                path = f"{tab}.{kind}.responsible.rules[{index}].assign.only_at_work"
                yield Fault(path, "the portal has not granted the right timeman")


def _values_of(credential: Credential, facts: Collection[str], country: str) -> dict[str, set[str]]:
    """Fact → the values that UIS has for it now. A list that was never read is left out: nothing is known of it."""
    kinds = {UIS_LISTS[fact] for fact in facts}
    rows = credential.uis_items.filter(kind__in=kinds).values_list("kind", "code", "name", "missing_since")
    told = list(rows) if kinds else []
    return {
        fact: {
            _folded(fact, code if fact == NUMBER else name, country)
            for kind, code, name, missing in told
            if kind == UIS_LISTS[fact] and missing is None
        }
        for fact in facts
        if any(kind == UIS_LISTS[fact] for kind, *_rest in told)
    }


def _folded(fact: str, text: str, country: str) -> str:
    return (normalise_phone(text, country) or text) if fact == NUMBER else fold_text(text)


def _named(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Path, fact and text of everything that names something of UIS by its value."""
    telephony = _dict(document.get("telephony"))
    for index, row in enumerate(_list(telephony.get("numbers"))):
        yield from _text(f"telephony.numbers[{index}].number", NUMBER, _dict(row).get("number"))
    for key in ("click_to_call", "form_callback"):
        yield from _text(f"telephony.{key}.number", NUMBER, _dict(telephony.get(key)).get("number"))
    for tab, kind in _STREAMS:
        stream, at = _dict(_dict(document.get(tab)).get(kind)), f"{tab}.{kind}"
        yield from _of_tree(stream.get("filter"), f"{at}.filter")
        for index, rule in enumerate(_list(_dict(stream.get("responsible")).get("rules"))):
            yield from _of_tree(_dict(rule).get("when"), f"{at}.responsible.rules[{index}].when")


def _of_tree(node: Any, path: str) -> Iterator[tuple[str, str, str]]:
    node = _dict(node)
    for join in ("all", "any"):
        for index, inner in enumerate(_list(node.get(join))):
            yield from _of_tree(inner, f"{path}.{join}[{index}]")
    if node.get("fact") in UIS_LISTS and node.get("op") in _NAMING:
        value = node.get("value")
        for text in value if isinstance(value, list) else [value]:
            yield from _text(f"{path}.value", node["fact"], text)


def _text(path: str, fact: str, value: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str):
        yield path, fact, value


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
