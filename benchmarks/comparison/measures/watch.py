"""A watch over a server while a run of load goes on: its account when all are subscribed, and its peaks.

Not here: the account (longwave.load.accounting), the run itself (the other measures).
Rule that always holds: it looks when the run tells its state, about four times a second, and takes little of the load's
processor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.comparison.stand import Stand

    from longwave.load import State
    from longwave.load.accounting import Account


class Watch:
    """Is called with each state of a run; `memory` is what it saw last.

    buffers: whether it looks at the kernel's buffers of each socket too.
    """

    def __init__(self, stand: Stand, *, buffers: bool = False) -> None:
        self._stand, self._buffers = stand, buffers
        self.subscribed: Account | None = None
        self.memory = self.peak_memory = self.peak_buffers = 0

    def __call__(self, state: State) -> None:
        """Look."""
        if state.phase == "subscribing":
            return
        self.subscribed = self.subscribed or self._stand.account()
        self.memory = self._stand.memory()
        self.peak_memory = max(self.peak_memory, self.memory)
        if self._buffers:
            self.peak_buffers = max(self.peak_buffers, self._stand.socket_buffers())
