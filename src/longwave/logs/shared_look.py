"""A look at the log that is shared by all who ask for it at the same time.

Not here: what is looked for (known_ids.py, last_seen.py).

Rules: a look begins after each of those who get what it found have asked; it goes on when they leave.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Found = TypeVar("Found")


class SharedLook(Generic[Found]):
    """Calls `look` in a task of its own, one at a time."""

    def __init__(self, look: Callable[[], Coroutine[None, None, Found]]) -> None:
        self._look = look
        self._running: asyncio.Task[Found] | None = None
        self._begun = False

    @property
    def running(self) -> bool:
        """Whether a look is under way."""
        return self._running is not None

    async def take(self) -> Found:
        """Return what is found. Raises what `look` raises."""
        if self._running is not None and self._begun:
            await asyncio.wait([self._running])  # what the caller knows of may have come on the log since
        if self._running is None:
            self._begun = False
            self._running = asyncio.get_running_loop().create_task(self._run())
            self._running.add_done_callback(_retrieve)
        return await asyncio.shield(self._running)  # others may wait for it, too

    async def _run(self) -> Found:
        self._begun = True
        try:
            return await self._look()
        finally:
            self._running = None


def _retrieve(task: asyncio.Task[object]) -> None:
    """Take note of a failure, also where everybody who asked has left."""
    if not task.cancelled():
        task.exception()
