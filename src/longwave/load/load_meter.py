"""The load meter: what a generating process takes of its processor in the measured window.

Not here: the server's account (accounting.py), what too much means (verdict.py).
Rule that always holds: it is read at the first look after the window's begin, and at the first after its end.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from longwave.load.accounting import run_times
from longwave.load.messages import Load, Window


class _Mark(NamedTuple):
    moment: int
    cpu: int
    waited: int
    counted: int


class LoadMeter:
    """Measures this process over one window; `counted` is any count to be taken over the same time."""

    def __init__(self) -> None:
        self._window: Window | None = None
        self._first: _Mark | None = None
        self._last: _Mark | None = None

    def start(self, window: Window) -> None:
        """Say which window."""
        self._window = window

    def look(self, now: int, counted: int) -> None:
        """Take the measures that are due at `now` (nanoseconds of the monotonic clock)."""
        if self._window is None or self._last is not None:
            return
        if self._first is None and now >= self._window.measured:
            self._first = self._mark(now, counted)
        elif self._first is not None and now >= self._window.end:
            self._last = self._mark(now, counted)

    @property
    def load(self) -> Load:
        """What was taken; all 0 if the window is not over."""
        if self._first is None or self._last is None:
            return Load(0, 0, 0)
        first, last = self._first, self._last
        return Load(last.cpu - first.cpu, last.waited - first.waited, last.moment - first.moment)

    @property
    def counted(self) -> int:
        """How much the count grew in the window."""
        return self._last.counted - self._first.counted if self._first is not None and self._last is not None else 0

    def _mark(self, now: int, counted: int) -> _Mark:
        _, waited = run_times(os.getpid())
        return _Mark(now, time.process_time_ns(), waited, counted)
