"""A tail: one reader that follows a log, from the past into the present without a seam.

Not here: where the entries are (memory.py, sqlite.py).

Rules: a tail holds nothing but its position, so one that is not read costs nothing; its position moves only when a
batch is handed over, so an interrupted wait or a failed read loses nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from longwave.errors import LogUnavailable
from longwave.logs.base import TAIL_BATCH

if TYPE_CHECKING:
    from longwave.core.entry import Entry
    from longwave.logs.base import Page


class News:
    """Wakes all who wait at this moment; nobody polls."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def wait(self) -> None:
        """Return at the next `announce`."""
        await self._event.wait()

    def announce(self) -> None:
        """Let every present `wait` return."""
        self._event.set()
        self._event.clear()


class Source(Protocol):
    """What a tail needs of its log."""

    @property
    def news(self) -> News:
        """Announced whenever `last` or `ended` changes."""

    @property
    def ended(self) -> bool:
        """Whether the log is closed."""

    @property
    def last(self) -> int:
        """Highest position known to this process."""

    def recent(self, after: int, limit: int) -> tuple[Entry, ...]:
        """Return up to `limit` entries above `after` if memory holds what comes next, else nothing."""

    async def read(self, after: int, limit: int) -> Page:
        """As in the log's contract."""


class Tail:
    """Batches of entries above a position, as they appear; for one consumer.

    Raises LogUnavailable if the log cannot be read now; ask again to go on where it stopped.
    """

    __slots__ = ("__weakref__", "_position", "_source", "_yield_first")

    def __init__(self, source: Source, after: int) -> None:
        self._source = source
        self._position = after
        self._yield_first = False

    def __aiter__(self) -> Tail:
        return self

    async def __anext__(self) -> tuple[Entry, ...]:
        if self._yield_first:
            # A long backlog comes from memory without a wait; others on this loop must get their turn.
            await asyncio.sleep(0)
        while not self._source.ended:
            batch = await self._next()
            if batch:
                self._position = batch[-1].position
                self._yield_first = len(batch) == TAIL_BATCH
                return batch
        raise StopAsyncIteration

    async def _next(self) -> tuple[Entry, ...]:
        if self._position >= self._source.last:
            await self._source.news.wait()
            return ()
        return self._source.recent(self._position, TAIL_BATCH) or await self._read()

    async def _read(self) -> tuple[Entry, ...]:
        try:
            page = await self._source.read(self._position, TAIL_BATCH)
        except LogUnavailable:
            if self._source.ended:
                return ()
            raise
        if not page.entries:  # all of them were trimmed: go on behind the gap
            self._position = max(self._position, page.last)
        return page.entries
