"""A summary of a record: medians and ranges of each figure over the rounds, by scenario and peer.

Not here: the record (record.py), how a summary is shown (report.py, plots.py).
Rules that always hold: rounds that failed give no figures; if any round failed it is said; ratios are of medians of the
same run.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longwave.load import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.comparison.record import Cell

MOST_WAITING = 0.1  # of the time, in which a server could have run and something else did


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over the rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Return that of these values, at least one."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Row:
    """One peer in one scenario, over all rounds. figures: of the rounds that did not fail."""

    peer: str
    cells: tuple[Cell, ...]
    figures: dict[str, Spread]

    @property
    def rounds(self) -> int:
        """How many rounds were measured."""
        return len(self.cells)

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(cell.finding.verdict is Verdict.FAILED for cell in self.cells)

    @property
    def bound(self) -> bool:
        """Whether the generator was too busy in any round."""
        return any(cell.finding.verdict is Verdict.GENERATOR_BOUND for cell in self.cells)

    @property
    def disturbed(self) -> bool:
        """Whether other work of the machine held the server's processor for long (median over the rounds).

        A server of several processes waits for its own, too: others had the processor only while it had not.
        """
        return min(self.median("waiting") or 0.0, 1.0 - (self.median("server") or 0.0)) > MOST_WAITING

    @property
    def behind(self) -> bool:
        """Whether the server did not carry the rate in any round: its figures are then of the whole run."""
        return "carried" in self.figures

    @property
    def reasons(self) -> list[str]:
        """Return why rounds are not valid, each once."""
        return list(dict.fromkeys(reason for cell in self.cells for reason in cell.finding.reasons))

    def median(self, figure: str) -> float | None:
        """Return the median of a figure; None if there is none."""
        spread = self.figures.get(figure)
        return spread.median if spread else None


@dataclass(frozen=True, slots=True)
class Step:
    """One rate of a ladder, over all rounds. lossless: whether no round failed at it."""

    rate: float
    figures: dict[str, Spread]
    lossless: bool
    bound: bool


class Summary:
    """All cells of a record."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self._cells: defaultdict[str, defaultdict[str, list[Cell]]] = defaultdict(lambda: defaultdict(list))
        for cell in cells:
            self._cells[cell.scenario][cell.peer].append(cell)

    @property
    def scenarios(self) -> set[str]:
        """Names of the scenarios of which there is anything."""
        return set(self._cells)

    def rows(self, scenario: str) -> list[Row]:
        """Return one row for each peer that was measured."""
        return (
            [make_row(peer, cells) for peer, cells in self._cells[scenario].items()] if scenario in self._cells else []
        )

    def row(self, scenario: str, peer: str) -> Row | None:
        """Return the row of one peer; None if it was not measured."""
        return next((row for row in self.rows(scenario) if row.peer == peer), None)

    def median(self, scenario: str, peer: str, figure: str) -> float | None:
        """Return the median of a figure; None if there is none."""
        row = self.row(scenario, peer)
        return row.median(figure) if row else None

    def ratio(self, scenario: str, figure: str, over: str, *, peer: str) -> float | None:
        """Return a peer's figure as a ratio to that of another; None if either is missing."""
        one, other = self.median(scenario, peer, figure), self.median(scenario, over, figure)
        return one / other if one is not None and other else None

    def steps(self, scenario: str, peer: str) -> list[Step]:
        """Return the rates of a ladder, lowest first."""
        found: defaultdict[float, list[dict[str, Any]]] = defaultdict(list)
        row = self.row(scenario, peer)
        for cell in row.cells if row else ():
            for step in (cell.finding.details or {}).get("steps", ()):
                found[round(step["rate"], 1)].append(step)
        return [make_step(rate, steps) for rate, steps in sorted(found.items())]


def make_row(peer: str, cells: Iterable[Cell]) -> Row:
    """Return the row of these cells."""
    cells = tuple(cells)
    good = [cell.finding.figures for cell in cells if cell.finding.verdict is not Verdict.FAILED]
    return Row(peer, cells, spreads(good))


def make_step(rate: float, steps: list[dict[str, Any]]) -> Step:
    """Return one rate of a ladder."""
    verdicts = {step["verdict"] for step in steps}
    numbers = [{name: value for name, value in step.items() if isinstance(value, float)} for step in steps]
    return Step(rate, spreads(numbers), Verdict.FAILED.value not in verdicts, Verdict.GENERATOR_BOUND.value in verdicts)


def spreads(figures: Iterable[dict[str, float]]) -> dict[str, Spread]:
    """Return each figure over all rounds that have it."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for one in figures:
        for name, value in one.items():
            values[name].append(value)
    return {name: Spread.of(found) for name, found in values.items()}
