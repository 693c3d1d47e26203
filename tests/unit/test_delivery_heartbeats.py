"""Heartbeats: after silence, in every state, never torn and never in the wrong place."""

from __future__ import annotations

import asyncio

import pytest

from longwave import delivery as delivery_module
from longwave.core.frame import Format
from longwave.core.subscriber import State
from longwave.delivery import DeliveryLimits
from scripted_sink import ScriptedSink
from unit.delivery_stage import HEARTBEAT, TICK, Stage
from virtual_time import in_virtual_time, settle


@pytest.mark.parametrize(("form", "heartbeat"), [(Format.BARE, b":\n"), (Format.CHUNKED, b"2\r\n:\n\r\n")])
def test_heartbeats_come_after_silence_and_about_every_period(form, heartbeat):
    @in_virtual_time
    async def run():
        async with Stage(form=form) as stage:
            sink = stage.live().sink
            await asyncio.sleep(14.9)
            assert sink.sends == []
            await asyncio.sleep(0.1 + 2 * TICK)
            assert sink.sends == [heartbeat]
            await asyncio.sleep(10 * (15 + TICK))
            assert len(sink.sends) in (10, 11)
            assert set(sink.sends) == {heartbeat}

    run()


@in_virtual_time
async def test_frames_keep_heartbeats_away():
    async with Stage() as stage:
        sink = stage.live().sink
        for _ in range(10):
            await asyncio.sleep(13)
            stage.push(b"x")
        assert HEARTBEAT not in sink.sends
        await asyncio.sleep(15 + 2 * TICK)
        assert sink.sends[-2:] == [b"x", HEARTBEAT]


@in_virtual_time
async def test_a_long_replay_without_matches_gets_heartbeats_even_if_its_feed_is_busy():
    async with Stage() as stage:
        subscriber = stage.replaying()
        stage.feed.running = True
        await asyncio.sleep(15 + 2 * TICK)
        assert subscriber.sink.sends == [HEARTBEAT]


@in_virtual_time
async def test_a_live_one_is_written_nothing_while_a_pass_is_under_way_or_due():
    """The pass may be before or after it: a heartbeat would then stand in the wrong place or be torn."""
    async with Stage() as stage:
        sink = stage.live().sink
        stage.feed.running = True
        await asyncio.sleep(20)
        assert sink.offers == 0
        stage.feed.running = False
        await asyncio.sleep(2 * TICK)
        assert sink.sends == [HEARTBEAT]


@in_virtual_time
async def test_a_heartbeat_that_was_not_taken_makes_a_live_one_lag_and_is_never_torn():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(room=1))
        await asyncio.sleep(15 + 2 * TICK)
        assert subscriber.state is State.LAGGING
        stage.push(b"frame")
        await settle()
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        assert subscriber.sink.wire == b":\nframe"
        assert subscriber.state is State.LIVE


@in_virtual_time
async def test_one_that_holds_something_gets_no_heartbeat():
    async with Stage() as stage:
        subscriber = stage.in_state(State.LAGGING)
        await asyncio.sleep(20)
        assert subscriber.size_held == 6


@in_virtual_time
async def test_after_a_stall_heartbeats_are_not_late():
    async with Stage(DeliveryLimits(send_timeout=300.0)) as stage:
        subscriber = stage.live(ScriptedSink(room=0))
        stage.push(b"x")
        await asyncio.sleep(16)
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await asyncio.sleep(15 + 2 * TICK)
        assert subscriber.sink.sends == [b"x", HEARTBEAT]


@in_virtual_time
async def test_what_a_replay_sends_keeps_heartbeats_away():
    async with Stage() as stage:
        subscriber = stage.replaying()
        await asyncio.sleep(10)
        stage.delivery.write(subscriber, b"page")
        await asyncio.sleep(14)
        assert subscriber.sink.sends == [b"page"]
        await asyncio.sleep(1 + 2 * TICK)
        assert subscriber.sink.sends == [b"page", HEARTBEAT]


@in_virtual_time
async def test_after_a_heartbeat_the_next_look_is_a_period_later():
    async with Stage() as stage:
        stage.live()
        await asyncio.sleep(15 + 2 * TICK)
        (tick,) = stage.delivery._wheel._buckets
        assert tick * TICK > stage.delivery.now() + 10


@in_virtual_time
async def test_a_client_found_gone_by_a_heartbeat_is_dropped():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(failure=BrokenPipeError()))
        await asyncio.sleep(15 + 2 * TICK)
        assert stage.closed == [subscriber]


@in_virtual_time
async def test_one_that_is_not_watched_gets_no_heartbeats_and_has_no_deadline():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(room=0), watch=False)
        stage.push(b"x")
        await asyncio.sleep(1000)
        assert subscriber.state is State.LAGGING
        assert subscriber.sink.offers == 1


def test_heartbeats_exist_for_every_format_on_a_wire():
    assert set(delivery_module.HEARTBEATS) == set(Format) - {Format.EVENT}
