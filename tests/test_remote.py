"""What `remote` promises of connections: kept, looked at once, checked for their name, and no request sent twice."""

import gzip
import io
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from integration import __version__, remote
from integration.remote import Outcome, RemoteError
from tests import certificate
from tests.certificate import Certificate

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"

Script = Callable[[Any, int], bool]
"""Answers the n-th request that came through a connection; whether the connection is kept."""


class Server:
    """Speaks by a script. `heard` has what came through each connection, request by request."""

    def __init__(self, script: Script, *, tls: Certificate | None = None) -> None:
        self.script, self.tls, self.heard = script, tls, list[list[bytes]]()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def connections(self) -> list[int]:
        """The number of requests that came through each."""
        return [len(requests) for requests in self.heard]

    def url(self, host: str = "127.0.0.1") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/"

    def _serve(self) -> None:
        with suppress(OSError):  # closed at the end of the test
            while True:
                visitor, _ = self.socket.accept()
                self.heard.append([])
                threading.Thread(target=self._talk, args=(visitor, self.heard[-1]), daemon=True).start()

    def _talk(self, visitor: socket.socket, heard: list[bytes]) -> None:
        with suppress(OSError), self._secured(visitor) as one, one.makefile("rb") as stream:
            while told := _read_request(stream):
                heard.append(told)
                if not self.script(one, len(heard)):
                    return

    def _secured(self, visitor: socket.socket) -> socket.socket:
        return self.tls.context().wrap_socket(visitor, server_side=True) if self.tls else visitor


def _read_request(stream: io.BufferedReader) -> bytes:
    head = b"".join(iter(stream.readline, b"\r\n")) if stream.peek(1) else b""
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return head + stream.read(int(length[1]) if length else 0)


@pytest.fixture
def serve(settings) -> Iterator[Callable[..., Server]]:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    servers: list[Server] = []

    def begin(script: Script, **options: Any) -> Server:
        servers.append(Server(script, **options))
        return servers[-1]

    yield begin
    for one in servers:
        one.socket.close()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Certificate]:
    made = certificate.make(tmp_path)
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(made.bundle))
    remote._adapter.cache_clear()
    yield made
    remote._adapter.cache_clear()


def good(visitor: Any, _: int) -> bool:
    visitor.sendall(GOOD)
    return True


def test_a_connection_is_kept_and_its_address_looked_at_once(serve, monkeypatch):
    server, real, asked = serve(good), remote.get_ip_address, []
    monkeypatch.setattr(remote, "get_ip_address", lambda *told, **options: asked.append(told) or real(*told, **options))
    for _ in range(3):
        assert remote.request("POST", server.url(), json={}).content == b"{}"
    assert server.connections == [3]
    assert len(asked) == 1


def test_a_connection_that_ended_meanwhile_is_replaced_by_a_new_one(serve):
    server = serve(lambda visitor, _: visitor.sendall(LAST) is not None)
    assert [remote.request("POST", server.url(), json={}).status for _ in range(2)] == [200, 200]
    assert server.connections == [1, 1]


def test_what_breaks_under_a_request_is_unknown_and_sent_once(serve):
    server = serve(lambda visitor, number: number == 1 and good(visitor, number))
    remote.request("POST", server.url(), json={})
    with pytest.raises(RemoteError) as raised:
        remote.request("POST", server.url(), json={})
    assert raised.value.outcome is Outcome.UNKNOWN
    assert server.connections == [2]


@pytest.mark.parametrize(
    ("begin", "piece"), [("HTTP/1.1 200 OK\r\n", "X: y\r\n"), ("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", "x")]
)
def test_an_answer_that_drips_is_cut_while_it_drips(serve, monkeypatch, begin, piece):
    looks, passed = threading.Semaphore(0), iter(range(100))

    def drip(visitor: Any, _: int) -> bool:
        visitor.sendall(begin.encode())
        while looks.acquire(timeout=10):
            visitor.sendall(piece.encode())
        return False

    def monotonic() -> int:
        looks.release()
        return next(passed)

    server = serve(drip)
    monkeypatch.setattr("integration.remote.time", type("Clock", (), {"monotonic": staticmethod(monotonic)}))
    with pytest.raises(RemoteError, match="did not end in time") as raised:
        remote.request("GET", server.url(), deadline_seconds=5)
    assert raised.value.outcome is Outcome.UNKNOWN
    assert next(passed) == 6


def test_a_half_answer_is_none(serve):
    server = serve(lambda visitor, _: visitor.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") is not None)
    with pytest.raises(RemoteError) as raised:
        remote.request("GET", server.url())
    assert raised.value.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_packed_answer_is_unpacked_and_measured_as_what_it_becomes(serve, is_chunked):
    packed = gzip.compress(bytes(3_000_000))
    length = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % len(packed)
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed) if is_chunked else packed
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n%s\r\n\r\n" % length
    server = serve(lambda visitor, _: visitor.sendall(head + body) is None)
    assert remote.request("GET", server.url()).content == bytes(3_000_000)
    assert remote.request("GET", server.url()).status == 200
    assert server.connections == [2]
    with pytest.raises(RemoteError, match="larger than 1000000 bytes"):
        remote.request("GET", server.url(), max_bytes=1_000_000)


def test_no_connection_means_that_nothing_was_sent(settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
    with pytest.raises(RemoteError) as raised:
        remote.request("POST", url, json={})
    assert raised.value.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "unknown"), TimeoutError()])
def test_a_name_without_an_address_means_that_nothing_was_sent(monkeypatch, failure):
    def look_up(*_: Any, **__: Any) -> Any:
        raise failure

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(RemoteError) as raised:
        remote.request("POST", "https://portal.example.com/", json={})
    assert raised.value.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("host", ["a" * 64 + ".example.com", "a..example.com", "*.example.com", "\ud800.example.com"])
def test_a_name_that_cannot_be_one_is_an_address_that_is_not_allowed(host):
    with pytest.raises(RemoteError, match="not allowed") as raised:
        remote.request("GET", f"https://{host}/")
    assert raised.value.outcome is Outcome.NOT_SENT


def test_a_certificate_is_checked_for_the_name_and_a_wrong_one_carries_nothing(serve, trusted):
    server = serve(good, tls=trusted)
    assert remote.request("POST", server.url("localhost"), json={}).status == 200
    with pytest.raises(RemoteError, match="SSL") as raised:
        remote.request("POST", server.url("127.0.0.1"), json={})
    assert raised.value.outcome is Outcome.NOT_SENT
    assert server.connections == [1, 0]


def test_a_certificate_of_an_unknown_issuer_is_refused(serve, tmp_path):
    server = serve(good, tls=certificate.make(tmp_path))
    with pytest.raises(RemoteError, match="SSL") as raised:
        remote.request("POST", server.url("localhost"), json={})
    assert raised.value.outcome is Outcome.NOT_SENT
    assert server.connections == [0]


def test_the_environment_says_neither_where_to_go_nor_who_we_are(serve, monkeypatch, tmp_path):
    server, proxy = serve(good), serve(good)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login l password p\n")
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url())
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert remote.request("GET", server.url()).status == 200
    [[told]] = server.heard
    assert f"\r\nUser-Agent: uis-bitrix24/{__version__}\r\n".encode() in told
    assert b"authorization" not in told.lower()
    assert proxy.heard == []


def test_a_cookie_is_not_brought_back(serve):
    with_cookie = GOOD.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n\r\n")
    server = serve(lambda visitor, _: visitor.sendall(with_cookie) is None)
    for _ in range(2):
        remote.request("GET", server.url())
    [[_, second]] = server.heard
    assert b"cookie" not in second.lower()
