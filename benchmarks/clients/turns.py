"""The turns: which reader reads what, when, and what came of it.

Not here: one reading (reading.py), the server (server.py), the page (report.py).
Rules that always hold: readers take turns, A B C A B C; each reading has a process of its own; one that failed has a
reason and no figures.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.clients.server import ROOT, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.clients.bodies import Framing
    from benchmarks.clients.readers import Reader

SECONDS = 300.0  # that one reading may take


@dataclass(frozen=True, slots=True)
class Turn:
    """One reading. figures: as Pace gives them; none where there is a reason why it failed."""

    framing: str
    reader: str
    round: int
    figures: dict[str, float] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the rounds."""

    median: float
    least: float
    most: float


def is_installed(reader: Reader) -> bool:
    """Tell whether a reader's package, and the HTTP library below, are here; Longwave itself need not be installed."""
    return all(find_version(name) is not None for name in (reader.package, reader.over) if name != "longwave")


def find_version(package: str) -> str | None:
    """Return the version of a distribution; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def take_turns(readers: Sequence[Reader], framings: Sequence[Framing], *, count: int, rounds: int) -> Iterator[Turn]:
    """Let every reader read `count` events of every framing, `rounds` times."""
    with running_server(count) as address:
        for number in range(1, rounds + 1):
            for framing in framings:
                for reader in readers:
                    yield take_turn(reader, framing, number, address=address, count=count)


def take_turn(reader: Reader, framing: Framing, number: int, *, address: str, count: int) -> Turn:
    """Read once, in a process of its own."""
    url = f"{address}/{framing.value}/{count}"
    command = [sys.executable, "-m", "benchmarks.clients.reading", reader.name, url, str(count)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Turn(framing.value, reader.name, number, reason=f"took more than {SECONDS:g} s")
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"ended with the status {done.returncode}"]
        return Turn(framing.value, reader.name, number, reason=lines[-1])
    return Turn(framing.value, reader.name, number, json.loads(done.stdout))


def spread(turns: Sequence[Turn], framing: str, reader: str, figure: str) -> Spread | None:
    """Return a figure over the rounds; None where there is none, or where any round failed."""
    mine = [turn for turn in turns if (turn.framing, turn.reader) == (framing, reader)]
    if not mine or any(turn.reason for turn in mine):
        return None
    values = [turn.figures[figure] for turn in mine]
    return Spread(median(values), min(values), max(values))
