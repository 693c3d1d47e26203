"""The bell reaches all others, and says no more than that somebody rang."""

from __future__ import annotations

import asyncio
import os

import pytest

from longwave.logs.bell import EventBell, hang_bells

pytestmark = pytest.mark.skipif(not hasattr(os, "eventfd"), reason="no eventfd")


class Listener:
    """Counts what a bell of this loop hears."""

    def __init__(self, bell):
        self.count = 0
        self._heard = asyncio.Event()
        bell.open(self.hear)

    def hear(self):
        self.count += 1
        self._heard.set()

    async def wait(self):
        async with asyncio.timeout(5):
            await self._heard.wait()
        self._heard.clear()


@pytest.fixture
def bells():
    """The ends of three processes."""
    with hang_bells(3) as hung:
        ends = [EventBell(own, [other for other in hung if other != own]) for own in hung]
        yield ends
        for end in ends:
            end.close()


async def test_all_others_hear_it_and_who_rang_does_not(bells):
    ringer, *others = [(Listener(bell), bell) for bell in bells]
    ringer[1].ring()
    for listener, _ in others:
        await listener.wait()

    assert [listener.count for listener, _ in (ringer, *others)] == [0, 1, 1]


async def test_rings_that_were_not_heard_yet_are_one(bells):
    listener = Listener(bells[0])
    for _ in range(1000):
        bells[1].ring()
        bells[2].ring()
    await listener.wait()
    bells[1].ring()
    await listener.wait()

    assert listener.count == 2


async def test_ring_before_anybody_listens_is_heard(bells):
    bells[1].ring()

    await Listener(bells[0]).wait()


async def test_closed_bell_hears_nothing_and_another_takes_its_place(bells):
    closed = Listener(bells[0])
    bells[0].close()
    bells[0].close()
    bells[1].ring()

    await Listener(bells[0]).wait()
    assert closed.count == 0


def test_ringing_does_not_wait_for_those_who_never_hear():
    with hang_bells(2) as (own, full):
        os.eventfd_write(full, 2**64 - 2)

        EventBell(own, [full]).ring()


def test_bells_are_taken_down_at_the_end():
    with hang_bells(2) as hung:
        assert len(set(hung)) == 2
    for descriptor in hung:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
