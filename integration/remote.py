"""All HTTP that leaves the service goes through here.

Every request has a deadline for the whole of it (requests' own timeouts are per read), a size limit, follows no
redirect, and reaches the public internet only; `OUTBOUND_ALLOWED_NETWORKS` opens private networks. No request is made
inside a database transaction: a slow vendor must never hold a lock of ours.
"""

import ipaddress
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO

import requests
from django.conf import settings
from django.db import connection
from requests.adapters import HTTPAdapter
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter
from urllib3.util import Timeout

from integration import __version__

DEADLINE_SECONDS = 20.0
CONNECT_SECONDS = 5.0
MAX_BYTES = 32 * 1024 * 1024

DISUSED_NETWORKS = (ipaddress.ip_network("::/96"), ipaddress.ip_network("fec0::/10"))
"""IPv6 that stands for an IPv4 address, and the site-local network."""

NO_ADDRESS = (
    InvalidIPAddress,
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


class _Adapter(IPFilterAdapter):
    """Refuses private addresses except those of the allowed networks; the address checked is the one connected to."""

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        try:
            attributes = super().build_connection_pool_key_attributes(request, verify, cert)
            _refuse_disused(attributes[0]["host"])
            if not self._is_https_proto:
                raise RemoteError("http is for the allowed networks only: use https", Outcome.NOT_SENT)
            return attributes
        except InvalidIPAddress as error:
            address = error.args[0]
            if not any(address in ipaddress.ip_network(network) for network in settings.OUTBOUND_ALLOWED_NETWORKS):
                raise
        host, pool = HTTPAdapter.build_connection_pool_key_attributes(self, request, verify, cert)
        if self._is_https_proto:
            pool |= {"assert_hostname": host["host"], "server_hostname": host["host"]}
        host["host"] = str(address) if address.version == 4 else f"[{address}]"
        return host, pool


def _refuse_disused(host: str) -> None:
    """Old forms of private addresses, which the filter takes for public ones. Raises InvalidIPAddress."""
    address = ipaddress.ip_address(host.strip("[]"))
    if any(address in network for network in DISUSED_NETWORKS):
        raise InvalidIPAddress(address)


_local = threading.local()


def _session() -> requests.Session:
    """One session per thread: connections are kept, nothing is shared."""
    if not hasattr(_local, "session"):
        session = requests.Session()
        session.trust_env = False
        session.headers["User-Agent"] = f"uis-bitrix24/{__version__}"
        session.mount("https://", _Adapter(is_https_proto=True))
        session.mount("http://", _Adapter(is_https_proto=False))
        _local.session = session
    return _local.session


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
    method: str, url: str, *, deadline_seconds: float, **parts: Any
) -> Iterator[tuple[requests.Response, Iterator[bytes]]]:
    """Send a request and give its answer and the chunks of its body, all within the deadline."""
    if connection.in_atomic_block:
        raise RuntimeError("HTTP inside a database transaction")
    until = time.monotonic() + deadline_seconds
    # `total`: what connecting took is not given to reading once more.
    timeout = Timeout(total=deadline_seconds, connect=min(CONNECT_SECONDS, deadline_seconds), read=deadline_seconds)
    try:
        with _session().request(method, url, stream=True, allow_redirects=False, timeout=timeout, **parts) as response:
            yield response, _in_time(response, until)
    except NO_ADDRESS as error:
        raise RemoteError(f"the address is not allowed: {error}", Outcome.NOT_SENT) from error
    except requests.exceptions.ConnectTimeout as error:
        raise RemoteError("no connection in time", Outcome.NOT_SENT) from error
    except requests.RequestException as error:
        raise RemoteError(type(error).__name__, _outcome(error)) from error


def _outcome(error: Exception) -> Outcome:
    """A connection that was refused or whose host has no address carried nothing; anything else may have."""
    text = repr(error)
    refused = "NewConnectionError" in text or "Failed to resolve" in text or "NameResolutionError" in text
    return Outcome.NOT_SENT if refused else Outcome.UNKNOWN


def _in_time(response: requests.Response, until: float) -> Iterator[bytes]:
    for chunk in response.iter_content(65_536):
        if time.monotonic() > until:
            raise RemoteError("the answer did not end in time", Outcome.UNKNOWN)
        yield chunk


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
