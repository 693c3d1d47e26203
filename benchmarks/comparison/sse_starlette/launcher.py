"""Starts an application with sse-starlette on uvicorn.

Not here: the application (app.py), serving it (../python_peer.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.comparison.http_target import AppTarget
from benchmarks.comparison.launched_peer import Launch
from benchmarks.comparison.peer import Ability
from benchmarks.comparison.python_peer import UVICORN_PAGES, PythonPeer

if TYPE_CHECKING:
    from pathlib import Path


class SseStarlettePeer(PythonPeer):
    """sse-starlette: one queue, several tasks and an encoding of each event for each client."""

    name = "sse_starlette"
    abilities = frozenset({Ability.MANY_TOPICS})
    packages = ("sse-starlette", "starlette", "uvicorn", "uvloop", "httptools")

    def tuning(self) -> str:
        """Return how it is configured."""
        return (
            "one uvicorn worker with uvloop and httptools, no access log, as "
            f"{UVICORN_PAGES} advise; sse-starlette with its defaults (ping every 15 s)"
        )

    def launch(self, folder: Path, ports: tuple[int, ...], *, durable: bool) -> Launch:
        """Return uvicorn with the app; it has no files."""
        return Launch((self.uvicorn(ports[0]),), AppTarget(port=ports[0]))


PEER = SseStarlettePeer()
