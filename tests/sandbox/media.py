"""Records: a small valid WAV or MP3, and spoiled ones."""

import io
import math
import struct
import wave
from collections.abc import Iterator
from functools import cache

from flask import Response

RATE = 8000
HUGE_BYTES = 300 * 1024 * 1024
MP3_FRAME = bytes.fromhex("fffb10c4") + bytes(100)
"""One silent MPEG-1 layer III frame, 32 kbit/s, 44.1 kHz, mono."""


@cache
def tone(seconds: float = 2.0) -> bytes:
    """A soft tone as WAV, mono, 8 kHz, 16 bit."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        count = int(RATE * seconds)
        samples = (
            int(6000 * math.sin(2 * math.pi * 440 * n / RATE) * min(1, (count - n) / RATE)) for n in range(count)
        )
        file.writeframes(struct.pack(f"<{count}h", *samples))
    return out.getvalue()


@cache
def silence(frames: int = 80) -> bytes:
    """About two seconds of silence as MP3."""
    return MP3_FRAME * frames


def serve(fault: str) -> Response:
    """Stream a record as UIS does (audio/mpeg); `fault` is `faults.media`."""
    if fault == "html":
        return Response("<html><body>Login</body></html>", mimetype="text/html")
    if fault.isdigit():
        return Response("error", status=int(fault))
    if fault == "huge":
        return Response(_huge(), mimetype="audio/mpeg", headers={"Content-Length": str(HUGE_BYTES)})
    content = silence()
    return Response(content, mimetype="audio/mpeg", headers={"Content-Length": str(len(content))})


def _huge() -> Iterator[bytes]:
    block = bytes(1024 * 1024)
    for _ in range(HUGE_BYTES // len(block)):
        yield block
