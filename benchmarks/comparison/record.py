"""The record of a run of the comparison: one line of JSON for each cell, written when it is measured.

Not here: in which order cells are measured (matrix.py), what the figures mean (scenarios.py), the page (report.py).
Rules that always hold: a cell that was written is on the disk; the last line may be torn by a crash and is passed over;
a later line for the same cell takes the place of an earlier one; no path or name of this machine is written.

A line is an object: `scenario`, `peer`, `round` (from 1), `verdict` ("valid", "failed", "generator-bound"), `reasons`
(list of strings), `figures` (name: number), `details` (what the measure keeps besides), `taken` (ISO time, UTC),
`load_average` (of the machine, over the minute before).
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from longwave.load import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = "cells.jsonl"
Key: TypeAlias = tuple[str, str, int]

_ROOT = Path(__file__).resolve().parents[2]
_PLACES = {str(_ROOT): ".", sys.prefix: "PYTHON", tempfile.gettempdir(): "TMP", str(Path.home()): "~"}
_SHORTEST_FIRST = sorted(_PLACES, key=len)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one measurement came to. figures: what is compared. details: what else is kept, as plain JSON."""

    verdict: Verdict
    reasons: tuple[str, ...]
    figures: dict[str, float]
    details: Any = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement of the matrix: a scenario, a peer, a round, and what came of it."""

    scenario: str
    peer: str
    round: int
    finding: Finding
    taken: str = ""
    load_average: float = 0.0

    @property
    def key(self) -> Key:
        """What no other cell of a record has."""
        return self.scenario, self.peer, self.round

    def to_line(self) -> str:
        """Return it as one line of JSON."""
        plain = asdict(self)
        plain |= plain.pop("finding")
        plain["verdict"] = self.finding.verdict.value
        return scrub(json.dumps(plain, separators=(",", ":")))

    @classmethod
    def from_line(cls, line: str) -> Cell:
        """Read what `to_line` wrote. Raises ValueError, KeyError."""
        plain = json.loads(line)
        finding = Finding(Verdict(plain["verdict"]), tuple(plain["reasons"]), plain["figures"], plain["details"])
        where = plain["scenario"], plain["peer"], plain["round"]
        return cls(*where, finding, plain["taken"], plain["load_average"])


class Record:
    """The cells of one run, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / FILE
        self._cells: dict[Key, Cell] = {cell.key: cell for cell in self._read()}

    def __contains__(self, key: Key) -> bool:
        return key in self._cells

    @property
    def cells(self) -> list[Cell]:
        """All cells, in the order in which they were first measured."""
        return list(self._cells.values())

    def add(self, cell: Cell) -> None:
        """Write a cell to the disk."""
        self._cells[cell.key] = cell
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b") as file:
            file.write(self._line_end(file.tell()) + cell.to_line().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def clear(self) -> None:
        """Forget all cells, on the disk too."""
        self._path.unlink(missing_ok=True)
        self._cells.clear()

    def _line_end(self, size: int) -> bytes:
        """Return what ends a line that a crash has torn."""
        return b"\n" if size and not self._path.read_bytes().endswith(b"\n") else b""

    def _read(self) -> Iterator[Cell]:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                yield Cell.from_line(line)
            except (ValueError, KeyError):
                continue  # torn by a crash


def scrub(text: str) -> str:
    """Return a text without paths of this machine."""
    for place in reversed(_SHORTEST_FIRST):
        text = re.sub(rf"(?<![\w.]){re.escape(place)}(?=[/\s\"'\\]|$)", _PLACES[place], text)
    return text
