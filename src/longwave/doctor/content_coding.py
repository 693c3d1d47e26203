"""Undoes the compression of a response as its bytes come.

Not here: whether compression is good (checks_answer.py). Rules that always hold: what has been made readable is never
more than asked for, whatever the compressed bytes unfold to; no byte is held back.
Standard: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
"""

from __future__ import annotations

import zlib

ACCEPTED = "gzip, deflate"  # what every client asks for and this file can undo

_EITHER_HEADER = 32 + zlib.MAX_WBITS  # of gzip or of zlib, which HTTP calls deflate


class Decoder:
    """Makes the bytes of one response readable.

    coding: its `Content-Encoding`. `readable` is False from the moment on that it cannot be undone.
    """

    def __init__(self, coding: str) -> None:
        name = coding.strip().lower()
        self._inflate = zlib.decompressobj(_EITHER_HEADER) if name in ("gzip", "x-gzip", "deflate") else None
        self.readable = self._inflate is not None or name in ("", "identity")

    def feed(self, data: bytes, limit: int) -> bytes:
        """Return what has become readable, at most `limit` bytes (at least 1); what is over that is dropped."""
        if not self.readable:
            return b""
        if self._inflate is None:
            return data[:limit]
        try:
            return self._inflate.decompress(data, limit)
        except zlib.error:
            self.readable = False
            return b""
