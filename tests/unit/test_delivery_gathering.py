"""Gathering: a large pass waits for a moment, so that what is published together goes out in one write to each."""

from __future__ import annotations

import asyncio

import pytest

from longwave.core.audience import audience_of
from longwave.core.feed import Feed
from longwave.core.frame import Format
from longwave.delivery import BATCH, GATHER, LARGE, QUIET, SLICE
from unit.delivery_stage import Stage, slow_sinks
from virtual_time import in_virtual_time, settle


def audience(stage, count, feed=None):
    return [stage.live(feed=feed, watch=False).sink for _ in range(count)]


@in_virtual_time
@pytest.mark.parametrize("pause", range(1, QUIET + 1))
async def test_frames_that_come_round_after_round_go_out_in_one_write(pause):
    async with Stage() as stage:
        sinks = audience(stage, LARGE)
        for frame in (b"a", b"b", b"c", b"d"):
            stage.push(frame)
            for _ in range(pause):
                await asyncio.sleep(0)
        await settle()
        assert [sink.sends for sink in sinks] == [[b"abcd"]] * LARGE


@in_virtual_time
async def test_a_large_pass_begins_after_some_quiet_rounds():
    async with Stage() as stage:
        sinks = audience(stage, LARGE)
        stage.push(b"x")
        for _ in range(QUIET):
            await asyncio.sleep(0)
        assert not any(sink.sends for sink in sinks)
        await asyncio.sleep(0)
        assert [sink.sends for sink in sinks] == [[b"x"]] * LARGE


@in_virtual_time
async def test_a_smaller_pass_begins_in_the_next_round():
    async with Stage() as stage:
        sinks = audience(stage, LARGE - 1)
        stage.push(b"x")
        await asyncio.sleep(0)
        assert [sink.sends for sink in sinks] == [[b"x"]] * (LARGE - 1)


@in_virtual_time
async def test_frames_that_never_pause_hold_a_large_pass_up_for_a_bounded_time():
    async with Stage() as stage:
        sink, *_ = audience(stage, LARGE)
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not sink.sends:
            stage.push(b"x")
            loop.spend(GATHER / 10)
            await asyncio.sleep(0)
        assert loop.time() - began == pytest.approx(GATHER, rel=0.2)
        await settle()


@in_virtual_time
async def test_what_is_sent_meanwhile_is_time_enough():
    """Frames gather while another pass is under way, so nothing is gained by waiting beside it."""
    async with Stage() as stage:
        other = Feed(audience_of(["other"]), Format.BARE)
        slow_sinks(stage, 20 * BATCH, other, cost=1.001 * SLICE / BATCH)
        stage.push(b"other", other)
        await asyncio.sleep(0)
        for _ in range(QUIET):
            await asyncio.sleep(0)
        sinks = audience(stage, LARGE)
        stage.push(b"x")
        await asyncio.sleep(0)
        assert any(sink.sends for sink in sinks)
        await settle()


@in_virtual_time
async def test_small_feeds_are_served_while_a_large_pass_waits():
    async with Stage() as stage:
        large, small = audience(stage, LARGE), Feed(audience_of(["small"]), Format.BARE)
        (sink,) = audience(stage, 1, small)
        stage.push(b"large")
        stage.push(b"small", small)
        await asyncio.sleep(0)
        assert sink.sends == [b"small"]
        assert not large[0].sends
        await settle()


@in_virtual_time
async def test_who_joins_or_takes_leave_meanwhile_gets_the_frame():
    async with Stage() as stage:
        early = [stage.live(watch=False) for _ in range(LARGE)]
        stage.push(b"x")
        late = stage.live(watch=False)
        stage.delivery.finish(early[0], b"bye")
        await settle()
        assert early[0].sink.sends == [b"x", b"bye"]
        assert late.sink.sends == [b"x"]
