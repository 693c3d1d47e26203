"""The gate: connections of subscribers from the connect to the first bytes of the response.

Not here: what the bytes are and what comes after (receiver.py, churn.py), one socket (opening.py).
Rules that always hold: nothing blocks; at most MAX_OPENING connections are on their way at a time; each one that was
asked for comes out once, opened or failed.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from longwave.load.opening import MAX_OPENING, READABLE, RECEIVE_BUFFER, WRITABLE, Opening, Pace, begin_connection
from longwave.load.schedule import NANOSECONDS

if TYPE_CHECKING:
    import select
    import socket
    from collections.abc import Callable, Iterable


class Opened(NamedTuple):
    """A connection whose response has begun. begun: nanoseconds of the monotonic clock at the connect."""

    client: int
    sock: socket.socket
    begun: int
    received: bytes


class OpeningFailed(OSError):
    """A connection did not come to a response."""

    def __init__(self, client: int, reason: str) -> None:
        super().__init__(reason)
        self.client = client


class Gate:
    """Opens connections to one address. request_of: returns the bytes that a client sends."""

    def __init__(
        self, epoll: select.epoll, address: tuple[str, int], request_of: Callable[[int], bytes], pace: Pace
    ) -> None:
        self._epoll = epoll
        self._address = address
        self._request_of = request_of
        self._pace = pace
        self._asked: deque[int] = deque()
        self._later: list[tuple[int, int]] = []  # (moment, client), a heap
        self._openings: dict[int, Opening] = {}

    def ask(self, clients: Iterable[int]) -> None:
        """Ask for connections of these clients, as soon as the pace allows."""
        self._asked.extend(clients)

    def ask_later(self, client: int, moment: int) -> None:
        """Ask for a connection at a moment of the monotonic clock (nanoseconds); the pace does not count."""
        heapq.heappush(self._later, (moment, client))

    @property
    def idle(self) -> bool:
        """Whether no connection is asked for or on its way."""
        return not (self._asked or self._later or self._openings)

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._openings

    def begin(self, now: int) -> list[tuple[int, OpeningFailed | None]]:
        """Begin what is due; return (descriptor, None) of each, or (-1, why it failed at once)."""
        return [self._begin(client, now) for client in self._take_due(now)]

    def advance(self, descriptor: int) -> Opened | None:
        """Go on with a connection that is ready; return it once bytes came. Raises OpeningFailed."""
        opening = self._openings[descriptor]
        try:
            received = self._exchange(descriptor, opening)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._give_up(descriptor, error.strerror or str(error)) from None
        if received is None:
            return None
        if not received:
            raise self._give_up(descriptor, "the connection ended before a response")
        del self._openings[descriptor]
        return Opened(opening.client, opening.sock, opening.begun, received)

    def overdue(self, before: int) -> list[int]:
        """Return the descriptors of connections that were begun before a moment."""
        return [descriptor for descriptor, opening in self._openings.items() if opening.begun < before]

    def abandon(self, descriptor: int, reason: str) -> OpeningFailed:
        """Close a connection that is on its way, and return that it failed."""
        return self._give_up(descriptor, reason)

    def close(self) -> None:
        """Close all that are on their way, and forget what was asked for."""
        for descriptor in list(self._openings):
            self._give_up(descriptor, "closed")
        self._asked.clear()
        self._later.clear()

    def _take_due(self, now: int) -> list[int]:
        room = MAX_OPENING - len(self._openings)
        due: list[int] = []
        while self._later and self._later[0][0] <= now and len(due) < room:
            due.append(heapq.heappop(self._later)[1])
        count = self._pace.take(now, min(room - len(due), len(self._asked)))
        return due + [self._asked.popleft() for _ in range(count)]

    def _begin(self, client: int, now: int) -> tuple[int, OpeningFailed | None]:
        try:
            sock = begin_connection(self._address, client)
        except OSError as error:
            return -1, OpeningFailed(client, error.strerror or str(error))
        self._openings[sock.fileno()] = Opening(sock, client, self._request_of(client), now)
        self._epoll.register(sock, WRITABLE)
        return sock.fileno(), None

    def _exchange(self, descriptor: int, opening: Opening) -> bytes | None:
        if opening.request:
            if opening.send():
                self._epoll.modify(descriptor, READABLE)
            return None
        return opening.sock.recv(RECEIVE_BUFFER)

    def _give_up(self, descriptor: int, reason: str) -> OpeningFailed:
        opening = self._openings.pop(descriptor)
        opening.sock.close()
        return OpeningFailed(opening.client, reason)


def moment_after(seconds: float) -> int:
    """Return the moment of the monotonic clock in so many seconds: nanoseconds."""
    return time.monotonic_ns() + int(seconds * NANOSECONDS)
