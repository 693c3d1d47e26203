"""An allowance: how much of something may be done, where what it costs is known only once it is done.

Not here: clocks; limits of clients, who are refused before anything is done (server/limits/rate_limits.py).
Rule that always holds: in any time no more is done than the burst, what the rate gives in that time, and one thing
more; what that cost above it delays the next.
"""

from __future__ import annotations


class Allowance:
    """rate: of tokens a second. burst: at once, after a rest. Times are seconds on a clock that never goes back."""

    __slots__ = ("_full_at", "_interval", "_span")

    def __init__(self, rate: float, burst: float) -> None:
        self._interval = 1 / rate
        self._span = burst / rate
        self._full_at = float("-inf")

    def allows(self, now: float) -> bool:
        """Tell whether the next thing may be done: there is no debt."""
        return self._full_at - self._span <= now

    def spend(self, cost: float, now: float) -> None:
        """Note what was done."""
        self._full_at = max(self._full_at, now) + cost * self._interval
