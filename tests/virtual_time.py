"""An event loop whose clock moves only when nothing else is left to do: waiting costs no time.

What a program does on it is the same every time. Threads and sockets do not belong here: a loop with nothing to do
and nothing to wait for is reported as stuck, and so is one that only ticks on.
"""

from __future__ import annotations

import asyncio
import functools
import selectors

START = 1000.0
HORIZON = START + 50_000.0  # seconds; no test waits for so long on purpose


class Stuck(RuntimeError):
    """Everything waits for something that nobody will do."""


class _Waits(selectors.SelectSelector):
    """Moves the clock where another selector would sleep."""

    def __init__(self):
        super().__init__()
        self.now = START

    def select(self, timeout=None):
        ready = super().select(0)
        if timeout is None and not ready:
            raise Stuck("expected something to wait for, got an idle loop without timers")
        if not ready:
            self.now += timeout
        if self.now > HORIZON:
            raise Stuck("expected the test to end, got a loop that waits for nothing but its own timers")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `spend` is for work that takes time."""

    def __init__(self):
        self._waits = _Waits()
        super().__init__(self._waits)

    def time(self):
        return self._waits.now

    def spend(self, seconds):
        self._waits.now += seconds


def in_virtual_time(test):
    """Run an asynchronous test on a loop of its own; leave no task behind."""

    @functools.wraps(test)
    def run(*arguments, **named):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(_leaving_nothing(test(*arguments, **named)))

    return run


async def _leaving_nothing(steps):
    await steps
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def until(condition):
    """Let everything that is ready run, one round of the loop at a time, until the condition holds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise Stuck("expected the condition to come true, got 1,000 rounds of the loop without")


async def settle(rounds=20):
    """Let everything that is ready run, without moving the clock by waiting."""
    for _ in range(rounds):
        await asyncio.sleep(0)
