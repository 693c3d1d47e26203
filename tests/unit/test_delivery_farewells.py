"""Farewells: the last words to a subscriber, after everything that it was to get."""

from __future__ import annotations

import asyncio

import pytest

from longwave.core.subscriber import State
from longwave.delivery import BATCH
from scripted_sink import ScriptedSink
from unit.delivery_stage import Stage, slow_sinks
from virtual_time import in_virtual_time, settle


@pytest.mark.parametrize("state", State)
def test_a_farewell_comes_once_after_everything_held_in_every_state(state):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            subscriber = stage.in_state(state)
            stage.delivery.finish(subscriber, b"retry: 1\n")
            stage.delivery.finish(subscriber, b"retry: 2\n")
            subscriber.sink.room = None
            stage.delivery.writable(subscriber)
            assert subscriber.state is State.CLOSED
            assert subscriber.sink.released == 1
            held = b"held\n\n" if state in (State.LAGGING, State.BEHIND, State.CLOSING) else b""
            farewell = b"" if state in (State.CLOSING, State.CLOSED) else b"retry: 1\n"
            assert subscriber.sink.wire == held + farewell
            assert stage.behind == stage.drained == []

    run()


@in_virtual_time
async def test_one_that_takes_leave_is_not_sent_more_frames():
    async with Stage() as stage:
        subscriber = stage.in_state(State.LAGGING)
        stage.delivery.finish(subscriber, b"bye")
        stage.push(b"more")
        await settle()
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        assert subscriber.sink.wire == b"held\n\nbye"


@in_virtual_time
async def test_a_farewell_waits_for_the_pass_under_way_and_never_stands_before_its_frame():
    async with Stage() as stage:
        slow_sinks(stage, 3 * BATCH)
        members = list(stage.feed.live)
        stage.push(b"frame")
        await asyncio.sleep(0)
        for member in members:
            stage.delivery.finish(member, b"bye")
            stage.delivery.finish(member, b"again")
        assert all(b"bye" not in member.sink.sends for member in members)
        await settle()
        assert [member.sink.wire for member in members] == [b"framebye"] * len(members)
        assert stage.delivery._farewells == {}
        assert all(member.state is State.CLOSED for member in members)


@in_virtual_time
async def test_a_feed_that_never_pauses_does_not_hold_up_a_farewell():
    async with Stage() as stage:
        slow_sinks(stage, 2 * BATCH)
        member = next(iter(stage.feed.live))
        stage.push(b"x")
        for _ in range(3):
            await asyncio.sleep(0)
            stage.push(b"x")
        stage.delivery.finish(member, b"bye")
        for _ in range(8):
            assert stage.feed.running
            await asyncio.sleep(0)
            stage.push(b"x")
        assert member.state is State.CLOSED
        assert member.sink.wire.endswith(b"xbye")
        await settle()


@in_virtual_time
async def test_who_is_dropped_or_lags_while_its_farewell_waits_gets_no_more_than_it_should():
    async with Stage() as stage:
        slow_sinks(stage, 3 * BATCH)
        dropped, lags, *_ = stage.feed.rotated()[-10:]
        stage.push(b"frame")
        lags.sink.room = 2
        await asyncio.sleep(0)
        stage.delivery.finish(dropped, b"bye")
        stage.delivery.finish(lags, b"bye")
        stage.delivery.drop(dropped)
        await settle()
        assert b"bye" not in dropped.sink.wire
        assert lags.state is State.CLOSING
        lags.sink.room = None
        stage.delivery.writable(lags)
        assert lags.sink.wire == b"framebye"


@in_virtual_time
async def test_a_farewell_to_a_client_that_is_gone_closes_it():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(failure=BrokenPipeError()))
        stage.delivery.finish(subscriber, b"bye")
        assert stage.closed == [subscriber]
