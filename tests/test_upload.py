"""A file on its way to a portal: never whole in memory, and the form is one that others can read."""

import io
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from werkzeug.formparser import parse_form_data
from werkzeug.test import EnvironBuilder

from integration import remote
from integration.upload import FileForm


class Watched(io.BytesIO):
    """A file that remembers the largest piece that was read of it."""

    largest = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.largest = max(self.largest, len(piece))
        return piece


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 4096])
def test_a_form_is_read_as_it_was_written(content: bytes):
    form = FileForm("file", 'звонок "1".mp3', io.BytesIO(content), mime="audio/mpeg")
    body = b"".join(iter(lambda: form.read(1000), b""))
    assert len(body) == len(form)
    built = EnvironBuilder(method="POST", data=body, content_type=form.content_type)
    [(field, file)] = parse_form_data(built.get_environ())[2].items()
    assert (field, file.filename, file.mimetype) == ("file", 'звонок "1".mp3', "audio/mpeg")
    assert file.read() == content


def test_an_upload_takes_the_file_in_small_pieces_and_says_its_length(settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    told: dict[str, Any] = {}

    class Portal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told["length"] = int(self.headers["Content-Length"])
            told["encoding"] = self.headers["Transfer-Encoding"]
            told["read"] = len(self.rfile.read(told["length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.handle_request, daemon=True).start()
    file = Watched(bytes(8_000_000))
    form = FileForm("file", "a.mp3", file, mime="audio/mpeg")
    url = f"http://127.0.0.1:{server.server_port}/"
    assert remote.request("POST", url, data=form, headers={"Content-Type": form.content_type}).status == 200
    server.server_close()
    assert told == {"length": len(form), "encoding": None, "read": len(form)}
    assert 0 < file.largest <= 65_536
