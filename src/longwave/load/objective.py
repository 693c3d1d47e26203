"""The objective (SLO) that a run is to meet, such as `p99<50ms`.

Not here: the figures (latency.py), whether a run counts at all (verdict.py).
Rule that always holds: an objective that was made names a figure that is measured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from longwave.load.latency import Summary

FIGURES = ("p50", "p90", "p99", "p99.9", "p99.99", "max")

_FORM = re.compile(r"(last-)?(p[0-9.]+|max) *< *([0-9]+(?:\.[0-9]+)?) *(us|ms|s)")
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Objective:
    """A bound of one figure.

    figure: one of FIGURES. last: whether it is that of the last subscriber of each event. bound: milliseconds.
    """

    figure: str
    bound: float
    last: bool = False

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Read `p99<50ms`, or `last-p99<80ms` for the last subscriber of each event. Raises InvalidValue."""
        match = _FORM.fullmatch(text.strip().lower())
        if match is None or match[2] not in FIGURES:
            raise InvalidValue("slo", f"expected an objective such as p99<50ms or last-p99.9<1s, got {text!r}")
        return cls(match[2], float(match[3]) * _MILLISECONDS[match[4]], match[1] is not None)

    def is_met(self, delivery: Summary, last: Summary) -> bool:
        """Return whether the figure is below the bound; a run that measured nothing does not meet it."""
        summary = last if self.last else delivery
        return summary.count > 0 and summary.at(self.figure) < self.bound

    def __str__(self) -> str:
        return f"{'last-' if self.last else ''}{self.figure}<{self.bound:g}ms"
