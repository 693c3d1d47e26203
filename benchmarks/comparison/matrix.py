"""The matrix: every scenario with every peer that has a part in it, round by round.

Not here: what a scenario does (scenarios.py), where cells are written (record.py), how a run is shown (__main__.py).
Rules that always hold: within a scenario the peers take turns, A B C A B C; each cell has a new server in an empty
folder; a peer that fails costs its own cell only; what was written before is not measured again.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.measures.posts import PostFailed
from benchmarks.comparison.record import Cell, Finding
from benchmarks.comparison.stand import Stand

from longwave.errors import LongwaveError
from longwave.load import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.comparison.peer import Peer
    from benchmarks.comparison.record import Record
    from benchmarks.comparison.scenarios import Scenario
    from benchmarks.comparison.stand import Processors

CALM = 0.7  # of a processor: what else may run on the machine while a cell begins
LONGEST_WAIT = 2.0  # seconds for the machine to become calm
QUICK_WAIT = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One cell that is to be measured."""

    scenario: Scenario
    peer: Peer
    round: int

    @property
    def key(self) -> tuple[str, str, int]:
        """That of its cell."""
        return self.scenario.name, self.peer.name, self.round


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run measures. quick: at the small size."""

    scenarios: tuple[Scenario, ...]
    peers: tuple[Peer, ...]
    rounds: int
    quick: bool = False

    def turns(self) -> Iterator[Turn]:
        """Yield all cells in their order."""
        for scenario in self.scenarios:
            if scenario.measure(quick=self.quick) is None:
                continue
            takers = [peer for peer in self.peers if not scenario.refusal(peer.name, peer.abilities)]
            for number in range(1, self.rounds + 1):
                yield from (Turn(scenario, peer, number) for peer in takers)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run is to stop. end: moment of the monotonic clock after which no cell begins; None for no end."""

    end: float | None = None

    @property
    def reached(self) -> bool:
        """Whether it is time to stop."""
        return self.end is not None and time.monotonic() >= self.end


def measure_all(
    plan: Plan, record: Record, processors: Processors, limits: Limits, show: Callable[[Turn, Cell | None], None]
) -> bool:
    """Measure what the record does not have yet; return whether the plan was carried out to its end.

    show: is called with each turn before it (None) and after it (its cell).
    """
    for turn in plan.turns():
        if turn.key in record:
            continue
        if limits.reached:
            return False
        show(turn, None)
        await_calm(QUICK_WAIT if plan.quick else LONGEST_WAIT)
        cell = measure(turn, processors, quick=plan.quick)
        record.add(cell)
        show(turn, cell)
    return True


def measure(turn: Turn, processors: Processors, *, quick: bool = False) -> Cell:
    """Measure one cell; a peer that cannot be measured has failed."""
    load_average = os.getloadavg()[0]
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    finding = _take(turn, processors, quick)
    return Cell(*turn.key, finding, taken, round(load_average, 2))


def await_calm(longest: float) -> None:
    """Wait until not more than CALM of a processor is in use, so long at most."""
    end, before = time.monotonic() + longest, busy_time()
    moment = time.monotonic()
    while time.monotonic() < end:
        time.sleep(0.5)
        now, busy = time.monotonic(), busy_time()
        if busy - before <= CALM * (now - moment):
            return
        moment, before = now, busy


def busy_time(stat: Path = Path("/proc/stat")) -> float:
    """Return the seconds that all processors of the machine have been in use; 0.0 where it is not told."""
    try:
        fields: Sequence[str] = stat.read_text().split("\n", 1)[0].split()[1:9]
    except OSError:
        return 0.0
    idle = int(fields[3]) + int(fields[4])
    return (sum(map(int, fields)) - idle) / os.sysconf("SC_CLK_TCK")


def _take(turn: Turn, processors: Processors, quick: bool) -> Finding:
    how = turn.scenario.measure(quick=quick)
    assert how is not None
    shared = turn.scenario.shared
    with (
        tempfile.TemporaryDirectory(prefix="comparison-", ignore_cleanup_errors=True) as folder,
        processors.shared() if shared else nullcontext(),
    ):
        try:
            with Stand(turn.peer, Path(folder), cpu=None if shared else processors.server) as stand:
                finding = how.take(stand)
        except (LongwaveError, PostFailed, RuntimeError, OSError, ValueError) as error:
            return Finding(Verdict.FAILED, (f"{type(error).__name__}: {error}",), {})
    return rename_waiting(finding) if shared else finding


def rename_waiting(finding: Finding) -> Finding:
    """Return it with the wait for a processor as `contended`: where they share, it is the load that is waited for.

    `waiting` is of other work on the machine, and marks a measurement as disturbed.
    """
    figures = {"contended" if name == "waiting" else name: value for name, value in finding.figures.items()}
    return replace(finding, figures=figures)
