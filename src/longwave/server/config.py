"""What can be set about a server: small frozen groups, with defaults that are safe in production.

Not here: how options, environment and files are read (cli/), what the log keeps (logs/retention.py).
"""

from __future__ import annotations

import ipaddress
import os
import sys
from dataclasses import dataclass, field, replace
from enum import Enum

from longwave.delivery import DeliveryLimits
from longwave.errors import InvalidConfiguration

DEFAULT_PORT = 8080
LONGEST = 86_400  # seconds
MOST_WORKERS = 256
LARGEST_BUFFER = 2**30  # bytes; what a socket option holds once the kernel has doubled it


class SinkKind(Enum):
    """How subscribers' bytes reach their sockets."""

    AUTO = "auto"  # epoll where the system has it
    EPOLL = "epoll"
    TRANSPORT = "transport"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the server listens.

    host: address or name to bind; without keys only the loopback address, unless `insecure`.
    port: TCP port; 0 lets the system choose.
    uds: path of a Unix socket to listen on instead of TCP.
    insecure: listen on any address although anybody may then publish and subscribe.
    backlog: connections that the kernel keeps waiting for us to accept.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    uds: str | None = None
    insecure: bool = False
    backlog: int = 4096

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise InvalidConfiguration("port", f"expected 0 to 65535, got {self.port}")
        if self.uds is None and not self.insecure and not is_loopback(self.host):
            raise InvalidConfiguration(
                "host",
                f"expected a loopback address, got {self.host!r}: without a key anybody who reaches it could publish "
                "and subscribe. Put a proxy that checks access in front, or insist with --insecure",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what clients may use.

    connections: open connections in total; 0 means what the process may open, less `RESERVED_FILES`.
    connections_per_address: of one client address; 0 means no bound (clients may share a proxy).
    head: bytes of a request line and headers.
    body: bytes of a request body.
    bodies: bytes of all request bodies that are being received, together.
    topics: `topic` parameters of one subscription.
    lag: bytes of frames held for a subscriber that does not keep up; past it the log feeds it again.
    replays: subscribers that are fed from the log at the same time; others wait their turn.
    """

    connections: int = 0
    connections_per_address: int = 0
    head: int = 16_384
    body: int = 2**20
    bodies: int = 64 * 2**20
    topics: int = 1000
    lag: int = 256 * 2**10
    replays: int = 64

    def __post_init__(self) -> None:
        for name in ("connections", "connections_per_address"):
            check_least(name, getattr(self, name), 0)
        for name in ("head", "body", "bodies", "topics", "lag", "replays"):
            check_least(name, getattr(self, name), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Waits, in seconds.

    heartbeat: silence on a stream after which a comment is sent.
    head: for a complete request head, from the connection's or the request's first moment.
    body: for a complete request body.
    keep_alive: for the next request on an idle connection.
    send: for a subscriber to take what it was sent; then it is cut off. Also `TCP_USER_TIMEOUT`.
    drain: for streams and requests to end at a shutdown.
    """

    heartbeat: float = 15.0
    head: float = 10.0
    body: float = 30.0
    keep_alive: float = 75.0
    send: float = 30.0
    drain: float = 5.0

    def __post_init__(self) -> None:
        for name in ("heartbeat", "head", "body", "keep_alive", "send"):
            if not 0 < getattr(self, name) <= LONGEST:
                raise InvalidConfiguration(
                    name, f"expected more than 0 seconds and at most a day, got {getattr(self, name):g}"
                )
        if not 0 <= self.drain <= LONGEST:
            raise InvalidConfiguration("drain", f"expected 0 seconds to a day, got {self.drain:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """All of it.

    send_buffer: bytes that the kernel may hold for one connection (`SO_SNDBUF`; Linux doubles it). With the
        default a client that stops reading holds less than 60 KB of kernel memory instead of 3.9 MB.
    sink: how subscribers' bytes reach their sockets.
    workers: processes that listen at the same address, over one log; 1 is this process alone.
    """

    listen: Listen = field(default_factory=Listen)
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    send_buffer: int = 16_384
    sink: SinkKind = SinkKind.AUTO
    workers: int = 1

    def __post_init__(self) -> None:
        self._check_workers()
        if not 1024 <= self.send_buffer <= LARGEST_BUFFER:
            raise InvalidConfiguration("send_buffer", f"expected 1024 to {LARGEST_BUFFER}, got {self.send_buffer}")

    def _check_workers(self) -> None:
        if not 1 <= self.workers <= MOST_WORKERS:
            raise InvalidConfiguration("workers", f"expected 1 to {MOST_WORKERS}, got {self.workers}")
        if self.workers > 1 and self.listen.uds is not None:
            raise InvalidConfiguration(
                "workers",
                f"expected 1 with a Unix socket, got {self.workers}: only for a TCP port does the system spread "
                "connections over processes",
            )
        if self.workers > 1 and not ports_are_spread():
            raise InvalidConfiguration(
                "workers",
                f"expected 1 on this system, got {self.workers}: only Linux spreads a port over processes",
            )

    def of_worker(self, port: int) -> ServerConfig:
        """Return what one of the workers is to do at the port that was found: its share of connections at most."""
        share = -(-self.limits.connections // self.workers)  # rounded up; 0 stays 0
        return replace(self, listen=replace(self.listen, port=port), limits=replace(self.limits, connections=share))

    def delivery(self) -> DeliveryLimits:
        """Return the part of it that belongs to the hub."""
        return DeliveryLimits(
            lag=self.limits.lag,
            heartbeat=self.timeouts.heartbeat,
            send_timeout=self.timeouts.send,
            replays=self.limits.replays,
        )


def check_least(name: str, value: int, least: int) -> None:
    """Raise InvalidConfiguration unless `value` is at least `least`."""
    if value < least:
        raise InvalidConfiguration(name, f"expected {least} or more, got {value}")


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def ports_are_spread() -> bool:
    """Tell whether the system spreads connections over all processes that listen at a port with `SO_REUSEPORT`."""
    return sys.platform == "linux" and hasattr(os, "eventfd")
