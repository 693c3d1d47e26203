"""Undoes the compression of a response as its bytes come.

Not here: the codings (client/content_coding.py), whether compression is good (checks_answer.py). Rules that always
hold: what has been made readable is never more than asked for, whatever the compressed bytes unfold to; no byte is held
back.
Standard: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
"""

from __future__ import annotations

from longwave.client.content_coding import ContentDecoder
from longwave.errors import RequestFailed

ACCEPTED = "gzip, deflate"  # what every client asks for and can be undone here


class Decoder:
    """Makes the bytes of one response readable.

    coding: its `Content-Encoding`. `readable` is False from the moment on that it cannot be undone.
    """

    def __init__(self, coding: str) -> None:
        try:
            self._decoder: ContentDecoder | None = ContentDecoder(coding)
        except RequestFailed:
            self._decoder = None

    @property
    def readable(self) -> bool:
        """Whether what came so far could be undone."""
        return self._decoder is not None

    def feed(self, data: bytes, limit: int) -> bytes:
        """Return what has become readable, at most `limit` bytes (at least 1); what is over that is dropped."""
        if self._decoder is None:
            return b""
        try:
            return self._decoder.decode(data, limit)[0]
        except ConnectionError:
            self._decoder = None
            return b""
