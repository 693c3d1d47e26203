"""Workers ask each other, and none waits for one that does not answer."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest

from longwave.server.metrics import sample_exchange
from longwave.server.metrics.sample_exchange import SampleExchange

pytestmark = pytest.mark.skipif(not hasattr(asyncio, "start_unix_server"), reason="no Unix sockets")


@contextlib.asynccontextmanager
async def worker(folder, number, line, workers=2):
    exchange = SampleExchange(str(folder), number, workers)
    await exchange.open(lambda: line)
    try:
        yield exchange
    finally:
        await exchange.close()


async def test_a_worker_is_told_the_lines_of_all_others(tmp_path):
    long = b"x" * 300_000  # more than a socket takes at once
    async with (
        worker(tmp_path, 0, b"zero", 3) as zero,
        worker(tmp_path, 1, b"one", 3) as one,
        worker(tmp_path, 2, long, 3),
    ):
        assert await zero.ask() == {1: b"one\n", 2: long + b"\n"}
        assert await one.ask() == {0: b"zero\n", 2: long + b"\n"}


async def test_one_that_does_not_run_is_none(tmp_path):
    async with worker(tmp_path, 0, b"zero") as zero:
        assert await zero.ask() == {1: None}


async def test_one_that_ended_leaves_nothing_behind(tmp_path):
    async with worker(tmp_path, 0, b"zero") as zero:
        async with worker(tmp_path, 1, b"one"):
            pass
        assert await zero.ask() == {1: None}
        assert os.listdir(tmp_path) == ["0.sock"]


async def test_one_that_was_killed_is_replaced(tmp_path):
    async with worker(tmp_path, 0, b"zero") as zero:
        async with worker(tmp_path, 1, b"killed"):
            os.link(tmp_path / "1.sock", tmp_path / "kept")
        os.rename(tmp_path / "kept", tmp_path / "1.sock")
        assert await zero.ask() == {1: None}
        async with worker(tmp_path, 1, b"next"):
            assert await zero.ask() == {1: b"next\n"}


async def test_one_that_takes_too_long_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(sample_exchange, "PATIENCE", 0.05)
    gone = asyncio.Event()

    async def say_nothing(reader, writer):
        await reader.read()
        writer.close()
        gone.set()

    async with worker(tmp_path, 0, b"zero") as zero:
        server = await asyncio.start_unix_server(say_nothing, tmp_path / "1.sock")
        assert await zero.ask() == {1: None}
        await asyncio.wait_for(gone.wait(), 10)
        server.close()


async def test_one_that_breaks_off_is_none(tmp_path):
    async def break_off(_, writer):
        writer.write(b"half of a line")
        writer.close()

    async with worker(tmp_path, 0, b"zero") as zero:
        server = await asyncio.start_unix_server(break_off, tmp_path / "1.sock")
        assert await zero.ask() == {1: None}
        server.close()


async def test_the_last_one_takes_the_folder_along_and_the_next_one_makes_it_for_its_user_alone(tmp_path):
    folder = tmp_path / "exchange"
    for _ in range(2):
        async with worker(folder, 0, b"zero"), worker(folder, 1, b"one") as one:
            assert folder.stat().st_mode & 0o777 == 0o700
            assert await one.ask() == {0: b"zero\n"}
        assert not folder.exists()


async def test_a_folder_that_cannot_be_used_is_said_and_stops_nothing(tmp_path, caplog):
    no_folder = tmp_path / "file"
    no_folder.touch()
    async with worker(no_folder, 0, b"zero") as zero:
        assert await zero.ask() == {1: None}
    assert "other workers cannot tell the metrics of this one" in caplog.text


async def test_a_folder_of_another_user_is_not_used(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(tmp_path).st_uid + 1)
    async with worker(tmp_path, 0, b"zero") as zero:
        assert os.listdir(tmp_path) == []
        assert await zero.ask() == {1: None}
    assert "this user's own folder" in caplog.text
