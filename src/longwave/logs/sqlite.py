"""A log in an SQLite file: durable, shared by all processes that open it, with no server to run.

Not here: the file (sqlite_schema.py), the writing thread (sqlite_writer.py), the reading threads (sqlite_reader.py),
how other processes say that they appended (bell.py).

Rules: this object lives on the event loop and never touches the file itself, so it never blocks; tails are told before
the publisher goes on; an update is acknowledged only after its commit.
"""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakSet

from longwave.errors import LogUnavailable
from longwave.logs.base import TAIL_BATCH
from longwave.logs.bell import Bell, NoBell
from longwave.logs.ids import entry_at, own_position
from longwave.logs.lifecycle import Lifecycle, State
from longwave.logs.lookout import Lookout
from longwave.logs.recent import RECENT_ENTRIES, Recent
from longwave.logs.sqlite_reader import Readers, read_last, read_outlines, read_page, read_position
from longwave.logs.sqlite_schema import check_durability, connect_writer, read_epoch
from longwave.logs.sqlite_unit import make_unit
from longwave.logs.sqlite_writer import Writer
from longwave.logs.tail import News, Tail
from longwave.logs.trimming import DEFAULT_RETENTION, size_of

if TYPE_CHECKING:
    import sqlite3
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncIterator, Callable, Sequence

    from longwave.core.entry import Entry
    from longwave.core.outline import Outline
    from longwave.core.update import Update
    from longwave.logs.base import Page
    from longwave.logs.retention import Retention
    from longwave.logs.sqlite_unit import Result, Unit

MAX_WAITING_APPENDS = 10_000
MAX_WAITING_SIZE = 64 * 2**20  # bytes of all appends that wait; a larger one is taken when none waits


class _File(NamedTuple):
    """The open file: what was found in it, and those who work on it."""

    epoch: str
    last: int
    connection: sqlite3.Connection
    writer: Writer
    readers: Readers

    def release(self) -> None:
        """Wait for reads that go on, and close; the writing connection last, so that it can clean up behind all."""
        self.writer.join()
        self.readers.close()
        self.connection.close()


