"""Starts a hub of Longwave: of the installed package, or of the source that PYTHONPATH names.

Not here: what is measured of it alone (../../micro).
"""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.commit import find_commit
from benchmarks.comparison.launched_peer import LOOK_AGAIN, SECONDS_TO_START, Launch, LaunchedPeer
from benchmarks.comparison.peer import Ability, Missing, Running
from benchmarks.comparison.ports import HOST, count_listeners
from benchmarks.comparison.server_processes import Command

import longwave
from longwave.load import LongwaveTarget

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = Path(longwave.__file__).resolve().parents[1]
PACKAGES = ("httptools", "uvloop", "click")


class LongwavePeer(LaunchedPeer):
    """A hub of one process over a log in memory, or in SQLite when started durable."""

    name = "longwave"
    abilities = frozenset(Ability)

    def missing(self) -> Missing | None:
        """Return that a package of its hub is not there."""
        absent = [name for name in PACKAGES if not _version(name)]
        return Missing(f"expected the packages of longwave[hub], got no {', '.join(absent)}", "") if absent else None

    def versions(self) -> Mapping[str, str]:
        """Return its version, the commit of its source where there is one, and what it stands on."""
        found = {name: _version(name) for name in ("longwave", "uvloop", "httptools")}
        found |= {"commit": find_commit(SOURCE), "python": platform.python_version()}
        return {name: version for name, version in found.items() if version}

    def tuning(self) -> str:
        """Return how it is configured."""
        return "its defaults, one process, over a log in memory; durable: SQLite with durability full (its default)"

    def launch(self, folder: Path, ports: tuple[int, ...], *, durable: bool) -> Launch:
        """Return `longwave serve`."""
        options = ["--port", str(ports[0]), "--log-level", "warning", *self._log_options(folder, durable)]
        program = (sys.executable, "-m", "longwave", "serve", *options)
        return Launch((Command(program, {"PYTHONPATH": str(SOURCE)}),), LongwaveTarget(HOST, ports[0]))

    def _log_options(self, folder: Path, durable: bool) -> list[str]:
        return log_in_file(folder, "full") if durable else ["--log", "memory:"]


class LongwaveWorkers(LongwavePeer):
    """So many workers of one hub. One is there to be compared with: its log is in a file too, durable or not.

    It is started when all of them listen, so that the kernel spreads connections from the first one on.
    """

    def __init__(self, workers: int) -> None:
        super().__init__()
        self.name = f"longwave ({workers} worker{'s' if workers > 1 else ''})"
        self._workers = workers

    def tuning(self) -> str:
        """Return how it is configured."""
        settings = f"its defaults with `--workers {self._workers}`, over a log in SQLite with durability relaxed"
        return f"{settings}; it shares all processors with the load"

    def start(self, folder: Path, *, cpu: int | None = None, durable: bool = False) -> Running:
        """Start it; see Peer."""
        running = super().start(folder, cpu=cpu, durable=durable)
        try:
            self._wait_until_all_listen(running.target.address[1])
        except BaseException:
            self.stop()
            raise
        return Running(running.target, self._processes.pids)

    def _wait_until_all_listen(self, port: int) -> None:
        end = time.monotonic() + SECONDS_TO_START
        while (count := count_listeners(port)) < self._workers:
            self._processes.check()
            if time.monotonic() > end:
                raise RuntimeError(f"expected {self._workers} workers to listen at port {port}, got {count}")
            time.sleep(LOOK_AGAIN)

    def _log_options(self, folder: Path, durable: bool) -> list[str]:
        return [*log_in_file(folder, "full" if durable else "relaxed"), "--workers", str(self._workers)]


def log_in_file(folder: Path, durability: str) -> list[str]:
    """Return the options for a log in a file of this folder."""
    return ["--log", f"sqlite:{folder / 'longwave.db'}", "--durability", durability]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


PEER = LongwavePeer()
WORKERS = LongwaveWorkers(1), LongwaveWorkers(2)
