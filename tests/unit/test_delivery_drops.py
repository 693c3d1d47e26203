"""Subscribers that are gone, or whose sink breaks its contract, harm nobody and are freed once."""

from __future__ import annotations

import asyncio

import pytest

from longwave.core.subscriber import State
from longwave.delivery import BATCH
from scripted_sink import ScriptedSink
from unit.delivery_stage import Stage, slow_sinks
from virtual_time import in_virtual_time, settle


@pytest.mark.parametrize("failure", [BrokenPipeError(), ConnectionResetError(), OSError(9, "bad descriptor")])
def test_a_client_that_is_gone_is_dropped_and_the_others_get_the_frame(failure):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            gone = stage.live(ScriptedSink(failure=failure))
            others = [stage.live(), stage.live()]
            stage.push(b"x")
            await settle()
            assert stage.closed == [gone]
            assert gone.sink.released == 1
            assert [other.sink.wire for other in others] == [b"x", b"x"]

    run()


@in_virtual_time
async def test_a_sink_that_breaks_its_contract_harms_only_itself_and_is_logged(caplog):
    async with Stage() as stage:
        broken = stage.live(ScriptedSink(failure=RuntimeError("broken sink")))
        other = stage.live()
        for frame in (b"a", b"b"):
            stage.push(frame)
            await settle()
        assert broken.state is State.CLOSED
        assert other.sink.wire == b"ab"
        assert "broken sink" in caplog.text


@in_virtual_time
async def test_a_sink_that_breaks_its_contract_when_written_to_alone_is_dropped_and_logged(caplog):
    async with Stage() as stage:
        broken = stage.replaying(ScriptedSink(failure=RuntimeError("broken sink")))
        stage.delivery.write(broken, b"x")
        assert stage.closed == [broken]
        assert "broken sink" in caplog.text


@pytest.mark.parametrize("step", ["write", "writable"])
def test_a_client_that_is_gone_when_written_to_alone_is_dropped(step):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            subscriber = stage.in_state(State.LAGGING)
            if step == "write":
                subscriber = stage.replaying()
            subscriber.sink.failure = BrokenPipeError()
            if step == "write":
                stage.delivery.write(subscriber, b"x")
            else:
                stage.delivery.writable(subscriber)
            assert stage.closed == [subscriber]
            assert not subscriber.holding

    run()


@in_virtual_time
async def test_who_was_dropped_during_a_pass_is_not_touched_when_the_pass_comes_to_it():
    async with Stage() as stage:
        slow_sinks(stage, 3 * BATCH)
        victims = list(stage.feed.live)
        stage.push(b"x")
        await asyncio.sleep(0)
        for victim in victims:
            stage.delivery.drop(victim)
        await settle()
        assert len(stage.closed) == len(victims)
        assert all(victim.state is State.CLOSED and victim.sink.released == 1 for victim in victims)


@pytest.mark.parametrize("state", State)
def test_dropping_frees_everything_once_in_every_state(state):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            subscriber = stage.in_state(state)
            stage.delivery.drop(subscriber)
            stage.delivery.drop(subscriber)
            assert subscriber.state is State.CLOSED
            assert subscriber.sink.released == 1
            assert stage.closed == [subscriber]
            assert stage.feed.deserted
            assert not subscriber.holding

    run()
