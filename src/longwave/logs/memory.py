"""A log in memory: as fast as a log can be, and gone with its process.

Not here: a log that survives (sqlite.py).

Rules: no thread, no polling; all that a call changes, it changes in one step without an await.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING

from longwave.core.cursor import EPOCH_LENGTH
from longwave.errors import DuplicateId
from longwave.logs.base import OUTLINES_SIZE, Page
from longwave.logs.ids import given_ids, own_position
from longwave.logs.lifecycle import Lifecycle, State
from longwave.logs.record import Record, entries_of, given_id_of, is_private, outline_of, record_of, topics_size_of
from longwave.logs.tail import News, Tail
from longwave.logs.trimming import DEFAULT_RETENTION, is_expired, size_of
from longwave.logs.window import Window

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from longwave.core.entry import Entry
    from longwave.core.outline import Outline
    from longwave.core.update import Update
    from longwave.logs.retention import Retention

PASSED_OVER = 5000  # records, before others get their turn


class MemoryLog:
    """A log in the memory of this process; each object is a life of its own.

    retention: how much is kept; applied at each append, and to age at each look as well.
    clock: returns seconds; what `retention.age` is measured with.
    """

    def __init__(self, retention: Retention = DEFAULT_RETENTION, clock: Callable[[], float] = time.time) -> None:
        self.news = News()
        self._retention = retention
        self._clock = clock
        self._life = Lifecycle()
        self._epoch = secrets.token_hex(EPOCH_LENGTH // 2)
        self._window: Window[Record] = Window()
        self._written: deque[float] = deque()  # one time for each entry of the window
        self._positions: dict[str, int] = {}  # of the ids that publishers gave

    @property
    def epoch(self) -> str:
        """Random name of this life of the log."""
        return self._epoch

    @property
    def last(self) -> int:
        """Highest position that was ever given out."""
        return self._window.last

    @property
    def ended(self) -> bool:
        """Whether the log is closed."""
        return self._life.ended

    async def open(self) -> None:
        """Start to take updates."""
        self._life.move(State.OPENING)
        self._life.move(State.OPEN)

    async def close(self) -> None:
        """End all tails and forget everything."""
        if self._life.state is State.OPEN:
            self._life.move(State.CLOSING)
            await asyncio.sleep(0)  # tails that were told take what they were told about
        if self._life.state is State.CLOSED:
            return
        self._life.move(State.CLOSED)
        self._window.restart(self._window.last + 1)
        self._written.clear()
        self._positions.clear()
        self.news.announce()

    async def append(self, updates: Sequence[Update]) -> list[int]:
        """As in the contract."""
        self._life.check_writable()
        ids = given_ids(updates, self._epoch)
        self._trim()
        self._check_new(ids)
        positions = self._store(updates, ids)
        self._trim()
        self.news.announce()
        # Tails wake before the publisher goes on, and one that never waits cannot keep the loop to itself.
        await asyncio.sleep(0)
        return positions

    async def read(self, after: int, limit: int) -> Page:
        """As in the contract."""
        self._life.check_readable()
        self._trim()
        return Page(self._entries(after, limit), self._window.first, self._window.last)

    def tail(self, after: int) -> AsyncIterator[tuple[Entry, ...]]:
        """As in the contract."""
        return Tail(self, after)

    def recent(self, after: int, limit: int) -> tuple[Entry, ...]:
        """Return up to `limit` entries above `after`: all of the log is in memory."""
        self._trim()
        return self._entries(after, limit)

    async def locate(self, event_id: str) -> int | None:
        """As in the contract."""
        self._life.check_readable()
        self._trim()
        position = own_position(event_id, self._epoch)
        if position is None:
            return self._positions.get(event_id)
        return position if position <= self.last else None

    async def outlines(self, after: int, before: int, limit: int, *, private: bool) -> tuple[Outline, ...]:
        """As in the contract."""
        self._life.check_readable()
        self._trim()
        found: list[Outline] = []
        room = OUTLINES_SIZE
        until = min(before - 1, self.last)
        while until > (least := max(after, self._window.first - 1, until - PASSED_OVER)):
            records = self._window.after(least, until - least)
            for position, record in zip(range(until, least, -1), reversed(records), strict=True):
                if is_private(record) is not private:
                    continue
                if len(found) >= limit or (found and room < topics_size_of(record)):
                    return tuple(found)
                found.append(outline_of(record, position, self._epoch))
                room -= topics_size_of(record)
            until = least
            await asyncio.sleep(0)  # meanwhile it may be trimmed
        self._life.check_readable()
        return tuple(found)

    def _check_new(self, ids: dict[str, int]) -> None:
        for event_id in ids:
            if event_id in self._positions:
                raise DuplicateId(event_id)

    def _store(self, updates: Sequence[Update], ids: dict[str, int]) -> list[int]:
        start = self.last + 1
        self._window.extend([record_of(update) for update in updates], [size_of(update) for update in updates])
        self._written.extend([self._clock()] * len(updates))
        self._positions.update((event_id, start + place) for event_id, place in ids.items())
        return list(range(start, start + len(updates)))

    def _entries(self, after: int, limit: int) -> tuple[Entry, ...]:
        return entries_of(self._window.after(after, limit), max(after + 1, self._window.first), self._epoch)

    def _trim(self) -> None:
        now = self._clock()
        while self._written and is_expired(
            self._retention, count=len(self._window), size=self._window.size, written=self._written[0], now=now
        ):
            self._written.popleft()
            self._positions.pop(given_id_of(self._window.drop()), None)
