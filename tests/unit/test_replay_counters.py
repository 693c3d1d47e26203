"""What replays count: how each resume came out, gaps by reason, events that were replayed."""

from __future__ import annotations

import asyncio

import pytest

from longwave.core.census import take_census
from longwave.core.subscriber import State, Subscriber
from longwave.replay_pages import KEPT, PAGE
from scripted_sink import ScriptedSink
from unit.replay_stage import Stage, gaps, outcomes
from virtual_time import in_virtual_time, settle


@pytest.mark.parametrize(
    ("last_event_id", "outcome", "told", "replayed"),
    [
        ("earliest", "earliest", {}, 3),
        ("{epoch}-3", "hit", {}, 2),
        ("{epoch}-5", "hit", {}, 0),
        ("{epoch}-1", "expired", {"expired": 1}, 3),
        ("{epoch}-6", "restarted", {"restarted": 1}, 0),
        ("ffffffff-2", "restarted", {"restarted": 1}, 0),
        ("never given", "unknown", {"expired": 1}, 0),
    ],
)
@pytest.mark.parametrize("at_hand", [False, True])
def test_each_resume_counts_once_with_what_the_log_had(last_event_id, outcome, told, replayed, at_hand):
    @in_virtual_time
    async def run():
        async with Stage(events=3) as stage:
            await stage.publish(5)
            if at_hand:
                await stage.replays._pages.read(2)
            subscriber = stage.resume(last_event_id.format(epoch=stage.log.epoch))
            await settle()
            assert subscriber.state is State.LIVE
            assert outcomes(stage) == {outcome: 1}
            assert gaps(stage) == told
            assert stage.delivery.counters.replayed == replayed

    run()


@in_virtual_time
async def test_a_resume_that_takes_many_pages_is_one_hit():
    async with Stage(events=5 * PAGE) as stage:
        await stage.publish(3 * PAGE)
        stage.resume(stage.id(0))
        await settle(200)
        assert outcomes(stage) == {"hit": 1}
        assert stage.delivery.counters.replayed == 3 * PAGE


@in_virtual_time
async def test_what_is_trimmed_after_the_replay_began_is_a_gap_and_still_a_hit():
    async with Stage(events=2 * PAGE) as stage:
        await stage.publish(2 * PAGE)
        subscriber = stage.resume(stage.id(0), sink=ScriptedSink(room=10))
        await settle()
        await stage.publish(2 * PAGE)
        await asyncio.sleep(KEPT + 1)
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle(200)
        assert outcomes(stage) == {"hit": 1}
        assert gaps(stage) == {"expired": 1}


@in_virtual_time
async def test_who_fell_behind_is_no_resume_and_its_gap_has_its_own_reason():
    async with Stage(events=3) as stage:
        feed = stage.feed("a")
        sink = ScriptedSink(room=0)
        subscriber = Subscriber(feed, sink, sink.release, stage.delivery.now())
        feed.set_apart(subscriber)
        feed.join(subscriber)
        await stage.publish(1, data="x" * 990)
        await settle()
        await stage.publish(1, data="x" * 990)
        await settle()
        assert subscriber.state is State.BEHIND
        await stage.publish(9)
        sink.room = None
        stage.delivery.writable(subscriber)
        await settle(100)
        assert subscriber.state is State.LIVE
        assert outcomes(stage) == {}
        assert gaps(stage) == {"slow": 1}


@in_virtual_time
async def test_until_its_place_is_known_a_subscriber_lacks_nothing():
    async with Stage() as stage:
        await stage.publish(5)
        stage.log.hold("locate")
        subscriber = stage.resume("never given")
        await settle()
        assert subscriber.state is State.REPLAYING
        assert take_census(stage.feeds.values(), stage.head).lag == 0
        stage.log.go_on()
        await settle()


@in_virtual_time
async def test_who_left_before_the_log_was_read_counts_for_nothing():
    async with Stage() as stage:
        await stage.publish(5)
        stage.log.hold()
        subscriber = stage.resume(stage.id(1))
        await settle()
        stage.delivery.drop(subscriber)
        stage.log.go_on()
        await settle()
        assert outcomes(stage) == {}
