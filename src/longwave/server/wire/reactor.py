"""The reactor: readiness of plain subscriber sockets, by one epoll that the event loop watches as one descriptor.

Not here: deciding what is sent, and sending (core/, delivery.py).

No asyncio transport, task, timer or queue exists for a subscriber here: a socket, its place in a dict and in the
kernel's epoll are all.
"""

from __future__ import annotations

import asyncio
import logging
import select
from typing import TYPE_CHECKING, cast

from longwave.core.drop import Drop

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import SocketType

    from longwave.core.subscriber import Subscriber
    from longwave.delivery import Delivery

logger = logging.getLogger("longwave.server")

MAX_EVENTS = 512  # handled before other callbacks of the loop get their turn


class Reactor:
    """Watches sockets for room and for clients that left.

    left: called with a client's address when its connection was closed.
    """

    def __init__(self, delivery: Delivery, left: Callable[[str], None]) -> None:
        self._delivery = delivery
        self._left = left
        self._subscribers: dict[int, Subscriber] = {}
        self._addresses: dict[int, str] = {}
        self.on_release: Callable[[Subscriber], None] = self.release  # one bound method for all subscribers
        self._epoll = select.epoll()
        # Edge-triggered, so that room is told exactly when a send fell short: nothing to arm, nothing to disarm.
        # Input is never read: a client that goes on talking fills its own buffer only.
        self._interest = select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
        asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._ready)

    def __len__(self) -> int:
        return len(self._subscribers)

    def subscribers(self) -> list[Subscriber]:
        """Return those whose sockets are watched."""
        return list(self._subscribers.values())

    def close(self) -> None:
        """Stop watching."""
        asyncio.get_running_loop().remove_reader(self._epoll.fileno())
        self._epoll.close()

    def adopt(self, sock: SocketType, address: str) -> None:
        """Note whose socket this is; "" if nobody counts."""
        if address:
            self._addresses[sock.fileno()] = address

    def add(self, subscriber: Subscriber) -> None:
        """Watch the subscriber's socket; told at once if it has no room or its client left already.

        A subscriber that the kernel refuses to watch is cut off.
        """
        descriptor = cast("SocketType", subscriber.sink).fileno()
        if descriptor < 0:
            return  # closed while it was being attached
        self._subscribers[descriptor] = subscriber
        try:
            self._epoll.register(descriptor, self._interest)
        except OSError as error:
            logger.error("cannot watch a subscriber, which is cut off: %s", error)
            self._delivery.drop(subscriber, Drop.FAILED)

    def release(self, subscriber: Subscriber) -> None:
        """Close the subscriber's socket."""
        sock = cast("SocketType", subscriber.sink)
        self._subscribers.pop(sock.fileno(), None)
        self.abandon(sock)

    def abandon(self, sock: SocketType) -> None:
        """Close an adopted socket."""
        address = self._addresses.pop(sock.fileno(), "")
        sock.close()
        self._left(address)

    def _ready(self) -> None:
        for descriptor, mask in self._epoll.poll(0, MAX_EVENTS):
            subscriber = self._subscribers.get(descriptor)
            if subscriber is None:
                continue
            if mask & ~select.EPOLLOUT:
                self._delivery.drop(subscriber)
            elif subscriber.holding:  # each socket begins with an edge, whether or not anybody waits for it
                self._delivery.writable(subscriber)
