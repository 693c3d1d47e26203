"""The id of the last processed event beyond a process: in a file, in a database, and after a crash."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.client.cursor import MAX_ID, FileCursor, SqliteCursor
from longwave.errors import InvalidValue
from meta.source_tree import ROOT

IDS = ["1", "", "é\t x", "c3f9a2b1-1042", "earliest", "a\u2028b", "x" * MAX_ID]


@pytest.fixture(params=["file", "synced file", "database", "connection"])
def make(request, tmp_path):
    """Make a cursor anew over what the one before kept."""
    connection = sqlite3.connect(tmp_path / "own.db")
    database = []

    def start():
        match request.param:
            case "database":
                database.append(SqliteCursor(tmp_path / "cursor.db"))
                return database[-1]
            case "connection":
                return SqliteCursor(connection)
            case _:
                return FileCursor(tmp_path / "cursor", sync=request.param == "synced file")

    yield start
    connection.close()
    for cursor in database:
        cursor.close()
        cursor.close()


def test_without_a_saved_id_there_is_none(make):
    assert make().load() == ""


@pytest.mark.parametrize("event_id", IDS, ids=lambda event_id: event_id[:8])
def test_saved_id_is_loaded(make, event_id):
    cursor = make()
    cursor.save("before")
    cursor.save(event_id)

    assert cursor.load() == event_id
    assert make().load() == event_id


# The file.


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=50))
def test_any_id_of_a_stream_survives_the_file(tmp_path_factory, event_id):
    cursor = FileCursor(tmp_path_factory.getbasetemp() / "cursor")
    cursor.save(event_id)

    assert cursor.load() == event_id


@pytest.mark.parametrize("content", [b"", b"\n\n", b"7", b"7\n8\n", b"7\n ", b"\xff\n", b"x" * (MAX_ID + 1) + b"\n"])
def test_file_with_something_else_is_refused(tmp_path, content):
    """An empty one too: it is what a crash of the machine may leave, and starting without an id would lose events."""
    path = tmp_path / "cursor"
    path.write_bytes(content)

    with pytest.raises(InvalidValue, match=r"^cursor: expected .* got ") as caught:
        FileCursor(path).load()
    assert len(str(caught.value)) < 300 + len(str(path))


def test_id_that_could_not_be_loaded_is_not_saved(tmp_path):
    cursor = FileCursor(tmp_path / "cursor")
    cursor.save("7")

    with pytest.raises(InvalidValue, match=f"at most {MAX_ID} bytes, got {MAX_ID + 2}$"):
        cursor.save("é" + "x" * MAX_ID)
    assert cursor.load() == "7"


def test_missing_folder_is_an_os_error(tmp_path):
    cursor = FileCursor(tmp_path / "missing" / "cursor")

    assert cursor.load() == ""
    with pytest.raises(FileNotFoundError):
        cursor.save("7")


def test_file_is_for_its_owner_only(tmp_path):
    FileCursor(tmp_path / "cursor").save("7")

    assert (tmp_path / "cursor").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["cursor"]


def test_full_disk_leaves_the_id_before(tmp_path):
    """A file may take a part of what is written to it; a part of an id must not take the place of a whole one."""
    cursor = FileCursor(tmp_path / "cursor")
    cursor.save("7")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            cursor.save("8" * 1500)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)

    assert cursor.load() == "7"


SAVES_FOR_EVER = """
import sys
from itertools import count
from longwave.client.cursor import FileCursor, SqliteCursor

kind, path = sys.argv[1:]
cursor = FileCursor(path, sync=kind == "synced") if kind != "database" else SqliteCursor(path)
cursor.save("0" * 300)
sys.stdout.write("ready")
sys.stdout.flush()
for number in count(1):
    cursor.save(str(number % 10) * 300 * (1 + number % 2))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "synced", "database"])
def test_killed_process_leaves_a_whole_id(tmp_path, kind):
    chance = random.Random(7)
    for turn in range(4):
        path = tmp_path / f"cursor{turn}"
        process = subprocess.Popen(
            [sys.executable, "-c", SAVES_FOR_EVER, kind, path],
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": f"{ROOT}/src"},
        )
        try:
            assert process.stdout.read(5) == b"ready"
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.0, 0.02))  # it never ends by itself
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            process.stdout.close()
        found = load(kind, path)
        assert found
        assert len(found) in (300, 600)
        assert set(found) == {found[0]}


def load(kind, path):
    if kind != "database":
        return FileCursor(path).load()
    cursor = SqliteCursor(path)
    try:
        return cursor.load()
    finally:
        cursor.close()


# The database.


@pytest.fixture
def database(tmp_path):
    connection = sqlite3.connect(tmp_path / "own.db")
    connection.execute("CREATE TABLE work (event_id TEXT)")
    connection.commit()
    yield connection
    connection.close()


@pytest.fixture
def reader(tmp_path, database):
    """Another process's view: what is committed."""
    connection = sqlite3.connect(tmp_path / "own.db")
    yield SqliteCursor(connection)
    connection.close()


def test_work_and_id_are_committed_together(database, reader):
    cursor = SqliteCursor(database)
    database.execute("INSERT INTO work VALUES ('7')")
    cursor.save("7")
    assert reader.load() == ""

    database.commit()

    assert reader.load() == "7"


def test_work_and_id_are_rolled_back_together(database, reader):
    cursor = SqliteCursor(database)
    cursor.save("6")
    database.commit()
    database.execute("INSERT INTO work VALUES ('7')")
    cursor.save("7")

    database.rollback()

    assert cursor.load() == reader.load() == "6"
    assert database.execute("SELECT * FROM work").fetchall() == []


def test_rollback_of_the_table_itself_harms_nothing(database):
    """It is made in the user's transaction where that is open already."""
    database.execute("BEGIN")
    cursor = SqliteCursor(database)
    assert cursor.load() == ""
    database.rollback()

    cursor.save("7")

    assert cursor.load() == "7"


def test_names_keep_ids_apart(database):
    first, second = SqliteCursor(database, "orders"), SqliteCursor(database, "prices")
    first.save("1")
    second.save("2")

    assert (first.load(), second.load(), SqliteCursor(database).load()) == ("1", "2", "")


@pytest.mark.parametrize("rows", [sqlite3.Row, lambda _, row: {"event_id": row[0]}], ids=["Row", "dict"])
def test_rows_of_the_users_own_kind_do_not_matter(database, rows):
    database.row_factory = rows
    cursor = SqliteCursor(database)
    cursor.save("7")

    assert cursor.load() == "7"


def test_connection_of_the_user_stays_open(database):
    SqliteCursor(database).close()

    assert database.execute("SELECT 1").fetchone() == (1,)


def test_own_database_is_closed(tmp_path):
    cursor = SqliteCursor(os.fspath(tmp_path / "cursor.db"))
    cursor.close()

    with pytest.raises(sqlite3.ProgrammingError):
        cursor.load()
