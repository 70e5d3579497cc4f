"""Whether memory grows: of web and worker with notifications, of the worker with a recording of two hours.

Every fiftieth notification belongs to a call of its own; the others are of a kind that the service has no use for, so
that a worker gets through so many. The recording is as large as two hours of speech are at 64 kbit/s.
"""

import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from typing import Any

from tests import bench_load as load
from tests import bench_world as world
from tests.bench_figures import Figure, Goal
from tests.sandbox import Sandbox

EVENTS, QUICK_EVENTS = 100_000, 2_000
ONE_CALL_IN = 50
WARM = 10_000
FLAT = 1.1
TWO_HOURS_BYTES = 2 * 3600 * 64_000 // 8
PIECE = 1 << 16


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """Memory after many notifications against that after the first thousand; and the upload."""
    del part
    with world.postgres() as database, Sandbox().serve() as sandbox:
        world.prepare(database, sandbox_url=sandbox.url)
        world.start_django()
        joined = world.join(sandbox.connection())
        sandbox.portal.leak_per_second = sandbox.portal.bucket_size = 1e9
        with world.running("web", "worker", "tick") as processes:
            yield from _after_notifications(joined, processes, QUICK_EVENTS if quick else EVENTS)
        yield _upload(joined)


def _after_notifications(joined: world.Joined, processes: dict[str, int], number: int) -> Iterator[Figure]:
    events = count()

    def make(_number: int) -> bytes:
        index = next(events)
        kind = "in_call_session" if index % ONE_CALL_IN == 0 else "channel_status_changed"
        return load.post(joined.path, world.as_bytes({"event": kind, "call_session_id": index, "id": index}))

    load.at_rate(world.WEB_PORT, make, rate=1e9, seconds=WARM / 1e9)
    _until_read()
    before = {name: world.memory_mb(pid) for name, pid in processes.items()}
    load.at_rate(world.WEB_PORT, make, rate=1e9, seconds=number / 1e9)
    _until_read()
    for name in ("web", "worker"):
        after = world.memory_mb(processes[name])
        text = f"memory of {name} after {number} notifications"
        yield Figure(text, (after,), "MB", f"after {WARM}", (before[name],), Goal("≤", FLAT, "ratio"))


def _until_read() -> None:
    from integration.models import InboxEvent

    world.wait_for(lambda: not InboxEvent.objects.filter(folded_at__isnull=True).exists(), seconds=900, every=1)


class _Portal(BaseHTTPRequestHandler):
    """Takes a file and keeps nothing of it."""

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        while left > 0:
            left -= len(self.rfile.read(min(PIECE, left)))
        answer = b'{"result": {"FILE_ID": 1}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


def _upload(joined: world.Joined) -> Figure:
    """The highest that this process gets while it sends the recording, above what it had before."""
    from telephony.records import upload

    server = HTTPServer(("127.0.0.1", 0), _Portal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    joined.portal.client_endpoint = f"http://{address}/rest/"
    with tempfile.TemporaryFile() as file:
        for _ in range(TWO_HOURS_BYTES // PIECE):
            file.write(bytes(PIECE))
        world.forget_peak()
        before = world.peak_mb()
        upload(joined.portal, {"uploadUrl": f"http://{address}/upload/"}, "record.mp3", file)
        above = world.peak_mb() - before
    server.shutdown()
    size = f"{TWO_HOURS_BYTES / 1e6:.0f} MB"
    return Figure(f"memory for a recording of two hours ({size})", (above,), "MB above", goal=Goal("≤", 30))
