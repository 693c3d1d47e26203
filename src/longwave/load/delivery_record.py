"""The delivery record of one receiving process: latencies, and who is still missing each event.

Not here: reading bytes (place.py), merging the records of all processes (result.py).
Rules that always hold: a latency is from the moment that an event was due; events of the warm-up are checked and not
timed; recording is done for all arrivals of one step together.

A tick is 2**14 nanoseconds (16.4 us): fine enough beside a pass of some milliseconds, and coarse enough that
neighbours of one pass share one.
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING

from longwave.load.latency import Latencies
from longwave.load.sequence import Faults

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longwave.load.place import Step

TICK_BITS = 14
_HALF_A_TICK = 1 << (TICK_BITS - 1)
MAX_LOOSE = 100_000  # different latencies that are counted before they go into the histogram


class DeliveryRecord:
    """What streams of this process got. events: how many the run has. warmup: how many of these come first."""

    def __init__(self, events: int, warmup: int) -> None:
        self.delivered = 0
        self.faults = Faults()
        self.received = array("I", bytes(4 * events))  # by event: how many streams have it
        self.last = array("q", bytes(8 * events))  # by event: the last one's tick
        self._warmup = warmup
        self._latencies = Latencies()
        self._loose: Counter[int] = Counter()

    def note(self, steps: Iterable[Step]) -> None:
        """Take over the arrivals of these steps."""
        for step in steps:
            self._note_step(step, len(step.arrivals))
            step.arrivals.clear()
        if len(self._loose) > MAX_LOOSE:
            self._settle()

    def latencies(self) -> Latencies:
        """Return the histogram of all deliveries of measured events."""
        self._settle()
        return self._latencies

    def _note_step(self, step: Step, count: int) -> None:
        if step.faults:
            self.faults.add(step.faults, count)
        if not step.stamps:
            return
        self.delivered += count * len(step.stamps)
        ticks = Counter(step.arrivals)
        last = max(ticks)
        for stamp in step.stamps:
            event = stamp.event
            if event >= len(self.received):
                self.faults.corrupt += count
                continue
            self.received[event] += count
            self.last[event] = max(self.last[event], last)
            if event >= self._warmup:
                self._time(ticks, stamp.intended)

    def _time(self, ticks: Counter[int], intended: int) -> None:
        loose = self._loose
        start = intended - _HALF_A_TICK
        for tick, count in ticks.items():
            loose[((tick << TICK_BITS) - start) // 1000] += count

    def _settle(self) -> None:
        self._latencies.record_counts(self._loose)
        self._loose.clear()


def tick_moment(tick: int) -> int:
    """Return the middle of a tick: nanoseconds of the monotonic clock."""
    return (tick << TICK_BITS) + _HALF_A_TICK
