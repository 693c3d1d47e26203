"""Every time that the bell is heard a whole look follows, and there is one at a time."""

from __future__ import annotations

import asyncio

from longwave.errors import LogUnavailable
from longwave.logs.lookout import Lookout


class Look:
    """A look that ends when the test says so."""

    def __init__(self, *errors):
        self.begun = 0
        self.at_once = self.most_at_once = 0
        self._errors = list(errors)
        self._gate = asyncio.Semaphore(0)

    async def __call__(self):
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._gate.acquire()
        finally:
            self.at_once -= 1
        if self._errors:
            raise self._errors.pop(0)

    async def end(self):
        self._gate.release()
        await settle()


async def settle():
    """Let everything go on that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_looks_once_for_each_time_it_hears():
    look = Look()
    lookout = Lookout(look)
    for count in (1, 2, 3):
        lookout.heard()
        await settle()
        assert look.begun == count
        await look.end()
    assert look.begun == 3


async def test_what_is_heard_during_a_look_brings_one_more():
    look = Look()
    lookout = Lookout(look)
    lookout.heard()
    await settle()
    for _ in range(10):
        lookout.heard()
    await look.end()
    assert (look.begun, look.most_at_once) == (2, 1)
    await look.end()
    assert (look.begun, look.at_once) == (2, 0)


async def test_log_that_cannot_be_read_now_is_looked_at_again():
    look = Look(LogUnavailable("expected a disk, got none"))
    lookout = Lookout(look)
    lookout.heard()
    await settle()
    await look.end()
    lookout.heard()
    await settle()

    assert look.begun == 2
    lookout.close()


async def test_closed_lookout_ends_its_look_and_begins_none():
    look = Look()
    lookout = Lookout(look)
    lookout.heard()
    await settle()
    lookout.close()
    await settle()
    lookout.heard()
    await settle()

    assert (look.begun, look.at_once) == (1, 0)
