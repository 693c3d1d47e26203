"""What the connections of one server share: the hub, the routes, counts, the clock, and deadlines.

Not here: listening and stopping (server.py), one connection (http1.py).
"""

from __future__ import annotations

import asyncio
import select
import time
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING

from longwave.core.pacing import Wheel
from longwave.core.refusal import Refusal
from longwave.errors import InvalidConfiguration
from longwave.server.access import Access
from longwave.server.config import SinkKind
from longwave.server.health import readiness
from longwave.server.limits.client_address import TrustedProxies
from longwave.server.limits.coming_back import come_back
from longwave.server.limits.connection_limits import Admission, ConnectionLimits, connections_allowed
from longwave.server.limits.held_bytes import HeldBytes, Vacancy
from longwave.server.metrics.measuring import Measuring
from longwave.server.presence.presence_node import PresenceNode
from longwave.server.revoking import Revoking
from longwave.server.routes import METRICS, READY, Answer, Routes
from longwave.server.subscriptions import Subscriptions
from longwave.server.wire.response_head import Dates

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine

    from longwave.core.subscriber import Subscriber
    from longwave.hub import Hub
    from longwave.server.config import ServerConfig
    from longwave.server.metrics.sample_exchange import SampleExchange
    from longwave.server.wire.http1 import Connection
    from longwave.server.wire.reactor import Reactor
    from longwave.transports.exchange import Exchange, Headers, Request, Response

TICK = 0.25  # seconds between two looks at deadlines
LINGER = 2.0  # seconds to let a client read a last answer before its connection is closed
SHARES = 4  # as many clients at least use up what all hold together: bodies, and answers that nobody reads
SMALL_ANSWER = 2**16  # bytes; a transport holds as many for a client that reads nothing, whatever is counted


