"""The file of an SQLite log: how it is made, recognised and opened.

Not here: what is written (sqlite_transaction.py) and read (sqlite_reader.py).

Rules: a file that is not a log, or is newer than this program, is never changed; the epoch is made once, with the file;
a new file is its owner's alone, as private updates are in it.
See https://www.sqlite.org/wal.html and https://www.sqlite.org/pragma.html
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import threading
import time
from typing import Any
from urllib.parse import quote

from longwave.core.cursor import EPOCH_LENGTH
from longwave.errors import InvalidValue, LogUnavailable

APPLICATION_ID = 0x4C574C47  # "LWLG"
VERSION = 1
OLDEST_SQLITE = (3, 38, 0)  # JSON functions always there
BUSY_TIMEOUT = 5.0  # seconds that one process waits for another
BUSY_PAUSE = 0.0005  # seconds between two tries for the write lock; SQLite's own pauses grow to 100 ms
WAL_LIMIT = 16 * 2**20  # bytes of the write-ahead log before readers are waited for to cut it
CACHED_STATEMENTS = 128
OWNER_ONLY = 0o600  # mode of a new file

_making = threading.Lock()  # nobody connects to a new file before the one who made it has closed it

_SYNCHRONOUS = {"full": "FULL", "relaxed": "NORMAL"}

# `size` stands before the texts, so that looking at it reads none of the pages that hold a long text.
_TABLES = (
    """CREATE TABLE meta (
        row INTEGER PRIMARY KEY CHECK (row = 1),
        epoch TEXT NOT NULL,
        last INTEGER NOT NULL,
        size INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE entry (
        position INTEGER PRIMARY KEY,
        time REAL NOT NULL,
        size INTEGER NOT NULL,
        id TEXT,
        type TEXT NOT NULL,
        retry INTEGER,
        private INTEGER NOT NULL,
        topics TEXT NOT NULL,
        data TEXT NOT NULL
    ) STRICT""",
    "CREATE UNIQUE INDEX entry_id ON entry (id) WHERE id IS NOT NULL",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)

_IDENTITY = """SELECT
    (SELECT application_id FROM pragma_application_id),
    (SELECT user_version FROM pragma_user_version),
    (SELECT count(*) FROM sqlite_master)"""


def check_durability(durability: str) -> None:
    """Raise InvalidValue unless `durability` is `full` or `relaxed`."""
    if durability not in _SYNCHRONOUS:
        raise InvalidValue("durability", f"expected full or relaxed, got {durability!r}")


def connect_writer(path: str, durability: str) -> sqlite3.Connection:
    """Return a connection that writes to the log at `path`; make the file if there is none. Raises LogUnavailable.

    durability: `full` syncs each commit to the disk; `relaxed` leaves that to the operating system.
    """
    _check_sqlite()
    _make_private(path)
    try:
        connection = _connect(path, timeout=0)
        try:
            _prepare(connection, path, durability)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise LogUnavailable(f"expected a log that can be opened at {path}, got: {error}") from error
    return connection


def connect_reader(path: str) -> sqlite3.Connection:
    """Return a connection that only reads the log at `path`, which a writer has open. Raises LogUnavailable."""
    try:
        return _connect(f"file:{quote(path)}?mode=ro", timeout=BUSY_TIMEOUT)
    except sqlite3.Error as error:
        raise LogUnavailable(f"expected a log that can be read at {path}, got: {error}") from error


def read_epoch(connection: sqlite3.Connection) -> str:
    """Return the name of the log's life."""
    (epoch,) = connection.execute("SELECT epoch FROM meta").fetchone()
    return str(epoch)


def execute_patiently(connection: sqlite3.Connection, statement: str) -> tuple[Any, ...] | None:
    """Return the first row; while another process holds the file, try again for up to `BUSY_TIMEOUT`."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            row: tuple[Any, ...] | None = connection.execute(statement).fetchone()
            return row
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(BUSY_PAUSE)


def _make_private(path: str) -> None:
    """Make an empty file that only its owner may read; SQLite gives the files beside it the same mode.

    A file that is there keeps its mode, and is not even opened: to close it again would end the locks that SQLite holds
    on it for another log of this process. What goes wrong here goes wrong in SQLite, which says why.
    """
    with contextlib.suppress(OSError), _making:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))


def _connect(name: str, timeout: float) -> sqlite3.Connection:
    # A connection is made in one thread and used in another, by one thread at a time.
    return sqlite3.connect(
        name,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=CACHED_STATEMENTS,
        uri=name.startswith("file:"),
    )


def _prepare(connection: sqlite3.Connection, path: str, durability: str) -> None:
    _is_new(connection, path)  # a file of somebody else must not even get our journal mode
    if execute_patiently(connection, "PRAGMA journal_mode = WAL") != ("wal",):
        raise LogUnavailable(f"expected a file system that can hold a write-ahead log at {path}, got one that cannot")
    connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: an fsync alone does not survive the loss of power
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
    execute_patiently(connection, "BEGIN IMMEDIATE")
    if _is_new(connection, path):  # looked at again under the lock: two processes may make the file at once
        _create(connection)
    connection.execute("COMMIT")


def _create(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES (1, ?, 0, 0)", (secrets.token_hex(EPOCH_LENGTH // 2),))


def _is_new(connection: sqlite3.Connection, path: str) -> bool:
    application, version, tables = execute_patiently(connection, _IDENTITY) or (0, 0, 0)
    if not (application or version or tables):
        return True
    if application != APPLICATION_ID:
        raise LogUnavailable(f"expected a Longwave log at {path}, got a database of another application")
    if version > VERSION:
        raise LogUnavailable(f"expected a log of version {VERSION} or older at {path}, got version {version}")
    return False


def _check_sqlite() -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise LogUnavailable(f"expected SQLite {oldest} or newer, got {sqlite3.sqlite_version}")


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
