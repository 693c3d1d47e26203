"""A launched peer: what all peers share, from the first process to the first subscription.

Not here: the contract (peer.py), one peer's programs and settings (its launcher.py), processes (server_processes.py).
Rules that always hold: `start` returns when a subscription was taken, and leaves nothing behind when it fails; the
ports stay the same from the first start to `stop`, so that clients find a killed server again.
"""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.comparison.peer import Ability, Missing, Running
from benchmarks.comparison.ports import free_ports
from benchmarks.comparison.server_processes import Command, ServerProcesses

from longwave.load.framing import NO_HEAD, AwaitingHead, FramingError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from longwave.load import Target

SECONDS_TO_START = 30.0
PATIENCE = 2.0  # seconds for an answer to one attempt
LOOK_AGAIN = 0.05  # seconds
FIRST_TOPIC = "is-it-up"
MAX_HEAD = 65_536  # bytes of a response


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start: the programs in their order, and how to drive what they are together."""

    commands: tuple[Command, ...]
    target: Target


class LaunchedPeer(ABC):
    """A peer that runs as processes of this machine. port_count: how many ports it needs."""

    name: str
    abilities: frozenset[Ability]
    connect_rate = 0.0
    port_count = 1

    def __init__(self) -> None:
        self._processes = ServerProcesses()
        self._ports: tuple[int, ...] = ()

    @abstractmethod
    def missing(self) -> Missing | None:
        """Return why it cannot run here, or None."""

    @abstractmethod
    def versions(self) -> Mapping[str, str]:
        """Return program: version; empty if it is missing."""

    @abstractmethod
    def tuning(self) -> str:
        """Return how it is configured, and which of its own pages says so."""

    @abstractmethod
    def launch(self, folder: Path, ports: tuple[int, ...], *, durable: bool) -> Launch:
        """Write its files into `folder`, and return how to start it. Nothing is started here."""

    def start(self, folder: Path, *, cpu: int | None = None, durable: bool = False) -> Running:
        """Start it; see Peer. Raises ValueError if `durable` is asked of a peer that cannot."""
        self._refuse(durable)
        folder.mkdir(parents=True, exist_ok=True)
        self._ports = self._ports or free_ports(self.port_count)
        launch = self.launch(folder, self._ports, durable=durable)
        try:
            self._processes.start(launch.commands, folder, cpu=cpu)
            self._wait_until_it_answers(launch.target)
        except BaseException:
            self.stop()
            raise
        return Running(launch.target, self._processes.pids)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._processes.kill()

    def stop(self) -> None:
        """End it; safe to call when it has ended."""
        self._processes.stop()
        self._ports = ()

    def _refuse(self, durable: bool) -> None:
        if durable and Ability.DURABLE not in self.abilities:
            raise ValueError(f"expected durable=False of {self.name}, which keeps nothing on disk, got True")
        if (missing := self.missing()) is not None:
            raise RuntimeError(f"expected {self.name} to be installed: {missing.reason}. {missing.install}".strip())
        if self._processes.running:
            raise RuntimeError(f"expected {self.name} to be stopped, got it running")

    def _wait_until_it_answers(self, target: Target) -> None:
        end = time.monotonic() + SECONDS_TO_START
        while not is_subscribed(target, PATIENCE):
            self._processes.check()
            if time.monotonic() > end:
                said = self._processes.last_words()
                raise RuntimeError(f"expected {self.name} to answer within {SECONDS_TO_START:.0f} s, it said: {said}")
            time.sleep(LOOK_AGAIN)


def is_subscribed(target: Target, patience: float) -> bool:
    """Return whether the server takes a subscription now. patience: seconds for each step."""
    try:
        with socket.create_connection(target.address, patience) as probe:
            probe.sendall(target.subscription([FIRST_TOPIC]))
            return _read_status(probe) in target.subscribe_statuses
    except (OSError, FramingError):
        return False


def _read_status(probe: socket.socket) -> int | None:
    received = b""
    while len(received) < MAX_HEAD and (chunk := probe.recv(MAX_HEAD)):
        received += chunk
        _, framing = NO_HEAD.feed(received)
        if not isinstance(framing, AwaitingHead):
            return framing.status
    return None
