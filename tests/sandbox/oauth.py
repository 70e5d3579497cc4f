"""The authorisation server: trading codes and refresh tokens, `app.info`."""

from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, redirect, request

from . import clock
from .edge import act
from .portal import Portal, Token

if TYPE_CHECKING:
    from .world import Sandbox

STATUSES = {"PAYMENT_REQUIRED": 401, "NOT_INSTALLED": 401, "WRONG_CLIENT": 200, "invalid_token": 401}


def token(sandbox: "Sandbox") -> Response:
    """`/oauth/token/`: authorization_code or refresh_token for a pair of tokens.

    A fault with `match="oauth.token.answer"` loses the answer after the old refresh token has died.
    """
    given = request.values
    broken = _fault(sandbox, "oauth.token")
    if broken is not None:
        return broken
    with sandbox.lock:
        sandbox.oauth_log.append({"at": clock.now(), "grant_type": given.get("grant_type")})
        sandbox.touch()
        grant = given.get("grant_type")
        if grant not in ("authorization_code", "refresh_token"):
            return _error("invalid_request", "grant_type is unknown")
        found = _trade(sandbox, grant, given)
        kind = sandbox.faults.take(["oauth.token.answer"])
    if kind is not None:
        return act("hang" if "timeout" in kind else "drop")
    return found if isinstance(found, Response) else jsonify(found)


def app_info(sandbox: "Sandbox") -> Response:
    """`/oauth/rest/app.info`: whose token this is, and on which portal."""
    broken = _fault(sandbox, "oauth.app.info")
    if broken is not None:
        return broken
    body = request.get_json(silent=True) if request.is_json else None
    access = (body or {}).get("auth") or request.values.get("auth") or ""
    with sandbox.lock:
        for portal in sandbox.portals.values():
            found = portal.tokens.get(access)
            if found is None:
                continue
            if found.is_expired:
                return _error("expired_token", "The access token provided has expired.", 401)
            return jsonify({"result": _info(portal, found), "time": {"start": clock.now()}})
    return _error("WRONG_CLIENT", "Wrong client")


def authorize(sandbox: "Sandbox", portal: Portal) -> Response:
    """The portal's consent page: always agrees, and sends the browser to the application with a code."""
    client_id, state = request.args.get("client_id"), request.args.get("state", "")
    if client_id != portal.client_id or not portal.installed:
        text = "Приложение не установлено / Application is not installed"
        return Response(text, status=400, mimetype="text/plain")
    target = request.args.get("redirect_uri") or portal.app_url
    if not target:
        return Response("The sandbox does not know the application's address", status=400, mimetype="text/plain")
    with sandbox.lock:
        code = portal.issue_code(int(request.args.get("user_id", 1)))
    query = f"code={code}&state={state}&domain={portal.domain}&member_id={portal.member_id}"
    query += f"&scope={','.join(portal.scopes)}&server_domain={portal.domain}"
    return redirect(f"{target}{'&' if '?' in target else '?'}{query}")


def pair(portal: Portal, issued: Token) -> dict[str, Any]:
    """Answer of the token address."""
    return {
        "access_token": issued.access,
        "refresh_token": issued.refresh,
        "expires": int(issued.expires_at),
        "expires_in": 3600,
        "client_endpoint": portal.client_endpoint,
        "server_endpoint": f"{portal.url}/oauth/rest/",
        "domain": portal.domain,
        "member_id": portal.member_id,
        "scope": ",".join(sorted(issued.scopes)),
        "status": "L",
        "user_id": issued.user_id,
    }


def _trade(sandbox: "Sandbox", grant: str, given: Any) -> Response | dict[str, Any]:
    for portal in sandbox.portals.values():
        code, refresh = (
            portal.codes.get(given.get("code", "")),
            portal.refresh_tokens.get(given.get("refresh_token", "")),
        )
        if not (code if grant == "authorization_code" else refresh):
            continue
        if (given.get("client_id"), given.get("client_secret")) != (portal.client_id, portal.client_secret):
            return _error("invalid_client", "Client credentials are wrong")
        if not portal.installed:
            return _error("NOT_INSTALLED", "Application is not installed")
        if not portal.is_paid:
            return _error("PAYMENT_REQUIRED", "Payment required")
        if grant == "refresh_token":
            issued = portal.renew(given["refresh_token"])
        else:
            user_id, until = portal.codes.pop(given["code"])
            issued = portal.issue_tokens(user_id) if clock.now() < until else None
        return pair(portal, issued) if issued else _error("invalid_grant", "Invalid grant")
    client = given.get("client_id"), given.get("client_secret")
    if all(client != (portal.client_id, portal.client_secret) for portal in sandbox.portals.values()):
        return _error("invalid_client", "Client credentials are wrong")
    return _error("invalid_grant", "Invalid grant")


def _info(portal: Portal, found: Token) -> dict[str, Any]:
    return {
        "client_id": portal.client_id,
        "scope": ",".join(sorted(found.scopes)),
        "expires": int(found.expires_at),
        "user_id": found.user_id,
        "install": {
            "installed": portal.installed,
            "version": 1,
            "status": "L",
            "scope": ",".join(portal.scopes),
            "domain": portal.domain,
            "uri": portal.app_url,
            "client_endpoint": portal.client_endpoint,
            "member_id": portal.member_id,
            "member_type": "user",
        },
    }


def _fault(sandbox: "Sandbox", name: str) -> Response | None:
    with sandbox.lock:
        kind = sandbox.faults.take([name])
    if kind is None:
        return None
    if kind in ("timeout", "timeout_after"):
        return act("hang")
    if kind in ("drop_before", "drop_after", "cut"):
        return act("drop")
    if kind == "html":
        return Response("<html>502</html>", status=502, mimetype="text/html")
    code, status = {"payment_required": ("PAYMENT_REQUIRED", 401), "expired_token": ("invalid_grant", 400)}.get(
        kind, ("INTERNAL_SERVER_ERROR", 503)
    )
    return _error(code, code, status)


def _error(code: str, text: str, status: int | None = None) -> Response:
    answer = jsonify({"error": code, "error_description": text})
    answer.status_code = status or STATUSES.get(code, 400)
    return answer
