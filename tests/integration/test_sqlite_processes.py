"""Real processes over one SQLite log: order, sudden death, a full disk."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from longwave.errors import LogUnavailable
from longwave.logs.retention import Retention
from longwave.logs.sqlite import SqliteLog
from longwave.testing.log_under_test import make_update, make_updates, positions_of, take

SOURCE = Path(__file__).parents[2] / "src"
PATIENCE = 60.0  # seconds

# Appends from several tasks, and prints each acknowledged batch as one line: its positions and its data.
PUBLISHER = """
import asyncio, itertools, json, sys
from longwave.logs.sqlite import SqliteLog
from longwave.testing.log_under_test import make_update

async def publish(log, name, batches):
    for number in itertools.islice(itertools.count(), batches):
        data = [f"{name}.{number}.{place}" for place in range(number % 4 + 1)]
        positions = await log.append([make_update(text) for text in data])
        print(json.dumps([positions, data]), flush=True)

async def main(path, name, batches):
    log = SqliteLog(path)
    await log.open()
    await asyncio.gather(*[publish(log, f"{name}.{task}", batches) for task in range(8)])
    await log.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""

# Appends until files may not grow any more; then reads, makes room, and appends again. Prints what it found.
CROWDED = """
import asyncio, json, resource, signal, sys
from longwave.errors import LogUnavailable
from longwave.logs.sqlite import SqliteLog
from longwave.testing.log_under_test import make_update

async def fill(log):
    stored = 0
    while True:
        try:
            stored += len(await log.append([make_update("x" * 5000)] * 7))
        except LogUnavailable as error:
            return stored, str(error)

async def main(path):
    log = SqliteLog(path)
    await log.open()
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    stored, error = await fill(log)
    again = None
    try:
        await log.append([make_update("x" * 100_000)] * 30)
    except LogUnavailable as refused:
        again = str(refused)
    seen = [entry.position for entry in (await log.read(0, 10_000)).entries]
    tailed = [entry.position for entry in await anext(log.tail(0))]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    after = await log.append([make_update("after")] * 2)
    await log.close()
    print(json.dumps([stored, error, again, seen, tailed, after]))

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
asyncio.run(main(sys.argv[1]))
"""


