"""Subscribers that are cut short: a farewell after the frame that was begun, and closed in time."""

from __future__ import annotations

import asyncio

import pytest

from longwave import delivery as delivery_module
from longwave.core.drop import Drop
from longwave.core.subscriber import State
from longwave.delivery import BATCH
from scripted_sink import ScriptedSink
from unit.delivery_stage import Stage, counted, drops, slow_sinks
from virtual_time import in_virtual_time, settle


@pytest.mark.parametrize("state", State)
def test_one_that_is_cut_gets_a_farewell_and_nothing_that_was_not_begun_in_every_state(state):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            subscriber = stage.in_state(state)
            stage.delivery.cut(subscriber, b"bye")
            stage.push(b"more\n\n")
            stage.delivery.cut(subscriber, b"again")
            subscriber.sink.room = None
            stage.delivery.writable(subscriber)
            await settle()
            assert subscriber.state is State.CLOSED
            assert subscriber.sink.wire == (b"" if state is State.CLOSED else b"bye")
            assert subscriber.sink.released == 1
            assert stage.closed == [subscriber]
            assert stage.behind == stage.drained == []
            assert stage.delivery._cut == {}

    run()


@pytest.mark.parametrize("state", [State.REPLAYING, State.LAGGING, State.BEHIND, State.CLOSING])
def test_one_that_is_cut_finishes_the_frame_that_was_begun(state):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            subscriber = stage.in_state(state)
            if state is State.REPLAYING:
                subscriber.sink.room = 0
                stage.delivery.write(subscriber, b"held\n\n")
            subscriber.sink.room = 3
            stage.delivery.writable(subscriber)
            stage.delivery.cut(subscriber, b"bye")
            await asyncio.sleep(delivery_module.CUT / 2)
            subscriber.sink.room = None
            stage.delivery.writable(subscriber)
            assert subscriber.sink.wire == b"held\n\nbye"
            assert subscriber.state is State.CLOSED
            assert drops(stage) == {Drop.ENDED: 1}

    run()


@pytest.mark.parametrize("drained_first", [False, True])
@pytest.mark.parametrize("room", [0, 1, 30_000])
def test_one_that_is_cut_is_closed_in_time_however_much_it_takes_meanwhile(room, drained_first):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            subscriber = stage.live(ScriptedSink(room=5))
            stage.push(b"x" * 10**6)
            await settle()
            if drained_first:
                stage.delivery.finish(subscriber, b"bye")
            stage.delivery.cut(subscriber, b"bye")
            for _ in range(9):
                await asyncio.sleep(delivery_module.CUT / 10)
                stage.delivery.cut(subscriber, b"bye")
                subscriber.sink.room = room
                stage.delivery.writable(subscriber)
            assert subscriber.state is State.CLOSING
            await asyncio.sleep(delivery_module.CUT / 10 + 0.001)
            assert subscriber.state is State.CLOSED
            assert len(subscriber.sink.wire) == 5 + 9 * room
            assert drops(stage) == {Drop.STALLED: 1}

    run()


@in_virtual_time
async def test_one_that_is_cut_during_a_pass_gets_its_frame_before_or_never():
    async with Stage() as stage:
        slow_sinks(stage, 3 * BATCH)
        members = list(stage.feed.live)
        stage.push(b"frame\n\n")
        await asyncio.sleep(0)
        full = next(member for member in members if not member.sink.sends)
        full.sink.room = 0
        for member in members:
            stage.delivery.finish(member, b"drained")
            stage.delivery.cut(member, b"bye")
        assert all(member.state is State.CLOSED for member in members)
        full.sink.room = None
        await settle()
        wires = [member.sink.wire for member in members if member is not full]
        assert wires.count(b"frame\n\nbye") == BATCH
        assert wires.count(b"bye") == 2 * BATCH - 1
        assert full.sink.wire == b"", "it was not to be held, as the pass would have sent the frame before or after"
        assert counted(stage)[0] == BATCH
        assert drops(stage) == {Drop.ENDED: 3 * BATCH}
        assert stage.delivery._farewells == {}


@in_virtual_time
async def test_one_that_is_gone_when_it_is_cut_is_closed_as_that():
    async with Stage() as stage:
        for state in (State.LIVE, State.LAGGING):
            subscriber = stage.in_state(state)
            subscriber.sink.failure = BrokenPipeError()
            stage.delivery.cut(subscriber, b"bye")
            assert subscriber.state is State.CLOSED
        assert drops(stage) == {Drop.GONE: 2}


@in_virtual_time
async def test_a_delivery_that_is_closed_waits_for_none_that_was_cut():
    async with Stage() as stage:
        subscriber = stage.in_state(State.LAGGING)
        stage.delivery.cut(subscriber, b"bye")
    await asyncio.sleep(2 * delivery_module.CUT)
    assert subscriber.state is State.CLOSING
