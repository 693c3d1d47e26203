"""The log in an SQLite file, beyond the contract."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import sqlite3
import stat
import threading
from contextlib import asynccontextmanager, closing

import pytest

from longwave.core.update import Update
from longwave.errors import DuplicateId, LogUnavailable
from longwave.eventstream.event import Event
from longwave.logs import sqlite_reader, sqlite_schema, sqlite_writer
from longwave.logs.base import TAIL_BATCH
from longwave.logs.bell import EventBell, hang_bells
from longwave.logs.retention import Retention
from longwave.logs.sqlite import MAX_WAITING_APPENDS, MAX_WAITING_SIZE, SqliteLog
from longwave.logs.sqlite_transaction import TRIM_STEP
from longwave.testing.log_under_test import PATIENCE, ManualClock, make_update, make_updates, positions_of, take

needs_bells = pytest.mark.skipif(not hasattr(os, "eventfd"), reason="no eventfd")


@asynccontextmanager
async def opened(path, *values, **options):
    log = SqliteLog(path, *values, **options)
    await log.open()
    try:
        yield log
    finally:
        await log.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.db"


@pytest.fixture
def raw(path):
    """A connection of somebody else to the file, which the test must have made."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)) as connection:
        yield connection


@pytest.fixture
async def log(path):
    async with opened(path) as log:
        yield log


def big(size):
    return Update(("t",), Event("x" * size))


def writer_threads():
    return [thread for thread in threading.enumerate() if thread.name == "longwave-log-writer"]


# Commits


async def test_an_acknowledged_update_is_in_the_file(log, raw):
    await log.append([make_update("hello", "a")])

    assert raw.execute("SELECT position, id, data FROM entry").fetchall() == [(1, "a", "hello")]


async def test_appends_that_arrive_together_share_a_commit(path, raw):
    """All entries of one commit have one time, and this clock never tells a time twice."""
    async with opened(path, clock=itertools.count(1.0).__next__) as log:
        await asyncio.gather(*[log.append([make_update()]) for _ in range(300)])
    (commits,) = raw.execute("SELECT count(DISTINCT time) FROM entry").fetchone()

    assert commits <= 5


@pytest.mark.parametrize(("durability", "level"), [("full", 2), ("relaxed", 1)])
async def test_durability_chooses_when_the_disk_is_synced(path, durability, level):
    with closing(sqlite_schema.connect_writer(str(path), durability)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_an_empty_append_is_a_real_write(log, raw):
    """While somebody else holds the write lock, it cannot say that the log takes writes."""
    raw.execute("BEGIN IMMEDIATE")
    proving = asyncio.create_task(log.append([]))
    await log.read(0, 1)
    assert not proving.done()
    raw.execute("COMMIT")

    assert await proving == []


async def test_reads_do_not_wait_behind_a_commit(log, raw):
    await log.append(make_updates(2))
    raw.execute("BEGIN IMMEDIATE")
    appending = asyncio.create_task(log.append(make_updates(1)))

    assert (await log.read(0, 10)).last == 2
    assert not appending.done()
    raw.execute("COMMIT")
    assert await appending == [3]


# Failures


async def test_a_failed_commit_stores_nothing_and_the_next_one_tries_anew(log, raw):
    await log.append(make_updates(1))
    raw.execute("ALTER TABLE entry RENAME COLUMN data TO gone")
    raw.execute("ALTER TABLE meta RENAME COLUMN last TO gone")
    answers = await asyncio.gather(*[log.append(make_updates(2)) for _ in range(5)], return_exceptions=True)
    assert [type(answer) for answer in answers] == [LogUnavailable] * 5
    assert "no such column" in str(answers[0])

    raw.execute("ALTER TABLE entry RENAME COLUMN gone TO data")
    raw.execute("ALTER TABLE meta RENAME COLUMN gone TO last")
    assert await log.append(make_updates(1)) == [2]


async def test_a_file_that_stays_locked_is_an_error_in_the_end(log, raw, monkeypatch):
    monkeypatch.setattr(sqlite_schema, "BUSY_TIMEOUT", 0.05)
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogUnavailable, match="database is locked"):
        await log.append(make_updates(1))
    raw.execute("COMMIT")

    assert await log.append(make_updates(1)) == [1]


