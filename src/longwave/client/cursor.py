"""Where a consumer keeps the id of the last event that it processed, so that a crash loses and repeats nothing more.

Not here: when it is saved (event_source.py: once the consumer asks for the next event).
Rules that always hold: a crash at any moment leaves the id before or the one after, never half of one; ids are text as
they came.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from os import PathLike

MAX_ID = 65_536  # bytes of a stored id; no header carries as much

_TABLE = "CREATE TABLE IF NOT EXISTS longwave_cursor (name TEXT PRIMARY KEY, event_id TEXT NOT NULL) WITHOUT ROWID"


class Cursor(Protocol):
    """Keeps one id. Both methods are called from the consumer's thread and should take well under a millisecond."""

    def load(self) -> str:
        """Return the id that was saved last; "" if there is none."""

    def save(self, event_id: str) -> None:
        """Keep this id instead of the one before."""


class FileCursor:
    """Keeps the id in a file of its own, replaced as a whole.

    sync: whether each id is on the disk before the next event is handed out. Without (the default) it survives a crash
    of the process, but not surely one of the machine, and costs some 50 µs instead of a disk's sync. Raises OSError if
    the file or its folder cannot be read or written.
    """

    def __init__(self, path: str | PathLike[str], *, sync: bool = False) -> None:
        self._path = Path(path)
        self._beside = self._path.with_name(f"{self._path.name}.new")
        self._sync = sync

    def load(self) -> str:
        """Return the id in the file; "" if there is no file.

        Raises InvalidValue if the file holds something else, or nothing, as after a crash of the machine: to start
        without an id, delete it.
        """
        try:
            with self._path.open("rb") as file:
                content = file.read(MAX_ID + 2)
        except FileNotFoundError:
            return ""
        line, end, rest = content.partition(b"\n")
        if rest or not end or len(line) > MAX_ID:
            raise InvalidValue("cursor", f"expected {self._path} to hold one line with an id, got {content[:50]!r}")
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise InvalidValue("cursor", f"expected UTF-8 in {self._path}, got {content[:50]!r}") from None

    def save(self, event_id: str) -> None:
        """Write the id beside, and put that in place of the file. Raises InvalidValue for more than `MAX_ID` bytes."""
        line = event_id.encode() + b"\n"
        if len(line) > MAX_ID + 1:
            raise InvalidValue("cursor", f"expected an id of at most {MAX_ID} bytes, got {len(line) - 1}")
        descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:  # it writes all, or raises: a full disk takes a part
            file.write(line)
            if self._sync:
                file.flush()
                os.fsync(descriptor)
        self._beside.replace(self._path)
        if self._sync:
            _sync_folder(self._path.parent)


class SqliteCursor:
    """Keeps ids by name in a table of an SQLite database, your own if you like: its `longwave_cursor`.

    Given a connection, it takes part in your transactions, and each event is processed exactly once if its id is in
    the transaction of its work:

        async for event in source:
            work(event, database)
            source.commit()  # the id, into the same transaction
            database.commit()

    Given a path, it opens the database and commits each id at once; that survives a crash of the process, and where
    the machine crashes, an older id may be found.
    """

    def __init__(self, database: str | PathLike[str] | sqlite3.Connection, name: str = "default") -> None:
        self._owns = not isinstance(database, sqlite3.Connection)
        self._database = database if isinstance(database, sqlite3.Connection) else _connect(database)
        self._name = name

    def load(self) -> str:
        """Return the id under this name; "" if there is none."""
        if not self._ask("SELECT 1 FROM sqlite_master WHERE name = 'longwave_cursor'"):
            return ""
        rows = self._ask("SELECT event_id FROM longwave_cursor WHERE name = ?", self._name)
        return rows[0][0] if rows else ""

    def save(self, event_id: str) -> None:
        """Put the id under this name; with your own connection it counts once you commit."""
        self._database.execute(_TABLE)  # each time, as a rollback of yours may have undone it; it takes 2 µs
        self._database.execute("REPLACE INTO longwave_cursor VALUES (?, ?)", (self._name, event_id))

    def _ask(self, question: str, *values: str) -> list[tuple[str, ...]]:
        cursor = self._database.cursor()
        cursor.row_factory = None  # yours may give something else than tuples
        return cursor.execute(question, values).fetchall()

    def close(self) -> None:
        """Close the database if it was opened here; safe to call twice."""
        if self._owns:
            self._database.close()


def _connect(path: str | PathLike[str]) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    return database


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
