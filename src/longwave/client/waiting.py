"""The one thing that is waited for at a time, which `end` from another task ends at once, and the steps it belongs to.

Not here: the same for threads (sync/waiting.py, written by hand like this file).
Rules that always hold: once `end` was called, every wait raises Interrupted, however its operation ended; a
cancellation from outside stays one; of two that end and step at the same time, one clears up, and knows it.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from longwave.errors import LongwaveError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from longwave.client.transport import ResponseStream

T = TypeVar("T")


class Interrupted(Exception):
    """The wait was ended by `Waiting.end`."""


class Waiting:
    """Runs one operation after the other until it is ended.

    As a context manager it is one step of an iteration, in which several operations may run and everything that
    belongs to the iteration may be changed: entering raises Interrupted after `end`, LongwaveError where another task
    is in a step.
    """

    def __init__(self) -> None:
        self.ended = False
        self._stepping: asyncio.Task[Any] | None = None
        self._running: asyncio.Task[Any] | None = None
        self._cancelled = False  # whether `end` cancelled what ran
        self._outside = asyncio.Event()

    def __enter__(self) -> None:
        if self._stepping is not None:
            raise LongwaveError("expected one task at a time to ask for events, got a second one")
        if self.ended:
            raise Interrupted
        self._stepping = asyncio.current_task()
        self._outside.clear()

    def __exit__(self, *_: object) -> None:
        self._stepping = None
        self._outside.set()

    async def run(self, operation: Callable[[], Awaitable[T]], stream: ResponseStream | None = None) -> T:
        """Await the operation. Raises Interrupted if `end` is, or was, called; a cancellation from outside goes on.

        stream: whose socket a thread would shut down; a task needs no such thing.
        """
        if self.ended:
            raise Interrupted
        self._running = task = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        try:
            result = await operation()
        except asyncio.CancelledError:
            if not self._cancelled or task.cancelling() > before + 1:
                raise
            raise Interrupted from None
        except OSError:
            if self.ended:
                raise Interrupted from None
            raise
        finally:
            self._running = None
            if self._cancelled:
                task.uncancel()
        if self.ended:
            raise Interrupted
        return result

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises Interrupted."""
        await self.run(lambda: asyncio.sleep(seconds))

    def end(self) -> bool:
        """Interrupt what runs, and all that would; return whether nobody is in a step, nor can be from now on."""
        self.ended = True
        if self._running is not None and self._running is not asyncio.current_task() and not self._cancelled:
            self._cancelled = True
            self._running.cancel()
        return self._stepping is None

    async def left(self) -> bool:
        """Wait until nobody is in a step, and return True; False at once to whoever is in it."""
        if self._stepping is asyncio.current_task():
            return False
        await self._outside.wait()
        return True


async def ask(option: T | Callable[[], T | Awaitable[T]]) -> T:
    """Return an option's value: itself, or what it gives when it is called, awaited if need be."""
    value: Any = option() if callable(option) else option
    return await value if inspect.isawaitable(value) else value  # type: ignore[no-any-return]  # it is T by the types