async def test_an_unexpected_failure_answers_the_publisher_and_is_logged(path, caplog):
    broken = False

    def clock():
        if broken:
            raise ZeroDivisionError("the clock broke")
        return 0.0

    async with opened(path, clock=clock) as log:
        broken = True
        with pytest.raises(LogUnavailable, match="the clock broke"):
            await log.append(make_updates(1))
        broken = False

        assert await log.append(make_updates(1)) == [1]
    records = [record for record in caplog.records if record.name == "longwave.logs" and record.exc_info]
    assert records[0].exc_info[0] is ZeroDivisionError


async def test_an_outage_is_logged_once_and_its_end_too(log, raw, caplog):
    caplog.set_level(logging.INFO, "longwave.logs")
    raw.execute("ALTER TABLE entry RENAME TO gone")
    for _ in range(5):
        with pytest.raises(LogUnavailable):
            await log.append(make_updates(1))
    raw.execute("ALTER TABLE gone RENAME TO entry")
    await log.append(make_updates(1))

    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "takes no updates: no such table" in messages[0]
    assert "takes updates again" in messages[1]


async def test_a_damaged_row_is_an_error_of_the_log(log, raw):
    await log.append(make_updates(1))
    raw.execute("UPDATE entry SET type = ''")

    with pytest.raises(LogUnavailable, match="expected a log that can be read"):
        await log.read(0, 1)


# Bounds


async def test_the_number_of_waiting_appends_is_bounded(log, raw):
    raw.execute("BEGIN IMMEDIATE")  # nothing is answered meanwhile
    waiting = [asyncio.create_task(log.append([])) for _ in range(MAX_WAITING_APPENDS)]
    await asyncio.sleep(0)
    with pytest.raises(LogUnavailable, match=f"at most {MAX_WAITING_APPENDS} appends"):
        await log.append([])
    raw.execute("COMMIT")
    await asyncio.gather(*waiting)

    assert await log.append(make_updates(1)) == [1]


async def test_the_bytes_of_waiting_appends_are_bounded(path):
    async with opened(path, durability="relaxed") as log:
        large = asyncio.create_task(log.append([big(MAX_WAITING_SIZE + 1)]))
        await asyncio.sleep(0)
        with pytest.raises(LogUnavailable, match=f"at most {MAX_WAITING_SIZE} bytes"):
            await log.append(make_updates(1))

        assert await large == [1]
        assert await asyncio.gather(log.append(make_updates(1)), log.append(make_updates(1))) == [[2], [3]]


async def test_the_number_of_waiting_reads_is_bounded(log, monkeypatch):
    monkeypatch.setattr(sqlite_reader, "MAX_WAITING_READS", 3)
    answers = await asyncio.gather(*[log.read(0, 1) for _ in range(5)], return_exceptions=True)

    assert [type(answer).__name__ for answer in answers] == ["Page"] * 3 + ["LogUnavailable"] * 2


async def test_the_bytes_of_a_page_are_bounded(log, monkeypatch):
    monkeypatch.setattr(sqlite_reader, "PAGE_SIZE", 1000)
    await log.append([big(400), big(400), big(400), big(5000), big(10)])
    pages = []
    after = 0
    while after < 5:
        pages.append(positions_of((await log.read(after, 10)).entries))
        after = pages[-1][-1]

    assert pages == [[1, 2, 3], [4], [5]]


async def test_a_tail_that_falls_behind_reads_the_file_again(path):
    async with opened(path, durability="relaxed") as log:
        tail = log.tail(0)
        for _ in range(15):
            await log.append(make_updates(1000))
        assert log.recent(0, 1) == ()

        assert positions_of(await take(tail, 15_000)) == list(range(1, 15_001))


async def test_memory_holds_no_entries_when_nobody_follows(log):
    await log.append(make_updates(3))
    assert log.recent(0, 10) == ()

    tail = log.tail(3)
    await log.append(make_updates(2))
    assert positions_of(log.recent(3, 10)) == positions_of(await anext(tail)) == [4, 5]
    del tail
    await log.append(make_updates(1))
    assert log.recent(5, 10) == ()


async def test_the_write_ahead_log_is_cut_when_readers_let_go_of_it(path, raw):
    async with opened(path, durability="relaxed") as log:
        await log.append(make_updates(1))
        raw.execute("BEGIN")
        raw.execute("SELECT count(*) FROM entry").fetchone()
        wal = path.with_name("log.db-wal")
        for _ in range(3):
            await log.append([big(8 * 2**20)])
        assert wal.stat().st_size > sqlite_schema.WAL_LIMIT
        raw.execute("COMMIT")
        async with asyncio.timeout(PATIENCE):
            while wal.stat().st_size > sqlite_schema.WAL_LIMIT:
                await log.append([])


