"""All HTTP that leaves the service goes through here.

Every request has a deadline for the whole of it (requests' own timeouts are per read), a size limit, follows no
redirect, and reaches the public internet only; `OUTBOUND_ALLOWED_NETWORKS` opens private networks. No request is made
inside a database transaction: a slow vendor must never hold a lock of ours.

Connections are kept, for all threads together. An address is looked at where a connection is made, and that address is
connected to, so a kept connection needs no second look. Nothing is sent twice: a kept connection that breaks under a
request is an unknown outcome.
"""

import io
import ipaddress
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from http.client import HTTPResponse
from typing import Any, BinaryIO

import requests
from django.conf import settings
from django.db import connection
from requests.adapters import HTTPAdapter
from requests_hardened.ip_filter import InvalidIPAddress, get_ip_address
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import Timeout
from urllib3.util.ssl_ import create_urllib3_context

from integration import __version__

DEADLINE_SECONDS = 20.0
CONNECT_SECONDS = 5.0
MAX_BYTES = 32 * 1024 * 1024
HOSTS_KEPT = 200
HEADERS = {"User-Agent": f"uis-bitrix24/{__version__}", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}

DISUSED_NETWORKS = (ipaddress.ip_network("::/96"), ipaddress.ip_network("fec0::/10"))
"""IPv6 that stands for an IPv4 address, and the site-local network."""

NO_ADDRESS = (
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
)


class Outcome(StrEnum):
    """What is known of a request that failed."""

    NOT_SENT = "not sent"  # the other side cannot have acted on it
    UNKNOWN = "unknown"  # it may have


class RemoteError(Exception):
    """A request that brought no usable answer. `outcome` says whether the other side may have acted on it."""

    def __init__(self, message: str, outcome: Outcome) -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass(frozen=True)
class Reply:
    """Status, headers (lower case) and the whole body of an answer."""

    status: int
    headers: dict[str, str]
    content: bytes


class _InTime(io.RawIOBase):
    """What comes through a socket within its timeout, all reads together."""

    def __init__(self, arriving: io.RawIOBase, sock: socket.socket) -> None:
        self.arriving, self.sock = arriving, sock
        self.until = time.monotonic() + (sock.gettimeout() or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        return self.arriving.readinto(buffer)

    def close(self) -> None:
        self.arriving.close()
        super().close()


class _Answer(HTTPResponse):
    """An answer that has one deadline for all of it, from its first byte on: the timeout the socket has then."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_InTime(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    """Connects to the very address that was looked at. Whatever fails on the way there has carried nothing."""

    is_private_only = True
    response_class = _Answer

    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, HTTPError) as error:
            raise RemoteError(f"no connection: {type(error).__name__}", Outcome.NOT_SENT) from error

    def _new_conn(self) -> socket.socket:
        name, self._dns_host = self._dns_host, self._look_up()
        try:
            return super()._new_conn()
        finally:
            self._dns_host = name  # certificates are checked for the name

    def _look_up(self) -> str:
        try:
            address, _ = get_ip_address(self._dns_host, self.port, allow_loopback=False)
            if any(address in network for network in DISUSED_NETWORKS):
                raise InvalidIPAddress(address)
        except InvalidIPAddress as error:
            address = error.args[0]
            if not any(address in ipaddress.ip_network(network) for network in settings.OUTBOUND_ALLOWED_NETWORKS):
                raise RemoteError(f"the address is not allowed: {address}", Outcome.NOT_SENT) from error
            return str(address)
        except UnicodeError as error:
            raise RemoteError(f"the address is not allowed: {error}", Outcome.NOT_SENT) from error
        if self.is_private_only:
            raise RemoteError("http is for the allowed networks only: use https", Outcome.NOT_SENT)
        return str(address)


class _SecureConnection(_Connection, HTTPSConnection):
    is_private_only = False


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """Reads the certificates of those to be trusted once, not for every connection: that takes longer than the rest."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        context = create_urllib3_context()
        context.load_verify_locations(requests.adapters.DEFAULT_CA_BUNDLE_PATH)
        super().init_poolmanager(*arguments, ssl_context=context, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def cert_verify(self, *_: Any) -> None:
        """Nothing: the context does, and the name is checked by default."""


@cache
def _adapter() -> _Adapter:
    return _Adapter(pool_connections=HOSTS_KEPT)


def request(
    method: str,
    url: str,
    *,
    deadline_seconds: float = DEADLINE_SECONDS,
    max_bytes: int = MAX_BYTES,
    **parts: Any,
) -> Reply:
    """Send one request and read the whole answer. `parts` are those of requests: params, json, data, files, headers.

    Raises RemoteError when no complete answer came within the deadline or the address is not allowed.
    """
    with opened(method, url, deadline_seconds=deadline_seconds, **parts) as (response, chunks):
        content = b"".join(_limited(chunks, max_bytes))
        return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, content)


def download(url: str, into: BinaryIO, *, deadline_seconds: float, max_bytes: int, content_type: str) -> None:
    """Stream the answer of a GET into a file. Raises RemoteError for another status, type or size than expected."""
    with opened("GET", url, deadline_seconds=deadline_seconds) as (response, chunks):
        if response.status_code != requests.codes.ok:
            raise RemoteError(f"status {response.status_code}", Outcome.NOT_SENT)
        given = response.headers.get("Content-Type", "").lower()
        if not given.startswith((content_type, "application/octet-stream")):
            raise RemoteError(f"expected {content_type}…, got {given or 'no type'}", Outcome.NOT_SENT)
        for chunk in _limited(chunks, max_bytes):
            into.write(chunk)


@contextmanager
def opened(
    method: str, url: str, *, deadline_seconds: float, headers: Mapping[str, str] | None = None, **parts: Any
) -> Iterator[tuple[requests.Response, Iterator[bytes]]]:
    """Send a request and give its answer and the chunks of its body, all within the deadline."""
    if connection.in_atomic_block:
        raise RuntimeError("HTTP inside a database transaction")
    # `total`: what connecting took is not given to reading once more.
    timeout = Timeout(total=deadline_seconds, connect=min(CONNECT_SECONDS, deadline_seconds), read=deadline_seconds)
    try:
        prepared = requests.Request(method, url, headers={**HEADERS, **(headers or {})}, **parts).prepare()
        # The adapter, not a session: no cookies, no redirects, nothing from the environment, and half the time.
        with _adapter().send(prepared, stream=True, timeout=timeout) as response:
            yield response, response.raw.stream(65_536, decode_content=True)
    except NO_ADDRESS as error:
        raise RemoteError(f"the address is not allowed: {error}", Outcome.NOT_SENT) from error
    except (requests.exceptions.ReadTimeout, ReadTimeoutError) as error:
        raise RemoteError("the answer did not end in time", Outcome.UNKNOWN) from error
    except (requests.RequestException, HTTPError) as error:
        raise RemoteError(type(error).__name__, Outcome.UNKNOWN) from error


def _limited(chunks: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > max_bytes:
            raise RemoteError(f"the answer is larger than {max_bytes} bytes", Outcome.UNKNOWN)
        yield chunk


def read_json(reply: Reply) -> Any:
    """The JSON value of a reply, or None when its body is something else."""
    try:
        return json.loads(reply.content)
    except (ValueError, RecursionError):
        return None
