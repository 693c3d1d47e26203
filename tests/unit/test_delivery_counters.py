"""What a delivery counts: deliveries, bytes, overflows, drops by reason, first writes."""

from __future__ import annotations

import asyncio

import pytest

from longwave.core.audience import audience_of
from longwave.core.drop import Drop
from longwave.core.feed import Feed
from longwave.core.frame import Format
from longwave.delivery import BATCH, SLICE, DeliveryLimits
from scripted_sink import ScriptedSink
from unit.delivery_stage import Stage, counted, drops
from virtual_time import in_virtual_time, settle


@in_virtual_time
async def test_a_pass_counts_each_of_its_frames_for_each_subscriber_and_the_bytes_that_were_taken():
    async with Stage() as stage:
        for _ in range(3):
            stage.live()
        for frame in (b"aa", b"bb"):
            stage.push(frame)
        await settle()
        assert counted(stage) == (2 * 3, 4 * 3)


@in_virtual_time
async def test_what_was_not_taken_at_once_is_a_delivery_whose_bytes_count_when_they_are_taken():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(room=3))
        stage.push(b"0123456789")
        await settle()
        assert counted(stage) == (1, 3)
        stage.push(b"abc")
        await settle()
        assert counted(stage) == (2, 3)
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        assert counted(stage) == (2, 13)


@in_virtual_time
async def test_who_takes_nothing_counts_no_bytes():
    async with Stage() as stage:
        stage.live(ScriptedSink(room=0))
        stage.push(b"abc")
        await settle()
        assert counted(stage) == (1, 0)


@in_virtual_time
async def test_who_is_gone_is_no_delivery():
    async with Stage() as stage:
        stage.live()
        stage.live(ScriptedSink(failure=BrokenPipeError()))
        stage.live(ScriptedSink(failure=ValueError("a bug")))
        stage.push(b"abc")
        await settle()
        assert counted(stage) == (1, 3)
        assert drops(stage) == {Drop.GONE: 1, Drop.FAILED: 1}


@in_virtual_time
async def test_events_for_this_process_count_no_bytes():
    async with Stage(form=Format.EVENT) as stage:
        subscriber = stage.live(ScriptedSink(room=1), watch=False)
        stage.push(("one",))
        stage.push(("two",))
        await settle()
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        assert subscriber.sink.events == ["one", "two"]
        assert counted(stage) == (2, 0)


@in_virtual_time
async def test_who_falls_behind_is_an_overflow_and_no_delivery():
    async with Stage(DeliveryLimits(lag=10)) as stage:
        stage.live(ScriptedSink(room=0))
        stage.push(b"x" * 10)
        await settle()
        stage.push(b"y")
        await settle()
        assert stage.delivery.counters.overflows == 1
        assert counted(stage) == (1, 0)


@in_virtual_time
async def test_a_stalled_subscriber_is_dropped_as_that():
    async with Stage(DeliveryLimits(send_timeout=5.0)) as stage:
        stage.live(ScriptedSink(room=0))
        stage.push(b"x")
        await asyncio.sleep(10)
        assert drops(stage) == {Drop.STALLED: 1}


@pytest.mark.parametrize("room", [None, 2])
def test_who_was_told_to_end_and_took_it_has_ended(room):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            subscriber = stage.live(ScriptedSink(room=room))
            stage.delivery.finish(subscriber, b"bye")
            if room is not None:
                subscriber.sink.room = None
                stage.delivery.writable(subscriber)
            assert drops(stage) == {Drop.ENDED: 1}

    run()


@in_virtual_time
async def test_a_subscriber_is_dropped_once_for_the_first_reason():
    async with Stage() as stage:
        subscriber = stage.live()
        stage.delivery.drop(subscriber, Drop.CLOSED)
        stage.delivery.drop(subscriber, Drop.FAILED)
        assert drops(stage) == {Drop.CLOSED: 1}


@pytest.mark.parametrize("failure", [BrokenPipeError(), ValueError("a bug")])
def test_a_sink_that_fails_at_a_heartbeat_is_dropped_for_its_reason(failure):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            stage.live(ScriptedSink(failure=failure))
            await asyncio.sleep(60)
            assert drops(stage) == {Drop.GONE if isinstance(failure, OSError) else Drop.FAILED: 1}

    run()


@in_virtual_time
async def test_counts_never_fall_while_a_pass_is_cut_into_slices():
    """A scrape between two slices must not see more than one after the pass."""
    async with Stage() as stage:
        loop = asyncio.get_running_loop()
        seen = []
        for number in range(5 * BATCH):
            failure = BrokenPipeError() if number % 7 == 0 else None
            stage.live(ScriptedSink(failure=failure, on_send=lambda: loop.spend(SLICE / 10)))
        stage.push(b"abc")
        while stage.feed.running:
            seen.append(counted(stage))
            await asyncio.sleep(0)
        gone = stage.delivery.counters.drops[Drop.GONE]
        assert len(seen) > 2
        assert seen == sorted(seen)
        assert counted(stage) == (5 * BATCH - gone, 3 * (5 * BATCH - gone))


@in_virtual_time
async def test_a_publish_call_is_timed_when_the_first_pass_begins():
    async with Stage() as stage:
        stage.live()
        other = Feed(audience_of(["b"]), Format.BARE)
        stage.live(feed=other)
        stage.delivery.first_writes.appended(1, began=0.0)
        stage.delivery.push(stage.feed, 0, b"x")
        stage.delivery.push(other, 0, b"x")
        assert sum(stage.delivery.counters.first_write.counts) == 0
        await settle()
        assert sum(stage.delivery.counters.first_write.counts) == 1
        assert stage.delivery.counters.first_write.sum > 0