async def test_the_space_of_trimmed_entries_is_used_again(path):
    async with opened(path, Retention(size=200_000), durability="relaxed") as log:
        for _ in range(50):
            await log.append([big(20_000)] * 5)
    assert path.stat().st_size < 1_000_000


# Retention


async def test_age_is_applied_also_when_nothing_is_appended(path):
    clock = ManualClock()
    async with opened(path, Retention(age=10), clock=clock) as log, asyncio.timeout(PATIENCE):
        await log.append(make_updates(3))
        clock.now += 11
        while (await log.read(0, 1)).entries:
            pass

        page = await log.read(0, 1)
        assert (page.entries, page.first, page.last) == ((), 4, 3)


async def test_a_long_backlog_is_trimmed_without_a_pause_between_the_steps(path):
    """With a pause it would take longer than the test waits."""
    async with opened(path, durability="relaxed") as log:
        await log.append(make_updates(30 * TRIM_STEP))
    async with opened(path, Retention(events=7), durability="relaxed") as log, asyncio.timeout(PATIENCE):
        while (await log.read(0, 0)).first != 30 * TRIM_STEP - 6:
            pass


async def test_the_count_of_bytes_is_kept_with_the_entries(path, raw):
    async with opened(path, Retention(size=50_000, events=150)) as log:
        for size in (10, 3000, 1, 700):
            await log.append([big(size)] * 40)
            held = raw.execute("SELECT total(size) FROM entry").fetchone()
            assert raw.execute("SELECT size FROM meta").fetchone() == held


# Several logs over one file


async def test_entries_of_another_log_object_reach_a_tail_in_order(path):
    async with opened(path) as one, opened(path) as other:
        assert one.epoch == other.epoch
        tails = [asyncio.create_task(take(log.tail(0), 600)) for log in (one, other)]
        appends = [log.append(make_updates(3)) for log in (one, other) for _ in range(100)]
        answers = await asyncio.gather(*appends)

        assert sorted(itertools.chain(*answers)) == list(range(1, 601))
        for tail in tails:
            assert positions_of(await tail) == list(range(1, 601))


async def test_an_idle_log_notices_what_another_appended(path):
    async with opened(path) as one, opened(path) as other:
        tail = one.tail(0)
        following = asyncio.create_task(take(tail, 2))
        await other.append(make_updates(2))

        assert positions_of(await following) == [1, 2]


@asynccontextmanager
async def with_bells(path, monkeypatch):
    """Two log objects that hear of each other by bells alone: they look by themselves once a minute."""
    monkeypatch.setattr(sqlite_writer, "POLL_INTERVAL", 60.0)
    monkeypatch.setattr(sqlite_writer, "IDLE_INTERVAL", 60.0)
    with hang_bells(2) as (one, other):
        async with (
            opened(path, bell=EventBell(one, [other])) as first,
            opened(path, bell=EventBell(other, [one])) as second,
        ):
            yield first, second


@needs_bells
async def test_a_bell_tells_at_once_what_another_appended(path, monkeypatch):
    async with with_bells(path, monkeypatch) as (first, second):
        tail = second.tail(0)
        await second.append([])  # the look that a new tail asks for is over
        for number in range(1, 4):
            await first.append([make_update(str(number))])
            (entry,) = await take(tail, number)
            assert (entry.position, entry.update.event.data) == (number, str(number))


@needs_bells
async def test_both_sides_of_a_bell_see_one_order_while_both_append(path, monkeypatch):
    async with with_bells(path, monkeypatch) as logs:
        tails = [log.tail(0) for log in logs]
        appends = [log.append(make_updates(number % 3 + 1)) for number in range(150) for log in logs]
        count = 2 * 50 * (1 + 2 + 3)
        seen, also_seen, *_ = await asyncio.gather(*[take(tail, count) for tail in tails], *appends)

    assert positions_of(seen) == list(range(1, count + 1))
    assert seen == also_seen


@needs_bells
async def test_a_bell_tells_of_more_than_one_read_gives(path, monkeypatch):
    async with with_bells(path, monkeypatch) as (first, second):
        tail = second.tail(0)
        await second.append([])
        await first.append(make_updates(TAIL_BATCH * 2 + 1))

        assert positions_of(await take(tail, TAIL_BATCH * 2 + 1)) == list(range(1, TAIL_BATCH * 2 + 2))


