"""Subscribers that leave in the midst of a replay: no task stays, nothing follows a farewell."""

from __future__ import annotations

import asyncio

import pytest

from longwave.core.subscriber import State
from scripted_sink import ScriptedSink
from unit.replay_stage import Stage, got
from virtual_time import in_virtual_time, settle


@pytest.mark.parametrize("moment", ["before it starts", "reading", "held", "waiting for the feeds", "log failing"])
def test_a_subscriber_closed_at_any_moment_of_its_replay_leaves_no_task(moment):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            await stage.append(5)
            stage.head = 5 if moment != "waiting for the feeds" else 2
            if moment == "reading":
                stage.log.hold()
            if moment == "log failing":
                stage.log.failures = 1
            sink = ScriptedSink(room=0 if moment == "held" else None)
            start = stage.id(4) if moment == "waiting for the feeds" else "earliest"
            subscriber = stage.resume(start, sink=sink)
            if moment == "held":
                stage.head = 0
                await settle()
                stage.delivery.write(subscriber, b"x")
                stage.head = 5
            if moment != "before it starts":
                await settle()
            taken = len(sink.sends)
            stage.delivery.drop(subscriber)
            await settle()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert len(sink.sends) == taken
            assert sink.released == 1

    run()


@in_virtual_time
async def test_one_that_stalls_in_the_middle_of_a_long_replay_leaves_no_task_when_it_is_dropped():
    async with Stage() as stage:
        await stage.publish(100, data="x" * 1000)
        subscriber = stage.resume("earliest", sink=ScriptedSink(room=0))
        await settle()
        assert subscriber.holding
        assert subscriber.state is State.REPLAYING
        stage.delivery.drop(subscriber)
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}


@in_virtual_time
async def test_one_whose_client_is_gone_is_dropped_by_its_own_replay(caplog):
    async with Stage(events=2) as stage:
        await stage.publish(5)
        for last_event_id in ("earliest", stage.id(1), "never given"):
            subscriber = stage.resume(last_event_id, sink=ScriptedSink(failure=BrokenPipeError()))
            await settle()
            assert subscriber.state is State.CLOSED
            assert subscriber.sink.offers == 1
        assert caplog.text == ""
        assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("last_event_id", ["earliest", "never given"])
def test_one_that_takes_leave_while_its_page_is_read_is_sent_nothing_more(last_event_id):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            await stage.publish(3)
            stage.log.hold()
            subscriber = stage.resume(last_event_id, sink=ScriptedSink(room=0))
            await settle()
            stage.delivery.finish(subscriber, b"bye")
            stage.log.go_on()
            await settle()
            subscriber.sink.room = None
            stage.delivery.writable(subscriber)
            assert subscriber.sink.wire == b"bye"
            assert subscriber.state is State.CLOSED
            await settle()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    run()


@in_virtual_time
async def test_one_left_behind_that_takes_leave_while_its_page_is_read_is_sent_nothing_more():
    async with Stage(events=2) as stage:
        subscriber = stage.resume("earliest", sink=ScriptedSink(room=0))
        await settle()
        for _ in range(8):
            await stage.publish(data="x" * 300)
            await settle()
        stage.log.hold()
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle()
        assert stage.log.reading == 1
        before = subscriber.sink.wire
        subscriber.sink.room = 0
        stage.delivery.finish(subscriber, b"bye")
        stage.log.go_on()
        await settle()
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        assert subscriber.sink.wire == before + b"bye"


@in_virtual_time
async def test_one_that_takes_leave_between_two_chunks_keeps_its_farewell_last():
    async with Stage() as stage:
        await stage.publish(100, data="x" * 1000)
        subscriber = stage.resume("earliest", sink=ScriptedSink(room=100))
        await settle()
        stage.delivery.finish(subscriber, b"bye")
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle()
        assert subscriber.sink.wire.endswith(b"\n\nbye")
        assert subscriber.state is State.CLOSED


@in_virtual_time
async def test_closing_waits_until_no_replay_is_left():
    async with Stage() as stage:
        await stage.publish(3)
        stage.log.hold()
        stage.resume("earliest")
        dropped = stage.resume("earliest")
        await settle()
        stage.delivery.drop(dropped)
        await stage.replays.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}


@in_virtual_time
async def test_forgetting_one_without_a_replay_and_draining_one_that_does_not_wait_change_nothing():
    async with Stage() as stage:
        await stage.publish(1)
        subscriber = stage.resume("earliest")
        stage.replays.drained(subscriber)
        await settle()
        stage.replays.drained(subscriber)
        stage.replays.forget(subscriber)
        await stage.publish(1)
        await settle()
        assert got(subscriber) == [1, 2]
