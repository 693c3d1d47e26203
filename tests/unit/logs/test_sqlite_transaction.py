"""One write transaction of an SQLite log."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from longwave.errors import DuplicateId
from longwave.logs.retention import Retention
from longwave.logs.sqlite_schema import connect_writer
from longwave.logs.sqlite_transaction import TRIM_STEP, Extent, read_extent, trim, write
from longwave.logs.sqlite_unit import make_unit
from longwave.testing.log_under_test import make_update, make_updates

ALL = Retention()


@pytest.fixture
def connection(tmp_path):
    with closing(connect_writer(str(tmp_path / "log.db"), "relaxed")) as connection:
        yield connection


def unit(updates):
    return make_unit(updates, "00000000", answer=None)


def count(connection):
    return connection.execute("SELECT count(*) FROM entry").fetchone()[0]


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 511, 512, 513, 577, 1700])
def test_any_number_of_rows_is_stored_at_dense_positions(connection, size):
    results, extent = write(connection, [unit(make_updates(size)), unit(make_updates(3))], ALL, 5.0)
    rows = connection.execute("SELECT position, data, time FROM entry ORDER BY position").fetchall()

    data = [str(number) for number in (*range(size), *range(3))]
    assert rows == [(place, text, 5.0) for place, text in enumerate(data, 1)]
    assert [result.first for result in results] == [1, size + 1]
    assert extent == read_extent(connection) == Extent(1, size + 3, sum(map(len, data)) + 3 * (size + 3), 5.0)


def test_a_unit_that_comes_while_the_lock_is_awaited_is_stored_too(connection):
    units = [unit(make_updates(2))]
    results, extent = write(connection, units, ALL, 5.0, locked=lambda: units.append(unit(make_updates(3))))

    assert [result.first for result in results] == [1, 3]
    assert (extent.last, count(connection)) == (5, 5)


def test_nobody_else_can_write_once_the_lock_is_held(connection, tmp_path):
    with closing(sqlite3.connect(tmp_path / "log.db", timeout=0, isolation_level=None)) as other:

        def locked():
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")

        write(connection, [unit(make_updates(1))], ALL, 5.0, locked=locked)
        other.execute("BEGIN IMMEDIATE")


def test_a_unit_with_a_taken_id_fails_alone(connection):
    write(connection, [unit([make_update("0", "a")])], ALL, 1.0)
    units = [unit([make_update("1", name), make_update("2")]) for name in ("b", "a", "b", "c")]
    results, extent = write(connection, units, ALL, 2.0)

    assert [result.first for result in results] == [2, 0, 0, 4]
    assert [str(result.error) for result in results if isinstance(result.error, DuplicateId)] == [
        "id: expected an id that is not on the log, got 'a' again",
        "id: expected an id that is not on the log, got 'b' again",
    ]
    assert (extent.last, count(connection)) == (5, 5)


def test_a_long_backlog_is_trimmed_in_small_steps(connection):
    write(connection, [unit(make_updates(3 * TRIM_STEP + 10))], ALL, 1.0)
    left = []
    while (extent := trim(connection, Retention(events=5), 1.0)).count > 5:
        left.append(extent.count)

    assert left == [2 * TRIM_STEP + 10, TRIM_STEP + 10, 10]
    assert (count(connection), extent) == (5, read_extent(connection))


def test_a_write_trims_no_more_than_it_stores_and_one_step(connection):
    write(connection, [unit(make_updates(3 * TRIM_STEP))], ALL, 1.0)
    _, extent = write(connection, [unit(make_updates(100))], Retention(events=5), 1.0)

    assert extent.count == 2 * TRIM_STEP
    assert extent == read_extent(connection)


def test_an_error_leaves_the_file_as_it_was(connection):
    write(connection, [unit(make_updates(2))], ALL, 1.0)
    before = read_extent(connection)
    broken = unit([make_update()])
    broken.columns[0] = (None, None, None, False, "[]", "no type")

    with pytest.raises(Exception, match="NOT NULL"):
        write(connection, [unit(make_updates(2)), broken], ALL, 2.0)
    assert (read_extent(connection), count(connection), connection.in_transaction) == (before, 2, False)


def test_a_transaction_that_was_left_open_does_not_stop_the_next_write(connection):
    """As after a rollback that failed."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE meta SET last = 99")
    _, extent = write(connection, [unit(make_updates(1))], ALL, 1.0)

    assert extent.last == 1
