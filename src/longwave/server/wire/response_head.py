"""The bytes of a response's status line and headers.

Rule that always holds: every response has the headers of `SECURITY`, unless it has its own value for one: nothing is to
be framed, guessed at, or to load anything from elsewhere.
"""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longwave.transports.exchange import Headers, Response

STATUS_LINES = {status: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}

MAX_REMEMBERED = 64  # sets of headers whose lines are kept

STREAM_TYPE = b"Content-Type: text/event-stream\r\n"

SECURITY: Headers = (
    (b"X-Content-Type-Options", b"nosniff"),
    (b"X-Frame-Options", b"DENY"),
    (b"Content-Security-Policy", b"default-src 'self'"),
)


class Dates:
    """The `Date` header, made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._line = b""

    def line(self, now: float) -> bytes:
        """Return the header's line; `now` is seconds since the epoch of Unix time."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._line = b"Date: %b\r\n" % formatdate(second, usegmt=True).encode()
        return self._line


def response_head(response: Response, date: bytes, connection: bytes) -> bytes:
    """Return the head of a complete response; `connection` is the value of that header, "" for none."""
    lines = [
        STATUS_LINES[response.status],
        date,
        b"Content-Length: %d\r\n" % len(response.body) if has_length(response) else b"",
        b"Content-Type: %b\r\n" % response.content_type.encode()
        if response.body or response.status is HTTPStatus.OK
        else b"",
        header_lines(response.headers),
        b"Connection: %b\r\n" % connection if connection else b"",
        b"\r\n",
    ]
    return b"".join(lines)


def stream_head(headers: Headers, date: bytes, *, chunked: bool) -> bytes:
    """Return the head of an event stream: in chunks, or ended by the end of the connection.

    No request follows on the connection, either way.
    """
    framing = b"Transfer-Encoding: chunked\r\n" if chunked else b""
    lines = [STATUS_LINES[HTTPStatus.OK], date, STREAM_TYPE, framing, b"Connection: close\r\n"]
    return b"".join([*lines, header_lines(headers), b"\r\n"])


@lru_cache(MAX_REMEMBERED)
def header_lines(headers: Headers) -> bytes:
    """Return the lines of some headers, and of those for security; few are different, and all are short."""
    given = {name for name, _ in headers}
    more = (header for header in SECURITY if header[0] not in given)
    return b"".join([b"%b: %b\r\n" % header for header in (*headers, *more)])


def has_length(response: Response) -> bool:
    """Tell whether a response has a `Content-Length`: RFC 9110 section 8.6."""
    return response.sized and response.status is not HTTPStatus.NO_CONTENT and response.status >= HTTPStatus.OK
