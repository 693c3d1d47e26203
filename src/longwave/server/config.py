"""What can be set about a server: small frozen groups, with defaults that are safe in production.

Not here: how options, environment and files are read (cli/), what the log keeps (logs/retention.py).
"""

from __future__ import annotations

import ipaddress
import os
import sys
from dataclasses import dataclass, field, replace
from enum import Enum

from longwave.auth.credentials import DEFAULT_COOKIE, check_cookie_name
from longwave.auth.origins import Origins
from longwave.delivery import DeliveryLimits
from longwave.errors import InvalidConfiguration
from longwave.server.hosts import check_hosts
from longwave.server.limits.client_address import TrustedProxies
from longwave.server.limits.rate_limits import NO_LIMIT, Rate
from longwave.server.metrics.metrics_access import MetricsAccess

DEFAULT_PORT = 8080
LONGEST = 86_400  # seconds
MOST_WORKERS = 256
CONNECT_RATE = Rate(1000, 20_000)  # a fifth of a core; and all clients behind one proxy may come back at once
TOLD_RATE = Rate(2000 / 60, 20_000)  # pushes the usual million updates out of the history in eight hours
PUBLISHER, SUBSCRIBER = "publisher_", "subscriber_"  # what the fields of keys of one kind begin with
KINDS_OF_KEYS = ("", PUBLISHER, SUBSCRIBER)
LARGEST_BUFFER = 2**30  # bytes; what a socket option holds once the kernel has doubled it


