"""The framing of an HTTP/1.1 response: bytes of a connection to status and content, in any split.

Not here: events in the content (place.py).
Rules that always hold: the states are immutable values, so that many connections can share one; `feed` returns the
content and the state after it; a head and a chunk's header have a limit. `closes` says that the server ends the
connection after this response, so that no request may follow.
Standard: https://www.rfc-editor.org/rfc/rfc9112#section-6, #section-9.6
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

MAX_HEAD = 65_536  # bytes
MAX_CHUNK_HEADER = 1024  # bytes
_HEAD_END = b"\r\n\r\n"
_LINE_END = b"\r\n"


class FramingError(ValueError):
    """What came is not an HTTP/1.1 response."""


@dataclass(frozen=True, slots=True)
class AwaitingHead:
    """The head is not complete. pending: what there is of it."""

    pending: bytes = b""

    def feed(self, data: bytes) -> tuple[bytes, Framing]:
        """Return the content that follows the head, if it is complete. Raises FramingError."""
        received = (self.pending + data).lstrip(_LINE_END)
        head, end, rest = received.partition(_HEAD_END)
        if end:
            return _read_head(head).feed(rest)
        if len(received) > MAX_HEAD:
            raise FramingError(f"expected a response head of at most {MAX_HEAD} bytes, got more")
        return b"", AwaitingHead(received)


@dataclass(frozen=True, slots=True)
class Chunked:
    """In a body of chunks. left: bytes of this chunk and its line end. pending: start of a chunk's header."""

    status: int
    left: int = 0
    pending: bytes = b""
    closes: bool = False

    def feed(self, data: bytes) -> tuple[bytes, Framing]:
        """Return the content. Raises FramingError."""
        data, left, content = self.pending + data, self.left, []
        while True:
            if left:
                content.append(data[: max(left - len(_LINE_END), 0)])
                data, left = data[left:], left - min(left, len(data))
                if left:
                    return b"".join(content), Chunked(self.status, left, closes=self.closes)
            header, end, rest = data.partition(_LINE_END)
            if not end:
                return b"".join(content), Chunked(self.status, 0, _check_header(data), self.closes)
            size = _read_size(header)
            if not size:
                return b"".join(content), Complete(self.status, self.closes)
            data, left = rest, size + len(_LINE_END)


@dataclass(frozen=True, slots=True)
class Sized:
    """In a body of known length. left: bytes of it that are to come."""

    status: int
    left: int
    closes: bool = False

    def feed(self, data: bytes) -> tuple[bytes, Framing]:
        """Return the content; nothing comes after it."""
        left = self.left - min(self.left, len(data))
        after = Sized(self.status, left, self.closes) if left else Complete(self.status, self.closes)
        return data[: self.left], after


@dataclass(frozen=True, slots=True)
class UntilClose:
    """In a body that ends with the connection."""

    status: int

    def feed(self, data: bytes) -> tuple[bytes, Framing]:
        """Return the content."""
        return data, self


@dataclass(frozen=True, slots=True)
class Complete:
    """After the body."""

    status: int
    closes: bool = False

    def feed(self, data: bytes) -> tuple[bytes, Framing]:
        """Pass over what follows: trailers, which nobody asked for."""
        return b"", self


Framing: TypeAlias = AwaitingHead | Chunked | Sized | UntilClose | Complete
NO_HEAD = AwaitingHead()


def _read_head(head: bytes) -> Chunked | Sized | UntilClose:
    first, *lines = head.split(_LINE_END)
    words = first.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise FramingError(f"expected the head of an HTTP/1.1 response, got {first[:80]!r}")
    status = int(words[1])
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    closes = b"close" in headers.get(b"connection", b"").lower()
    if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
        return Chunked(status, closes=closes)
    length = headers.get(b"content-length", b"")
    if status == 204 or length.isdigit():
        return Sized(status, int(length or b"0"), closes)
    return UntilClose(status)


def _read_size(header: bytes) -> int:
    try:
        return int(header.partition(b";")[0], 16)
    except ValueError:
        raise FramingError(f"expected the size of a chunk, got {header[:80]!r}") from None


def _check_header(pending: bytes) -> bytes:
    if len(pending) > MAX_CHUNK_HEADER:
        raise FramingError(f"expected a chunk's header of at most {MAX_CHUNK_HEADER} bytes, got more")
    return pending