class Site:
    """Shared by all connections; `open` and `close` frame its life in a running loop.

    place: see presence/presence_node.py. exchange: of metrics with other workers, if there are any.
    measuring: of each answer. reactor: None where streams stay on transports.
    stopping: the hub is to be left. draining: no connection is welcome any more.
    presence, revoking: None where nobody is told of subscriptions, and where there are no tokens.
    """

    def __init__(self, hub: Hub, config: ServerConfig, place: str = "", exchange: SampleExchange | None = None) -> None:
        self.hub = hub
        self.config = config
        self.limits = ConnectionLimits(
            connections_allowed(config.limits.connections), config.limits.connections_per_address
        )
        bodies, answers = config.limits.bodies, config.limits.answers
        self.bodies = HeldBytes(bodies, max(bodies // SHARES, config.limits.body))
        self.answers = HeldBytes(answers, answers // SHARES)
        self.proxies = TrustedProxies.parse("trusted_proxies", config.listen.trusted_proxies)
        self._watched: dict[int, Connection] = {}
        self._fresh: list[int] = []  # numbers of those that came since the last tick
        self._numbers = count()
        self.reactor: Reactor | None = None
        self.stopping = False
        self.draining = False
        self.access = Access(config.access)
        self.presence = PresenceNode(hub, place=place) if config.access.subscriptions else None
        self.subscriptions = Subscriptions(hub, self.access.revocations, self.presence)
        self.revoking = None if self.access.is_open else Revoking(hub, self.access.revocations, self.subscriptions)
        self._routes = Routes(
            hub, self.access, self.subscriptions, config, presence=self.presence, revoking=self.revoking
        )
        self.measuring = Measuring(
            hub, config.metrics, lambda: self.limits.open, exchange, limit_keys=self._routes.limit_keys
        )
        self._add_pages()
        self._dates = Dates()
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()

    def _add_pages(self) -> None:
        self._routes.add_page(READY, lambda _: readiness(self.hub, stopping=self.stopping, keys=self.access.is_ready))
        page = self.measuring.page
        if page is not None:
            self._routes.add_page(METRICS, lambda exchange: page.answer(exchange.request))

    def open(self) -> None:
        """Start the clock and the reactor."""
        self._loop = asyncio.get_running_loop()
        timeouts = self.config.timeouts
        self._interval = min(timeouts.head, timeouts.body, timeouts.keep_alive, timeouts.send, LINGER)
        self._wheel: Wheel[int] = Wheel(min(TICK, self._interval / 4), self.now())
        self._timer = self._loop.call_later(self._wheel.tick, self._tick)
        if reactor_wanted(self.config.sink):
            from longwave.server.wire.reactor import Reactor  # only systems with epoll have all that it imports

            self.reactor = Reactor(self.hub.delivery, self.left)
        for node in self._nodes:
            node.open()

    async def leave(self) -> None:
        """Let the other hubs over the log know of the end; after `close`, before the hub is closed."""
        for node in self._nodes:
            await node.close()

    @property
    def _nodes(self) -> list[PresenceNode | Revoking]:
        return [node for node in (self.presence, self.revoking) if node is not None]

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

    def turn_away(self, request: Request, admission: Admission) -> Response:
        """Answer a request on a connection over the limit of all, or of its address."""
        if admission is Admission.ADDRESS_FULL:
            sentence = f"expected at most {self.limits.per_address} connections from one address, got more"
            return self._delay(request, HTTPStatus.TOO_MANY_REQUESTS, Refusal.CONNECTIONS_ADDRESS, sentence)
        sentence = f"expected at most {self.limits.total} connections, got more"
        return self._delay(request, HTTPStatus.SERVICE_UNAVAILABLE, Refusal.CONNECTIONS, sentence)

    def if_room(self, request: Request, response: Response, key: str) -> Response:
        """Return a large answer, or another if too much waits to be read already; key: as of `admit`."""
        # One that is larger than a share is given to who holds nothing else, or nobody would ever get it.
        room = self.answers.room(min(len(response.body), self.answers.share), key)
        if room is Vacancy.ENOUGH:
            return response
        whose, status = "", HTTPStatus.SERVICE_UNAVAILABLE
        if room is Vacancy.SHARE_TAKEN:
            whose, status = " of one address", HTTPStatus.TOO_MANY_REQUESTS
        sentence = f"expected that the answers before{whose} are read, got too many that are not"
        return self._delay(request, status, Refusal.ANSWERS_FULL, sentence)

    def _delay(self, request: Request, status: HTTPStatus, reason: Refusal, sentence: str) -> Response:
        self.hub.counters.refused(reason)
        # Without the first headers a page of another origin would never come back.
        headers = self._routes.headers(request) + self._routes.tell(request, reason, sentence)
        return come_back(request, status, sentence, headers=headers)

    def headers_of_refusal(self, asked: Request | None) -> Headers:
        """Return what else the answer to a request that was not read says, by which a page may read why."""
        return () if asked is None else self._routes.headers(asked)

    def run(self, coroutine: Coroutine[None, None, None]) -> None:
        """Run the rest of an answer; a stop waits for it."""
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def answered(self) -> None:
        """Wait until all answers that were begun are given."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def key_of(self, peer: str) -> str:
        """Return what connections of this peer count by; "" if by nothing, as of a proxy, which connects for many."""
        return "" if self.proxies.trust(peer) else self.limits.key(peer)

    def admit(self, key: str) -> Admission:
        """Count a connection, unless it is REFUSED."""
        return Admission.REFUSED if self.draining else self.limits.enter(key)

    def streams(self) -> list[Subscriber]:
        """Return all subscribers on this server's connections, in whatever state."""
        on_transports = [connection.subscriber for connection in self.connections]
        on_sockets = self.reactor.subscribers() if self.reactor is not None else []
        return on_sockets + [subscriber for subscriber in on_transports if subscriber is not None]

    def expects_body(self, request: Request) -> bool:
        """Tell whether a request that is announced is at a path and of a method that there is."""
        return self._routes.serves(request)

    def left(self, key: str) -> None:
        """Count a connection no more."""
        self.limits.leave(key)
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
        self._fresh.append(connection.number)

    def forget(self, connection: Connection) -> None:
        """Stop watching."""
        self._watched.pop(connection.number, None)

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._wheel.tick, self._tick)
        now = self.now()
        for number in self._fresh:
            if number in self._watched:  # most that become streams are handed over before
                self._wheel.add(number, now + self._interval - self._wheel.tick)
        self._fresh.clear()
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
