"""Our own thin client of a portal's REST: one request at a time, and never more than the portal allows.

It renews the token when the portal says so, counts every request in the bucket that all processes share, keeps the
work-time limit of each method, writes the log of requests, and turns every failure into a `PortalError`.
Why not a library: docs/decisions/0003-our-own-client.md.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from django.utils import timezone

from crm_bitrix import batch, tokens
from crm_bitrix.actions import Command, Json
from crm_bitrix.errors import Cause, PortalError, cause_of
from crm_bitrix.models import RequestLog
from integration import lanes, remote
from integration.many import insert_all
from integration.masking import mask
from integration.models import Portal

log = logging.getLogger(__name__)


def sleep(seconds: float) -> None:
    """Wait; tests let their clock go on instead."""
    time.sleep(max(0.0, seconds))


OPERATING_SECONDS = 400.0
"""Work time of one method after which we let it rest: the vendor blocks at 480 s in ten minutes (on-premise 420)."""


@dataclass(frozen=True)
class About:
    """Whom a request serves: the keys of communications, and the traces of the events that began them."""

    communications: tuple[int, ...] = ()
    traces: tuple[str, ...] = ()

    @property
    def told(self) -> dict[str, Json]:
        """For the journal and the log; nothing for a request that serves nobody in particular."""
        told = {"communications": list(self.communications), "traces": list(self.traces)}
        return told if self.communications else {}


NOBODY = About()


class Client:
    """Speaks to one portal. `level` is how full the shared bucket may get at most by these requests.

    `bucket` is that of the portal unless the caller brings it, with the lease of his lane; `patience_seconds` is how
    long a request may wait for room in it. `until` is the moment of `time.monotonic()` by which the caller must have
    his answer, the renewal of a token included; None = every request has the usual deadline of its own.

    In a `with` block the journal of requests is written once, at its end.
    """

    def __init__(
        self,
        portal: Portal,
        *,
        level: float = lanes.LIVE_LEVEL,
        bucket: lanes.Bucket | None = None,
        patience_seconds: float = 0.0,
        may_wait: bool = True,
        until: float | None = None,
    ) -> None:
        self.portal = portal
        self.level = level
        self.bucket = bucket or lanes.Bucket(portal.live_lane)
        self.patience = timedelta(seconds=patience_seconds)
        self.may_wait = may_wait
        self.until = until
        self._is_reserved = False
        self._unwritten: list[RequestLog] | None = None

    def __enter__(self) -> Self:
        self._unwritten = []
        return self

    def __exit__(self, *_: object) -> None:
        rows, self._unwritten = self._unwritten, None
        insert_all(rows or ())

    def call(self, command: Command, *, about: About = NOBODY) -> Json:
        """Call one method; its `result`. Raises PortalError."""
        body = self._post(command.method, dict(command.params), methods=[command.method], about=about)
        self._note_operating({command.method: _operating(body)})
        return body["result"]

    def batch(
        self, commands: Mapping[str, Command], *, halts: bool = False, about: About = NOBODY
    ) -> batch.BatchAnswer:
        """Call up to 50 methods in one request, those after a refusal too unless it `halts`.

        Raises PortalError when the request as a whole failed.
        """
        methods = [command.method for command in commands.values()]
        body = self._post("batch", batch.body(commands, halts=halts), methods=methods, about=about)
        try:
            answer = batch.read(body, commands)
        except batch.BadAnswer as error:
            raise PortalError(Cause.UNKNOWN, str(error)) from error
        self._note_operating(
            {commands[name].method: spent for name, spent in answer.operating.items() if name in commands}
        )
        return answer

    def _post(self, method: str, params: dict[str, Json], *, methods: list[str], about: About) -> dict[str, Json]:
        try:
            return self._post_once(method, params, methods=methods, about=about)
        except PortalError as error:
            if error.cause != Cause.TOKEN:
                raise
        within = None if self.until is None else self._seconds_left()
        tokens.renew(self.portal, may_wait=self.may_wait, within_seconds=within)
        try:
            return self._post_once(method, params, methods=methods, about=about)
        except PortalError as error:
            if error.cause == Cause.TOKEN:
                raise PortalError(Cause.HOLD, f"a fresh token is refused: {error}", code=error.code) from error
            raise

    def _post_once(self, method: str, params: dict[str, Json], *, methods: list[str], about: About) -> dict[str, Json]:
        self._seconds_left()
        self.reserve()
        self._is_reserved = False
        started = time.monotonic()
        status = "ok"
        try:
            return self._send(method, params)
        except PortalError as error:
            status = f"{error.cause}: {mask(str(error))}"
            raise
        finally:
            self._note(methods, status[:80], int((time.monotonic() - started) * 1000), about)

    def reserve(self) -> None:
        """Take the next request out of the bucket now, after a moment if it is full: what has to be written down
        before a request is written when it is certain to go out. Raises PortalError, LeaseLost."""
        if self._is_reserved:
            return
        full_until = self.bucket.take(level=self.level)
        if full_until and full_until <= timezone.now() + self.patience:
            sleep((full_until - timezone.now()).total_seconds())
            full_until = self.bucket.take(level=self.level)
        if full_until:
            raise PortalError(Cause.BUSY, "the bucket of the portal is full", retry_at=full_until, code="bucket")
        self._is_reserved = True

    def _note(self, methods: list[str], status: str, duration_ms: int, about: About) -> None:
        row = RequestLog(
            portal=self.portal,
            methods=", ".join(dict.fromkeys(methods))[:500],
            commands=len(methods),
            status=status,
            duration_ms=duration_ms,
            detail=about.told,
        )
        if self._unwritten is None:
            row.save(force_insert=True)
        else:
            self._unwritten.append(row)
        told = {"portal": self.portal.domain, "methods": row.methods, "status": status, "duration_ms": duration_ms}
        log.info("asked", extra=told | about.told)

    def _send(self, method: str, params: dict[str, Json]) -> dict[str, Json]:
        url = f"{self.portal.client_endpoint}{method}.json"
        try:
            reply = remote.request(
                "POST",
                url,
                json={**params, "auth": self.portal.access_token},
                deadline_seconds=self._seconds_left(),
            )
        except remote.RemoteError as error:
            cause = Cause.DOWN if error.outcome == remote.Outcome.NOT_SENT else Cause.UNKNOWN
            raise PortalError(cause, str(error)) from error
        body = remote.read_json(reply)
        if isinstance(body, dict) and body.get("error"):
            raise refusal(str(body["error"]), str(body.get("error_description", "")), body)
        if isinstance(body, dict) and "result" in body:
            return body
        if 300 <= reply.status < 400:
            raise PortalError(Cause.MOVED, f"moved to {reply.headers.get('location', '?')[:200]}")
        cause = Cause.DOWN if reply.status in (502, 503) else Cause.UNKNOWN
        raise PortalError(cause, f"status {reply.status}, not an answer of the portal's")

    def _seconds_left(self) -> float:
        left = remote.DEADLINE_SECONDS if self.until is None else self.until - time.monotonic()
        if left <= 0:
            raise PortalError(Cause.DOWN, "no time is left to ask the portal", code="deadline")
        return min(left, remote.DEADLINE_SECONDS)

    def _note_operating(self, spent: Mapping[str, tuple[float, int]]) -> None:
        tired = {method: reset for method, (seconds, reset) in spent.items() if seconds >= OPERATING_SECONDS and reset}
        if tired:
            pause_methods(self.portal, {method: datetime.fromtimestamp(at, UTC) for method, at in tired.items()})


def refusal(code: str, text: str, body: Mapping[str, Json]) -> PortalError:
    """The error of a whole answer as an exception."""
    cause = Cause.HOLD if _is_tariff(code, text) else cause_of(code)
    reset = _operating(body)[1]
    retry_at = datetime.fromtimestamp(reset, UTC) if cause == Cause.METHOD_BUSY and reset else None
    return PortalError(cause, f"{code} {text}".strip(), code=code, retry_at=retry_at)


def _is_tariff(code: str, text: str) -> bool:
    """One code has two meanings: a right that this method lacks, and a tariff without REST; the words tell."""
    return code.lower() == "access_denied" and "commercial plan" in text.lower()


def _operating(body: Mapping[str, Json]) -> tuple[float, int]:
    spent = body.get("time")
    if not isinstance(spent, Mapping):
        return 0.0, 0
    return float(spent.get("operating") or 0), int(spent.get("operating_reset_at") or 0)


def pause_methods(portal: Portal, until: Mapping[str, datetime]) -> None:
    """Let methods of a portal rest until these moments."""
    now = timezone.now()
    current = Portal.objects.values_list("paused_methods", flat=True).get(pk=portal.pk)
    kept = {method: moment for method, moment in current.items() if datetime.fromisoformat(moment) > now}
    added = {method: moment.isoformat() for method, moment in until.items()}
    portal.paused_methods = {**kept, **added}
    Portal.objects.filter(pk=portal.pk).update(paused_methods=portal.paused_methods)


def resting(portal: Portal, method: str) -> datetime | None:
    """The moment until which this method rests, None when it may be called."""
    moment = portal.paused_methods.get(method)
    until = datetime.fromisoformat(moment) if moment else None
    return until if until and until > timezone.now() else None


METHOD_REST = timedelta(minutes=1)
"""How long a method rests when the portal refused it for its work time without saying until when."""
