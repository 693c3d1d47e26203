"""A histogram: how many measurements lie below each of a few fixed bounds, and their sum.

Not here: what is measured (counters.py), how it is shown (server/metrics/metrics.py).

Rule that always holds: a measurement changes two numbers and makes no object, however many there are.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

# Seconds: three for each power of ten, from what a log in memory takes to what nobody waits for.
LATENCY_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """Measurements by size. bounds: rising; a bucket holds what is above the bound before it and not above its own.

    counts: one for each bound, and one for what is above the last. sum: of all measurements.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...] = LATENCY_BOUNDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one measurement."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> list[int]:
        """Return for each bound how many measurements are not above it; the last number is that of all."""
        return list(accumulate(self.counts))
