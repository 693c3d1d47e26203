"""How a stream leaves its connection: on a socket of its own that the reactor watches, or on the transport.

Not here: the head of the response (http1.py).
"""

from __future__ import annotations

import os
import socket
from socket import SocketType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from longwave.core.frame import Payload
    from longwave.core.subscriber import Sink, Subscriber
    from longwave.delivery import Delivery
    from longwave.server.wire.reactor import Reactor


# What a client sends after its request is of no use. Measured with one that never stops sending: 33 KB of kernel
# memory with the least buffer that Linux gives; without, 130 KB where nobody reads it, and up to 7 MB where it is read.
RECEIVE_BUFFER = 2048


class SocketStream:
    """A stream on a duplicated descriptor; the asyncio transport it came from is dropped."""

    __slots__ = ("_reactor", "opening", "release", "sink")

    def __init__(self, reactor: Reactor, sock: SocketType, address: str) -> None:
        self._reactor = reactor
        self.opening = b""
        self.sink = cast("Sink", sock)
        self.release = reactor.on_release
        reactor.adopt(sock, address)

    def start(self, head: bytes) -> None:
        """Have the first bytes sent together with what comes at once: each write costs as much as the rest of this."""
        self.opening = head

    def bind(self, subscriber: Subscriber) -> None:
        """Let the reactor watch the socket."""
        self._reactor.add(subscriber)


class TransportStream:
    """A stream on the asyncio transport; for systems without epoll, and where bytes are not sent as they are.

    end: closes the connection, after what the transport was handed.
    """

    __slots__ = ("_delivery", "_end", "_paused", "_transport", "opening", "sink", "subscriber")

    def __init__(self, delivery: Delivery, transport: asyncio.Transport, end: Callable[[], None]) -> None:
        self._delivery = delivery
        self._end = end
        self._transport = transport
        self._paused = False
        self.opening = b""  # the transport is sent its head directly
        self.sink = self
        self.subscriber: Subscriber | None = None

    def start(self, head: bytes) -> None:
        """Send the first bytes."""
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._transport.resume_reading()  # or a client that leaves would not be noticed
        self._transport.write(head)

    def send(self, payload: Payload, _: int) -> int:
        """Hand the payload to the transport, unless that is still busy with earlier ones."""
        if self._transport.is_closing():
            raise BrokenPipeError
        if self._paused:
            raise BlockingIOError
        self._transport.write(cast("bytes | memoryview", payload))
        return len(payload)

    def release(self, _: Subscriber) -> None:
        """Close the connection."""
        self._end()

    def bind(self, subscriber: Subscriber) -> None:
        """Remember whom to tell."""
        self.subscriber = subscriber

    # The transport's protocol passes these on.

    def pause_writing(self) -> None:
        """Take nothing until further notice."""
        self._paused = True

    def resume_writing(self) -> None:
        """Take more."""
        self._paused = False
        if self.subscriber is not None:
            self._delivery.writable(self.subscriber)

    def lost(self) -> None:
        """The client is gone."""
        if self.subscriber is not None:
            self._delivery.drop(self.subscriber)


def duplicate(transport: asyncio.Transport) -> SocketType:
    """Return a socket of our own for a transport's connection, which outlives the transport. Raises OSError.

    It does not block, as the descriptor that it is a copy of does not. Its type is the one that `socket.socket` adds to
    what a stream has no use for: making and closing one takes less than two thirds of the time.
    """
    original = transport.get_extra_info("socket")
    descriptor = os.dup(original.fileno())
    copy = SocketType(original.family, socket.SOCK_STREAM, 0, descriptor)
    copy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    return copy
