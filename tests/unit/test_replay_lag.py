"""Subscribers slower than their feed or than the log's retention: they go on where they were, or are told."""

from __future__ import annotations

import asyncio

from longwave.core.subscriber import State
from longwave.replay_pages import KEPT
from scripted_sink import ScriptedSink
from unit.replay_stage import Stage, got
from virtual_time import in_virtual_time, settle


@in_virtual_time
async def test_one_left_behind_goes_on_exactly_where_its_feed_left_it():
    async with Stage() as stage:
        await stage.publish()
        subscriber = stage.resume("earliest")
        await settle()
        subscriber.sink.room = 0
        for _ in range(8):
            await stage.publish(data="x" * 300)
            await settle()
        assert subscriber.state is State.BEHIND
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle()
        assert got(subscriber) == list(range(1, 10))
        assert subscriber.state is State.LIVE


@in_virtual_time
async def test_one_left_behind_past_the_retention_is_told_that_it_was_slow():
    async with Stage(events=2) as stage:
        await stage.publish()
        subscriber = stage.resume("earliest")
        await settle()
        subscriber.sink.room = 0
        for _ in range(8):
            await stage.publish(data="x" * 300)
            await settle()
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle()
        assert got(subscriber) == [1, 2, 3, 4, ("slow", 4, 7), 8, 9]


@in_virtual_time
async def test_updates_for_others_that_were_trimmed_meanwhile_are_no_gap():
    """The client that stalled on a heartbeat in a quiet feed missed nothing up to the frame that it did not get."""
    async with Stage(events=3) as stage:
        await stage.publish()
        subscriber = stage.resume("earliest")
        await settle()
        subscriber.sink.room = 0
        subscriber.hold(b":\n", 1e9)
        subscriber.feed.fell_short(subscriber)
        for _ in range(20):
            await stage.publish(topic="b")
        await stage.publish(data="x" * 1001)
        await settle()
        assert subscriber.state is State.BEHIND
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle()
        assert got(subscriber) == [1, 22]


@in_virtual_time
async def test_a_log_trimmed_while_it_is_replayed_is_told_as_a_gap_between():
    async with Stage(events=20) as stage:
        await stage.publish(20, data="x" * 10_000)
        subscriber = stage.resume("earliest", sink=ScriptedSink(room=10_100))
        await settle()
        await stage.publish(15)
        await asyncio.sleep(2 * KEPT)  # until then it would get what was read before, though it was trimmed
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle()
        found = got(subscriber)
        gaps = [item for item in found if isinstance(item, tuple)]
        assert gaps == [("expired", 2, 15)]
        assert found == [1, 2, *gaps, *range(16, 36)]


@in_virtual_time
async def test_a_gap_waits_for_a_heartbeat_that_was_begun():
    async with Stage(events=2) as stage:
        await stage.publish(5)
        stage.log.hold()
        subscriber = stage.resume(stage.id(1), sink=ScriptedSink(room=1))
        await settle()
        stage.delivery.write(subscriber, b":\n")
        stage.log.go_on()
        await settle()
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle()
        assert subscriber.sink.wire.startswith(b":\nevent: gap\n")
        assert got(subscriber) == [("expired", 1, 3), 4, 5]
