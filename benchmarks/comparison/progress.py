"""The progress of a run on standard error: a bar on a terminal, else a line for each cell.

Not here: the figures (report.py).
Rule that always holds: a cell that failed is told at once, with its first reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from longwave.load import Verdict

if TYPE_CHECKING:
    from benchmarks.comparison.matrix import Turn
    from benchmarks.comparison.record import Cell

WIDTH = 160  # columns, where there is no terminal
SHOWN = 3  # figures of a cell
_COLUMNS = (
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TextColumn("left"),
    TimeRemainingColumn(),
    TextColumn("{task.description}"),
)


class Progress:
    """Shows how far a run of so many cells is; for use in `with`."""

    def __init__(self, total: int, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        if not self._console.is_terminal:
            self._console.width = WIDTH
        self._total, self._done = total, 0
        self._bar = Bar(*_COLUMNS, console=self._console, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, turn: Turn, cell: Cell | None) -> None:
        """Show that a cell begins (None), or what it came to."""
        name = f"{turn.scenario.name}, {turn.peer.name}, round {turn.round}"
        if cell is None:
            self._bar.update(self._task, description=name)
            return
        self._done += 1
        self._bar.advance(self._task)
        line = f"{self._done:4} of {self._total}: {name}: {describe(cell, turn)}"
        self._console.print(escape(line), style=_style(cell), highlight=False, soft_wrap=True)


def describe(cell: Cell, turn: Turn) -> str:
    """Return a cell in a few words."""
    finding = cell.finding
    if finding.verdict is Verdict.FAILED:
        return f"FAILED: {finding.reasons[0] if finding.reasons else 'no reason is known'}"
    shown = [
        f"{finding.figures[column.figure] * column.factor:,.{column.digits}f} {column.heading}"
        for column in turn.scenario.columns[:SHOWN]
        if column.figure in finding.figures
    ]
    return ", ".join(shown) + (" (generator-bound)" if finding.verdict is Verdict.GENERATOR_BOUND else "")


def _style(cell: Cell) -> str:
    styles = {Verdict.FAILED: "bold red", Verdict.GENERATOR_BOUND: "yellow", Verdict.VALID: ""}
    return styles[cell.finding.verdict]
