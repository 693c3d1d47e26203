"""Who asks together looks once, and nobody gets what was looked for before it asked."""

from __future__ import annotations

import asyncio

import pytest

from longwave.errors import LogUnavailable
from longwave.logs.shared_look import SharedLook


class Look:
    """A look that ends when the test says so; it finds its own number."""

    def __init__(self):
        self.begun = 0
        self.failure = None
        self.gate = asyncio.Semaphore(0)

    async def __call__(self):
        self.begun += 1
        number = self.begun
        await self.gate.acquire()
        if self.failure is not None:
            raise self.failure
        return number


async def rounds(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_all_who_ask_before_it_begins_share_one_look():
    look = Look()
    shared = SharedLook(look)
    asking = [asyncio.create_task(shared.take()) for _ in range(100)]
    look.gate.release()

    assert await asyncio.gather(*asking) == [1] * 100


async def test_all_who_ask_after_it_began_share_the_next_one():
    look = Look()
    shared = SharedLook(look)
    early = asyncio.create_task(shared.take())
    await rounds()
    late = [asyncio.create_task(shared.take()) for _ in range(100)]
    await rounds()
    assert look.begun == 1
    look.gate.release()
    look.gate.release()

    assert await early == 1
    assert await asyncio.gather(*late) == [2] * 100


async def test_it_is_running_until_it_ends_also_when_who_asked_has_left():
    look = Look()
    shared = SharedLook(look)
    asking = asyncio.create_task(shared.take())
    await rounds()
    asking.cancel()
    await asyncio.wait([asking])
    assert shared.running
    look.gate.release()
    await rounds()

    assert not shared.running


async def test_failure_is_told_to_all_who_wait_and_not_remembered():
    look = Look()
    look.failure = LogUnavailable("gone")
    shared = SharedLook(look)
    asking = [asyncio.create_task(shared.take()) for _ in range(2)]
    look.gate.release()
    for task in asking:
        with pytest.raises(LogUnavailable):
            await task
    look.failure = None
    look.gate.release()

    assert await shared.take() == 2
