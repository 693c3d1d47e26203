"""A lookout: looks at the log whenever the bell is heard, one look at a time.

Not here: the bell (bell.py), what a look does (sqlite.py).

Rule: after the last time that it heard the bell a whole look follows, however often it was heard meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from longwave.errors import LogUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Lookout:
    """Calls `look` in a task of its own; belongs to the event loop in which it hears."""

    def __init__(self, look: Callable[[], Coroutine[None, None, None]]) -> None:
        self._look = look
        self._again = False
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    def heard(self) -> None:
        """Look at once, or once more after the look that goes on."""
        if self._closed:
            return
        self._again = True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="longwave-log-lookout")

    def close(self) -> None:
        """Look no more; safe to call again."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while self._again:
                self._again = False
                with contextlib.suppress(LogUnavailable):  # those who read next are told, and the log looks again
                    await self._look()
        finally:
            self._task = None
