"""A peer: one push server that the comparison can install, start, drive and measure.

Not here: the peers themselves (one folder each, `launcher.py` with a `PEER`), what is done to them (scenarios.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from longwave.load import Target


class Ability(Enum):
    """What a scenario may need of a peer."""

    RESUME = "resume"  # replays after Last-Event-ID, also when it was not started durable
    RESTART = "restart"  # started durable, it keeps its history over kill -9, and replays from it
    DURABLE = "durable"  # started durable, it syncs to the disk before it acknowledges
    MANY_TOPICS = "many topics"  # a thousand and more, chosen by the subscriber


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a peer cannot run here, in one sentence, and the command that would change that ("" for none)."""

    reason: str
    install: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that accepts connections.

    target: how to drive it. pids: its server processes, the parent first.
    """

    target: Target
    pids: tuple[int, ...]


class Peer(Protocol):
    """One server; `start` may be called again after `stop`, also after `kill`.

    connect_rate: connections a second that it takes at most before it refuses some; 0 for no limit that was found.
    """

    name: str
    abilities: frozenset[Ability]
    connect_rate: float

    def missing(self) -> Missing | None:
        """Return why it cannot run here, or None."""

    def versions(self) -> Mapping[str, str]:
        """Return program: version, for the provenance."""

    def tuning(self) -> str:
        """Return in one or two sentences how it is configured, and which of its own pages says so."""

    def start(self, folder: Path, *, cpu: int | None, durable: bool = False) -> Running:
        """Start it with its files in `folder` (the same one again after a kill), pinned to a processor if given.

        After a kill it has the addresses that it had before. Raises RuntimeError with its output if it does not come
        up, ValueError if `durable` is asked of a peer without that ability.
        """

    def kill(self) -> None:
        """End it without a chance to say goodbye (SIGKILL)."""

    def stop(self) -> None:
        """End it; safe to call when it has ended."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A peer that was left out of a run, for the report."""

    name: str
    reason: str
    versions: Mapping[str, str] = field(default_factory=dict)
