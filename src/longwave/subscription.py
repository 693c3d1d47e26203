"""A subscription in this process: an async iterator of events.

Not here: subscriptions of clients over a network (transports/).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from longwave.core.drop import Drop
from longwave.core.subscriber import State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from longwave.core.frame import Payload
    from longwave.core.subscriber import Subscriber
    from longwave.delivery import Delivery
    from longwave.eventstream.event import Event

CAPACITY = 256  # events that wait to be iterated; more are held, then read from the log again


class Subscription:
    """Iterate it inside `async with`; each event comes once, in the order of the log.

    A consumer that is slow delays nobody and loses nothing that the log keeps; if the log has dropped what it
    missed, it gets an event of type `gap`. Iteration ends when the hub or the subscription is closed.
    Not for several tasks at once.
    """

    def __init__(self, start: Callable[[Subscription], Awaitable[Subscriber]], delivery: Delivery) -> None:
        self._start = start
        self._delivery = delivery
        self._events: deque[Event] = deque()
        self._subscriber: Subscriber | None = None
        self._wake: asyncio.Future[None] | None = None
        self._ended = False

    async def __aenter__(self) -> Subscription:
        self._subscriber = await self._start(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the iteration; safe to call again."""
        if self._subscriber is not None:
            self._delivery.drop(self._subscriber, Drop.CLOSED)
        self._events.clear()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._ended:
                raise StopAsyncIteration
            self._refill()
            if not self._events:
                self._wake = asyncio.get_running_loop().create_future()
                await self._wake
        return self._events.popleft()

    def _refill(self) -> None:
        subscriber = self._subscriber
        if subscriber is None:
            raise RuntimeError("expected iteration inside `async with hub.subscribe(…)`, got it outside")
        if subscriber.holding and subscriber.state is not State.CLOSED:
            self._delivery.writable(subscriber)

    # The sink of its own subscriber.

    def send(self, events: Payload, _: int) -> int:
        """Take as many events as there is room for."""
        if self._ended:
            raise BrokenPipeError
        room = CAPACITY - len(self._events)
        if room <= 0:
            raise BlockingIOError
        self._events.extend(events[:room])  # type: ignore[arg-type]  # this sink's format is Format.EVENT
        self._wake_up()
        return min(room, len(events))

    def release(self, _: Subscriber) -> None:
        """Let the iteration end after the events that are here."""
        self._ended = True
        self._wake_up()

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
