"""HTTP targets of the comparison: what the targets of all peers share, and the routes of those we wrote an app for.

Not here: the contract (longwave.load.target), the targets of servers with routes of their own (their launcher.py).
Rule that always holds: a target can be pickled, as load is made in other processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from benchmarks.comparison.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Sequence

ACCEPT = "Accept: text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget(ABC):
    """A server on this machine. port: of subscribers. publish_port: of publishers, 0 for the same."""

    port: int
    publish_port: int = 0
    subscribe_statuses: frozenset[int] = field(default=frozenset({200}))
    publish_statuses: frozenset[int] = field(default=frozenset({200, 201, 202, 204}))
    chatter: bool = False

    @property
    def address(self) -> tuple[str, int]:
        """Where subscribers connect."""
        return HOST, self.port

    @property
    def publish_address(self) -> tuple[str, int]:
        """Where publishers connect."""
        return HOST, self.publish_port or self.port

    @abstractmethod
    def subscription(self, topics: Sequence[str], last_event_id: str = "") -> bytes:
        """Return the request that subscribes."""

    @abstractmethod
    def publication(self, topic: str, data: str) -> bytes:
        """Return the request that publishes."""


def get(port: int, path: str, last_event_id: str = "") -> bytes:
    """Return a GET of an event stream."""
    resume = [f"Last-Event-ID: {last_event_id}"] if last_event_id else []
    return _encode("GET", port, path, [ACCEPT, *resume])


def post(port: int, path: str, body: str, *, media_type: str = "text/plain", headers: Sequence[str] = ()) -> bytes:
    """Return a POST."""
    return _encode("POST", port, path, [f"Content-Type: {media_type}", *headers], body.encode())


def _encode(method: str, port: int, path: str, headers: Sequence[str], body: bytes | None = None) -> bytes:
    length = [] if body is None else [f"Content-Length: {len(body)}"]
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}:{port}", *headers, *length, "", ""]
    return "\r\n".join(lines).encode() + (body or b"")


def topics_query(topics: Sequence[str], key: str = "topic") -> str:
    """Return the topics as a query."""
    return "&".join(f"{key}={quote(topic, safe='')}" for topic in topics)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppTarget(HttpTarget):
    """An app of ours: GET /events?topic=A&topic=B, and POST /publish?topic=A with the data as its body. No history."""

    def subscription(self, topics: Sequence[str], last_event_id: str = "") -> bytes:
        """Return a GET of /events."""
        return get(self.port, f"/events?{topics_query(topics)}", last_event_id)

    def publication(self, topic: str, data: str) -> bytes:
        """Return a POST to /publish."""
        return post(self.port, f"/publish?{topics_query([topic])}", data)
