"""Posts: publishing over kept connections, each of which sends its next request when the last one is answered.

Not here: publishing on a schedule (longwave.load.publisher).
Rules that always hold: requests are taken in order; an answer that is no success ends it; where the server closes a
connection after its answer, as the answer says, the next request takes a new one; it runs in the calling process.
"""

from __future__ import annotations

import select
import socket
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.load.framing import NO_HEAD, Complete, Framing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longwave.load import Target

PATIENCE = 30.0  # seconds for any answer
READ_SIZE = 65_536


class PostFailed(Exception):
    """A server did not take what was published."""


@dataclass(frozen=True, slots=True)
class Posted:
    """seconds: from the first request to the last answer. cpu: seconds that this process took of its processor."""

    seconds: float
    cpu: float

    @property
    def generator(self) -> float:
        """Share of a processor that the sending took."""
        return self.cpu / self.seconds if self.seconds else 0.0


class _Line:
    """One kept connection. framing: where its answer is. closes: whether the last answer was its last."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self.connect()

    def connect(self) -> None:
        """Begin, or begin again. Raises OSError."""
        self.sock = socket.create_connection(self._address, PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.framing: Framing = NO_HEAD
        self.closes = False

    def receive(self, taken: frozenset[int]) -> bool:
        """Read on; return whether the answer is complete. Raises PostFailed."""
        received = self.sock.recv(READ_SIZE)
        if not received:
            raise PostFailed("expected an answer, got the end of the connection")
        content, framing = self.framing.feed(received)
        status = getattr(framing, "status", None)
        if status is not None and status not in taken:
            raise PostFailed(f"expected one of the statuses {sorted(taken)}, got {status}: {content[:120]!r}")
        complete = isinstance(framing, Complete)
        self.closes = isinstance(framing, Complete) and framing.closes
        self.framing = NO_HEAD if complete else framing
        return complete

    def close(self) -> None:
        """End it."""
        self.sock.close()


def post(target: Target, requests: Sequence[bytes], connections: int) -> Posted:
    """Send all requests over so many connections. Raises PostFailed, OSError."""
    with ExitStack() as stack:
        epoll = stack.enter_context(select.epoll())
        count = min(connections, len(requests))
        lines = [stack.enter_context(closing(_Line(target.publish_address))) for _ in range(count)]
        begun, cpu = time.monotonic(), time.process_time()
        _exchange(epoll, lines, iter(requests), target.publish_statuses)
        return Posted(time.monotonic() - begun, time.process_time() - cpu)


def _exchange(epoll: select.epoll, lines: Sequence[_Line], requests: Iterator[bytes], taken: frozenset[int]) -> None:
    waiting: dict[int, _Line] = {}  # by descriptor
    for line, request in zip(lines, requests, strict=False):
        epoll.register(line.sock, select.EPOLLIN)
        waiting[line.sock.fileno()] = line
        line.sock.sendall(request)
    while waiting:
        found = epoll.poll(PATIENCE)
        if not found:
            raise PostFailed(f"expected an answer within {PATIENCE:g} s, got none")
        for descriptor, _ in found:
            if waiting[descriptor].receive(taken):
                _go_on(epoll, waiting, descriptor, next(requests, b""))


def _go_on(epoll: select.epoll, waiting: dict[int, _Line], descriptor: int, request: bytes) -> None:
    """Send a connection's next request, if there is one; over a new connection if the server closes this one."""
    line = waiting[descriptor]
    if line.closes or not request:
        epoll.unregister(descriptor)
        del waiting[descriptor]
    if not request:
        return
    if line.closes:
        line.close()
        line.connect()
        epoll.register(line.sock, select.EPOLLIN)
        waiting[line.sock.fileno()] = line
    line.sock.sendall(request)