class SinkKind(Enum):
    """How subscribers' bytes reach their sockets."""

    AUTO = "auto"  # epoll where the system has it
    EPOLL = "epoll"
    TRANSPORT = "transport"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the server listens.

    host: address or name to bind; without a key only the loopback address, unless `insecure`.
    port: TCP port; 0 lets the system choose.
    uds: path of a Unix socket to listen on instead of TCP.
    insecure: listen on any address although anybody may then publish and subscribe.
    backlog: connections that the kernel keeps waiting for us to accept.
    trusted_proxies: whose word about their clients' addresses counts; addresses, networks, or `unix`.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    uds: str | None = None
    insecure: bool = False
    backlog: int = 4096
    trusted_proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise InvalidConfiguration("port", f"expected 0 to 65535, got {self.port}")
        TrustedProxies.parse("trusted_proxies", self.trusted_proxies)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessConfig:
    """Who may publish and subscribe, and which pages of other sites.

    key: verifies tokens of publishers and subscribers, where they have none of their own; see auth/keys.py for what a
        key is. publisher_key, subscriber_key: of one kind each. jwks, publisher_jwks, subscriber_jwks: instead of
        these, the address of a JWK set. Without any key everybody who reaches the server may publish and subscribe.
    anonymous: whether subscribers need no token; they see what is public.
    subscriptions: whether the hub tells who subscribes to what, to those whose token allows it.
    cors_origins: of pages that may read the answers. publish_origins: of pages that may publish with a cookie, or where
        nobody needs a token.
    cookie_name: of the cookie that carries a token.
    allowed_hosts: names by which browsers may ask for the hub, besides this machine's own; see hosts.py for when.
    """

    key: str | None = field(default=None, repr=False)
    publisher_key: str | None = field(default=None, repr=False)
    subscriber_key: str | None = field(default=None, repr=False)
    jwks: str | None = None
    publisher_jwks: str | None = None
    subscriber_jwks: str | None = None
    anonymous: bool = False
    subscriptions: bool = False
    cors_origins: tuple[str, ...] = ()
    publish_origins: tuple[str, ...] = ()
    cookie_name: str = DEFAULT_COOKIE
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind in KINDS_OF_KEYS:
            self._check_keys(f"{kind}key", f"{kind}jwks")
        check_cookie_name("cookie_name", self.cookie_name)
        check_hosts("allowed_hosts", self.allowed_hosts)
        for name in ("cors_origins", "publish_origins"):
            Origins.parse(name, getattr(self, name))
        if self.anonymous and not self.has_keys:
            raise InvalidConfiguration("anonymous", "expected a key beside it, as without one everybody may subscribe")

    def _check_keys(self, key: str, jwks: str) -> None:
        # As of a variable that was not set: without its key the hub would be open.
        if getattr(self, key) == "":
            raise InvalidConfiguration(key, "expected a key, got nothing")
        if getattr(self, jwks) == "":
            raise InvalidConfiguration(jwks, "expected the address of a JWK set, got nothing")
        if getattr(self, key) and getattr(self, jwks):
            raise InvalidConfiguration(jwks, f"expected it or --{key.replace('_', '-')}, got both")

    @property
    def has_keys(self) -> bool:
        """Whether there is any key."""
        return any(getattr(self, f"{kind}{form}") for kind in KINDS_OF_KEYS for form in ("key", "jwks"))

    def source_of_keys(self, kind: str) -> str | None:
        """Return the field that tells the keys of `publisher_` or `subscriber_`: their own, or that for both."""
        fields_in_order = (f"{kind}key", f"{kind}jwks", "key", "jwks")
        return next((name for name in fields_in_order if getattr(self, name)), None)

    @property
    def may_publish(self) -> bool:
        """Whether anybody may, with whatever token."""
        return not self.has_keys or self.source_of_keys(PUBLISHER) is not None

    @property
    def may_subscribe(self) -> bool:
        """Whether anybody may, with whatever token."""
        return not self.has_keys or self.anonymous or self.source_of_keys(SUBSCRIBER) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what clients may use.

    connections: open connections in total; 0 means what the process may open, less `RESERVED_FILES`.
    connections_per_address: of one client address; 0 means half of all, and no bound for clients on this machine.
    head: bytes of a request line and headers. The default leaves room for a token or a query with 1,000 selectors.
    body: bytes of a request body.
    bodies: bytes of all request bodies that are being received, together, and of heads that come in parts.
    answers: bytes of all answers that wait for their clients to read them, of those that are not small.
    topics: `topic` parameters of one subscription.
    selector_bytes: bytes of these together. selector_cost: what matching them may cost; see `Selector.cost`. A token's
        grants have a bound of their own (auth/claims.py).
    streams_per_address, streams_per_subject: open streams of one client address, and of one token's subject; 0 means
        no bound.
    selectors_per_address: selectors of the open streams of one client address and what matching them costs, together; 0
        means no bound. Subscriptions to a few topics, and clients on this machine, are not counted.
    connect_rate, connect_rate_per_subject: streams that one client address, and one subject, may open. Clients on this
        machine are not counted by address.
    told_rate, told_rate_per_subject: updates that the hub writes about the comings and leavings of one client address,
        and of one subject, where it tells of subscriptions; one above 1 KiB counts as several. Clients on this machine
        are not counted by address.
    publish_rate, publish_rate_per_subject: updates that one client address, and one subject, may publish.
    lag: bytes of frames held for a subscriber that does not keep up; past it the log feeds it again.
    replays: subscribers that are fed from the log at the same time; others wait their turn.
    """

    connections: int = 0
    connections_per_address: int = 0
    head: int = 2**16
    body: int = 2**20
    bodies: int = 64 * 2**20
    answers: int = 64 * 2**20
    topics: int = 1000
    selector_bytes: int = 65_536
    selector_cost: int = 1000
    streams_per_address: int = 0
    streams_per_subject: int = 0
    selectors_per_address: int = 100_000
    connect_rate: Rate = CONNECT_RATE
    connect_rate_per_subject: Rate = NO_LIMIT
    told_rate: Rate = TOLD_RATE
    told_rate_per_subject: Rate = TOLD_RATE
    publish_rate: Rate = NO_LIMIT
    publish_rate_per_subject: Rate = NO_LIMIT
    lag: int = 256 * 2**10
    replays: int = 64

    def __post_init__(self) -> None:
        for name in ("connections", "connections_per_address", "streams_per_address", "streams_per_subject"):
            check_least(name, getattr(self, name), 0)
        for name in ("selector_cost", "selectors_per_address"):
            check_least(name, getattr(self, name), 0)
        for name in ("head", "body", "bodies", "answers", "topics", "selector_bytes", "lag", "replays"):
            check_least(name, getattr(self, name), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Waits, in seconds.

    heartbeat: silence on a stream after which a comment is sent.
    head: for a complete request head, from the connection's or the request's first moment.
    body: for a complete request body.
    keep_alive: for the next request on an idle connection.
    send: for a subscriber to take what it was sent; then it is cut off. Also `TCP_USER_TIMEOUT`.
    shutdown_delay: from the signal to stop until the server does, for load balancers to see in `/readyz` that it will.
    drain: for streams and requests to end at a shutdown.
    """

    heartbeat: float = 15.0
    head: float = 10.0
    body: float = 30.0
    keep_alive: float = 75.0
    send: float = 30.0
    shutdown_delay: float = 0.0
    drain: float = 5.0

    def __post_init__(self) -> None:
        for name in ("heartbeat", "head", "body", "keep_alive", "send"):
            if not 0 < getattr(self, name) <= LONGEST:
                raise InvalidConfiguration(
                    name, f"expected more than 0 seconds and at most a day, got {getattr(self, name):g}"
                )
        for name in ("shutdown_delay", "drain"):
            if not 0 <= getattr(self, name) <= LONGEST:
                raise InvalidConfiguration(name, f"expected 0 seconds to a day, got {getattr(self, name):g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """All of it.

    send_buffer: bytes that the kernel may hold for one connection (`SO_SNDBUF`; Linux doubles it). With the
        default a client that stops reading holds less than 60 KB of kernel memory instead of 3.9 MB.
    sink: how subscribers' bytes reach their sockets.
    workers: processes that listen at the same address, over one log; 1 is this process alone.
    metrics: who may read them.
    """

    listen: Listen = field(default_factory=Listen)
    access: AccessConfig = field(default_factory=AccessConfig)
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    send_buffer: int = 16_384
    sink: SinkKind = SinkKind.AUTO
    workers: int = 1
    metrics: MetricsAccess = MetricsAccess.LOCAL

    def __post_init__(self) -> None:
        self._check_workers()
        self._check_host()
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

    def _check_host(self) -> None:
        listen = self.listen
        if self.access.has_keys or listen.uds is not None or listen.insecure or is_loopback(listen.host):
            return
        raise InvalidConfiguration(
            "host",
            f"expected a loopback address, got {listen.host!r}: without a key anybody who reaches it could publish "
            "and subscribe. Give it a key (--key), or insist with --insecure",
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
