"""Feeding a subscriber from the log: where it starts, what comes first, and how it joins its feed.

Of the same file: what was found out about its id before (test_replay_resumption.py), how the log is read (reading), who
is slower than its feed (lag), closing, counters. In virtual time.
"""

from __future__ import annotations

import asyncio

import pytest

from longwave.core.subscriber import State
from scripted_sink import ScriptedSink
from unit.replay_stage import Stage, got
from virtual_time import in_virtual_time, settle

# Where it starts.


@pytest.mark.parametrize(
    ("last_event_id", "expected"),
    [
        ("earliest", [3, 4, 5]),
        ("{epoch}-3", [4, 5]),
        ("{epoch}-5", []),
        ("{epoch}-1", [("expired", 1, 2), 3, 4, 5]),
        ("{epoch}-0", [("expired", 0, 2), 3, 4, 5]),
        ("{epoch}-6", [("restarted", 6, 5)]),
        ("ffffffff-2", [("restarted", "ffffffff-2", 5)]),
        ("never given", [("expired", "never given", 5)]),
    ],
)
def test_a_resume_tells_what_is_missing_and_sends_what_is_there(last_event_id, expected):
    @in_virtual_time
    async def run():
        async with Stage(events=3) as stage:
            await stage.publish(5)
            subscriber = stage.resume(last_event_id.format(epoch=stage.log.epoch))
            await settle()
            assert got(subscriber) == expected
            assert subscriber.state is State.LIVE
            await stage.publish()
            await settle()
            assert got(subscriber) == [*expected, 6]

    run()


@in_virtual_time
async def test_a_publishers_own_id_is_a_place_to_resume_from():
    async with Stage() as stage:
        await stage.publish(2)
        await stage.append(event_id="mine")
        await stage.hand_over(3)
        await stage.publish(2)
        subscriber = stage.resume("mine")
        await settle()
        assert got(subscriber) == [4, 5]


@in_virtual_time
async def test_an_id_that_appears_while_it_is_looked_up_is_not_taken_for_a_lost_one():
    """Another node may have given it out a moment ago; so the end of the log is looked at after the id."""
    async with Stage() as stage:
        await stage.publish(5)
        stage.log.hold("locate")
        subscriber = stage.resume(stage.id(6))
        await settle()
        await stage.publish(2)
        stage.log.go_on()
        await settle()
        assert got(subscriber) == [7]


@in_virtual_time
async def test_a_page_older_than_what_was_located_is_never_used():
    async with Stage() as stage:
        await stage.append(5)
        stage.log.hold()
        subscriber = stage.resume(stage.id(5))
        await settle()
        await stage.append(1)
        stage.log.go_on()
        for position in range(1, 7):
            await stage.hand_over(position)
        await settle()
        assert got(subscriber) == [6]


@in_virtual_time
async def test_only_what_the_audience_receives_is_replayed():
    async with Stage() as stage:
        for topic in "ababb":
            await stage.publish(topic=topic)
        subscriber = stage.resume("earliest")
        await settle()
        assert got(subscriber) == [1, 3]
        assert (stage.replays._tasks, stage.replays._unfinished) == ({}, set())


@in_virtual_time
async def test_a_log_that_grew_old_while_it_was_looked_up_is_told_as_a_gap():
    async with Stage(events=3) as stage:
        await stage.append(event_id="mine")
        await stage.hand_over(1)
        await stage.publish(2)
        stage.log.hold()
        subscriber = stage.resume("mine")
        await settle()
        appended = await stage.append(4)
        stage.head = appended[0]
        stage.log.go_on()
        await settle(2)
        for position in appended[1:]:
            await stage.hand_over(position)
        await settle()
        assert got(subscriber) == [("expired", "mine", 4), 5, 6, 7]


# Joining.


@in_virtual_time
async def test_it_joins_at_the_floor_while_frames_are_pending():
    async with Stage() as stage:
        feed = stage.feed("a")
        await stage.publish(3)
        await settle()
        subscriber = stage.resume("earliest")
        await settle(4)
        stage.delivery.push(feed, 3, b"id: x-4\ndata:\n\n")
        stage.head = 9
        await settle()
        assert got(subscriber) == [1, 2, 3, 4]
        assert subscriber.state is State.LIVE


@in_virtual_time
async def test_frames_that_go_out_while_it_reads_come_once():
    async with Stage() as stage:
        await stage.publish(3)
        stage.log.hold()
        subscriber = stage.resume("earliest")
        await settle()
        stage.log.go_on()
        for _ in range(10):
            await stage.publish()
            await settle(1)
        await settle()
        assert got(subscriber) == list(range(1, 14))


