"""Deadlines: who takes too little for too long is cut off; the wheel that they stand on."""

from __future__ import annotations

import asyncio
import logging

import pytest

from longwave.core.audience import audience_of
from longwave.core.feed import Feed
from longwave.core.frame import Format
from longwave.core.subscriber import State
from longwave.delivery import BATCH, DeliveryLimits
from scripted_sink import ScriptedSink
from unit.delivery_stage import HEARTBEAT, TICK, Stage
from virtual_time import in_virtual_time, settle


@pytest.mark.parametrize("state", [State.LAGGING, State.BEHIND, State.CLOSING])
def test_a_stalled_client_is_cut_off_at_its_deadline_in_every_state_that_holds(state, caplog):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            subscriber = stage.in_state(state)
            await asyncio.sleep(29.9)
            assert subscriber.state is state
            await asyncio.sleep(0.1 + 2 * TICK)
            assert subscriber.state is State.CLOSED

    caplog.set_level(logging.INFO, "longwave.delivery")
    run()
    assert "cut off a subscriber that took too little" in caplog.text


@in_virtual_time
async def test_a_replaying_one_that_stalls_is_cut_off():
    async with Stage() as stage:
        subscriber = stage.replaying(ScriptedSink(room=0))
        stage.delivery.write(subscriber, b"x")
        await asyncio.sleep(30 + 2 * TICK)
        assert subscriber.state is State.CLOSED


@in_virtual_time
async def test_a_byte_a_second_is_cut_off():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(room=0))
        stage.push(b"x" * 500)
        for _ in range(32):
            await asyncio.sleep(1)
            subscriber.sink.room = 1
            stage.delivery.writable(subscriber)
        assert subscriber.state is State.CLOSED
        assert len(subscriber.sink.wire) <= 31


@in_virtual_time
async def test_more_frames_do_not_give_a_stalled_client_more_time():
    async with Stage(DeliveryLimits(lag=10**6)) as stage:
        subscriber = stage.live(ScriptedSink(room=0))
        for _ in range(32):
            stage.push(b"x" * 500)
            await asyncio.sleep(1)
        assert subscriber.state is State.CLOSED


@in_virtual_time
async def test_a_slow_client_that_makes_progress_stays():
    async with Stage(DeliveryLimits(lag=10**6)) as stage:
        subscriber = stage.live(ScriptedSink(room=0))
        stage.push(b"x" * 200_000)
        for _ in range(9):
            await asyncio.sleep(25)
            assert subscriber.state is State.LAGGING
            subscriber.sink.room = 20_000
            stage.delivery.writable(subscriber)
        assert len(subscriber.sink.wire) == 180_000


@in_virtual_time
async def test_a_deadline_shorter_than_the_silence_between_heartbeats_is_kept():
    async with Stage(DeliveryLimits(heartbeat=600.0, send_timeout=5.0)) as stage:
        subscriber = stage.live()
        await asyncio.sleep(7)
        subscriber.sink.room = 0
        stage.push(b"x")
        await asyncio.sleep(5 + 5.0 / 8)
        assert subscriber.state is State.CLOSED


@in_virtual_time
async def test_many_checks_that_are_due_at_once_are_all_made():
    async with Stage() as stage:
        sinks = [stage.live(feed=Feed(audience_of(["*"]), Format.BARE)).sink for _ in range(3 * BATCH + 1)]
        await asyncio.sleep(15 + 2 * TICK)
        assert [sink.sends for sink in sinks] == [[HEARTBEAT]] * len(sinks)


@in_virtual_time
async def test_each_subscriber_stands_on_the_wheel_once_however_long_it_lives():
    async with Stage() as stage:
        for _ in range(5):
            stage.live()
        stage.in_state(State.LAGGING)
        await asyncio.sleep(1000)
        assert sum(map(len, stage.delivery._wheel._buckets.values())) == 5


@in_virtual_time
async def test_who_was_closed_leaves_the_wheel_at_its_next_check():
    async with Stage() as stage:
        subscriber = stage.live()
        stage.delivery.drop(subscriber)
        await asyncio.sleep(15 + 2 * TICK)
        assert subscriber.sink.offers == 0
        assert sum(map(len, stage.delivery._wheel._buckets.values())) == 0


@in_virtual_time
async def test_a_closed_delivery_leaves_no_timer():
    stage = Stage()
    await asyncio.sleep(100)
    stage.delivery.close()
    await settle()
    assert [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()] == []
