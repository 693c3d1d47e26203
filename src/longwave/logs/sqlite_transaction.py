"""One write transaction of an SQLite log: store units, trim, keep the count.

Not here: when a transaction begins (sqlite_writer.py), reading pages (sqlite_reader.py).

Rules: positions are dense and given under the write lock, so all processes share one order; `last` outlives the
entries. A statement gives up Python's global lock at each row, and a busy loop returns it only after up to 5 ms;
so rows go in many at a time and come out as one JSON text (100 rows: 20 ms instead of 80 beside a busy loop).
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.errors import DuplicateId
from longwave.logs.sqlite_schema import execute_patiently
from longwave.logs.sqlite_unit import Result
from longwave.logs.trimming import is_expired

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence

    from longwave.logs.retention import Retention
    from longwave.logs.sqlite_unit import Unit

TRIM_STEP = 500  # rows that one transaction deletes beyond as many as it stores
_TRIM_LOOK = 100  # rows that are looked at together
_INSERT_MANY = (512, 64)  # rows of one statement; what is left over goes into a last one

_ROW = "(?,?,?,?,?,?,?,?,?)"
_EXTENT = """SELECT meta.last, meta.size, entry.position, entry.time
    FROM meta LEFT JOIN (SELECT position, time FROM entry ORDER BY position LIMIT 1) AS entry"""
_TAKEN = "SELECT json_group_array(entry.id) FROM json_each(?) AS given JOIN entry ON entry.id = given.value"
_OLDEST = """SELECT json_group_array(json_array(size, time))
    FROM (SELECT size, time FROM entry WHERE position >= ? ORDER BY position LIMIT ?)"""


@dataclass(frozen=True, slots=True)
class Extent:
    """What the log holds: entries `first` to `last` with `size` bytes, the oldest written at `oldest`."""

    first: int
    last: int
    size: int
    oldest: float

    @property
    def count(self) -> int:
        """Number of entries."""
        return self.last - self.first + 1

    def is_past(self, retention: Retention, now: float) -> bool:
        """Whether the oldest entry has to go."""
        return is_expired(retention, count=self.count, size=self.size, written=self.oldest, now=now)


def write(
    connection: sqlite3.Connection,
    units: Sequence[Unit],
    retention: Retention,
    now: float,
    *,
    locked: Callable[[], None] = lambda: None,
) -> tuple[list[Result], Extent]:
    """Store all units but those with an id that is taken, trim, and commit.

    locked: called once no other process can write any more; it may still add to `units`.
    Raises sqlite3.Error; nothing was stored then.
    """
    with _transaction(connection):
        locked()
        extent = read_extent(connection)
        results, extent_after = _place(units, _read_taken(connection, units), extent, now)
        rows = _flatten(results, now)
        _insert(connection, rows)
        extent_after = _trim(connection, extent_after, retention, now, limit=len(rows) + TRIM_STEP)
        _write_extent(connection, extent_after)
    return results, extent_after


def trim(connection: sqlite3.Connection, retention: Retention, now: float) -> Extent:
    """Delete up to `TRIM_STEP` entries that are past retention, and commit. Raises sqlite3.Error."""
    with _transaction(connection):
        extent = _trim(connection, read_extent(connection), retention, now, limit=TRIM_STEP)
        _write_extent(connection, extent)
    return extent


def read_extent(connection: sqlite3.Connection) -> Extent:
    """Return what the log holds at this moment."""
    last, size, first, oldest = connection.execute(_EXTENT).fetchone()
    return Extent(last + 1, last, size, 0.0) if first is None else Extent(first, last, size, oldest)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    if connection.in_transaction:  # an earlier rollback failed
        connection.execute("ROLLBACK")
    execute_patiently(connection, "BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _read_taken(connection: sqlite3.Connection, units: Sequence[Unit]) -> set[str]:
    given = [event_id for unit in units for event_id in unit.ids]
    if not given:
        return set()
    (found,) = connection.execute(_TAKEN, (json.dumps(given),)).fetchone()
    return set(json.loads(found))


def _place(units: Sequence[Unit], taken: set[str], extent: Extent, now: float) -> tuple[list[Result], Extent]:
    results = []
    last, size = extent.last, extent.size
    for unit in units:
        if not taken.isdisjoint(unit.ids):
            results.append(Result(unit, error=DuplicateId(min(taken & unit.ids))))
            continue
        results.append(Result(unit, first=last + 1))
        taken |= unit.ids
        last += len(unit.updates)
        size += unit.size
    oldest = extent.oldest if extent.count else now
    return results, Extent(extent.first, last, size, oldest)


def _flatten(results: Sequence[Result], now: float) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for result in results:
        if result.error is None:
            rows += [
                (position, now, size, *columns)
                for position, (size, columns) in enumerate(
                    zip(result.unit.sizes, result.unit.columns, strict=True), result.first
                )
            ]
    return rows


def _insert(connection: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    start = 0
    for many in _INSERT_MANY:
        while len(rows) - start >= many:
            _insert_together(connection, rows[start : start + many])
            start += many
    if start < len(rows):
        _insert_together(connection, rows[start:])


def _insert_together(connection: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    places = ",".join([_ROW] * len(rows))
    connection.execute(f"INSERT INTO entry VALUES {places}", [value for row in rows for value in row])


def _trim(connection: sqlite3.Connection, extent: Extent, retention: Retention, now: float, *, limit: int) -> Extent:
    trimmed = extent
    while trimmed.first - extent.first < limit and trimmed.is_past(retention, now):
        trimmed = _pass_over(connection, trimmed, retention, now)
    if trimmed is not extent:
        connection.execute("DELETE FROM entry WHERE position < ?", (trimmed.first,))
    return trimmed


def _pass_over(connection: sqlite3.Connection, extent: Extent, retention: Retention, now: float) -> Extent:
    """Return the extent without those of the `_TRIM_LOOK` oldest entries that are past retention; one is."""
    (found,) = connection.execute(_OLDEST, (extent.first, _TRIM_LOOK + 1)).fetchone()
    oldest = json.loads(found)
    passed = 0
    while passed < min(len(oldest), _TRIM_LOOK) and extent.is_past(retention, now):
        size, _ = oldest[passed]
        passed += 1
        following = oldest[passed][1] if passed < len(oldest) else 0.0
        extent = Extent(extent.first + 1, extent.last, extent.size - size, following)
    return extent


def _write_extent(connection: sqlite3.Connection, extent: Extent) -> None:
    connection.execute("UPDATE meta SET last = ?, size = ?", (extent.last, extent.size))
