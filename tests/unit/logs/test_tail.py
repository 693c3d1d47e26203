"""A tail, against a source that the test plays."""

from __future__ import annotations

import asyncio

import pytest

from longwave.core.entry import Entry
from longwave.core.update import Update
from longwave.errors import LogUnavailable
from longwave.eventstream.event import Event
from longwave.logs.base import Page
from longwave.logs.tail import News, Tail

ENTRIES = [Entry(position, Update(("t",), Event())) for position in range(1, 9)]


class Script:
    """A log whose memory begins at `held`, whose file begins at `first`, and which may fail to read."""

    def __init__(self, last=0, held=1, first=1):
        self.news = News()
        self.ended = False
        self.last = last
        self.held = held
        self.first = first
        self.failing = False
        self.reads = []

    def recent(self, after, limit):
        return tuple(ENTRIES[after : self.last][:limit]) if after + 1 >= self.held else ()

    async def read(self, after, limit):
        self.reads.append(after)
        await asyncio.sleep(0)
        if self.failing:
            raise LogUnavailable("expected a disk, got none")
        entries = ENTRIES[max(after, self.first - 1) : min(self.last, self.held - 1)]
        return Page(tuple(entries[:limit]), self.first, self.last)


def positions(batch):
    return [entry.position for entry in batch]


async def test_what_comes_next_is_taken_from_memory_when_it_is_there():
    source = Script(last=4)

    assert positions(await anext(Tail(source, 1))) == [2, 3, 4]
    assert source.reads == []


async def test_what_memory_lacks_is_read_and_then_memory_goes_on():
    source = Script(last=6, held=4)
    tail = Tail(source, 0)

    assert [positions(await anext(tail)), positions(await anext(tail))] == [[1, 2, 3], [4, 5, 6]]
    assert source.reads == [0]


async def test_a_gap_is_passed_over():
    source = Script(last=5, held=6, first=6)
    tail = Tail(source, 0)
    waiting = asyncio.create_task(anext(tail))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.last = 7
    source.news.announce()

    assert positions(await waiting) == [6, 7]
    assert source.reads == [0]


async def test_a_failed_read_is_told_and_loses_nothing():
    source = Script(last=3, held=9)
    tail = Tail(source, 1)
    source.failing = True
    with pytest.raises(LogUnavailable, match="disk"):
        await anext(tail)
    source.failing = False

    assert positions(await anext(tail)) == [2, 3]


async def test_a_read_that_fails_because_the_log_was_closed_is_the_end():
    source = Script(last=3, held=9)
    waiting = asyncio.create_task(anext(Tail(source, 1), "the end"))
    await asyncio.sleep(0)
    source.failing = True
    source.ended = True

    assert await waiting == "the end"


async def test_news_wake_all_who_wait_and_none_who_come_later():
    news = News()
    waiting = [asyncio.create_task(news.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    news.announce()
    late = asyncio.create_task(news.wait())
    await asyncio.gather(*waiting)

    assert not late.done()
    late.cancel()
