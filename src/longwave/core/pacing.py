"""When things are due: buckets of time for heartbeats and deadlines, and jittered reconnection times.

Not here: a clock or a source of randomness; both come in as arguments. Times are seconds, retries milliseconds.
"""

from __future__ import annotations

from math import ceil
from typing import Generic, TypeVar

Item = TypeVar("Item")

RETRY_FLOOR = 1.0  # seconds before the first client comes back after a drain
RETRY_SPREAD_LEAST = 2.0  # seconds over which few clients come back
RETRY_SPREAD_MOST = 30.0  # seconds over which any number of clients come back
RECONNECTIONS_PER_SECOND = 2000.0  # what a restarted hub takes with ease


class Wheel(Generic[Item]):
    """Items by the tick in which they are due; one list a tick, no timer an item.

    An item is not removed before it is due: its owner looks then whether it still matters. So each item
    should stand here once.
    """

    __slots__ = ("_buckets", "_next", "tick")

    def __init__(self, tick: float, now: float) -> None:
        self.tick = tick
        self._buckets: dict[int, list[Item]] = {}
        self._next = int(now / tick)

    def add(self, item: Item, due: float) -> None:
        """Let `expired` return the item at the first tick at or after `due`."""
        tick = max(ceil(due / self.tick), self._next)
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = []
        bucket.append(item)

    def expired(self, now: float) -> list[Item]:
        """Remove and return the items due by now, earliest tick first."""
        current = int(now / self.tick)
        due: list[Item] = []
        while self._next <= current:
            due += self._buckets.pop(self._next, ())
            self._next += 1
        return due


def drain_retry(clients: int, fraction: float) -> int:
    """Return the `retry` in milliseconds for one of `clients` that are sent away together.

    fraction: random, from 0 up to 1; a different one for each client spreads their return.
    """
    spread = min(max(clients / RECONNECTIONS_PER_SECOND, RETRY_SPREAD_LEAST), RETRY_SPREAD_MOST)
    return int((RETRY_FLOOR + spread * fraction) * 1000)


def overload_retry(fraction: float) -> int:
    """Return the long `retry` in milliseconds for a client that finds the hub full."""
    return int((RETRY_SPREAD_MOST + RETRY_SPREAD_MOST * fraction) * 1000)
