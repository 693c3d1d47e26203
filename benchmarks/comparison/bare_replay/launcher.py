"""Launches the bare replay: the floor of what a comeback of many subscribers can cost.

Not here: the server itself (server.py).
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.launched_peer import Launch, LaunchedPeer
from benchmarks.comparison.peer import Ability
from benchmarks.comparison.ports import HOST
from benchmarks.comparison.server_processes import Command

from longwave.load import LongwaveTarget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.comparison.peer import Missing

SERVER = Path(__file__).with_name("server.py")


class BareReplay(LaunchedPeer):
    """No hub: it sends the same bytes after an id to everybody."""

    name = "bare_replay"
    abilities = frozenset({Ability.RESUME, Ability.RESTART})

    def missing(self) -> Missing | None:
        """Return None: it needs Python only."""
        return None

    def versions(self) -> Mapping[str, str]:
        """Return the version of Python."""
        return {"python": platform.python_version()}

    def tuning(self) -> str:
        """Return what it does."""
        return "Ours: a Python loop that sends one stretch of bytes to everybody who names the id before it."

    def launch(self, folder: Path, ports: tuple[int, ...], *, durable: bool) -> Launch:
        """Return how to start it."""
        command = Command((sys.executable, str(SERVER), str(ports[0]), str(folder / "events")))
        return Launch((command,), LongwaveTarget(HOST, ports[0]))


PEER = BareReplay()
