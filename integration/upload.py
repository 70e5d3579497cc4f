"""A form with one file as a body that is read piece by piece: `requests` puts a whole form into memory, twice.

Source: https://datatracker.ietf.org/doc/html/rfc7578
"""

import os
import secrets
from typing import BinaryIO

_ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class FileForm:
    """`multipart/form-data` with one file, for the `data` of a request. Its length is known, so nothing is chunked.

    `content_type` is the header that belongs to it. Read once; the file is read from where it stands to its end.
    """

    def __init__(self, field: str, filename: str, file: BinaryIO, *, mime: str) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        name, title = field.translate(_ESCAPED), filename.translate(_ESCAPED)
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{title}"\r\n'
            f"Content-Type: {mime}\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._file = file
        begin = file.tell()
        self._length = len(self._head) + file.seek(0, os.SEEK_END) - begin + len(self._tail)
        file.seek(begin)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next piece, at most `size` bytes; b"" at the end."""
        if size < 0:
            return self._head + self._file.read() + self._tail
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        if piece := self._file.read(size):
            return piece
        piece, self._tail = self._tail[:size], self._tail[size:]
        return piece
