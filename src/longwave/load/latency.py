"""Latencies: a histogram of high dynamic range, with bulk recording and merging.

Not here: what is measured (delivery_record.py, publisher.py).
Rules that always hold: values are kept in microseconds with three significant digits, up to an hour; what is longer
counts as an hour; percentiles are of all values together, never means of percentiles.
Standard: http://hdrhistogram.org
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hdrh.histogram import HdrHistogram

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST = 3_600_000_000  # microseconds
DIGITS = 3
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)


@dataclass(frozen=True, slots=True)
class Summary:
    """A histogram in a few numbers: milliseconds, 0.0 if it is empty."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    p9999: float
    max: float

    def at(self, name: str) -> float:
        """Return a figure by the name that people write: `p50` … `p99.99`, `max`, `mean`."""
        return float(getattr(self, name.replace(".", "")))


class Latencies:
    """A histogram of times."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, LONGEST, DIGITS)

    @property
    def count(self) -> int:
        """How many values it holds."""
        return int(self._histogram.get_total_count())

    def record(self, microseconds: int, count: int = 1) -> None:
        """Add a value, so many times; less than a microsecond counts as one."""
        self._histogram.record_value(min(max(microseconds, 1), LONGEST), count)

    def record_counts(self, counts: Mapping[int, int]) -> None:
        """Add values of microseconds, each as often as it says."""
        for microseconds, count in counts.items():
            self.record(microseconds, count)

    def percentile(self, percentile: float) -> float:
        """Return milliseconds; 0.0 if there is no value."""
        if not self.count:
            return 0.0
        return float(self._histogram.get_value_at_percentile(percentile)) / 1000

    def summary(self) -> Summary:
        """Return the figures that are reported."""
        if not self.count:
            return Summary(0, *[0.0] * 7)
        longest = float(self._histogram.get_max_value()) / 1000
        mean = float(self._histogram.get_mean_value()) / 1000
        p50, p90, p99, p999, p9999 = (min(self.percentile(percentile), longest) for percentile in PERCENTILES)
        return Summary(self.count, mean, p50, p90, p99, p999, p9999, longest)

    def encode(self) -> bytes:
        """Return the histogram as text, to be sent to another process or kept in a file."""
        return bytes(self._histogram.encode())

    @classmethod
    def merge(cls, encoded: Iterable[bytes]) -> Latencies:
        """Return all values of these histograms together."""
        merged = cls()
        for one in encoded:
            merged._histogram.decode_and_add(one)
        return merged
