"""The log in memory, beyond the contract."""

from __future__ import annotations

import asyncio
import threading

import pytest

from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.logs import memory
from longwave.logs.memory import MemoryLog
from longwave.logs.retention import Retention
from longwave.testing.log_under_test import ManualClock, make_update, make_updates, positions_of


@pytest.fixture
async def clock():
    return ManualClock()


@pytest.fixture
async def log(clock):
    log = MemoryLog(Retention(age=10), clock=clock)
    await log.open()
    yield log
    await log.close()


async def test_age_is_looked_at_when_the_log_is_read(log, clock):
    await log.append([make_update("x", "a")])
    clock.now += 11

    assert await log.locate("a") is None
    page = await log.read(0, 10)
    assert (page.entries, page.first, page.last) == ((), 2, 1)


async def test_a_tail_does_not_get_what_is_too_old(log, clock):
    await log.append(make_updates(2))
    clock.now += 11
    tail = log.tail(0)
    await log.append(make_updates(1))

    assert positions_of(await anext(tail)) == [3]


async def test_an_id_may_come_again_when_its_entry_became_too_old(log, clock):
    await log.append([make_update("x", "a")])
    clock.now += 11

    assert await log.append([make_update("x", "a")]) == [2]


async def test_the_loop_goes_on_between_parts_of_a_long_search(log, monkeypatch):
    monkeypatch.setattr(memory, "PASSED_OVER", 10)
    await log.append([Update(("t",), Event("x")), *[Update(("t",), Event("x"), private=True)] * 49])
    turns = 0

    async def count_turns():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await log.outlines(0, 51, 1, private=False)
    counting.cancel()

    assert turns == 5


async def test_no_thread_and_no_timer_serves_the_log(log):
    following = asyncio.create_task(anext(log.tail(0)))
    await log.append(make_updates(1))
    await following

    assert [thread.name for thread in threading.enumerate() if "longwave" in thread.name] == []
    assert not asyncio.get_running_loop()._scheduled


async def test_a_publisher_that_never_waits_lets_tails_run(log):
    seen = []

    async def follow():
        async for batch in log.tail(0):
            seen.extend(positions_of(batch))

    following = asyncio.create_task(follow())
    for _ in range(5):
        await log.append(make_updates(1))
    assert seen == [1, 2, 3, 4, 5]
    following.cancel()


async def test_a_closed_log_holds_nothing(log):
    await log.append([Update(("t",), Event("x" * 1000))])
    await log.close()

    assert log.recent(0, 10) == ()
