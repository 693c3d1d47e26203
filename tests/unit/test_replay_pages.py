"""What replays share: one read for all who ask, kept for a short while and bounded; the chunks that are made of it."""

from __future__ import annotations

import asyncio

import pytest

from controlled_log import ControlledLog
from longwave.core.audience import audience_of
from longwave.core.entry import Entry
from longwave.core.feed import MAX_CHUNK, Feed
from longwave.core.frame import Format, frame
from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.replay_pages import CHUNKS_LEAST, CHUNKS_SIZE, KEPT, PAGE, PAGES, Pages, chunks
from virtual_time import in_virtual_time, settle


class Stage:
    """A log with some entries, and pages of it."""

    def __init__(self, entries, data="x"):
        self.log = ControlledLog(100_000)
        self.pages = Pages(self.log, 4)
        self._updates = [Update(("a",), Event(data))] * entries

    async def __aenter__(self):
        await self.log.open()
        await self.log.append(self._updates)
        return self

    async def __aexit__(self, *_):
        self.log.go_on()
        await self.pages.close()
        await self.log.close()


@in_virtual_time
async def test_what_several_ask_for_at_the_same_time_is_read_once():
    async with Stage(10) as stage:
        pages = await asyncio.gather(*(stage.pages.read(3) for _ in range(5)))

        assert stage.log.looks.count(("read", 3, PAGE)) == 1
        assert all(page is pages[0] for page in pages)


@in_virtual_time
async def test_one_that_is_cancelled_takes_nothing_from_the_others():
    async with Stage(10) as stage:
        stage.log.hold()
        one, two = (asyncio.create_task(stage.pages.read(3)) for _ in range(2))
        await settle()
        one.cancel()
        stage.log.go_on()

        assert (await two).entries[0].position == 4


@pytest.mark.parametrize(("after", "found"), [(2, False), (3, True), (9, True), (10, False)])
def test_a_page_at_hand_serves_every_position_that_it_holds_the_next_entry_of(after, found):
    @in_virtual_time
    async def run():
        async with Stage(10) as stage:
            page = await stage.pages.read(3)
            assert stage.pages.find(after) is (page if found else None)

    run()


@in_virtual_time
async def test_a_page_is_forgotten_after_a_while():
    async with Stage(10) as stage:
        await stage.pages.read(0)
        await asyncio.sleep(KEPT + 0.1)

        assert stage.pages.find(0) is None


@in_virtual_time
async def test_an_empty_page_is_not_kept_as_it_would_hide_what_comes_next():
    async with Stage(10) as stage:
        assert (await stage.pages.read(10)).entries == ()
        await stage.log.append([Update(("a",), Event())])

        assert [entry.position for entry in (await stage.pages.read(10)).entries] == [11]


@in_virtual_time
async def test_only_so_many_pages_are_kept_the_newest():
    async with Stage(PAGE * (PAGES + 2)) as stage:
        for number in range(PAGES + 2):
            await stage.pages.read(number * PAGE)

        assert [stage.pages.find(number * PAGE) is not None for number in range(PAGES + 2)] == [
            False,
            False,
            *[True] * PAGES,
        ]


@in_virtual_time
async def test_chunks_are_made_once_for_a_feed_and_a_place():
    async with Stage(10) as stage:
        feed = Feed(audience_of(["a"]), Format.BARE)
        page = await stage.pages.read(0)

        made = stage.pages.chunks(feed, page, 3, 7)
        assert [(chunk.events, chunk.position) for chunk in made] == [(4, 7)]
        assert stage.pages.chunks(feed, page, 3, 7) is made
        assert stage.pages.chunks(Feed(audience_of(["b"]), Format.BARE), page, 3, 7) == ()


@in_virtual_time
async def test_the_size_of_all_chunks_is_bounded():
    async with Stage(PAGE, "x" * 10_000) as stage:
        page = await stage.pages.read(0)
        for number in range(20):
            stage.pages.chunks(Feed(audience_of(["a"]), Format.BARE), page, number, PAGE)
            kept = [sum(len(chunk.payload) for chunk in made) for made in stage.pages._chunks.values()]
            assert 0 < sum(kept) + len(kept) * CHUNKS_LEAST == stage.pages._chunks_size <= CHUNKS_SIZE


@in_virtual_time
async def test_the_number_of_chunks_is_bounded_even_of_those_with_nothing_in_them():
    async with Stage(2) as stage:
        page = await stage.pages.read(0)
        for _ in range(CHUNKS_SIZE // CHUNKS_LEAST + 1):
            stage.pages.chunks(Feed(audience_of(["b"]), Format.BARE), page, 0, 2)
        assert len(stage.pages._chunks) == 1


@in_virtual_time
async def test_chunks_are_not_kept_when_no_page_is():
    async with Stage(10) as stage:
        page = await stage.pages.read(0)
        await asyncio.sleep(KEPT + 0.1)
        stage.pages.chunks(Feed(audience_of(["a"]), Format.BARE), page, 0, 10)

        assert stage.pages._chunks == {}


@in_virtual_time
async def test_closing_stops_reading():
    async with Stage(10) as stage:
        stage.log.hold()
        reading = asyncio.create_task(stage.pages.read(0))
        await settle()
        await stage.pages.close()

        with pytest.raises(asyncio.CancelledError):
            await reading


@in_virtual_time
async def test_many_who_wait_for_a_log_that_fails_are_one_warning(caplog):
    async with Stage(10) as stage:
        stage.log.failures = 2
        pages = await asyncio.gather(*(stage.pages.read(0) for _ in range(100)))

        assert {len(page.entries) for page in pages} == {10}
        assert caplog.text.count("cannot read the log") == 2


def entries(*sizes):
    return [Entry(place, Update(("a",), Event("x" * size))) for place, size in enumerate(sizes, 1)]


def test_chunks_are_filled_to_their_bound_with_the_position_of_their_last_entry():
    overhead = len(frame(Event(), Format.BARE))
    half = MAX_CHUNK // 2 - overhead
    found = list(chunks(entries(half, half, 1, MAX_CHUNK * 2, 1), audience_of(["a"]), Format.BARE))

    assert [(len(payload), events, position) for payload, events, position in found] == [
        (MAX_CHUNK, 2, 2),
        (1 + overhead, 1, 3),
        (MAX_CHUNK * 2 + overhead, 1, 4),
        (1 + overhead, 1, 5),
    ]


def test_entries_for_others_make_no_chunk():
    assert list(chunks(entries(1, 2), audience_of(["b"]), Format.BARE)) == []
