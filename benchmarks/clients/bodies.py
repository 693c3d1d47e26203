"""The bodies that the clients read: the same small events, in the three ways that HTTP carries a stream.

Not here: sending them (server.py).
Rules that always hold: the ids are 1, 2, 3 and so on; what one way carries, the others do too, byte by byte.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WRITE = 65_536  # bytes of one write
BATCH = 1_000  # events that are made at a time
EVENT = b'id: %d\ndata: {"price": 101.25, "size": 300}\n\n'


class Framing(Enum):
    """How a body is told from what follows it, and cut."""

    BURST = "burst"  # many events in one chunk: a backlog, or what came together
    CLOSE = "close"  # no chunks: the body ends with the connection
    SINGLE = "single"  # one chunk for each event, many chunks in one write: a busy stream of most servers


TITLES = {
    Framing.BURST: "Many events in one chunk of 64 KiB",
    Framing.CLOSE: "No chunks, the body ends with the connection",
    Framing.SINGLE: "One chunk for each event",
}


def make_head(framing: Framing) -> bytes:
    """Return the head of the response."""
    field = b"Connection: close" if framing is Framing.CLOSE else b"Transfer-Encoding: chunked"
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n" + field + b"\r\n\r\n"


def make_writes(framing: Framing, count: int) -> Iterator[bytes]:
    """Make the body of `count` events as it is needed, write by write."""
    batches = (range(first, min(first + BATCH, count + 1)) for first in range(1, count + 1, BATCH))
    if framing is Framing.SINGLE:
        yield from _cut(b"".join(_chunk(EVENT % number) for number in batch) for batch in batches)
    else:
        writes = _cut(b"".join(EVENT % number for number in batch) for batch in batches)
        yield from writes if framing is Framing.CLOSE else map(_chunk, writes)
    if framing is not Framing.CLOSE:
        yield b"0\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Return the same bytes in pieces of `WRITE`, the last one shorter."""
    rest = bytearray()
    for piece in pieces:
        rest += piece
        while len(rest) >= WRITE:
            yield bytes(rest[:WRITE])
            del rest[:WRITE]
    if rest:
        yield bytes(rest)
