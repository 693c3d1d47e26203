"""A resumption that was found out before: the place that is known already, or the gap that is to be told."""

from __future__ import annotations

from longwave.core.gap import Reason
from longwave.core.resume import Resumption
from longwave.core.subscriber import State
from scripted_sink import ScriptedSink
from unit.replay_stage import Stage, got, outcomes
from virtual_time import in_virtual_time, settle


@in_virtual_time
async def test_what_came_since_the_place_was_found_to_be_lost_follows_the_gap():
    """Whoever is told that `2` was the last one gets 3, which was published before it was attached."""
    async with Stage() as stage:
        await stage.publish(3)
        lost = Resumption("never given", stage.id(2), Reason.EXPIRED, 2)
        subscriber = stage.resume(resumption=lost, opening=b": first\n")
        assert subscriber.sink.wire.startswith(b": first\n")
        await settle()
        await stage.publish()
        await settle()

        assert got(subscriber) == [("expired", "never given", 2), 3, 4]
        assert outcomes(stage) == {"unknown": 1}


@in_virtual_time
async def test_whose_place_is_lost_and_who_lacks_nothing_is_live_at_once_and_nothing_is_read():
    async with Stage() as stage:
        await stage.publish(3)
        looks = list(stage.log.looks)
        subscriber = stage.resume(resumption=Resumption("ffffffff-2", "mine", Reason.RESTARTED, 3))

        assert subscriber.state is State.LIVE
        assert got(subscriber) == [("restarted", "ffffffff-2", "mine")]
        assert stage.log.looks == looks
        assert outcomes(stage) == {"restarted": 1}


@in_virtual_time
async def test_where_earliest_is_told_the_gap_names_its_place():
    async with Stage() as stage:
        await stage.publish(3)
        subscriber = stage.resume(resumption=Resumption("never given", "earliest", Reason.EXPIRED, 3))

        assert got(subscriber) == [("expired", "never given", 3)]


@in_virtual_time
async def test_a_lost_place_that_feeds_have_not_come_to_yet_is_waited_for():
    async with Stage() as stage:
        await stage.publish(2)
        await stage.append(2)
        subscriber = stage.resume(resumption=Resumption("never given", stage.id(3), Reason.EXPIRED, 3))
        await settle()
        assert subscriber.state is State.REPLAYING
        await stage.hand_over(3)
        await stage.hand_over(4)
        await settle()

        assert got(subscriber) == [("expired", "never given", 3), 4]
        assert subscriber.state is State.LIVE


@in_virtual_time
async def test_who_leaves_when_told_of_the_gap_is_fed_no_more():
    async with Stage() as stage:
        await stage.publish(3)
        lost = Resumption("never given", stage.id(2), Reason.EXPIRED, 2)
        for opening, counted in ((b": first\n", {}), (b"", {"unknown": 1})):
            sink = ScriptedSink(failure=BrokenPipeError())
            subscriber = stage.resume(resumption=lost, sink=sink, opening=opening)

            assert subscriber.state is State.CLOSED
            assert sink.offers == 1
            assert stage.replays._tasks == {}
            assert outcomes(stage) == counted


@in_virtual_time
async def test_a_place_that_was_found_is_not_looked_for_again():
    async with Stage() as stage:
        await stage.append(event_id="mine")
        await stage.hand_over(1)
        await stage.publish(2)
        subscriber = stage.resume(resumption=Resumption("mine", "mine", None, 1))
        await settle()

        assert got(subscriber) == [2, 3]
        assert not [look for look in stage.log.looks if look[0] == "locate"]


@in_virtual_time
async def test_a_place_that_was_found_and_lies_before_what_is_left_is_told_with_the_id_that_came():
    async with Stage(events=2) as stage:
        await stage.append(event_id="mine")
        await stage.hand_over(1)
        await stage.publish(3)
        subscriber = stage.resume(resumption=Resumption("mine", "mine", None, 1))
        await settle()

        assert got(subscriber) == [("expired", "mine", 2), 3, 4]
