"""TLS and kept connections before the sandbox, in a process of its own, as a proxy stands before every real portal.

python -m tests.bench_front <certificate> <port> <port of the sandbox>
"""

import asyncio
import os
import re
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from tests import bench_world as world
from tests import certificate
from tests.certificate import Certificate

PORT = 8791


@dataclass(frozen=True)
class Front:
    """Where it is, and whom to trust for that."""

    url: str
    certificate: Certificate

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/control/connection", timeout=1).ok
        except requests.RequestException:
            return False


@contextmanager
def running() -> Iterator[Front]:
    """A front that this process trusts."""
    with tempfile.TemporaryDirectory() as place:
        front = Front(f"https://{certificate.NAME}:{PORT}", certificate.make(Path(place)))
        trust(front.certificate.bundle)
        server = str(front.certificate.server)
        command = [sys.executable, "-m", "tests.bench_front", server, str(PORT), str(world.SANDBOX_PORT)]
        process = subprocess.Popen(command, cwd=world.ROOT)
        try:
            world.wait_for(front.answers)
            yield front
        finally:
            process.terminate()
            process.wait()


def trust(bundle: Path) -> None:
    """Let whoever asks by requests in this process trust these issuers, and no others, at his next connection."""
    # A library looks into the environment first; the service does not.
    os.environ["REQUESTS_CA_BUNDLE"] = requests.adapters.DEFAULT_CA_BUNDLE_PATH = str(bundle)


async def serve(server: str, port: int, behind: int) -> None:
    """Pass requests on one by one and keep the connection, which the sandbox does not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                writer.write(await _ask(await _read_request(reader), behind))
                await writer.drain()
        writer.close()

    await (await asyncio.start_server(visited, "127.0.0.1", port, ssl=context)).serve_forever()


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    return head + await reader.readexactly(int(length[1]) if length else 0)


async def _ask(request: bytes, behind: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", behind)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer.replace(b"Connection: close\r\n", b"", 1)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
