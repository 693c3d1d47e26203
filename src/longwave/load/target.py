"""Targets: how a server is subscribed to and published to.

Not here: sockets (opening.py, publisher.py), what is done to it (scenario.py).
Rule that always holds: a target is a value that can be pickled, of a class that can be imported: it is used in
several processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlencode, urlsplit

from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Sequence

EVENTS = "/events"  # the path of a Longwave hub's event resource
SUCCESS = frozenset({200, 201, 202, 204})


class Target(Protocol):
    """A server to be driven over HTTP/1.1 without TLS.

    Requests are all the bytes that go over the wire. Subscriptions are streams of events whose data holds, anywhere
    and unchanged, the data that was published: digits and letters of ASCII.
    """

    @property
    def address(self) -> tuple[str, int]:
        """IP address or name, and port, of subscribers."""

    @property
    def publish_address(self) -> tuple[str, int]:
        """IP address or name, and port, of publishers."""

    @property
    def subscribe_statuses(self) -> frozenset[int]:
        """Statuses that mean: subscribed."""

    @property
    def publish_statuses(self) -> frozenset[int]:
        """Statuses that mean: the event was taken."""

    @property
    def chatter(self) -> bool:
        """Whether the server sends events of its own that are to be passed over."""

    def subscription(self, topics: Sequence[str], last_event_id: str = "") -> bytes:
        """Return the request that subscribes to these topics, after the event with this id if one is given."""

    def publication(self, topic: str, data: str) -> bytes:
        """Return the request that publishes one event; the connection is to be kept open."""


@dataclass(frozen=True, slots=True)
class LongwaveTarget:
    """A hub of Longwave, or any that speaks Mercure's protocol the same way.

    path: of its event resource. headers: more lines of each request.
    """

    host: str
    port: int
    path: str = EVENTS
    headers: tuple[str, ...] = ()
    subscribe_statuses: frozenset[int] = field(default=frozenset({200}))
    publish_statuses: frozenset[int] = field(default=SUCCESS)
    chatter: bool = False

    @classmethod
    def parse(cls, url: str, headers: Sequence[str] = ()) -> LongwaveTarget:
        """Read `http://host:port`, then the path is /events, or a full URL. Raises InvalidValue."""
        try:
            parts = urlsplit(url)
            port = parts.port or 80
        except ValueError:
            raise InvalidValue("url", f"expected http://host:port, got {url!r}") from None
        if parts.scheme != "http" or not parts.hostname:
            raise InvalidValue("url", f"expected http://host:port, got {url!r}")
        for header in headers:
            if ":" not in header or not header.isprintable() or not header.isascii():
                raise InvalidValue("header", f"expected 'Name: value', got {header!r}")
        path = EVENTS if parts.path in ("", "/") else parts.path
        return cls(parts.hostname, port, path, tuple(headers))

    @property
    def address(self) -> tuple[str, int]:
        """Where the hub is."""
        return self.host, self.port

    @property
    def publish_address(self) -> tuple[str, int]:
        """Where the hub is."""
        return self.address

    def subscription(self, topics: Sequence[str], last_event_id: str = "") -> bytes:
        """Return a GET with the topics in the query."""
        query = "&".join(f"topic={quote(topic, safe='')}" for topic in topics)
        lines = ["Accept: text/event-stream", *self.headers]
        if last_event_id:
            lines.append(f"Last-Event-ID: {last_event_id}")
        return self._request("GET", f"{self.path}?{query}", lines)

    def publication(self, topic: str, data: str) -> bytes:
        """Return a POST of a form."""
        body = urlencode({"topic": topic, "data": data})
        lines = [
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            *self.headers,
        ]
        return self._request("POST", self.path, lines) + body.encode()

    def _request(self, method: str, target: str, lines: Sequence[str]) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}:{self.port}", *lines, "", ""]).encode()
