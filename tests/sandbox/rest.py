"""HTTP of the portal's REST: who calls, limits, faults, one command or a batch."""

import json
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from flask import Response, request

from . import batch, clock, php
from .attribution import find_story, remember
from .edge import act, has_left
from .errors import BatchDied, ConnectionDropped, RestError
from .faults import AFTER
from .portal import Portal, Token
from .records import CommandRecord, RequestRecord
from .registry import METHODS, Context, Rows
from .spec import canonical, check

if TYPE_CHECKING:
    from .world import Sandbox

CHARGED_SECONDS = 0.1
HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"
REFUSALS = {
    "503": RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", status=503),
    "429": RestError("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit", status=429),
    "expired_token": RestError("expired_token", "The access token provided has expired.", status=401),
    "access_token_expired": RestError("expired_token", "The access token provided has expired.", status=401),
    "payment_required": RestError("PAYMENT_REQUIRED", "Payment required", status=401),
    "portal_deleted": RestError("PORTAL_DELETED", "Portal was deleted", status=500),
    "500": RestError("INTERNAL_SERVER_ERROR", "Internal server error", status=500),
}


@dataclass(frozen=True)
class Incoming:
    """A request as read: method, parameters without the token, commands of a batch, the token."""

    method: str
    params: dict[str, Any]
    commands: tuple[tuple[str, str, str], ...]
    token: str | None

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods inside, the batch itself not counted."""
        return tuple(name for _, name, _ in self.commands) if self.method == "batch" else (self.method,)


@dataclass(frozen=True)
class Session:
    """An authorised request being carried out."""

    sandbox: "Sandbox"
    portal: Portal
    token: Token
    record: RequestRecord


def serve(sandbox: "Sandbox", portal: Portal, name: str) -> Response:
    """Answer one HTTP request to `/rest/<name>`."""
    began = time.perf_counter()
    incoming = _read(name)
    record = _begin(sandbox, portal, incoming)
    try:
        response = _respond(sandbox, portal, incoming, record)
    except ConnectionDropped:
        response = act("drop")
    record.status = 0 if "X-Sandbox-Edge" in response.headers else response.status_code
    record.duration = time.perf_counter() - began
    record.stories = tuple(dict.fromkeys(one.story for one in record.log if one.story))
    sandbox.touch()
    return response


def _read(name: str) -> Incoming:
    if request.is_json:
        given = request.get_json(silent=True)
        params = dict(given) if isinstance(given, dict) else {}
    else:
        params = php.nest((key, value) for key, values in request.form.lists() for value in values)
    params = {**php.nest((key, value) for key, values in request.args.lists() for value in values), **params}
    bearer = request.headers.get("Authorization", "")
    token = params.pop("auth", None) or params.pop("access_token", None) or bearer.removeprefix("Bearer ") or None
    method = name.removesuffix(".json")
    cmd = params.get("cmd")
    is_batch = method.lower() == "batch"
    commands = tuple(batch.read_commands(cmd)) if is_batch and isinstance(cmd, dict | list) else ()
    return Incoming("batch" if is_batch else method, params, commands, token)


def _begin(sandbox: "Sandbox", portal: Portal, incoming: Incoming) -> RequestRecord:
    sock = request.environ.get("werkzeug.socket")
    with sandbox.lock:
        portal.request_number += 1
        number = portal.request_number
        others = sandbox.live.setdefault(portal.slug, {})
        for gone in [key for key, other in others.items() if has_left(other)]:
            del others[gone]
        others[number] = sock
        portal.live = len(others)
        portal.max_concurrent = max(portal.max_concurrent, portal.live)
        names = incoming.methods
        record = RequestRecord(number, clock.now(), incoming.method, names, len(names), concurrent=portal.live)
        portal.log(record)

    def done() -> None:
        with sandbox.lock:
            others.pop(number, None)
            portal.live = len(others)

    request.environ["sandbox.done"] = done
    return record


def _respond(sandbox: "Sandbox", portal: Portal, incoming: Incoming, record: RequestRecord) -> Response:
    faults = sandbox.faults
    began = clock.now()
    if faults.latency_seconds:
        time.sleep(faults.latency_seconds)
    with sandbox.lock:
        fits = portal.pour()
        record.bucket = portal.bucket_level()
        kind = faults.take((incoming.method, *incoming.methods), portal=portal.slug) if fits else None
    record.fault = kind
    if portal.host and request.host != portal.host:
        return Response(status=302, headers={"Location": f"{portal.client_endpoint}{request.path.rsplit('/', 1)[-1]}"})
    try:
        if not fits:
            raise REFUSALS["503"]
        if kind and kind not in AFTER:
            return _fail_before(portal, kind)
        token = _authorise(portal, incoming.token)
        body = _run(Session(sandbox, portal, token, record), incoming, began)
    except RestError as error:
        record.error = error.code
        return as_json(error.body() | {"time": _time(portal, incoming.method, began)}, error.status)
    except BatchDied:
        record.error = "timeout"
        return Response(HTML.format("504 Gateway Time-out"), status=504, mimetype="text/html")
    except ConnectionDropped:
        raise
    except Exception:  # noqa: BLE001 - a slip of the sandbox itself must be seen, and must not stop it
        sandbox.slips.append(traceback.format_exc())
        record.error = "INTERNAL_SERVER_ERROR"
        traceback.print_exc()
        return as_json(REFUSALS["500"].body(), 500)
    return _spoil(kind, body) if kind else as_json(body, 200)


def _fail_before(portal: Portal, kind: str) -> Response:
    if kind in REFUSALS:
        raise REFUSALS[kind]
    if kind == "html":
        return Response(HTML.format("502 Bad Gateway"), status=502, mimetype="text/html")
    if kind == "redirect_302":
        there = portal.client_endpoint.replace("127.0.0.1", "localhost") + request.path.rsplit("/", 1)[-1]
        return Response(status=302, headers={"Location": there})
    return act("hang" if kind == "timeout" else "drop")


def _spoil(kind: str, body: dict[str, Any]) -> Response:
    text = json.dumps(php.as_array(body), ensure_ascii=False)
    if kind == "truncated":
        return Response(text[: len(text) // 2], mimetype="application/json")
    if kind == "wrong_type":
        return as_json({"result": "unexpected", "time": []}, 200)
    return act({"cut": "cut", "timeout_after": "hang"}.get(kind, "drop"), text)


def _authorise(portal: Portal, access: str | None) -> Token:
    token = portal.tokens.get(access or "")
    if not access:
        raise RestError("NO_AUTH_FOUND", "Wrong authorization data", status=401)
    if not portal.installed:
        raise RestError("APPLICATION_NOT_FOUND", "Application not found", status=401)
    if token is None:
        raise RestError("invalid_token", "Unable to get application by token", status=401)
    if token.is_expired:
        raise REFUSALS["expired_token"]
    if not portal.is_paid:
        raise REFUSALS["payment_required"]
    if not portal.is_active(token.user_id):
        raise RestError("authorization_error", "Unable to authorize user", status=401)
    return token


def _run(session: Session, incoming: Incoming, began: float) -> dict[str, Any]:
    if incoming.method == "batch":
        check("batch", incoming.params, set(session.token.scopes))
        return {"result": _run_batch(session, incoming), "time": _time(session.portal, "batch", began)}
    if session.sandbox.faults.cost(incoming.method) > batch.SECONDS:
        raise BatchDied
    rows = _command(session, incoming.method, incoming.params)
    body: dict[str, Any] = {"result": rows.result}
    body |= {key: value for key, value in (("next", rows.next), ("total", rows.total)) if value is not None}
    return body | {"time": _time(session.portal, incoming.method, began)}


def _run_batch(session: Session, incoming: Incoming) -> dict[str, Any]:
    results: dict[str, Any] = {"result": {}, "error": {}, "total": {}, "next": {}, "time": {}}
    halt = php.is_true(incoming.params.get("halt"))
    spent = 0.0
    for number, (key, name, query) in enumerate(incoming.commands):
        spent += session.sandbox.faults.cost(name)
        if spent > batch.SECONDS:
            raise BatchDied
        began = clock.now()
        try:
            if number >= batch.LIMIT:
                raise RestError("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
            params = batch.resolve(php.parse_query(query), results)
            params.pop("auth", None)
            rows = _command(session, name, params, key=key)
        except RestError as error:
            results["error"][key] = error.body()
            if halt:
                break
            continue
        results["result"][key] = rows.result
        results["time"][key] = _time(session.portal, name, began)
        counted = {field: value for field, value in (("total", rows.total), ("next", rows.next)) if value is not None}
        for field, value in counted.items():
            results[field][key] = value
    return batch.maps(results)


def _command(session: Session, name: str, params: dict[str, Any], *, key: str | None = None) -> Rows:
    sandbox, portal, record = session.sandbox, session.portal, session.record
    faults = sandbox.faults
    if faults.is_poison(name, params):
        raise ConnectionDropped(name)
    if faults.real_latency:
        time.sleep(faults.cost(name))
    fetched = _fetch(params) if name.lower() == "telephony.externalcall.attachrecord" else {}
    with sandbox.lock:
        story = find_story(portal, sandbox.story_ids, params)
        at, user_id, scopes = clock.now(), session.token.user_id, session.token.scopes
        ctx = Context(portal, faults, user_id, scopes, in_batch=key is not None, fetched=fetched)
        try:
            name = canonical(name)
            answer = _call(ctx, name, params)
        except RestError as error:
            record.log.append(CommandRecord(record.number, at, name, params, None, error.body(), key, story))
            raise
        rows = answer if isinstance(answer, Rows) else Rows(answer)
        record.log.append(CommandRecord(record.number, at, name, params, rows.result, None, key, story))
        if story:
            remember(portal, story, name, params, rows.result)
    return rows


def _call(ctx: Context, name: str, params: dict[str, Any]) -> Any:
    if name not in METHODS:
        raise RestError("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage", status=405)
    if ctx.portal.spent(name)[0] >= ctx.portal.operating_limit:
        raise REFUSALS["429"]
    cost = ctx.faults.cost(name)
    if cost >= CHARGED_SECONDS:
        ctx.portal.charge(name, cost)
    check(name, params, set(ctx.scopes))
    return METHODS[name](ctx, params)


def _fetch(params: dict[str, Any]) -> dict[str, tuple[int, bytes]]:
    link = str(params.get("RECORD_URL") or "")
    if not link.startswith(("http://", "https://")):
        return {}
    try:
        answer = requests.get(link, timeout=30, verify=False)
    except requests.RequestException:
        return {link: (0, b"")}
    return {link: (answer.status_code, answer.content)}


def _time(portal: Portal, method: str, began: float) -> dict[str, Any]:
    now = clock.now()
    operating, resets = portal.spent(method)
    return {
        "start": began,
        "finish": now,
        "duration": now - began,
        "processing": now - began,
        "date_start": clock.iso(began),
        "date_finish": clock.iso(now),
        "operating_reset_at": resets,
        "operating": operating,
    }


def as_json(body: dict[str, Any], status: int) -> Response:
    """An answer as PHP would encode it."""
    text = json.dumps(php.as_array(body), ensure_ascii=False)
    return Response(text, status=status, content_type="application/json; charset=utf-8")
