"""A history: events that are published before the subscribers come, and the id after which they are to be replayed.

Not here: publishing (posts.py), the subscribers (returning.py).
Rules that always hold: one connection publishes, so the events have an order; the first event is a marker without a
stamp, and only its id is used.
"""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.comparison.measures.posts import PostFailed, post

from longwave.load.framing import NO_HEAD, Framing
from longwave.load.place import find_id, split_blocks
from longwave.load.stamp import RUN_LENGTH, Stamp, Stamper

if TYPE_CHECKING:
    from longwave.load import Target

PATIENCE = 20.0  # seconds for the marker to come
READ_SIZE = 65_536


@dataclass(frozen=True, slots=True)
class History:
    """Events of one topic. run: the mark of their stamps. payload: bytes of each. after: the id before the first."""

    topic: str
    run: str
    events: int
    payload: int
    after: str


def publish_history(target: Target, events: int, payload: int) -> History:
    """Publish a marker, learn its id, publish the events. Raises PostFailed, OSError."""
    run = secrets.token_hex(RUN_LENGTH // 2)
    topic, stamper = f"bench-history-{run}", Stamper(run, payload)
    after = _publish_marker(target, topic)
    stamps = (Stamp(number, 0, 0, number, 0) for number in range(events))
    post(target, [target.publication(topic, stamper.write(stamp)) for stamp in stamps], 1)
    return History(topic, run, events, payload, after)


def _publish_marker(target: Target, topic: str) -> str:
    with socket.create_connection(target.address, PATIENCE) as sock:
        sock.sendall(target.subscription([topic]))
        received = _Stream(sock)
        received.await_head()
        post(target, [target.publication(topic, "marker")], 1)
        return received.await_id(b"marker")


class _Stream:
    """One subscription, read with patience."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._framing: Framing = NO_HEAD
        self._content = b""

    def await_head(self) -> None:
        while getattr(self._framing, "status", None) is None:
            self._read()

    def await_id(self, mark: bytes) -> str:
        event_id = b""
        while True:
            blocks, self._content = split_blocks(self._content)
            for block in blocks:
                event_id = find_id(block, event_id)
                if mark in block:
                    return _require(event_id).decode("latin-1")
            self._read()

    def _read(self) -> None:
        chunk = self._sock.recv(READ_SIZE)
        if not chunk:
            raise PostFailed("expected an event stream, got the end of the connection")
        content, self._framing = self._framing.feed(chunk)
        self._content += content


def _require(event_id: bytes) -> bytes:
    if not event_id:
        raise PostFailed("expected the event to have an id, got none")
    return event_id