@needs_bells
async def test_a_bell_is_not_rung_for_an_append_that_stored_nothing(path):
    with hang_bells(2) as (own, other):
        async with opened(path, bell=EventBell(own, [other])) as log:
            await log.append([])
            await log.append([make_update("0", "a")])
            with pytest.raises(DuplicateId):
                await log.append([make_update("1", "a")])

        assert os.eventfd_read(other) == 1


async def test_an_id_given_through_another_log_object_is_taken_and_located(path):
    async with opened(path) as one, opened(path) as other:
        await one.append([make_update("x", "a"), make_update()])

        assert await other.locate("a") == 1
        assert await other.locate(f"{one.epoch}-2") == 2
        with pytest.raises(DuplicateId, match="'a'"):
            await other.append([make_update("y", "a")])


# Opening and closing


async def test_a_file_is_left_alone_when_it_is_not_a_log(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database\n" * 100)
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE t (x)")
    before = text.read_bytes(), foreign.read_bytes()

    with pytest.raises(LogUnavailable, match="file is not a database"):
        await SqliteLog(text).open()
    with pytest.raises(LogUnavailable, match="got a database of another application"):
        await SqliteLog(foreign).open()
    assert (text.read_bytes(), foreign.read_bytes()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["foreign.db", "notes.txt"]


async def test_a_file_of_a_newer_version_is_refused(path, raw):
    async with opened(path):
        pass
    raw.execute(f"PRAGMA user_version = {sqlite_schema.VERSION + 1}")

    with pytest.raises(LogUnavailable, match=r"expected a log of version 1 or older at .*, got version 2"):
        await SqliteLog(path).open()


async def test_a_log_that_could_not_be_opened_may_be_tried_again(tmp_path):
    log = SqliteLog(tmp_path / "later" / "log.db")
    with pytest.raises(LogUnavailable, match="unable to open database file"):
        await log.open()
    with pytest.raises(LogUnavailable, match="that was opened"):
        _ = log.epoch
    (tmp_path / "later").mkdir()
    await log.open()

    assert await log.append(make_updates(1)) == [1]
    await log.close()


async def test_two_that_make_the_file_at_once_share_one_life(path):
    logs = [SqliteLog(path) for _ in range(8)]
    await asyncio.gather(*[log.open() for log in logs])

    assert len({log.epoch for log in logs}) == 1
    await asyncio.gather(*[log.close() for log in logs])


@pytest.fixture
def umask():
    """One that lets everybody read new files."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder):
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.mark.usefixtures("umask")
async def test_a_new_file_and_those_beside_it_are_their_owners_alone(path):
    """Private updates are in them."""
    async with opened(path) as log:
        await log.append(make_updates(1))

        assert modes(path.parent) == {"log.db": 0o600, "log.db-wal": 0o600, "log.db-shm": 0o600}
    assert modes(path.parent) == {"log.db": 0o600}


@pytest.mark.usefixtures("umask")
async def test_a_file_that_is_there_keeps_its_mode(path):
    """Somebody may have made it so that a group can read it."""
    path.touch(0o640)

    async with opened(path) as log:
        await log.append(make_updates(1))

        assert modes(path.parent) == {"log.db": 0o640, "log.db-wal": 0o640, "log.db-shm": 0o640}


async def test_a_log_that_is_closed_while_it_opens_stays_closed(path):
    log = SqliteLog(path)
    opening = asyncio.create_task(log.open())
    await asyncio.sleep(0)
    await log.close()

    with pytest.raises(LogUnavailable, match="closed while it was opened"):
        await opening
    assert writer_threads() == []


async def test_closing_releases_threads_and_leaves_one_file(path):
    async with opened(path) as log:
        await log.append(make_updates(1))
        await log.read(0, 1)
        assert len(writer_threads()) == 1

    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("longwave-log")] == []
    assert [file.name for file in path.parent.iterdir()] == ["log.db"]


async def test_closing_goes_on_when_its_caller_is_cancelled(path):
    log = SqliteLog(path)
    await log.open()
    closing_task = asyncio.create_task(log.close())
    await asyncio.sleep(0)
    closing_task.cancel()
    await asyncio.wait([closing_task])
    await log.close()

    assert closing_task.cancelled()
    assert writer_threads() == []


def test_the_thread_ends_when_the_loop_was_closed_without_the_log(path):
    async def forget():
        log = SqliteLog(path)
        await log.open()
        await log.append(make_updates(1))
        return log

    log = asyncio.run(forget())
    for thread in writer_threads():
        thread.join(PATIENCE)
    assert writer_threads() == []
    log._open_file.release()
