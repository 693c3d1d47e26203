"""A stand: one peer that is being measured, with its files, its processor and its account.

Not here: how a peer is launched (its own folder), what is done to it (measures/).
Rules that always hold: every measurement begins with a new server in an empty folder; the server has one processor and
all load has another, where there are two, unless a scenario has them share; a server that comes back after a kill is at
the same address.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.peer import Ability

from longwave.load.accounting import Account, take_account, with_children

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.comparison.peer import Peer, Running

    from longwave.load import Scenario, Target

SETTLING = 0.5  # seconds after a start, so that what a server does once is done
SECONDS_FOR_SS = 10.0
PROC = Path("/proc")
_SOCKET_MEMORY = re.compile(r"skmem:\(r(\d+),rb\d+,t(\d+),tb\d+,f(\d+),w(\d+)")


@dataclass(frozen=True, slots=True)
class Processors:
    """Which processor the server keeps to, and which all load keeps to; None where there are not two.

    all: those that they may use when they share.
    """

    server: int | None
    load: int | None
    all: frozenset[int] = frozenset()

    @classmethod
    def choose(cls) -> Processors:
        """Return the first two that this process may use."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(usable[0], usable[1], frozenset(usable)) if len(usable) > 1 else cls(None, None)

    def keep_load(self) -> None:
        """Have this process, and those that it starts, keep to the processor of the load."""
        if self.load is not None:
            os.sched_setaffinity(0, {self.load})

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Have this process, and those that it starts, use all of them; after that it keeps to that of the load."""
        if self.all:
            os.sched_setaffinity(0, self.all)
        try:
            yield
        finally:
            self.keep_load()


class Stand:
    """One peer under measurement; for use in `with`, which ends its server."""

    def __init__(self, peer: Peer, folder: Path, *, cpu: int | None = None) -> None:
        self.name = peer.name
        self._peer, self._folder, self._cpu = peer, folder, cpu
        self._durable = False
        self._running: Running | None = None

    def __enter__(self) -> Stand:
        return self

    def __exit__(self, *_: object) -> None:
        self._peer.stop()

    def start(self, *, durable: bool = False) -> None:
        """Start the server and let it settle. Raises RuntimeError."""
        self._durable = durable
        self._running = self._peer.start(self._folder, cpu=self._cpu, durable=durable)
        time.sleep(SETTLING)

    def pace(self, load: Scenario) -> Scenario:
        """Return a load that connects no faster than the peer takes connections."""
        limit = self._peer.connect_rate
        return replace(load, connect_rate=min(load.connect_rate or limit, limit)) if limit else load

    @property
    def connect_rate(self) -> float:
        """Connections a second that the peer takes; 0 for no limit."""
        return self._peer.connect_rate

    @property
    def is_durable(self) -> bool:
        """Whether the peer can sync to the disk before it acknowledges."""
        return Ability.DURABLE in self._peer.abilities

    def kill_and_start(self) -> None:
        """Kill the server and start it again over the same files. Raises RuntimeError."""
        before = self.target.address
        self._peer.kill()
        self._running = self._peer.start(self._folder, cpu=self._cpu, durable=self._durable)
        if self.target.address != before:
            raise RuntimeError(f"expected {self.name} to come back at port {before[1]}, got {self.target.address[1]}")

    @property
    def target(self) -> Target:
        """How to drive it."""
        return self._current.target

    @property
    def pids(self) -> tuple[int, ...]:
        """Its processes."""
        return self._current.pids

    def account(self) -> Account:
        """Return what its processes, and the machine, have taken so far."""
        return take_account(self.pids)

    def memory(self) -> int:
        """Return the bytes of memory of its processes, see `own_memory`."""
        return sum(own_memory(PROC / str(pid) / "smaps_rollup") for pid in with_children(self.pids))

    def socket_buffers(self) -> int:
        """Return the bytes that the kernel holds for the server's side of its connections; 0 if `ss` is not there."""
        command = ["ss", "-Htmn", "state", "established", "sport", "=", f":{self.target.address[1]}"]
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_FOR_SS, check=True)
            return sum_socket_memory(done.stdout)
        return 0

    @property
    def _current(self) -> Running:
        if self._running is None:
            raise RuntimeError(f"expected {self.name} to be started, got none")
        return self._running


def own_memory(rollup: Path) -> int:
    """Return the bytes that a process has for itself: its share of anonymous and shared memory, without files.

    Pages of programs and libraries do not count: a process's share in them shrinks when another process begins to use
    the same ones, as Python's load does beside a server in Python.
    Source: https://docs.kernel.org/filesystems/proc.html (smaps_rollup)
    """
    with suppress(OSError):  # it has ended
        fields = (line.split() for line in rollup.read_text().splitlines())
        return 1024 * sum(int(field[1]) for field in fields if field[0] in ("Pss_Anon:", "Pss_Shmem:"))
    return 0


def sum_socket_memory(listing: str) -> int:
    """Return the bytes of all sockets in what `ss -m` prints: received, queued to be sent, and kept for more."""
    return sum(
        int(received) + int(kept) + int(queued)
        for received, _, kept, queued in (found.groups() for found in _SOCKET_MEMORY.finditer(listing))
    )