@in_virtual_time
async def test_what_was_trimmed_while_frames_are_pending_comes_from_the_feed_and_is_no_gap():
    async with Stage(events=1) as stage:
        feed = stage.feed("a")
        await stage.publish(2)
        await settle()
        stage.log.hold()
        subscriber = stage.resume(stage.id(2))
        await settle()
        await asyncio.gather(stage.append(3), settle())
        stage.delivery.push(feed, 2, b"id: x-3\ndata:\n\n")
        stage.delivery.push(feed, 3, b"id: x-4\ndata:\n\n")
        stage.delivery.push(feed, 4, b"id: x-5\ndata:\n\n")
        stage.head = 5
        feed.running = True
        stage.delivery._ready.clear()
        stage.log.go_on()
        await settle()
        assert subscriber.state is State.LIVE
        assert got(subscriber) == []
        stage.delivery._ready.append(feed)
        stage.delivery._schedule()
        await settle()
        assert got(subscriber) == [3, 4, 5]


@in_virtual_time
async def test_a_position_beyond_the_feeds_waits_until_they_are_there():
    """Its id came from another node, which is faster."""
    async with Stage() as stage:
        await stage.append(5)
        stage.head = 2
        subscriber = stage.resume(stage.id(4))
        await settle()
        reads = len(stage.log.looks)
        await settle(100)
        assert subscriber.state is State.REPLAYING
        assert len(stage.log.looks) == reads, "it does not ask again and again"
        await asyncio.sleep(1)  # virtual time moves only if nothing is ready: it does not spin either
        for position in (3, 4, 5):
            await stage.hand_over(position)
            await settle()
        assert got(subscriber) == [5]
        assert subscriber.state is State.LIVE


@in_virtual_time
async def test_a_position_beyond_what_the_feed_has_sent_waits_for_its_pass():
    async with Stage() as stage:
        feed = stage.feed("a")
        await stage.append(4)
        feed.running = True  # a pass that is due, but whose turn has not come
        for position in (1, 2, 3, 4):
            await stage.hand_over(position)
        subscriber = stage.resume(stage.id(3))
        await settle()
        assert subscriber.state is State.REPLAYING
        stage.delivery._ready.append(feed)
        stage.delivery._schedule()
        await settle()
        assert got(subscriber) == [4]
        assert subscriber.state is State.LIVE


@in_virtual_time
async def test_who_joins_while_holding_the_end_of_the_replay_lags():
    async with Stage() as stage:
        await stage.publish(2)
        subscriber = stage.resume("earliest", sink=ScriptedSink(room=10))
        await settle()
        assert subscriber.state is State.LAGGING
        await stage.publish()
        await settle()
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        assert got(subscriber) == [1, 2, 3]
        assert subscriber.state is State.LIVE


@in_virtual_time
async def test_an_id_without_a_place_goes_live_at_the_floor():
    async with Stage() as stage:
        feed = stage.feed("a")
        await stage.publish(3)
        await settle()
        feed.running = True  # a pass that is due, but whose turn has not come
        stage.delivery.push(feed, 3, b"id: x-4\ndata:\n\n")
        stage.head = 4
        subscriber = stage.resume("never given")
        await settle()
        assert got(subscriber) == [("expired", "never given", 3)]
        stage.delivery._ready.append(feed)
        stage.delivery._schedule()
        await settle()
        assert got(subscriber) == [("expired", "never given", 3), 4]


# The opening.


@pytest.mark.parametrize(("place", "expected"), [("{epoch}-1", [2, 4]), ("{epoch}-5", []), ("mine", [2, 4])])
@pytest.mark.parametrize("at_hand", [False, True])
def test_the_opening_comes_first_whatever_follows(place, expected, at_hand):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            await stage.append(event_id="mine")
            await stage.hand_over(1)
            for topic in "abab":
                await stage.publish(topic=topic)
            if at_hand:
                stage.resume(stage.id(1))
                await settle()
            subscriber = stage.resume(place.format(epoch=stage.log.epoch), opening=b": first\n")
            await settle()
            assert subscriber.sink.wire.startswith(b": first\n")
            assert subscriber.sink.wire.count(b": first\n") == 1
            assert got(subscriber) == expected
            assert subscriber.state is State.LIVE

    run()


@in_virtual_time
async def test_the_opening_comes_too_where_all_that_is_at_hand_is_for_others():
    async with Stage() as stage:
        await stage.publish(3)
        stage.resume(stage.id(1))
        await settle()
        subscriber = stage.resume(stage.id(1), selectors=("b",), opening=b": first\n")
        assert subscriber.sink.wire == b": first\n"
        assert subscriber.state is State.LIVE
