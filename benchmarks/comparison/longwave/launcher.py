"""Starts a hub of Longwave: of the installed package, or of the source that PYTHONPATH names.

Not here: other measurements of it alone (../../load/longwave_server.py).
"""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.launched_peer import Launch, LaunchedPeer
from benchmarks.comparison.peer import Ability, Missing
from benchmarks.comparison.ports import HOST
from benchmarks.comparison.server_processes import Command

import longwave
from longwave.load import LongwaveTarget

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = Path(longwave.__file__).resolve().parents[1]
PACKAGES = ("httptools", "uvloop", "click")


class LongwavePeer(LaunchedPeer):
    """A hub over a log in memory, or in SQLite when started durable.

    workers: processes that serve together; more than one share a log in a file, whatever `durable` says.
    """

    name = "longwave"
    abilities = frozenset(Ability)

    def __init__(self, workers: int = 1) -> None:
        super().__init__()
        self._workers = workers

    def missing(self) -> Missing | None:
        """Return that a package of its hub is not there."""
        absent = [name for name in PACKAGES if not _version(name)]
        return Missing(f"expected the packages of longwave[hub], got no {', '.join(absent)}", "") if absent else None

    def versions(self) -> Mapping[str, str]:
        """Return its version, the commit of its source where there is one, and what it stands on."""
        found = {name: _version(name) for name in ("longwave", "uvloop", "httptools")}
        found |= {"commit": _commit(), "python": platform.python_version()}
        return {name: version for name, version in found.items() if version}

    def tuning(self) -> str:
        """Return how it is configured."""
        processes = "one process" if self._workers == 1 else f"{self._workers} workers"
        return f"its defaults, {processes}, over a log in memory; durable: SQLite with durability full (its default)"

    def launch(self, folder: Path, ports: tuple[int, ...], *, durable: bool) -> Launch:
        """Return `longwave serve`."""
        options = ["--port", str(ports[0]), "--log-level", "warning", *self._history(folder, durable)]
        program = (sys.executable, "-m", "longwave", "serve", *options)
        return Launch((Command(program, {"PYTHONPATH": str(SOURCE)}),), LongwaveTarget(HOST, ports[0]))

    def _history(self, folder: Path, durable: bool) -> list[str]:
        if self._workers == 1 and not durable:
            return ["--log", "memory:"]
        options = ["--log", f"sqlite:{folder / 'longwave.db'}", "--durability", "full" if durable else "relaxed"]
        return options if self._workers == 1 else [*options, "--workers", str(self._workers)]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _commit() -> str:
    command = ["git", "-C", str(SOURCE), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout.strip()
    except OSError:
        return ""


PEER = LongwavePeer()
