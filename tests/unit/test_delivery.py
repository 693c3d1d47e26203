"""Passes: a frame goes to all live subscribers, in slices, feeds in turn; what is pending has a bound.

Of the same file: who takes less (test_delivery_lag.py), who is gone (drops), gathering, heartbeats, deadlines,
farewells, cuts, counters. In virtual time.
"""

from __future__ import annotations

import asyncio
import math

import pytest

from longwave.core.audience import audience_of
from longwave.core.feed import MAX_CHUNK, Feed
from longwave.core.frame import Format
from longwave.core.subscriber import State
from longwave.delivery import BATCH, MAX_PENDING, QUIET, SLICE, DeliveryLimits
from longwave.errors import InvalidValue
from scripted_sink import ScriptedSink
from unit.delivery_stage import HEARTBEAT, Stage, slow_sinks
from virtual_time import in_virtual_time, settle

# Limits.


def test_limits_have_safe_defaults():
    assert DeliveryLimits() == DeliveryLimits(lag=262_144, heartbeat=15.0, send_timeout=30.0, replays=64)


@pytest.mark.parametrize("name", ["lag", "heartbeat", "send_timeout", "replays"])
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan])
def test_a_limit_must_be_finite_and_above_0(name, value):
    with pytest.raises(InvalidValue, match=f"^{name}: expected a number above 0, got {value!r}$"):
        DeliveryLimits(**{name: value})


# Passes.


@in_virtual_time
async def test_a_frame_goes_to_all_live_subscribers_as_one_shared_object_in_the_next_round():
    async with Stage() as stage:
        sinks = [stage.live().sink for _ in range(3)]
        frame = b"x" * 100
        stage.push(frame)
        assert [sink.sends for sink in sinks] == [[], [], []]
        await asyncio.sleep(0)
        assert all(sink.sends[0] is frame for sink in sinks)


@in_virtual_time
async def test_what_is_pushed_before_a_pass_goes_out_in_one_send():
    async with Stage() as stage:
        sink = stage.live().sink
        for frame in (b"a", b"b", b"c"):
            stage.push(frame)
        await settle()
        assert sink.sends == [b"abc"]


@in_virtual_time
async def test_frames_beyond_a_chunk_go_out_in_order():
    async with Stage() as stage:
        sink = stage.live().sink
        frames = [bytes([65 + number]) * (MAX_CHUNK // 2) for number in range(5)]
        for frame in frames:
            stage.push(frame)
        await settle()
        assert sink.wire == b"".join(frames)
        assert sink.offers == 3
        assert not stage.feed.running
        assert not stage.feed.pending


@in_virtual_time
async def test_a_feed_that_nobody_follows_is_emptied():
    async with Stage() as stage:
        stage.push(b"x")
        await settle()
        assert not stage.feed.pending
        assert not stage.feed.running


@in_virtual_time
async def test_who_joins_during_a_pass_gets_the_next_one_only():
    async with Stage() as stage:
        early = slow_sinks(stage, 3 * BATCH)
        stage.push(b"one")
        await asyncio.sleep(0)
        late = stage.live().sink
        await settle()
        stage.push(b"two")
        await settle()
        assert [sink.sends for sink in early] == [[b"one", b"two"]] * len(early)
        assert late.sends == [b"two"]


@in_virtual_time
async def test_a_large_pass_is_cut_into_slices_and_lets_other_feeds_through():
    async with Stage() as stage:
        many = slow_sinks(stage, 10 * BATCH)
        other = Feed(audience_of(["other"]), Format.BARE)
        sink = stage.live(feed=other).sink
        stage.push(b"large")
        await settle(QUIET + 1)
        assert sum(len(one.sends) for one in many) == BATCH
        stage.push(b"small", other)
        await asyncio.sleep(0)
        assert sink.sends == [b"small"]
        assert sum(len(one.sends) for one in many) <= 3 * BATCH
        await settle()
        assert [one.sends for one in many] == [[b"large"]] * (10 * BATCH)


@in_virtual_time
async def test_two_large_passes_advance_in_turn():
    async with Stage() as stage:
        other = Feed(audience_of(["other"]), Format.BARE)
        one, two = slow_sinks(stage, 4 * BATCH), slow_sinks(stage, 4 * BATCH, other)
        stage.push(b"x")
        stage.push(b"x", other)
        await settle(6)
        done = [sum(len(sink.sends) for sink in sinks) // BATCH for sinks in (one, two)]
        assert abs(done[0] - done[1]) <= 1
        await settle()
        assert all(sink.sends for sink in one + two)


@in_virtual_time
async def test_small_feeds_that_never_pause_do_not_starve_a_large_pass():
    async with Stage() as stage:
        many = slow_sinks(stage, 5 * BATCH)
        other = Feed(audience_of(["other"]), Format.BARE)
        busy = slow_sinks(stage, 1, other, cost=2 * SLICE)
        stage.push(b"large")
        for _ in range(10):
            stage.push(b"small", other)
            await asyncio.sleep(0)
        assert len(busy[0].sends) >= 8
        assert all(sink.sends for sink in many)
        await settle()


@in_virtual_time
async def test_a_feed_that_never_pauses_does_not_starve_deadlines_and_heartbeats():
    async with Stage() as stage:
        stalled = stage.in_state(State.LAGGING)
        quiet = stage.live(feed=Feed(audience_of(["quiet"]), Format.BARE))
        busy = Feed(audience_of(["busy"]), Format.BARE)
        slow_sinks(stage, 1, busy, cost=1.0)
        for _ in range(40):
            stage.push(b"x", busy)
            await asyncio.sleep(0)
        assert stalled.state is State.CLOSED
        assert HEARTBEAT in quiet.sink.sends
        await settle()


@in_virtual_time
async def test_passes_begin_at_rotating_places():
    async with Stage() as stage:
        order = []
        for number in range(4):
            stage.live(ScriptedSink(on_send=lambda number=number: order.append(number)))
        for _ in range(20):
            stage.push(b"x")
            await settle(3)
        assert {*order[::4]} == {0, 1, 2, 3}


# Room.


@in_virtual_time
async def test_room_bounds_what_is_pending_and_comes_back_with_the_passes():
    async with Stage() as stage:
        stage.live()
        assert not stage.delivery.full
        await stage.delivery.room()
        while not stage.delivery.full:
            stage.push(b"x" * 2**20)
        assert stage.position == MAX_PENDING // 2**20 + 1
        waiting = asyncio.ensure_future(stage.delivery.room())
        await settle()
        assert waiting.done()
        assert not stage.delivery.full


@in_virtual_time
async def test_room_is_not_there_while_too_much_is_pending():
    async with Stage() as stage:
        other = Feed(audience_of(["other"]), Format.BARE)
        slow_sinks(stage, 3 * BATCH)
        for _ in range(3):
            stage.push(b"x" * MAX_PENDING)
        waiting = asyncio.ensure_future(stage.delivery.room())
        stage.push(b"y", other)
        await asyncio.sleep(0)
        assert stage.delivery.full
        assert not waiting.done()
        await settle()
        assert waiting.done()
