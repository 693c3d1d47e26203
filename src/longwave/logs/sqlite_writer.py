"""The one thread of this process that writes to an SQLite log.

Not here: the transaction itself (sqlite_transaction.py), the connection's life and who asks (sqlite.py).

Rules: all appends that arrive during a commit share the next one (group commit); every unit that was put is answered
exactly once, whatever happens; between commits the thread trims in small steps, so no append waits for long; it ends
only when it is stopped or the event loop is closed.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol

from longwave.errors import LogUnavailable
from longwave.logs.sqlite_schema import WAL_LIMIT
from longwave.logs.sqlite_transaction import read_extent, trim, write
from longwave.logs.sqlite_unit import Result, Unit

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Sequence

    from longwave.logs.retention import Retention

COMMIT_UPDATES = 2000  # updates after which a commit takes no further unit
POLL_INTERVAL = 0.05  # seconds between two looks for what other processes appended, while somebody follows the log
IDLE_INTERVAL = 1.0  # seconds between two looks at the age of the oldest entry
CHECKPOINT_INTERVAL = 1.0  # seconds between two attempts to cut a write-ahead log that is too long

_logger = logging.getLogger("longwave.logs")


class Owner(Protocol):
    """The log that a writer works for; all but `is_followed` is called on the event loop."""

    def is_followed(self) -> bool:
        """Whether somebody waits for entries of other processes; called in the writer's thread."""

    def deliver(self, results: Sequence[Result], last: int) -> None:
        """Take the outcome of one commit, and the highest position on the log."""

    def writer_stopped(self) -> None:
        """The thread has done everything and is about to end."""


class Writer:
    """The thread, and the queue that leads to it; `put` never blocks and is bounded by its caller."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: str,
        *,
        owner: Owner,
        loop: AbstractEventLoop,
        retention: Retention,
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._path = path
        self._owner = owner
        self._loop = loop
        self._retention = retention
        self._clock = clock
        self._queue: SimpleQueue[Unit | None] = SimpleQueue()
        self._stopping = False
        self._failing = False
        self._next_checkpoint = 0.0
        self._version = self._read_version()
        self._extent = read_extent(connection)
        self._backlog = self._extent.is_past(retention, clock())  # more than one step trims
        # A daemon, so that a program which forgot to close its log can end; what was acknowledged is on the disk.
        self._thread = threading.Thread(target=self._run, name="longwave-log-writer", daemon=True)

    # Called on the event loop

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, unit: Unit) -> None:
        """Have `unit` stored; its result is delivered."""
        self._queue.put(unit)

    def wake(self) -> None:
        """Look at once for what other processes appended."""
        self._queue.put(None)

    def stop(self) -> None:
        """Finish what was put, then end and say so to the owner."""
        self._stopping = True
        self._queue.put(None)

    def join(self) -> None:
        """Wait for the end of the thread, if it was started."""
        if self._thread.ident is not None:
            self._thread.join()

    # Called in the thread

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            self._post(self._owner.writer_stopped)

    def _turn(self) -> bool:
        units = self._gather()
        if units:
            self._commit(units)
        self._attempt(partial(self._keep_house, idle=not units))
        return not (self._loop.is_closed() or (self._stopping and self._queue.empty()))

    def _gather(self) -> list[Unit]:
        """Return all units that wait, up to a bound; wait for the first one unless there is other work."""
        try:
            first = self._queue.get(timeout=self._patience())
        except Empty:
            return []
        units = [] if first is None else [first]
        self._add_waiting(units)
        return units

    def _add_waiting(self, units: list[Unit]) -> None:
        """Add those that wait by now, until the bound is reached."""
        updates = sum(len(unit.updates) for unit in units)
        with suppress(Empty):
            while updates < COMMIT_UPDATES:
                unit = self._queue.get_nowait()
                if unit is not None:
                    units.append(unit)
                    updates += len(unit.updates)

    def _patience(self) -> float:
        if self._backlog or self._stopping:
            return 0
        return POLL_INTERVAL if self._owner.is_followed() else IDLE_INTERVAL

    def _commit(self, units: list[Unit]) -> None:
        results: Sequence[Result] = ()
        # The wait for other processes' commits may be long, so whatever came meanwhile shares this one.
        add = partial(self._add_waiting, units)
        try:
            results, self._extent = write(self._connection, units, self._retention, self._clock(), locked=add)
            self._note_success()
        except Exception as error:  # whatever it is, each publisher gets an answer and the thread lives on
            self._note_failure(error)
            reason = f"expected a log that takes updates at {self._path}, got: {error}"
            results = [Result(unit, error=LogUnavailable(reason)) for unit in units]
            self._attempt(self._cut_wal)
        self._post(self._owner.deliver, results, self._extent.last)

    def _keep_house(self, *, idle: bool) -> None:
        if idle:
            self._look_for_others()
        self._trim()
        self._checkpoint()

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # what was acknowledged is safe, and the work is tried again
            self._backlog = False
            self._note_failure(error)

    def _look_for_others(self) -> None:
        version = self._read_version()
        if version == self._version:
            return
        self._extent = read_extent(self._connection)
        self._version = version
        self._post(self._owner.deliver, (), self._extent.last)

    def _trim(self) -> None:
        now = self._clock()
        if self._extent.is_past(self._retention, now):
            self._extent = trim(self._connection, self._retention, now)
        self._backlog = self._extent.is_past(self._retention, now)

    def _checkpoint(self) -> None:
        """Cut the write-ahead log if readers who came one after another have let it grow past its limit."""
        if os.path.getsize(f"{self._path}-wal") <= WAL_LIMIT or time.monotonic() < self._next_checkpoint:
            return
        self._next_checkpoint = time.monotonic() + CHECKPOINT_INTERVAL
        self._cut_wal()

    def _cut_wal(self) -> None:
        """Move the write-ahead log into the main file, which has room where entries were trimmed; frees disk space."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _read_version(self) -> int:
        """Return a number that changes whenever another connection has changed the file."""
        row: tuple[int] = self._connection.execute("PRAGMA data_version").fetchone()
        return row[0]

    def _post(self, callback: Callable[..., None], *values: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *values)
        except RuntimeError:  # the loop was closed without closing the log: nobody is left to tell
            self._stopping = True

    def _note_success(self) -> None:
        if self._failing:
            self._failing = False
            _logger.warning("the log at %s takes updates again", self._path)

    def _note_failure(self, error: Exception) -> None:
        """Say once that writing fails; but each time when the reason is not the file's."""
        if not isinstance(error, sqlite3.Error | OSError):
            _logger.error("unexpected failure while writing to the log at %s", self._path, exc_info=error)
        elif not self._failing:
            _logger.error("the log at %s takes no updates: %s", self._path, error)
        self._failing = True
