"""Outbound only where it is allowed: all spellings of private addresses, redirects, changing names, size and time."""

import io
import socket
import threading
from collections.abc import Iterator

import pytest

from integration import remote
from integration.remote import Outcome, RemoteError
from telephony.models import Record
from telephony.records import is_media_link
from tests.conftest import Product
from tests.test_lane import NEW_PHONE, survive

SPELLINGS = (
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST.",
    "user@127.0.0.1",
    "api.example.com@127.0.0.1",
    "api.example.com:443@127.0.0.1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "%31%32%37.0.0.1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fec0::1]",
    "[fc00::1]",
    "[ff02::1]",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "[::ffff:169.254.169.254]",
    "[fd00:ec2::254]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "192.0.0.8",
    "198.18.0.1",
    "192.88.99.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
)
OTHER_SCHEMES = (
    "file:///etc/passwd",
    "ftp://example.com/",
    "gopher://127.0.0.1:70/_",
    "data:text/plain,x",
    "//127.0.0.1/",
    "javascript:1",
    "http:///nobody",
    "https://",
    "",
)


class Door:
    """A server on the loopback that counts who connects and answers with what it is told to."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.visits, self.answer, self.rest = 0, answer, iter(())
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self.socket.accept()
            except OSError:
                return
            self.visits += 1
            try:
                visitor.recv(65_536)
                visitor.sendall(self.answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                for chunk in self.rest:
                    visitor.sendall(chunk)
            except OSError:
                pass
            visitor.close()


@pytest.fixture
def door() -> Iterator[Door]:
    opened = Door()
    yield opened
    opened.socket.close()


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a connection was tried to; names are not looked up outside this machine."""
    tried: list[str] = []
    real_look_up, real_connect = socket.getaddrinfo, socket.socket.connect

    def look_up(host, *arguments, **options):
        return real_look_up(host, *arguments, **options) if _is_local(host) else _answer("93.184.216.34")

    def connect(one, address):
        tried.append(address[0])
        if address[0] != "127.0.0.1":
            raise ConnectionRefusedError
        return real_connect(one, address)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return tried


def _is_local(host):
    text = host.decode() if isinstance(host, bytes) else str(host)
    return "example" not in text


def _answer(address):
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]


@pytest.mark.fault(38)
@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_a_private_address_is_connected_to(host, door, looking):
    for scheme in ("http", "https"):
        with pytest.raises(RemoteError) as raised:
            remote.request("GET", f"{scheme}://{host}:{door.port}/", deadline_seconds=2)
        assert raised.value.outcome is Outcome.NOT_SENT
    assert looking == []
    assert door.visits == 0


@pytest.mark.fault(38)
@pytest.mark.parametrize("url", OTHER_SCHEMES)
def test_nothing_but_http_and_https_is_asked(url, looking):
    with pytest.raises(RemoteError) as raised:
        remote.request("GET", url, deadline_seconds=2)
    assert raised.value.outcome is Outcome.NOT_SENT
    assert looking == []


def test_a_public_address_is_asked_by_https_only(looking):
    with pytest.raises(RemoteError, match="use https"):
        remote.request("GET", "http://api.example.com/", deadline_seconds=2)
    assert looking == []
    with pytest.raises(RemoteError):
        remote.request("GET", "https://api.example.com/", deadline_seconds=2)
    assert set(looking) == {"93.184.216.34"}


@pytest.mark.fault(38)
def test_a_name_that_answers_differently_the_second_time_is_connected_to_where_it_was_checked(monkeypatch, looking):
    answers = iter(["93.184.216.34"])

    def look_up(host, *_arguments, **_options):
        return _answer(next(answers, "127.0.0.1") if "example" in str(host) else host)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(RemoteError):
        remote.request("GET", "https://rebinding.example.com/", deadline_seconds=2)
    assert set(looking) == {"93.184.216.34"}


@pytest.mark.fault(38)
def test_a_redirect_is_an_answer_and_is_not_followed(door, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    other = Door()
    door.answer = (
        f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other.port}/\r\nContent-Length: 0\r\n\r\n".encode()
    )
    assert remote.request("GET", f"http://127.0.0.1:{door.port}/").status == 302
    with pytest.raises(RemoteError, match="status 302"):
        remote.download(
            f"http://127.0.0.1:{door.port}/", io.BytesIO(), deadline_seconds=5, max_bytes=10, content_type="audio/"
        )
    assert other.visits == 0
    other.socket.close()


def test_an_answer_without_end_is_cut_by_its_size(door, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    door.answer = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n"
    door.rest = iter(lambda: b"x" * 65_536, b"")
    with pytest.raises(RemoteError, match="larger than 1000000 bytes"):
        remote.request("GET", f"http://127.0.0.1:{door.port}/", max_bytes=1_000_000)


def test_an_answer_that_drips_is_cut_by_its_time(door, settings, monkeypatch):
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    passed = iter(range(0, 10_000, 5))
    monkeypatch.setattr("integration.remote.time", type("Clock", (), {"monotonic": staticmethod(lambda: next(passed))}))
    door.answer = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n"
    door.rest = iter(lambda: b"x" * 65_536, b"")
    with pytest.raises(RemoteError, match="did not end in time") as raised:
        remote.request("GET", f"http://127.0.0.1:{door.port}/", deadline_seconds=20)
    assert raised.value.outcome is Outcome.UNKNOWN


@pytest.mark.fault(38)
@pytest.mark.parametrize(
    ("link", "is_asked"),
    [
        ("https://app.uiscom.ru/system/media/talk/1/2/", True),
        ("https://media.comagic.ru/x", True),
        ("http://app.uiscom.ru/x", False),
        ("https://uiscom.ru.evil.com/x", False),
        ("https://evil.com/app.uiscom.ru", False),
        ("https://app.uiscom.ru@evil.com/x", False),
        ("https://evil.com#app.uiscom.ru", False),
        ("https://eviluiscom.ru/x", False),
        ("https://evil.com\\.uiscom.ru/x", False),
        ("https://169.254.169.254/x", False),
        ("https://2852039166/x", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("", False),
    ],
)
def test_recordings_come_from_the_media_servers_of_uis_only(link, is_asked):
    assert is_media_link(link) is is_asked


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault(38)
@pytest.mark.parametrize("media", ["html", "huge", "404", "elsewhere"])
def test_a_recording_that_is_none_costs_the_call_nothing(product: Product, media: str, monkeypatch):
    monkeypatch.setattr("telephony.records.MAX_BYTES", 5_000_000)
    if media == "elsewhere":
        monkeypatch.setattr("telephony.records.is_media_link", lambda _link: False)
    product.sandbox.faults.media = media
    story = product.play("answered_call", client_phone=NEW_PHONE)
    product.pass_time(1)
    record = Record.objects.get()
    assert product.call(story).state == "done"
    assert product.sandbox.portal.counts()["calls"] == 1
    assert product.sandbox.portal.counts()["records"] == 0
    assert record.error
    product.sandbox.faults.media = ""
    survive(product)
    record.refresh_from_db()
    assert record.state == (Record.State.FAILED if media == "elsewhere" else Record.State.DONE)
