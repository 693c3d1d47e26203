"""What goes wrong on a connection, and where: faults by rate, placed at bytes that depend on a seed only; without I/O.

Not here: bytes, sockets, and doing what is said here (fault_proxy.py).
Rules that always hold: the same seed puts the same faults at the same bytes, however these arrive; at least one byte
passes before each fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import TYPE_CHECKING

from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from random import Random

KIB = 1024
MAX_DELAY = 60.0  # seconds; a longer one is a stall


class Fault(Enum):
    """What can go wrong; of several at one byte the first of these comes."""

    CUT = "cut"  # the connection breaks, by a reset or by an ordinary end
    STALL = "stall"  # nothing passes any more, and nobody is told
    DELAY = "delay"  # what follows comes later
    SPLIT = "split"  # what follows comes as another piece


@dataclass(frozen=True, slots=True)
class Faults:
    """How much goes wrong.

    cut, stall, split, delay: how many there are on average in each KiB that passes, in each direction on its own; 0
        for none. `split=64` makes pieces of 16 bytes or so.
    longest_delay: seconds; a delay is drawn from 0 to this.

    Raises InvalidValue for a rate below 0 or a delay beyond `MAX_DELAY`.
    """

    cut: float = 0.0
    stall: float = 0.0
    split: float = 0.0
    delay: float = 0.0
    longest_delay: float = 0.05

    def __post_init__(self) -> None:
        for fault in Fault:
            if not 0 <= self.rate(fault) < inf:
                raise InvalidValue(fault.value, f"expected a number from 0 on, got {self.rate(fault)!r}")
        if not 0 < self.longest_delay <= MAX_DELAY:
            raise InvalidValue(
                "longest_delay", f"expected seconds above 0, {MAX_DELAY:g} at most, got {self.longest_delay!r}"
            )

    def rate(self, fault: Fault) -> float:
        """Return how many of one kind a KiB has."""
        rate: float = getattr(self, fault.value)
        return rate


class FaultPlan:
    """Where faults come in one direction of one connection. `chance` is for this plan alone."""

    def __init__(self, faults: Faults, chance: Random) -> None:
        self._faults = faults
        self._chance = chance
        self._bytes_to = {fault: self._distance(fault) for fault in Fault if faults.rate(fault) > 0}

    def pass_bytes(self, count: int) -> tuple[int, Fault | None]:
        """Return how many of the next `count` bytes pass, at least one, and the fault that comes then, if any."""
        passed = min(count, *self._bytes_to.values()) if self._bytes_to else count
        for fault in self._bytes_to:
            self._bytes_to[fault] -= passed
        came = [fault for fault, left in self._bytes_to.items() if left == 0]
        for fault in came:
            self._bytes_to[fault] = self._distance(fault)
        return passed, came[0] if came else None

    def draw_delay(self) -> float:
        """Return the seconds of a delay."""
        return self._chance.uniform(0, self._faults.longest_delay)

    def draw_reset(self) -> bool:
        """Tell whether a cut is a reset."""
        return self._chance.random() < 0.5

    def _distance(self, fault: Fault) -> int:
        return 1 + int(self._chance.expovariate(self._faults.rate(fault) / KIB))
