"""Short writes: what is held for a subscriber that took less, what follows, and when it is too much."""

from __future__ import annotations

import asyncio

import pytest

from longwave.core.subscriber import State
from longwave.delivery import BATCH
from scripted_sink import ScriptedSink
from unit.delivery_stage import Stage, slow_sinks
from virtual_time import in_virtual_time, settle

# Short writes.


@in_virtual_time
async def test_a_short_write_goes_on_at_the_byte_and_then_the_subscriber_is_live_again():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(room=3))
        stage.push(b"abcdef")
        await settle()
        assert subscriber.state is State.LAGGING
        subscriber.sink.room = 2
        stage.delivery.writable(subscriber)
        assert subscriber.state is State.LAGGING
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        assert subscriber.state is State.LIVE
        assert subscriber.sink.sends == [b"abc", b"de", b"f"]


@in_virtual_time
async def test_a_full_sink_holds_the_whole_frame():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(room=0))
        stage.push(b"abc")
        await settle()
        stage.delivery.writable(subscriber)
        assert subscriber.size_held == 3
        assert subscriber.state is State.LAGGING


@in_virtual_time
async def test_a_slow_subscriber_delays_nobody_and_gets_everything_in_order():
    async with Stage() as stage:
        slow, fast = stage.live(ScriptedSink(room=1)), stage.live()
        for frame in (b"one\n", b"two\n", b"three\n"):
            stage.push(frame)
            await settle()
        assert fast.sink.wire == b"one\ntwo\nthree\n"
        slow.sink.room = None
        stage.delivery.writable(slow)
        assert slow.sink.wire == b"one\ntwo\nthree\n"


@in_virtual_time
async def test_past_the_bound_it_is_behind_keeps_what_was_begun_and_replays_from_before_the_chunk():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(room=5))
        for frame in (b"a" * 500, b"b" * 600, b"c" * 600):
            stage.push(frame)
            await settle()
        assert subscriber.state is State.BEHIND
        assert subscriber.size_held == 495
        assert stage.behind == []
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        assert subscriber.sink.wire == b"a" * 500
        assert stage.behind == [subscriber]
        assert subscriber.state is State.REPLAYING
        assert subscriber.position == 1, "the second frame is at position 2"


@in_virtual_time
async def test_who_has_room_again_during_a_pass_is_not_sent_the_frame_twice():
    async with Stage() as stage:
        lagging = stage.live(ScriptedSink(room=1))
        stage.push(b"one")
        await settle()
        lagging.sink.room = None
        slow_sinks(stage, 2 * BATCH)
        stage.push(b"two")
        await asyncio.sleep(0)
        stage.delivery.writable(lagging)
        assert lagging.state is State.LIVE
        await settle()
        assert lagging.sink.wire == b"onetwo"


@in_virtual_time
async def test_a_writable_sink_of_one_that_holds_nothing_changes_nothing():
    async with Stage() as stage:
        for state in (State.LIVE, State.CLOSED):
            subscriber = stage.in_state(state)
            stage.delivery.writable(subscriber)
            assert subscriber.state is state
            assert subscriber.sink.offers == 0


@in_virtual_time
async def test_a_replaying_one_that_took_what_was_held_is_told_to_its_replay():
    async with Stage() as stage:
        subscriber = stage.replaying(ScriptedSink(room=2))
        stage.delivery.write(subscriber, b"abc")
        assert stage.drained == []
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        assert stage.drained == [subscriber]
        assert subscriber.sink.wire == b"abc"


@in_virtual_time
async def test_a_write_comes_after_what_is_held():
    async with Stage() as stage:
        subscriber = stage.replaying(ScriptedSink(room=2))
        stage.delivery.write(subscriber, b"abc")
        subscriber.sink.room = None
        stage.delivery.write(subscriber, b"def")
        assert subscriber.sink.wire == b"ab"
        stage.delivery.writable(subscriber)
        assert subscriber.sink.wire == b"abcdef"


# Several payloads in one write.


@pytest.mark.parametrize(
    ("room", "begun", "held"), [(None, 3, 0), (8, 3, 1), (6, 3, 3), (5, 2, 1), (3, 2, 3), (0, 1, 3)]
)
def test_of_what_is_written_together_only_the_rest_of_the_one_begun_is_held(room, begun, held):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            subscriber = stage.replaying(ScriptedSink(room=room))
            assert stage.delivery.write_together(subscriber, [b"abc", b"def", b"ghi"]) == begun
            assert subscriber.size_held == held
            subscriber.sink.room = None
            stage.delivery.writable(subscriber)
            assert subscriber.sink.wire == b"abcdefghi"[: 3 * begun]

    run()


@in_virtual_time
async def test_of_what_is_written_together_nothing_was_begun_if_the_client_is_gone():
    async with Stage() as stage:
        subscriber = stage.replaying(ScriptedSink(failure=BrokenPipeError()))
        assert stage.delivery.write_together(subscriber, [b"abc", b"def"]) == 0
        assert subscriber.state is State.CLOSED
