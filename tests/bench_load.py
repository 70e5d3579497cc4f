"""Load on the web server: raw requests over connections that stay open, and how long each answer took."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

CONNECTIONS = 8


@dataclass(frozen=True)
class Outcome:
    """`seconds` are the latencies of all requests; `refused` counts the answers that were not 200."""

    seconds: Sequence[float]
    took: float
    refused: int

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.took


class Connection:
    """One kept-alive connection; opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket: socket.socket | None = None

    def ask(self, request: bytes) -> int:
        """Send a request and read its answer; the status."""
        try:
            return self._ask(request)
        except (ConnectionError, IndexError):
            self.socket = None  # the server closes a connection that was quiet
            return self._ask(request)

    def _ask(self, request: bytes) -> int:
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(request)
        head, _, body = self._read().partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += self.socket.recv(65536)
        return int(lines[0].split()[1])

    def _read(self) -> bytes:
        assert self.socket is not None
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise ConnectionError
            data += chunk
        return data


def post(path: str, body: bytes) -> bytes:
    """A POST as bytes on the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def as_fast_as_possible(port: int, make: Callable[[int], bytes], *, seconds: float) -> Outcome:
    """Every connection sends the next request as soon as it has its answer."""
    until = time.perf_counter() + seconds
    numbers = count()

    def moments() -> Iterator[tuple[int, float]]:
        while time.perf_counter() < until:
            yield next(numbers), time.perf_counter()

    return _run(port, make, moments)


def at_rate(port: int, make: Callable[[int], bytes], *, rate: float, seconds: float) -> Outcome:
    """So many requests a second, whether the earlier ones are answered or not; a latency counts from the moment when
    its request was due, so that a server that stalls cannot hide it."""
    began = time.perf_counter()
    numbers = count()

    def moments() -> Iterator[tuple[int, float]]:
        while (number := next(numbers)) < rate * seconds:
            due = began + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            yield number, due

    return _run(port, make, moments)


def _run(port: int, make: Callable[[int], bytes], moments: Callable[[], Iterator[tuple[int, float]]]) -> Outcome:
    told: list[tuple[float, int]] = []

    def work() -> None:
        connection = Connection(port)
        for number, due in moments():
            status = connection.ask(make(number))
            told.append((time.perf_counter() - due, status))

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    return Outcome([seconds for seconds, _status in told], took, sum(status != 200 for _seconds, status in told))
