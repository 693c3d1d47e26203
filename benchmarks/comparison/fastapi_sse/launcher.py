"""Starts an application with FastAPI's own event streams on uvicorn.

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


class FastApiPeer(PythonPeer):
    """fastapi.sse: a queue and two more streams for each client, and an encoding of each event for each."""

    name = "fastapi_sse"
    abilities = frozenset({Ability.MANY_TOPICS})
    packages = ("fastapi", "starlette", "pydantic", "uvicorn", "uvloop", "httptools")

    def tuning(self) -> str:
        """Return how it is configured."""
        return (
            "one uvicorn worker with uvloop and httptools, no access log, as "
            f"{UVICORN_PAGES} advise; events as raw_data, as the documentation of "
            "fastapi.sse.ServerSentEvent has it for text that is not to become JSON"
        )

    def launch(self, folder: Path, ports: tuple[int, ...], *, durable: bool) -> Launch:
        """Return uvicorn with the app; it has no files."""
        return Launch((self.uvicorn(ports[0]),), AppTarget(port=ports[0]))


PEER = FastApiPeer()
