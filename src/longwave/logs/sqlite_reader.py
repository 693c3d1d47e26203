"""Reading an SQLite log: pages, ids, and the threads that look for them while commits go on.

Not here: writing (sqlite_writer.py).

Rules: each look is one statement, so all that it finds is from one moment of the log; a page comes out as one JSON
text, for the reason that sqlite_transaction.py gives.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from longwave.core.entry import Entry
from longwave.core.outline import Outline
from longwave.core.update import Update
from longwave.errors import LogUnavailable
from longwave.eventstream.event import Event
from longwave.logs.base import OUTLINES_SIZE, Page
from longwave.logs.sqlite_schema import connect_reader

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_Row = tuple[int, str | None, str, int | None, int, list[str], str]  # as _PAGE selects it

READERS = 2  # threads, each with a connection of its own
MAX_WAITING_READS = 100_000  # calls; a reconnect of all clients at once must fit
PAGE_SIZE = 2**20  # bytes of one page; the first entry of a page may be larger

# The inner query looks at sizes only; `before` is what the page holds already when it comes to an entry.
_PAGE = """SELECT
    (SELECT last FROM meta),
    (SELECT min(position) FROM entry),
    (SELECT json_group_array(json_array(position, id, type, retry, private, json(topics), data)) FROM (
        SELECT * FROM entry WHERE position > :after AND position <= (
            SELECT max(position) FROM (
                SELECT position, sum(size) OVER (ORDER BY position) - size AS before
                FROM entry WHERE position > :after ORDER BY position LIMIT :limit
            ) WHERE before <= :size
        ) ORDER BY position
    ))"""
# `private` stands before the texts, too; `above` is what the page holds already when it comes, from above, to an entry.
_OUTLINES = """SELECT json_group_array(json_array(position, id, json(topics))) FROM (
    SELECT position, id, topics FROM entry WHERE position IN (
        SELECT position FROM (
            SELECT position, sum(length) OVER (ORDER BY position DESC) AS above, max(position) OVER () AS newest FROM (
                SELECT position, length(topics) AS length FROM entry
                WHERE private = :private AND position > :after AND position < :before
                ORDER BY position DESC LIMIT :limit
            )
        ) WHERE above <= :size OR position = newest
    ) ORDER BY position DESC)"""
_POSITION = "SELECT (SELECT position FROM entry WHERE id = ?)"
_LAST = "SELECT last FROM meta"


class Readers:
    """A bounded pool of threads that read one log. Raises LogUnavailable when made on a file that cannot be read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connections: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._waiting = 0
        with ExitStack() as opened:
            for _ in range(READERS):
                self._connections.put(opened.enter_context(closing(connect_reader(path))))
            self._opened = opened.pop_all()
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="longwave-log-reader")

    async def run(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `look` finds. Raises LogUnavailable when it fails, or when too many wait already."""
        if self._waiting >= MAX_WAITING_READS:
            raise LogUnavailable(f"expected at most {MAX_WAITING_READS} reads at a time, got one more")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._look, look)
        except (sqlite3.Error, ValueError) as error:
            raise LogUnavailable(f"expected a log that can be read at {self._path}, got: {error}") from error
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Wait for the reads that go on, then release the threads and connections."""
        self._threads.shutdown(cancel_futures=True)
        self._opened.close()

    def _look(self, look: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connections.get()  # never waits: as many connections as threads
        try:
            return look(connection)
        finally:
            self._connections.put(connection)


def read_page(connection: sqlite3.Connection, epoch: str, after: int, limit: int) -> Page:
    """Return one page; it ends early after `PAGE_SIZE` bytes, but never before one entry."""
    wanted = {"after": after, "limit": max(limit, 0), "size": PAGE_SIZE}
    last, first, rows = connection.execute(_PAGE, wanted).fetchone()
    entries = tuple([_entry(row, epoch) for row in json.loads(rows)])
    return Page(entries, last + 1 if first is None else first, last)


def read_outlines(
    connection: sqlite3.Connection, epoch: str, after: int, before: int, limit: int, *, private: bool
) -> tuple[Outline, ...]:
    """Return outlines as the log's contract has it."""
    wanted = {"after": after, "before": before, "limit": max(limit, 0), "private": private, "size": OUTLINES_SIZE}
    (rows,) = connection.execute(_OUTLINES, wanted).fetchone()
    found = json.loads(rows)
    return tuple(
        [Outline(position, given or f"{epoch}-{position}", tuple(topics)) for position, given, topics in found]
    )


def read_position(connection: sqlite3.Connection, event_id: str) -> int | None:
    """Return the position of the entry with this given id, or None."""
    row: tuple[int | None] = connection.execute(_POSITION, (event_id,)).fetchone()
    return row[0]


def read_last(connection: sqlite3.Connection) -> int:
    """Return the highest position that was ever given out."""
    row: tuple[int] = connection.execute(_LAST).fetchone()
    return row[0]


def _entry(row: _Row, epoch: str) -> Entry:
    position, given, kind, retry, private, topics, data = row
    event = Event(data, kind, given or f"{epoch}-{position}", retry)
    return Entry(position, Update(tuple(topics), event, bool(private)))
