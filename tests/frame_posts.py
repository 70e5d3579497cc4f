"""How a portal opens the application, for tests: the request of a frame, whole or spoilt."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from django.test import Client

from tests.sandbox import Sandbox

APP, INSTALL = "/bitrix24/app/", "/bitrix24/install/"


def open_frame(
    client: Client,
    sandbox: Sandbox,
    path: str = APP,
    *,
    user_id: int = 1,
    query: dict[str, Any] | None = None,
    body: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Any:
    """Post what the portal posts; `query` and `body` replace values, None removes one."""
    asked = sandbox.frame(user_id=user_id)
    query = _changed(asked["query"], query)
    return client.post(
        f"{path}?{urlencode(query)}",
        _changed(asked["body"], body),
        headers={"origin": f"http://{sandbox.portal.domain}", **(headers or {})},
    )


def _changed(values: dict[str, Any], changes: dict[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in {**values, **(changes or {})}.items() if value is not None}


def token_of(page: Any) -> str:
    """The session token that a page carries."""
    found = re.search(r'name="app-session" content="([^"]+)"', page.content.decode())
    assert found, page.content.decode()[:500]
    return found[1]


def ancestors(response: Any) -> str:
    """Who may frame this page."""
    return re.search(r"frame-ancestors ([^;]+)", response["Content-Security-Policy"])[1]


@contextmanager
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """A server that must never be spoken to: its `host:port`, and what came nevertheless."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    heard.append(connection.recv(4096))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", heard
        stop.set()
        thread.join(2)
