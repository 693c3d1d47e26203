"""Undoes the content codings that the standard library knows, piece by piece and never more than asked for.

Not here: which bytes come when (asgi_transport.py; the HTTP libraries undo codings themselves).
Standard: RFC 9110, section 8.4.1.
"""

from __future__ import annotations

import zlib

from longwave.errors import RequestFailed

IDENTITY = ("", "identity")
DEFLATED = ("gzip", "x-gzip", "deflate")

_EITHER_HEADER = 32 + zlib.MAX_WBITS  # zlib's word for: gzip or zlib, by its first bytes


class ContentDecoder:
    """Decodes one body. `coding` is its `Content-Encoding`; raises RequestFailed for one that is not known."""

    def __init__(self, coding: str) -> None:
        name = coding.strip().lower()
        if name not in IDENTITY + DEFLATED:
            raise RequestFailed(f"expected a body that is plain, gzip or deflate, got the content coding {coding!r}")
        self._inflater = zlib.decompressobj(_EITHER_HEADER) if name in DEFLATED else None

    def decode(self, data: bytes, limit: int) -> tuple[bytes, bytes]:
        """Return at most `limit` bytes that `data` stands for, and the part of `data` to pass in again.

        Raises ConnectionError for bytes that are not of the coding.
        """
        if self._inflater is None:
            return data[:limit], data[limit:]
        try:
            return self._inflater.decompress(data, limit), self._inflater.unconsumed_tail
        except zlib.error as error:
            raise ConnectionError(f"expected a body in its content coding, got other bytes ({error})") from error
