"""The schedule: at which moment each event is due, whatever the server does (open loop).

Not here: sending (publisher.py), which topic an event has (popularity.py).
Rules that always hold: moments never go back; the number of events is bounded; one seed makes one schedule.
"""

from __future__ import annotations

import random
from array import array
from typing import TYPE_CHECKING

from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from longwave.load.scenario import Scenario

MAX_EVENTS = 2_000_000  # of one run; some 30 bytes are kept for each
NANOSECONDS = 1_000_000_000


def due_times(scenario: Scenario) -> array[int]:
    """Return nanoseconds from the start of publishing for each event, warm-up first. Raises InvalidValue."""
    seconds = scenario.warmup + scenario.duration
    if scenario.rate * seconds > MAX_EVENTS:
        raise InvalidValue(
            "rate", f"expected at most {MAX_EVENTS:,} events in a run, got {scenario.rate * seconds:,.0f}"
        )
    if scenario.poisson:
        return _random_times(scenario, seconds)
    distance = NANOSECONDS / scenario.rate
    count = max(1, round(scenario.rate * seconds))
    return array("q", (int(number // scenario.burst * scenario.burst * distance) for number in range(count)))


def _random_times(scenario: Scenario, seconds: float) -> array[int]:
    source = random.Random(scenario.seed)
    bursts = scenario.rate / scenario.burst
    times = array("q")
    moment = source.expovariate(bursts)
    while (moment < seconds or not times) and len(times) < MAX_EVENTS:
        times.extend([int(moment * NANOSECONDS)] * scenario.burst)
        moment += source.expovariate(bursts)
    return times


def count_before(times: array[int], seconds: float) -> int:
    """Return how many events are due before so many seconds: those of the warm-up."""
    limit = int(seconds * NANOSECONDS)
    return sum(time < limit for time in times)