def start(program, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@asynccontextmanager
async def opened(path, retention=None):
    log = SqliteLog(path, retention or Retention())
    await log.open()
    try:
        yield log
    finally:
        await log.close()


async def output_of(process):
    """Return what the process still prints until it ends; a line that death has torn is left out."""
    async with asyncio.timeout(PATIENCE):
        lines = await asyncio.to_thread(process.stdout.readlines)
        await asyncio.to_thread(process.wait)
    process.stdout.close()
    return [json.loads(line) for line in lines if line.endswith("\n")]


async def test_two_processes_share_one_order_and_a_third_follows_it(tmp_path):
    path = tmp_path / "log.db"
    async with opened(path) as log:
        publishers = [start(PUBLISHER, path, name, 25) for name in ("a", "b")]
        count = 2 * 8 * sum(number % 4 + 1 for number in range(25))
        entries = await take(log.tail(0), count)
        acknowledged = [line for process in publishers for line in await output_of(process)]
        late = await log.append(make_updates(1))

    assert positions_of(entries) == list(range(1, count + 1))
    assert {entry.position: entry.update.event.data for entry in entries} == data_by_position(acknowledged)
    assert {process.returncode for process in publishers} == {0}
    assert late == [count + 1]


@pytest.mark.parametrize("lines", [1, 200, 1000])
async def test_a_process_that_is_killed_loses_nothing_acknowledged(tmp_path, lines):
    path = tmp_path / "log.db"
    process = start(PUBLISHER, path, "a", 1_000_000)
    acknowledged = [json.loads(await asyncio.to_thread(process.stdout.readline)) for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    acknowledged += await output_of(process)

    async with opened(path) as log:
        page = await log.read(0, 1_000_000)
        assert process.returncode == -signal.SIGKILL
        stored = {entry.position: entry.update.event.data for entry in page.entries}
        assert data_by_position(acknowledged).items() <= stored.items()
        assert_whole_batches(page.entries)
        assert await log.append(make_updates(1)) == [page.last + 1]


async def test_a_process_that_is_killed_holds_up_no_other(tmp_path):
    path = tmp_path / "log.db"
    async with opened(path) as log:
        tail = log.tail(0)
        process = start(PUBLISHER, path, "a", 1_000_000)
        await take(tail, 50)
        process.send_signal(signal.SIGKILL)
        await output_of(process)
        (position,) = await log.append([make_update("alive")])

        assert (await take(tail, position))[-1].update.event.data == "alive"


async def test_a_limit_on_the_size_of_files_refuses_appends_until_it_is_lifted(tmp_path):
    """Needs no rights: the process limits itself."""
    process = start(CROWDED, tmp_path / "log.db")
    ((stored, error, again, seen, tailed, after),) = await output_of(process)

    assert stored > 100
    assert error.startswith(f"expected a log that takes updates at {tmp_path}/log.db, got: ")
    assert again is not None
    assert seen == tailed == list(range(1, stored + 1))
    assert after == [stored + 1, stored + 2]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


async def test_a_full_disk_refuses_appends_until_there_is_room(small_disk):
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_000_000))
    async with opened(small_disk / "log.db") as log:
        tail = log.tail(0)
        stored = await fill(log)
        with pytest.raises(LogUnavailable, match="disk is full"):
            await log.append([make_update("x" * 100_000)] * 15)
        seen = positions_of((await log.read(0, 10_000)).entries)
        assert seen == positions_of(await take(tail, stored)) == list(range(1, stored + 1))

        filler.unlink()
        assert await log.append(make_updates(2)) == [stored + 1, stored + 2]
        assert positions_of(await take(tail, stored + 2)) == [stored + 1, stored + 2]


async def test_a_log_that_is_as_large_as_it_gets_heals_itself_on_a_full_disk(small_disk):
    """What is trimmed makes room inside the file, and a failed append cuts the write-ahead log."""
    path, retention = small_disk / "log.db", Retention(size=300_000)
    batch = [make_update("x" * 5000)] * 10
    for _ in range(8):
        async with opened(path, retention) as log:
            for _ in range(10):
                await log.append(batch)
    refused = 0
    async with opened(path, retention) as log:
        for _ in range(300):
            try:
                await log.append(batch)
            except LogUnavailable:
                refused += 1
        page = await log.read(0, 1000)

    assert 0 < refused < 100
    assert page.last == 800 + (300 - refused) * 10
    assert positions_of(page.entries) == list(range(page.last - 58, page.last + 1))


async def fill(log):
    """Append until the log takes no more; return the number of updates that it took."""
    stored = 0
    while True:
        try:
            stored += len(await log.append([make_update("x" * 5000)] * 7))
        except LogUnavailable:
            return stored


def data_by_position(lines):
    return {position: text for positions, data in lines for position, text in zip(positions, data, strict=True)}


def assert_whole_batches(entries):
    """Each batch "name.number" of number % 4 + 1 updates is there whole and side by side."""
    texts = [entry.update.event.data for entry in entries]
    while texts:
        batch, _, _ = texts[0].rpartition(".")
        size = int(batch.rpartition(".")[2]) % 4 + 1
        assert texts[:size] == [f"{batch}.{place}" for place in range(size)]
        del texts[:size]


async def test_the_file_is_sound_after_all_this(tmp_path):
    path = tmp_path / "log.db"
    process = start(PUBLISHER, path, "a", 1_000_000)
    await asyncio.to_thread(process.stdout.readline)
    process.send_signal(signal.SIGKILL)
    await output_of(process)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        last, size = connection.execute("SELECT last, size FROM meta").fetchone()
        assert connection.execute("SELECT max(position), total(size) FROM entry").fetchone() == (last, size)
