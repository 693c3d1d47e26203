"""When a worker that ended is started again: a decision in plain numbers.

Not here: starting and watching (supervisor.py).
"""

from __future__ import annotations

STEADY = 10.0  # seconds that a worker has served after which its end says nothing about the next one
SHORTEST_PAUSE = 0.1  # seconds
LONGEST_PAUSE = 5.0  # seconds
MOST_FAILED_STARTS = 8  # in a row


class Restarts:
    """The history of one worker's place.

    A worker that has served for long is replaced at once. After short lives and failed starts the pauses double, from
    `SHORTEST_PAUSE` to `LONGEST_PAUSE`. After `MOST_FAILED_STARTS` failed starts in a row there is no point in another.
    """

    def __init__(self) -> None:
        self._short_lives = 0
        self._failed_starts = 0

    def after_life(self, seconds: float) -> float:
        """Return the pause, in seconds, after a worker that has served for so long."""
        self._failed_starts = 0
        if seconds >= STEADY:
            self._short_lives = 0
            return 0.0
        return self._next_pause()

    def after_failed_start(self) -> float | None:
        """Return the pause, in seconds, after a worker that never served; None to give up."""
        self._failed_starts += 1
        return None if self._failed_starts >= MOST_FAILED_STARTS else self._next_pause()

    def _next_pause(self) -> float:
        self._short_lives += 1
        doublings = min(self._short_lives - 1, 30)
        return min(SHORTEST_PAUSE * 2.0**doublings, LONGEST_PAUSE)
