"""Prove who stands behind a token: nothing that a browser or an event brings is signed.

1. Shapes are checked before anything is asked: some of the values end up in headers and addresses.
2. `app.info` at an allowed authorisation server says whose token it is. The portal's own word counts for nothing: an
   attacker's "portal" would vouch for anybody. `SERVER_ENDPOINT` chooses among the allowed servers, no more.
3. `profile` at the address that the authorisation server named says who the user is, and whether an administrator.

Source: https://apidocs.bitrix24.com/settings/oauth/index.html, api-reference/widgets (data of the handler)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings

from crm_bitrix.errors import PortalError
from crm_bitrix.tokens import ask_server
from integration import remote
from integration.models import Portal

DEADLINE_SECONDS = 10.0
MAX_ANSWER_BYTES = 65_536
DEFAULT_PORTS = {"http": 80, "https": 443}

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"({_LABEL}(?:\.{_LABEL})*)(?::(\d{{1,5}}))?", re.IGNORECASE)
_MEMBER = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_TOKEN = re.compile(r"[\x21-\x7e]{1,512}")
_WORD = re.compile(r"[\w.-]{1,64}", re.ASCII)
_RUSSIAN_READERS = frozenset({"", "ru", "kz", "by", "ua", "uz", "kg", "am", "az"})


class Reason(StrEnum):
    """Why somebody was not let in."""

    SHAPE = "shape"  # a value cannot be what it claims to be; nothing was asked
    STALE = "stale"  # the token has expired: open the application again
    FOREIGN = "foreign"  # the token belongs to another portal, application or user, or to nobody
    NOT_INSTALLED = "not installed"
    NOT_ADMIN = "not admin"
    UNPAID = "unpaid"
    DISMISSED = "dismissed"  # the user no longer works there
    SERVER_AWAY = "server away"  # the authorisation server does not answer
    PORTAL_AWAY = "portal away"
    CODE = "code"  # the code of the consent page is used up or older than 30 seconds
    MISCONFIGURED = "misconfigured"  # the authorisation server does not know our own id and secret


class Refused(Exception):
    """A request that is not believed. The message is for the log and holds no token."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason


@dataclass(frozen=True)
class Identity:
    """A proved user of a proved portal. `licence` is the vendor's letter: L F D T P; `time_zone` is his own, "" where
    the portal tells none that we know."""

    member_id: str
    user_id: int
    is_admin: bool
    domain: str
    client_endpoint: str
    oauth_host: str
    scope: str = ""
    licence: str = ""
    language: str = "ru"
    time_zone: str = ""


@dataclass(frozen=True)
class Installation:
    """What the authorisation server says of a token: which portal, where it answers, and whose token it is."""

    member_id: str
    domain: str
    client_endpoint: str
    scope: str
    licence: str
    user_id: int | None


@dataclass(frozen=True)
class FramePost:
    """The request with which a portal opens the application: shapes are right, nothing is proved."""

    domain: str
    language: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    application_token: str = field(repr=False)
    server_endpoint: str
    member_id: str
    placement: str
    options: str


def read_frame_post(query: Mapping[str, str], form: Mapping[str, str]) -> FramePost:
    """Check the shapes of a frame request. Raises Refused(SHAPE)."""
    return FramePost(
        domain=read_domain(query.get("DOMAIN", "")),
        language=read_language(query.get("LANG", "")),
        access_token=_matched(_TOKEN, form, "AUTH_ID"),
        refresh_token=_matched(_TOKEN, form, "REFRESH_ID") if form.get("REFRESH_ID") else "",
        application_token=_matched(_TOKEN, form, "APPLICATION_TOKEN") if form.get("APPLICATION_TOKEN") else "",
        server_endpoint=form.get("SERVER_ENDPOINT", "")[:200],
        member_id=read_member_id(form.get("member_id", "")),
        placement=_matched(_WORD, form, "PLACEMENT") if form.get("PLACEMENT") else "DEFAULT",
        options=form.get("PLACEMENT_OPTIONS", "")[:10_000],
    )


