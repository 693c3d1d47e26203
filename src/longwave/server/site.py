"""What the connections of one server share: the hub, the routes, counts, the clock, and deadlines.

Not here: listening and stopping (server.py), one connection (http1.py).
"""

from __future__ import annotations

import asyncio
import random
import select
import time
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING

from longwave.core.pacing import Wheel, overload_retry
from longwave.errors import InvalidConfiguration
from longwave.eventstream.encoder import encode_retry
from longwave.server.config import SinkKind
from longwave.server.connection_limits import Admission, ConnectionLimits, connections_allowed
from longwave.server.request_bodies import RequestBodies
from longwave.server.response_head import Dates
from longwave.server.routes import Answer, Routes
from longwave.transports.exchange import Request, Response, refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine

    from longwave.core.subscriber import Subscriber
    from longwave.hub import Hub
    from longwave.server.config import ServerConfig
    from longwave.server.http1 import Connection
    from longwave.server.reactor import Reactor
    from longwave.transports.exchange import Exchange

TICK = 0.25  # seconds between two looks at deadlines
LINGER = 2.0  # seconds to let a client read a last answer before its connection is closed


class Site:
    """Shared by all connections; `open` and `close` frame its life in a running loop.

    reactor: None where streams stay on transports. draining: no connection is welcome any more.
    """

    def __init__(self, hub: Hub, config: ServerConfig) -> None:
        self.hub = hub
        self.config = config
        self.limits = ConnectionLimits(
            connections_allowed(config.limits.connections), config.limits.connections_per_address
        )
        self.bodies = RequestBodies(config.limits.bodies)
        self._watched: dict[int, Connection] = {}
        self._numbers = count()
        self.reactor: Reactor | None = None
        self.draining = False
        self._routes = Routes(hub, config.limits.topics)
        self._dates = Dates()
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()

    def open(self) -> None:
        """Start the clock and the reactor."""
        self._loop = asyncio.get_running_loop()
        timeouts = self.config.timeouts
        self._interval = min(timeouts.head, timeouts.body, timeouts.keep_alive, timeouts.send, LINGER)
        self._wheel: Wheel[int] = Wheel(min(TICK, self._interval / 4), self.now())
        self._timer = self._loop.call_later(self._wheel.tick, self._tick)
        if reactor_wanted(self.config.sink):
            from longwave.server.reactor import Reactor  # only systems with epoll have all that it imports

            self.reactor = Reactor(self.hub.delivery, self.left)

    def close(self) -> None:
        """Stop the clock and the reactor, and wait for no answer any more."""
        self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self.reactor is not None:
            self.reactor.close()

    # For connections.

    @property
    def connections(self) -> Collection[Connection]:
        """Those that are not handed over to the reactor."""
        return self._watched.values()

    def now(self) -> float:
        """Return the time on the loop's clock."""
        return self._loop.time()

    def date(self) -> bytes:
        """Return the `Date` header's line."""
        return self._dates.line(time.time())

    def answer(self, exchange: Exchange) -> Answer:
        """Answer a request."""
        return self._routes.answer(exchange)

    def turn_away(self, request: Request) -> Response:
        """Answer a request on a connection over the limit."""
        if request.method == "GET" and b"text/event-stream" in (request.header(b"accept") or b""):
            # A browser's EventSource never comes back after an error status, so it gets a stream that ends at once.
            retry = encode_retry(overload_retry(random.random()))
            return Response(HTTPStatus.OK, retry, "text/event-stream", ((b"Cache-Control", b"no-store"),), close=True)
        retry_after = overload_retry(random.random()) // 1000
        return refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"expected at most {self.limits.total} connections, got more",
            ((b"Retry-After", b"%d" % retry_after),),
            close=True,
        )

    def run(self, coroutine: Coroutine[None, None, None]) -> None:
        """Run the rest of an answer; a stop waits for it."""
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def answered(self) -> None:
        """Wait until all answers that were begun are given."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def admit(self, address: str) -> Admission:
        """Count a connection, unless it is REFUSED."""
        return Admission.REFUSED if self.draining else self.limits.enter(address)

    def streams(self) -> list[Subscriber]:
        """Return all subscribers on this server's connections, in whatever state."""
        on_transports = [connection.subscriber for connection in self.connections]
        on_sockets = self.reactor.subscribers() if self.reactor is not None else []
        return on_sockets + [subscriber for subscriber in on_transports if subscriber is not None]

    def counted(self, address: str) -> str:
        """Return the address if connections are counted by it, else ""."""
        return address if self.config.limits.connections_per_address else ""

    def left(self, address: str) -> None:
        """Count a connection no more."""
        self.limits.leave(address)
        if not self.limits.open:
            self._empty.set()

    async def emptied(self) -> None:
        """Wait until no connection is open."""
        while self.limits.open:
            self._empty.clear()
            await self._empty.wait()

    # Deadlines.

    def linger_until(self) -> float:
        """Return the deadline of a connection whose last answer was given."""
        return self.now() + LINGER

    def watch(self, connection: Connection) -> None:
        """Call the connection's `expire` at its deadlines."""
        connection.number = next(self._numbers)
        self._watched[connection.number] = connection
        # By number, so that one that is handed over or closed is freed at once, and not when its deadline is due.
        self._wheel.add(connection.number, self.now() + self._interval)

    def forget(self, connection: Connection) -> None:
        """Stop watching."""
        self._watched.pop(connection.number, None)

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._wheel.tick, self._tick)
        now = self.now()
        for number in self._wheel.expired(now):
            connection = self._watched.get(number)
            if connection is None:
                continue
            if now >= connection.deadline:
                connection.expire()
            # A deadline may come nearer meanwhile, but not nearer than the shortest timeout.
            self._wheel.add(number, min(max(connection.deadline, now), now + self._interval))


def reactor_wanted(kind: SinkKind) -> bool:
    """Tell whether streams go to sockets of their own: wherever the system has epoll, unless told otherwise."""
    available = hasattr(select, "epoll")
    if kind is SinkKind.EPOLL and not available:
        raise InvalidConfiguration("sink", "expected a system with epoll, got one without; use auto or transport")
    return available and kind is not SinkKind.TRANSPORT