class SqliteLog:
    """A log in the file at `path`, which is made if there is none; its directory must exist.

    retention: how much is kept; applied at each append, and to age within a second also when nothing is appended.
    durability: `full` (default) syncs each commit to the disk, so an acknowledged update survives the loss of power;
        `relaxed` survives the end of the process.
    clock: returns seconds; what `retention.age` is measured with; called in another thread.
    bell: rung after each commit, and heard from others; without one their appends are seen within `POLL_INTERVAL`.

    A page ends early after `PAGE_SIZE` bytes (sqlite_reader.py); `Page.last` tells whether there is more.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        retention: Retention = DEFAULT_RETENTION,
        *,
        durability: str = "full",
        clock: Callable[[], float] = time.time,
        bell: Bell | None = None,
    ) -> None:
        check_durability(durability)
        self.news = News()
        self._path = os.path.abspath(path)
        self._retention = retention
        self._durability = durability
        self._clock = clock
        self._bell = bell or NoBell()
        self._lookout = Lookout(self._look)
        self._life = Lifecycle()
        self._last = 0
        self._recent = Recent()
        self._tails: WeakSet[Tail] = WeakSet()
        self._waiting = 0  # appends that are not answered yet, and their bytes
        self._waiting_size = 0
        self._stopped = asyncio.Event()  # by the writer
        self._closing: asyncio.Task[None] | None = None
        self._file: _File | None = None

    @property
    def epoch(self) -> str:
        """Random name of this life of the log. Raises LogUnavailable until the log was open."""
        return self._open_file.epoch

    @property
    def last(self) -> int:
        """Highest position known to this process."""
        return self._last

    @property
    def ended(self) -> bool:
        """Whether the log is closed."""
        return self._life.ended

    # The contract

    async def open(self) -> None:
        """As in the contract."""
        self._life.move(State.OPENING)
        try:
            file = await asyncio.to_thread(self._open, asyncio.get_running_loop())
        except BaseException:
            if self._life.state is State.OPENING:
                self._life.move(State.NEW)
            raise
        if self._life.state is not State.OPENING:
            await asyncio.to_thread(file.release)
            raise LogUnavailable("expected a log that stays open, got one that was closed while it was opened")
        self._file = file
        self._last = file.last
        self._recent.forget(file.last)
        file.writer.start()
        self._life.move(State.OPEN)
        self._bell.open(self._lookout.heard)

    async def close(self) -> None:
        """As in the contract."""
        if self._life.state is State.OPEN:
            self._life.move(State.CLOSING)
            self._closing = asyncio.create_task(self._finish(), name="longwave-log-close")
        elif self._closing is None and not self._life.ended:
            self._life.move(State.CLOSED)
            self.news.announce()
        if self._closing is not None:
            await asyncio.shield(self._closing)  # goes on if this caller is cancelled; a second call waits for it too

    async def append(self, updates: Sequence[Update]) -> list[int]:
        """As in the contract."""
        self._life.check_writable()
        file = self._open_file
        unit = make_unit(updates, file.epoch, asyncio.get_running_loop().create_future())
        self._admit(unit)
        file.writer.put(unit)
        return await unit.answer

    async def read(self, after: int, limit: int) -> Page:
        """As in the contract."""
        self._life.check_readable()
        file = self._open_file
        return await file.readers.run(partial(read_page, epoch=file.epoch, after=after, limit=limit))

    def tail(self, after: int) -> AsyncIterator[tuple[Entry, ...]]:
        """As in the contract."""
        tail = Tail(self, after)
        self._tails.add(tail)
        if self._life.state is State.OPEN:
            self._open_file.writer.wake()
        return tail

    async def locate(self, event_id: str) -> int | None:
        """As in the contract."""
        self._life.check_readable()
        file = self._open_file
        position = own_position(event_id, file.epoch)
        if position is None:
            return await file.readers.run(partial(read_position, event_id=event_id))
        if position <= self._last or position <= await file.readers.run(read_last):
            return position
        return None

    async def outlines(self, after: int, before: int, limit: int, *, private: bool) -> tuple[Outline, ...]:
        """As in the contract."""
        self._life.check_readable()
        file = self._open_file
        look = partial(read_outlines, epoch=file.epoch, after=after, before=before, limit=limit, private=private)
        return await file.readers.run(look)

    # What a tail asks

    def recent(self, after: int, limit: int) -> tuple[Entry, ...]:
        """Return entries above `after` if memory holds the next one."""
        return self._recent.after(after, limit)

    # What the writer tells

    def is_followed(self) -> bool:
        """Whether a tail is open; called in the writer's thread."""
        return len(self._tails) > 0

    def deliver(self, results: Sequence[Result], last: int) -> None:
        """Tell the other processes and the tails, then the publishers."""
        if any(result.error is None and result.unit.updates for result in results):
            self._bell.ring()
        self._remember(results)
        if last > self._last:
            self._last = last
            self.news.announce()
        for result in results:
            self._answer(result)

    def writer_stopped(self) -> None:
        """The writer has done everything."""
        self._stopped.set()

    # Steps

    @property
    def _open_file(self) -> _File:
        if self._file is None:
            raise LogUnavailable("expected a log that was opened, got one that was not")
        return self._file

    def _open(self, loop: AbstractEventLoop) -> _File:
        connection = connect_writer(self._path, self._durability)
        try:
            readers = Readers(self._path)
        except BaseException:
            connection.close()
            raise
        writer = Writer(connection, self._path, owner=self, loop=loop, retention=self._retention, clock=self._clock)
        return _File(read_epoch(connection), read_last(connection), connection, writer, readers)

    async def _look(self) -> None:
        """Take over what other processes appended, without the detour over the writing thread."""
        if not self._tails:
            return
        page = await self.read(self._last, TAIL_BATCH)
        if page.last <= self._last:
            return
        if page.entries and page.entries[-1].position == page.last:
            self._recent.add(page.entries, [size_of(entry.update) for entry in page.entries])
        self._last = page.last
        self.news.announce()

    async def _finish(self) -> None:
        self._bell.close()
        self._lookout.close()
        self._open_file.writer.stop()
        await self._stopped.wait()
        self._life.move(State.CLOSED)
        self.news.announce()
        await asyncio.to_thread(self._open_file.release)

    def _admit(self, unit: Unit) -> None:
        if self._waiting >= MAX_WAITING_APPENDS:
            raise LogUnavailable(f"expected at most {MAX_WAITING_APPENDS} appends to wait, got one more")
        if self._waiting and self._waiting_size + unit.size > MAX_WAITING_SIZE:
            raise LogUnavailable(f"expected at most {MAX_WAITING_SIZE} bytes to wait, got {unit.size} more")
        self._waiting += 1
        self._waiting_size += unit.size

    def _answer(self, result: Result) -> None:
        unit = result.unit
        self._waiting -= 1
        self._waiting_size -= unit.size
        if unit.answer.done():  # the caller was cancelled
            return
        if result.error is not None:
            unit.answer.set_exception(result.error)
        else:
            unit.answer.set_result(list(range(result.first, result.first + len(unit.updates))))

    def _remember(self, results: Sequence[Result]) -> None:
        for result in results:
            updates = result.unit.updates
            if result.error is not None or not updates:
                continue
            if not self._tails or len(updates) > RECENT_ENTRIES:
                self._recent.forget(result.first + len(updates) - 1)
                continue
            epoch = self._open_file.epoch
            entries = [entry_at(position, update, epoch) for position, update in enumerate(updates, result.first)]
            self._recent.add(entries, result.unit.sizes)
