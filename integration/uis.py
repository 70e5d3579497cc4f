"""The two JSON-RPC interfaces of UIS: Data API v2.0 (directories, reports) and Call API v4.0 (starting calls).

One call per request; `id` is required; the key goes inside `params`. A start of a call is never repeated here: an
unknown outcome is told as such (`UisError.outcome`), and the notifications decide.
Source: https://comagic.github.io/data_api/, https://comagic.github.io/call_api/
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from integration import remote, uis_points
from integration.events import whole_number
from integration.models import Brand, Credential
from integration.remote import Outcome
from integration.uis_errors import Effect, ShortRead, UisError, make_error, read_error

__all__ = ["Answer", "Api", "Effect", "ShortRead", "Uis", "UisError", "pages"]

Row = Mapping[str, Any]
PAGE_ROWS = 1000
MAX_OFFSET = 100_000

_DOMAINS: Mapping[str, str] = {Brand.UIS: "uiscom.ru", Brand.COMAGIC: "comagic.ru", Brand.CALLGEAR: "callgear.com"}


class Api(StrEnum):
    """Which of the two interfaces is meant."""

    DATA = "data"
    CALL = "call"


@dataclass(frozen=True)
class Answer:
    """The rows of an answer (one object is one row) and how many there are in all, when UIS says so."""

    rows: tuple[Row, ...]
    total: int | None


@dataclass(frozen=True)
class Uis:
    """Access to one UIS account. `lane` names the row that keeps its points; "" for a key that is only being tried.
    `token` is that of its lease, if the caller has it: every poll prolongs it."""

    brand: str
    key: str = field(repr=False)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Moscow"))
    lane: str = ""
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, credential: Credential, token: str = "") -> "Uis":
        """Access by a credential, saved or not."""
        lane = f"uis:{credential.pk}" if credential.pk else ""
        return cls(credential.brand, credential.uis_key, credential.zone, lane, token)

    def address(self, api: Api) -> str:
        """Where requests go: the host of the brand, unless the settings name one address for all."""
        domain = _DOMAINS.get(self.brand, _DOMAINS[Brand.UIS])
        if api is Api.CALL:
            return settings.UIS_CALL_API_URL or f"https://callapi.{domain}/v4.0"
        return settings.UIS_DATA_API_URL or f"https://dataapi.{domain}/v2.0"

    def ask(self, method: str, params: Mapping[str, Any], *, api: Api = Api.DATA, is_urgent: bool = False) -> Answer:
        """Send one request. A poll is not sent while the points are known to be gone, unless it `is_urgent`.

        Raises UisError, and LeaseLost when the lease is not the caller's any more.
        """
        is_counted = api is Api.DATA and bool(self.lane)
        if is_counted and not is_urgent and (until := uis_points.take(self.lane, self.token)):
            raise make_error("limit_exceeded", "points are gone", method=method, retry_at=until)
        envelope = {"jsonrpc": "2.0", "id": "1", "method": method, "params": {"access_token": self.key, **params}}
        try:
            reply = remote.request(
                "POST",
                self.address(api),
                data=json.dumps(envelope).encode(),
                headers={"Content-Type": "application/json; charset=UTF-8"},
            )
        except remote.RemoteError as error:
            raise make_error("no_answer", str(error), method=method, outcome=error.outcome) from error
        try:
            answer, limits = _read(reply, method)
        except UisError as error:
            if is_counted and error.effect is Effect.LIMIT:
                uis_points.exhausted(self.lane, error.retry_at or timezone.now() + uis_points.UNNAMED)
            raise
        if is_counted:
            uis_points.note(self.lane, limits)
        return answer


def pages(uis: Uis, method: str, params: Mapping[str, Any], fields: tuple[str, ...] = ()) -> Iterator[tuple[Row, ...]]:
    """All rows of a method, page by page.

    Raises UisError, and ShortRead when fewer rows come than UIS says there are, or more than it can page through.
    """
    asked = {**params, "fields": list(fields)} if fields else dict(params)
    read = 0
    while True:
        answer = uis.ask(method, {**asked, "limit": PAGE_ROWS, "offset": read})
        yield answer.rows
        read += len(answer.rows)
        is_short = len(answer.rows) < PAGE_ROWS
        if is_short if answer.total is None else read >= answer.total:
            return
        if is_short:
            raise make_error("short_read", f"{read} rows of {answer.total} came", method=method)
        if read > MAX_OFFSET:
            raise make_error("too_many_rows", f"more than {MAX_OFFSET} rows, narrow the window", method=method)


def _read(reply: remote.Reply, method: str) -> tuple[Answer, Mapping[str, Any]]:
    """The rows and the limits of an answer; whatever its HTTP status, only the body counts."""
    unreadable = make_error(
        "unreadable_answer", f"no JSON-RPC answer, status {reply.status}", method=method, outcome=Outcome.UNKNOWN
    )
    try:
        body = json.loads(reply.content)
    except (ValueError, RecursionError) as error:
        raise unreadable from error
    if not isinstance(body, dict):
        raise unreadable
    if isinstance(body.get("error"), dict):
        raise read_error(body["error"], method=method, now=timezone.now())
    result = body.get("result")
    if body.get("error") is not None or not isinstance(result, dict):
        raise unreadable
    found = result.get("data")
    rows = [found] if isinstance(found, dict) else [] if found is None else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise unreadable
    metadata = result.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    limits = metadata.get("limits")
    return Answer(tuple(rows), whole_number(metadata, "total_items")), limits if isinstance(limits, dict) else {}