def read_domain(value: str) -> str:
    """`host[:port]` in lower case, without the port when it is a scheme's default. Raises Refused(SHAPE)."""
    found = _DOMAIN.fullmatch(value) if len(value) <= 260 else None
    if found is None or len(found[1]) > 253 or not 0 < int(found[2] or 443) < 65_536:
        raise Refused(Reason.SHAPE, "DOMAIN is not a host with an optional port")
    return _plain_domain(value)


def _plain_domain(value: str) -> str:
    return re.sub(r":(80|443)$", "", value.lower())


def read_member_id(value: str) -> str:
    """Raises Refused(SHAPE)."""
    if not _MEMBER.fullmatch(value):
        raise Refused(Reason.SHAPE, "member_id is not 32 hexadecimal digits")
    return value.lower()


def read_language(value: str) -> str:
    """The language to speak: Russian where it is commonly read, else English."""
    return "ru" if value.lower()[:2] in _RUSSIAN_READERS else "en"


def is_token(value: str) -> bool:
    """Say whether a value has the shape of a token."""
    return _TOKEN.fullmatch(value) is not None


def _matched(pattern: re.Pattern[str], form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not pattern.fullmatch(value):
        raise Refused(Reason.SHAPE, f"{name} is missing or has the wrong shape")
    return value


def origin_of(domain: str, client_endpoint: str) -> str:
    """The origin of a portal's pages; the scheme is that of its REST address."""
    scheme = "http" if client_endpoint.startswith("http://") else "https"
    return f"{scheme}://{domain}"


def prove(
    access_token: str, *, member_id: str = "", domain: str = "", server_endpoint: str = "", language: str = "ru"
) -> Identity:
    """Find out whose token this is. What the request claims – `member_id`, `domain` – must be true where it is given.

    Raises Refused.
    """
    if not is_token(access_token):
        raise Refused(Reason.SHAPE, "the access token is missing or has the wrong shape")
    oauth_host = allowed_server(server_endpoint)
    found = ask_installation(oauth_host, access_token)
    if member_id and found.member_id != member_id.lower():
        raise Refused(Reason.FOREIGN, f"a token of portal {found.member_id} came in the name of {member_id}")
    if domain and not _is_known_as(found, _plain_domain(domain)):
        raise Refused(Reason.FOREIGN, f"portal {found.member_id} is {found.domain}, the request says {domain}")
    profile = _ask_profile(found.client_endpoint, access_token)
    user_id = _number(profile.get("ID"))
    if user_id is None or found.user_id not in (None, user_id):
        raise Refused(Reason.FOREIGN, f"the token's user is {found.user_id}, the portal says {user_id}")
    return Identity(
        member_id=found.member_id,
        user_id=user_id,
        is_admin=profile.get("ADMIN") is True,
        domain=found.domain,
        client_endpoint=found.client_endpoint,
        oauth_host=oauth_host,
        scope=found.scope,
        licence=found.licence,
        language=language,
        time_zone=_read_zone(str(profile.get("TIME_ZONE") or "")),
    )


def _read_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        return ""


def _is_known_as(found: Installation, domain: str) -> bool:
    """Say whether this is the portal's address, or was until it was renamed a short while ago."""
    if found.domain == domain:
        return True
    portal = Portal.objects.filter(member_id=found.member_id).first()
    return portal is not None and domain in portal.domains


def prove_frame(post: FramePost) -> Identity:
    """Prove a frame request. Raises Refused."""
    return prove(
        post.access_token,
        member_id=post.member_id,
        domain=post.domain,
        server_endpoint=post.server_endpoint,
        language=post.language,
    )


def allowed_server(server_endpoint: str) -> str:
    """The allowed authorisation server that this address belongs to, else the first allowed one."""
    given = server_endpoint.rstrip("/").removesuffix("/rest")
    return given if given in settings.BITRIX24_OAUTH_URLS else settings.BITRIX24_OAUTH_URLS[0]


def trade_code(code: str) -> dict[str, Any]:
    """Trade the code of a consent page for a pair of tokens. Raises Refused."""
    try:
        return ask_server(allowed_server(""), grant_type="authorization_code", code=code)
    except PortalError as error:
        raise Refused(_CODE_REASONS.get(error.code.lower(), Reason.SERVER_AWAY), f"code: {error}") from error


_CODE_REASONS = {
    "invalid_grant": Reason.CODE,
    "invalid_request": Reason.CODE,
    "payment_required": Reason.UNPAID,
    "not_installed": Reason.NOT_INSTALLED,
    "no_auth_found": Reason.NOT_INSTALLED,
    "invalid_client": Reason.MISCONFIGURED,
    "wrong_client": Reason.MISCONFIGURED,
}
_SERVER_REASONS = {
    "expired_token": Reason.STALE,
    "payment_required": Reason.UNPAID,
    "not_installed": Reason.NOT_INSTALLED,
    "no_auth_found": Reason.NOT_INSTALLED,
    "internal_server_error": Reason.SERVER_AWAY,
}
_PORTAL_REASONS = {
    "expired_token": Reason.STALE,
    "payment_required": Reason.UNPAID,
    "authorization_error": Reason.DISMISSED,
    "application_not_found": Reason.NOT_INSTALLED,
    "error_oauth": Reason.NOT_INSTALLED,
    "invalid_token": Reason.FOREIGN,
    "no_auth_found": Reason.FOREIGN,
}


def ask_installation(oauth_host: str, access_token: str) -> Installation:
    """Ask an allowed authorisation server where a token belongs. Raises Refused.

    The secret is not sent: the token alone is the question.
    """
    url = f"{oauth_host}/rest/app.info/"
    body = _ask(url, away=Reason.SERVER_AWAY, reasons=_SERVER_REASONS, data={"auth": access_token})
    install = body.get("install")
    if not isinstance(install, dict):
        raise Refused(Reason.SERVER_AWAY, "app.info without an installation")
    if body.get("client_id") != settings.BITRIX24_CLIENT_ID or not settings.BITRIX24_CLIENT_ID:
        raise Refused(Reason.FOREIGN, "a token of another application")
    endpoint = str(install.get("client_endpoint", ""))
    if urlsplit(endpoint).scheme not in DEFAULT_PORTS or not endpoint.endswith("/"):
        raise Refused(Reason.SERVER_AWAY, "app.info without an address of the portal")
    return Installation(
        member_id=read_member_id(str(install.get("member_id", ""))),
        domain=read_domain(str(install.get("domain", ""))),
        client_endpoint=endpoint,
        scope=",".join(re.split(r"[ ,]+", str(install.get("scope", "")).strip())),
        licence=str(install.get("status", ""))[:20],
        user_id=_number(body.get("user_id")),
    )


def _ask_profile(client_endpoint: str, access_token: str) -> Mapping[str, Any]:
    url = f"{client_endpoint}profile.json"
    return _ask(url, away=Reason.PORTAL_AWAY, reasons=_PORTAL_REASONS, json={"auth": access_token})


def _ask(url: str, *, away: Reason, reasons: Mapping[str, Reason], **parts: Any) -> Mapping[str, Any]:
    try:
        reply = remote.request("POST", url, deadline_seconds=DEADLINE_SECONDS, max_bytes=MAX_ANSWER_BYTES, **parts)
    except remote.RemoteError as error:
        raise Refused(away, str(error)) from error
    body = remote.read_json(reply)
    if isinstance(body, dict) and isinstance(body.get("result"), dict):
        return body["result"]
    code = str(body.get("error", "")) if isinstance(body, dict) else ""
    fallback = Reason.FOREIGN if code and away == Reason.SERVER_AWAY and reply.status < 500 else away
    raise Refused(reasons.get(code.lower(), fallback), f"{code[:60] or 'no answer'}, status {reply.status}")


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
