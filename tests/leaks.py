"""No token, secret or phone number of any test reaches a log, a page, a mail or a journal: every test is searched.

Secrets are written down where they are made, phones where a story is told; what the product says is collected on the
way out, formatted and masked as in production. A leak fails the test that it happened in, and is named.
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException
from django.test import Client

from crm_bitrix.models import CrmAction, RequestLog, SyncRun
from integration.logs import JsonFormatter
from integration.masking import MaskingFilter
from integration.models import Alert, AuditEntry, Communication, Credential, Lane, Portal, ReportCursor
from tests.sandbox.portal import Portal as SandboxPortal
from tests.sandbox.world import Sandbox

SHORTEST_SECRET = 12
PHONE_DIGITS = 10

# What stands in a journal, without the columns that hold a client's data on purpose.
JOURNALS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (RequestLog, ("methods", "status", "detail")),
    (Alert, ("detail",)),
    (AuditEntry, ("actor", "about", "detail")),
    (Lane, ("name", "pause_reason")),
    (Portal, ("hold_reason",)),
    (ReportCursor, ("error",)),
    (SyncRun, ("error", "changes", "stages")),
)
CLIENTS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (Communication, ("reason", "trace")),
    (CrmAction, ("error", "result")),
)


@dataclass
class Known:
    """What must not be told: `tokens` to nobody, `shown_once` to nobody but the page that shows them."""

    tokens: set[str] = field(default_factory=set)
    shown_once: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)

    def find(self, text: str, *, secret: Iterable[str], phones: bool = True) -> list[str]:
        found = [f"a secret: {one[:4]}…" for one in secret if one in text]
        return found + [f"a phone: …{one[-4:]}" for one in self.phones if phones and one in text]


class Heard(logging.Handler):
    """Everything that a test's product says."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(JsonFormatter())
        self.addFilter(MaskingFilter())
        self.lines: list[str] = []
        self.pages: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("tests", "werkzeug", "faker", "hypothesis")):
            self.lines.append(self.format(record))


KNOWN, HEARD = Known(), Heard()


@pytest.fixture(autouse=True, scope="session")
def listen() -> Iterator[None]:
    logging.getLogger().addHandler(HEARD)
    with pytest.MonkeyPatch.context() as patch:
        _overhear(patch, secrets, "token_urlsafe", lambda result, *_: KNOWN.shown_once.add(result))
        _overhear(
            patch, SandboxPortal, "issue_tokens", lambda token, *_: KNOWN.tokens.update((token.access, token.refresh))
        )
        _overhear(patch, Sandbox, "connection", _note_connection)
        _overhear(patch, Sandbox, "tell", _note_story)
        _overhear(patch, Client, "request", _note_page)
        yield
    logging.getLogger().removeHandler(HEARD)


def _overhear(patch: pytest.MonkeyPatch, owner: Any, name: str, note: Callable[..., Any]) -> None:
    original = getattr(owner, name)

    def overheard(*args: Any, **named: Any) -> Any:
        result = original(*args, **named)
        note(result, args, named)
        return result

    patch.setattr(owner, name, overheard)


def _note_pair(token: Any, *_: Any) -> None:
    KNOWN.tokens.update((token.access, token.refresh))


def _note_connection(told: dict[str, Any], *_: Any) -> None:
    values = (told["client_secret"], told["application_token"], told["uis"]["key"])
    KNOWN.tokens.update(value for value in values if len(value) >= SHORTEST_SECRET)


def _note_story(_story: Any, _args: Any, wishes: dict[str, Any]) -> None:
    digits = "".join(filter(str.isdigit, str(wishes.get("client_phone", ""))))
    if len(digits) >= PHONE_DIGITS:
        KNOWN.phones.add(digits[-PHONE_DIGITS:])


def _note_page(response: Any, _args: Any, _named: Any) -> None:
    """What somebody has typed himself may stand in his form again."""
    if not response.streaming:
        page = response.content.decode(errors="replace")
        for value in KNOWN.tokens & _typed(response.wsgi_request):
            page = page.replace(value, "")
        HEARD.pages.append((response.request["PATH_INFO"], page))


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Search what was said when everything of a test is over."""
    for kept in (KNOWN.tokens, KNOWN.shown_once, KNOWN.phones, HEARD.lines, HEARD.pages):
        kept.clear()
    yield
    leaks = [f"{what} in the log: {line[:300]}" for line in HEARD.lines for what in _in_log(line)]
    leaks += [
        f"{what} on {path}"
        for path, page in HEARD.pages
        for what in KNOWN.find(page, secret=KNOWN.tokens, phones=False)
    ]
    letters = (f"{letter.subject} {letter.body}" for letter in getattr(mail, "outbox", ()))
    leaks += [f"{what} in a mail" for letter in letters for what in _in_log(letter)]
    assert not leaks, "\n".join(leaks[:20])


def _in_log(text: str) -> list[str]:
    return KNOWN.find(text, secret=KNOWN.tokens | KNOWN.shown_once)


def _typed(request: HttpRequest) -> set[str]:
    """What a form brought; nothing of one that is too large or cannot be read."""
    try:
        return {str(value) for value in request.POST.values()}
    except (SuspiciousOperation, BadRequest, MultiPartParserError, RawPostDataException, OSError):
        return set()


def _on_page(text: str) -> list[str]:
    """Pages may show the secret they have just made, and phones to whoever may see them; tokens never."""
    return KNOWN.find(text, secret=KNOWN.tokens, phones=False)


def search_journals() -> None:
    """Search the journals in the database; before its tables are emptied."""
    secret = KNOWN.tokens | KNOWN.shown_once
    leaks = [
        f"{what} in {model.__name__}: {row!r:.300}"
        for tables, phones in ((JOURNALS, True), (CLIENTS, False))
        for model, columns in tables
        for row in model.objects.values_list(*columns)
        for what in KNOWN.find(str(row), secret=secret, phones=phones)
    ]
    hashes = set(Credential.objects.values_list("hook_secret_hash", flat=True))
    leaks += ["a secret itself where its hash belongs"] * bool(hashes & KNOWN.shown_once)
    assert not leaks, "\n".join(leaks[:20])
