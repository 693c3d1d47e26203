"""A sweep: the same scenario at rising rates, for the curve of latency over rate.

Not here: one run (run.py), the drawing (plot.py).
Rules that always hold: rates rise; after a run that failed there is none at a higher rate.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from longwave.errors import InvalidValue
from longwave.load.scenario import MAX_RATE
from longwave.load.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from longwave.load.objective import Objective
    from longwave.load.result import Result
    from longwave.load.scenario import Scenario

MAX_RUNS = 100
EXPECTED = "expected rates that rise such as 100,200,400, or START:FACTOR:END such as 100:1.5:2000"


def parse_rates(text: str) -> tuple[float, ...]:
    """Read `100,200,400`, or `START:FACTOR:END`. Raises InvalidValue."""
    try:
        rates = tuple(_multiply(text) if ":" in text else map(float, text.split(",")))
    except ValueError:
        rates = ()
    rising = all(0 < one < other for one, other in pairwise(rates))
    if not rates or not rising or not 0 < rates[0] <= rates[-1] <= MAX_RATE or len(rates) > MAX_RUNS:
        raise InvalidValue("sweep", f"{EXPECTED}, at most {MAX_RUNS}, got {text!r}")
    return rates


def _multiply(text: str) -> Iterator[float]:
    start, factor, end = map(float, text.split(":"))
    if not (factor > 1 and 0 < start <= end <= MAX_RATE):
        raise ValueError
    for _ in range(MAX_RUNS + 1):  # one too many is refused, not left out
        if start > end * (1 + 1e-9):
            return
        yield round(start, 3)
        start *= factor


def sweep(scenario: Scenario, rates: Sequence[float], carry_out: Callable[[Scenario], Result]) -> Iterator[Result]:
    """Yield the result at each rate, lowest first, up to one that failed."""
    for rate in rates:
        result = carry_out(replace(scenario, rate=rate))
        yield result
        if result.verdict is Verdict.FAILED:
            return


def find_best(results: Sequence[Result], objective: Objective) -> Result | None:
    """Return the valid run at the highest rate that meets the objective; None if none does."""
    meeting = [
        result
        for result in results
        if result.verdict is Verdict.VALID and objective.is_met(result.delivery, result.last_subscriber)
    ]
    return max(meeting, key=lambda result: result.scenario.rate, default=None)
