"""Posts: publishing over kept connections, each of which sends its next request when the last one is answered.

Not here: publishing on a schedule (longwave.load.publisher).
Rules that always hold: requests are taken in order; an answer that is no success ends it; it runs in the calling
process.
"""

from __future__ import annotations

import select
import socket
import time
from contextlib import ExitStack
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
    """One kept connection. framing: where its answer is."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.framing: Framing = NO_HEAD

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
        self.framing = NO_HEAD if complete else framing
        return complete


def post(target: Target, requests: Sequence[bytes], connections: int) -> Posted:
    """Send all requests over so many connections. Raises PostFailed, OSError."""
    with ExitStack() as stack:
        epoll = stack.enter_context(select.epoll())
        lines = {}
        for _ in range(min(connections, len(requests))):
            sock = stack.enter_context(socket.create_connection(target.publish_address, PATIENCE))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lines[sock.fileno()] = _Line(sock)
            epoll.register(sock, select.EPOLLIN)
        begun, cpu = time.monotonic(), time.process_time()
        _exchange(epoll, lines, iter(requests), target.publish_statuses)
        return Posted(time.monotonic() - begun, time.process_time() - cpu)


def _exchange(epoll: select.epoll, lines: dict[int, _Line], requests: Iterator[bytes], taken: frozenset[int]) -> None:
    waiting = 0
    for line, request in zip(lines.values(), requests, strict=False):
        line.sock.sendall(request)
        waiting += 1
    while waiting:
        found = epoll.poll(PATIENCE)
        if not found:
            raise PostFailed(f"expected an answer within {PATIENCE:g} s, got none")
        for descriptor, _ in found:
            line = lines[descriptor]
            if not line.receive(taken):
                continue
            request = next(requests, b"")
            if request:
                line.sock.sendall(request)
            else:
                waiting -= 1
