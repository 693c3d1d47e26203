"""First writes: how long publish calls wait until the first subscriber is sent what they published.

Not here: when that is (delivery.py, hub.py), the clock, which is an argument.

Rules that always hold: at most `MAX_WAITING` calls are remembered, and the oldest is forgotten first, which is mostly
one that nobody listens to; a call counts once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longwave.core.histogram import Histogram

MAX_WAITING = 10_000  # calls


class FirstWrites:
    """Publish calls that were acknowledged and not sent to anybody yet.

    waiting: when each call began, by the position of its first update; look here before calling `sent`.
    """

    __slots__ = ("_histogram", "waiting")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self.waiting: dict[int, float] = {}

    def appended(self, position: int, began: float) -> None:
        """Remember a call: where its first update is on the log, and when it began."""
        if len(self.waiting) >= MAX_WAITING:
            del self.waiting[next(iter(self.waiting))]
        self.waiting[position] = began

    def sent(self, afters: Iterable[int], now: float) -> None:
        """Count the calls whose first update is among those that begin to be sent; `afters` as in a chunk."""
        waiting = self.waiting
        for after in afters:
            if after + 1 in waiting:
                self._histogram.observe(now - waiting.pop(after + 1))
