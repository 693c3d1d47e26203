"""Starts a Django project with django-eventstream on uvicorn.

Not here: the project (app.py), serving it (../python_peer.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.comparison.http_target import HttpTarget, get, post, topics_query
from benchmarks.comparison.launched_peer import Launch
from benchmarks.comparison.peer import Ability
from benchmarks.comparison.python_peer import UVICORN_PAGES, PythonPeer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoTarget(HttpTarget):
    """Its channels are chosen in the query, at most ten; it sends `stream-open` and `keep-alive` of its own."""

    chatter: bool = True

    def subscription(self, topics: Sequence[str], last_event_id: str = "") -> bytes:
        """Return a GET of its view."""
        return get(self.port, f"/events/?{topics_query(topics, 'channel')}", last_event_id)

    def publication(self, topic: str, data: str) -> bytes:
        """Return a POST to the project's own view."""
        return post(self.port, f"/publish?{topics_query([topic], 'channel')}", data)


class DjangoEventstreamPeer(PythonPeer):
    """django-eventstream: in memory, or with events stored in SQLite when started durable."""

    name = "django_eventstream"
    abilities = frozenset({Ability.RESTART, Ability.DURABLE, Ability.MANY_TOPICS})
    packages = ("django-eventstream", "Django", "uvicorn", "uvloop", "httptools")

    def tuning(self) -> str:
        """Return how it is configured."""
        return (
            "set up as its README says, without middleware or JSON; durable: its DjangoModelStorage on SQLite; one "
            f"uvicorn worker with uvloop and httptools, no access log, as {UVICORN_PAGES} advise"
        )

    def launch(self, folder: Path, ports: tuple[int, ...], *, durable: bool) -> Launch:
        """Return uvicorn with the project."""
        environment = {"EVENTSTREAM_DATABASE": str(folder / "events.sqlite3") if durable else ""}
        return Launch((self.uvicorn(ports[0], environment),), DjangoTarget(port=ports[0]))


PEER = DjangoEventstreamPeer()
