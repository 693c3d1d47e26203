"""A span: what a server did, and took for it, from before the first event of a run until everything had come.

Not here: the measured window of a run (longwave.load), peaks of memory (watch.py).
Rules that always hold: it begins a little early and ends a little late, some tenths of a second together, so that
deliveries a second are a little too few and never too many; processor time is that of all deliveries.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from longwave.load.schedule import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.load import State
    from longwave.load.accounting import Account


class Span:
    """Is called with each state of a run; begins when all are subscribed. clock: in seconds."""

    def __init__(self, take_account: Callable[[], Account], clock: Callable[[], float] = time.monotonic) -> None:
        self._take_account, self._clock = take_account, clock
        self._begin: tuple[float, Account] | None = None

    def __call__(self, state: State) -> None:
        """Look; the last look before anything was published is the begin."""
        if state.phase == "subscribing":
            return
        if self._begin is None or not (state.published or state.delivered):
            self._begin = self._clock(), self._take_account()

    def end(self, delivered: int) -> dict[str, float]:
        """Return the figures up to now, of so many deliveries, under the names that those of a window have."""
        if self._begin is None:
            return {}
        seconds = self._clock() - self._begin[0]
        used = self._take_account().since(self._begin[1])
        figures = {
            "deliveries": delivered / seconds,
            "server": used.cpu_time / NANOSECONDS / seconds,
            "waiting": used.waited / NANOSECONDS / seconds,
        }
        if delivered and used.cpu_time:
            cost = used.cpu_time / 1000 / delivered
            figures |= {"cpu": cost, "per_core": 1_000_000 / cost}
        return figures
