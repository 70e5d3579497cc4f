"""The socket's side of the server: closing, hanging and cutting instead of an orderly answer."""

import select
import socket
from collections.abc import Callable, Iterable
from typing import Any

from flask import Response
from werkzeug.serving import WSGIRequestHandler

HEADER = "X-Sandbox-Edge"
HANG_SECONDS = 60
STEP_SECONDS = 0.05


def act(name: str, body: str = "") -> Response:
    """An answer that the edge turns into a broken connection: `drop`, `hang` or `cut` (half of the body)."""
    return Response(body, status=200, headers={HEADER: name}, mimetype="application/json")


def has_left(sock: socket.socket | None) -> bool:
    """True when the client has closed its side."""
    if sock is None:
        return False
    try:
        readable, _, _ = select.select([sock], [], [], 0)
        return bool(readable) and sock.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True


class Edge:
    """WSGI wrapper that carries out `act(...)`; `done` is called when the request is really over."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        held: list[Any] = []

        def hold(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
            held[:] = [status, headers]
            return lambda _: None

        answer = self.app(environ, hold)
        status, headers = held
        name = dict(headers).get(HEADER)
        done = environ.get("sandbox.done", lambda: None)
        if name is None:
            done()
            start_response(status, headers)
            return answer
        return self._break(name, environ, done, b"".join(answer))

    def _break(self, name: str, environ: dict[str, Any], done: Callable[[], None], body: bytes) -> Iterable[bytes]:
        sock: socket.socket = environ["werkzeug.socket"]
        if name == "hang":
            for _ in range(int(HANG_SECONDS / STEP_SECONDS)):
                if has_left(sock):
                    break
                select.select([sock], [], [], STEP_SECONDS)
        done()
        try:
            if name == "cut":
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                sock.sendall(head.encode() + body[: len(body) // 2])
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        raise ConnectionAbortedError(name)


class QuietHandler(WSGIRequestHandler):
    """Handler without access log and without Nagle's delay."""

    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""
