"""Passes, short writes, farewells, heartbeats and deadlines, in virtual time."""

from __future__ import annotations

import asyncio
import logging
import math

import pytest

from longwave import delivery as delivery_module
from longwave.core.audience import audience_of
from longwave.core.drop import Drop
from longwave.core.feed import MAX_CHUNK, Feed
from longwave.core.frame import Format
from longwave.core.subscriber import State, Subscriber
from longwave.delivery import BATCH, MAX_PENDING, SLICE, Delivery, DeliveryLimits
from longwave.errors import InvalidValue
from scripted_sink import ScriptedSink
from virtual_time import in_virtual_time, settle

HEARTBEAT = b":\n"
LIMITS = DeliveryLimits(lag=1000, heartbeat=15.0, send_timeout=30.0)
TICK = 15.0 / 16


class Stage:
    """A delivery with one feed, and what it called back."""

    def __init__(self, limits=LIMITS, form=Format.BARE):
        self.behind = []
        self.drained = []
        self.closed = []
        self.delivery = Delivery(
            limits, behind=self.behind.append, drained=self.drained.append, closed=self.closed.append
        )
        self.delivery.open()
        self.feed = Feed(audience_of(["*"]), form)
        self.position = 0

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.delivery.close()

    def replaying(self, sink=None, feed=None, watch=True):
        sink = sink or ScriptedSink()
        subscriber = Subscriber(feed or self.feed, sink, sink.release, self.delivery.now())
        (feed or self.feed).set_apart(subscriber)
        if watch:
            self.delivery.watch(subscriber)
        return subscriber

    def live(self, sink=None, feed=None, watch=True):
        subscriber = self.replaying(sink, feed, watch)
        subscriber.feed.join(subscriber)
        return subscriber

    def in_state(self, state, sink=None):
        """Bring a subscriber into a state on the ways that the product has; it holds something where it can."""
        subscriber = self.replaying(sink or ScriptedSink())
        if state is State.REPLAYING:
            return subscriber
        self.feed.join(subscriber)
        if state in (State.LAGGING, State.BEHIND, State.CLOSING):
            subscriber.hold(b"held\n\n", self.delivery.now() + 30)
            self.feed.fell_short(subscriber)
            subscriber.sink.room = 0
        if state is State.BEHIND:
            self.feed.push(self.position, b"x" * 1000)
            self.feed.hold_for_lagging(self.feed.take(), 1000)
        if state is State.CLOSING:
            self.delivery.finish(subscriber, b"")
        if state is State.CLOSED:
            self.delivery.drop(subscriber)
        assert subscriber.state is state
        return subscriber

    def push(self, frame, feed=None):
        self.delivery.push(feed or self.feed, self.position, frame)
        self.position += 1


# Limits.


def test_limits_have_safe_defaults():
    assert DeliveryLimits() == DeliveryLimits(lag=262_144, heartbeat=15.0, send_timeout=30.0, replays=64)


@pytest.mark.parametrize("name", ["lag", "heartbeat", "send_timeout", "replays"])
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan])
def test_a_limit_must_be_finite_and_above_0(name, value):
    with pytest.raises(InvalidValue, match=f"^{name}: expected a number above 0, got {value!r}$"):
        DeliveryLimits(**{name: value})


# Passes.


@in_virtual_time
async def test_a_frame_goes_to_all_live_subscribers_as_one_shared_object_in_the_next_round():
    async with Stage() as stage:
        sinks = [stage.live().sink for _ in range(3)]
        frame = b"x" * 100
        stage.push(frame)
        assert [sink.sends for sink in sinks] == [[], [], []]
        await asyncio.sleep(0)
        assert all(sink.sends[0] is frame for sink in sinks)


@in_virtual_time
async def test_what_is_pushed_before_a_pass_goes_out_in_one_send():
    async with Stage() as stage:
        sink = stage.live().sink
        for frame in (b"a", b"b", b"c"):
            stage.push(frame)
        await settle()
        assert sink.sends == [b"abc"]


@in_virtual_time
async def test_frames_beyond_a_chunk_go_out_in_order():
    async with Stage() as stage:
        sink = stage.live().sink
        frames = [bytes([65 + number]) * (MAX_CHUNK // 2) for number in range(5)]
        for frame in frames:
            stage.push(frame)
        await settle()
        assert sink.wire == b"".join(frames)
        assert sink.offers == 3
        assert not stage.feed.running
        assert not stage.feed.pending


@in_virtual_time
async def test_a_feed_that_nobody_follows_is_emptied():
    async with Stage() as stage:
        stage.push(b"x")
        await settle()
        assert not stage.feed.pending
        assert not stage.feed.running


@in_virtual_time
async def test_who_joins_during_a_pass_gets_the_next_one_only():
    async with Stage() as stage:
        early = slow_sinks(stage, 3 * BATCH)
        stage.push(b"one")
        await asyncio.sleep(0)
        late = stage.live().sink
        await settle()
        stage.push(b"two")
        await settle()
        assert [sink.sends for sink in early] == [[b"one", b"two"]] * len(early)
        assert late.sends == [b"two"]


def slow_sinks(stage, count, feed=None, cost=1.001 * SLICE / BATCH):
    """Live subscribers whose sends take time: a batch of them takes a slice."""
    loop = asyncio.get_running_loop()
    return [stage.live(ScriptedSink(on_send=lambda: loop.spend(cost)), feed, watch=False).sink for _ in range(count)]


@in_virtual_time
async def test_a_large_pass_is_cut_into_slices_and_lets_other_feeds_through():
    async with Stage() as stage:
        many = slow_sinks(stage, 10 * BATCH)
        other = Feed(audience_of(["other"]), Format.BARE)
        sink = stage.live(feed=other).sink
        stage.push(b"large")
        await asyncio.sleep(0)
        assert sum(len(one.sends) for one in many) == BATCH
        stage.push(b"small", other)
        await asyncio.sleep(0)
        assert sink.sends == [b"small"]
        assert sum(len(one.sends) for one in many) <= 3 * BATCH
        await settle()
        assert [one.sends for one in many] == [[b"large"]] * (10 * BATCH)


@in_virtual_time
async def test_two_large_passes_advance_in_turn():
    async with Stage() as stage:
        other = Feed(audience_of(["other"]), Format.BARE)
        one, two = slow_sinks(stage, 4 * BATCH), slow_sinks(stage, 4 * BATCH, other)
        stage.push(b"x")
        stage.push(b"x", other)
        await settle(6)
        done = [sum(len(sink.sends) for sink in sinks) // BATCH for sinks in (one, two)]
        assert abs(done[0] - done[1]) <= 1
        await settle()
        assert all(sink.sends for sink in one + two)


@in_virtual_time
async def test_small_feeds_that_never_pause_do_not_starve_a_large_pass():
    async with Stage() as stage:
        many = slow_sinks(stage, 5 * BATCH)
        other = Feed(audience_of(["other"]), Format.BARE)
        busy = slow_sinks(stage, 1, other, cost=2 * SLICE)
        stage.push(b"large")
        for _ in range(10):
            stage.push(b"small", other)
            await asyncio.sleep(0)
        assert len(busy[0].sends) >= 8
        assert all(sink.sends for sink in many)
        await settle()


@in_virtual_time
async def test_a_feed_that_never_pauses_does_not_starve_deadlines_and_heartbeats():
    async with Stage() as stage:
        stalled = stage.in_state(State.LAGGING)
        quiet = stage.live(feed=Feed(audience_of(["quiet"]), Format.BARE))
        busy = Feed(audience_of(["busy"]), Format.BARE)
        slow_sinks(stage, 1, busy, cost=1.0)
        for _ in range(40):
            stage.push(b"x", busy)
            await asyncio.sleep(0)
        assert stalled.state is State.CLOSED
        assert HEARTBEAT in quiet.sink.sends
        await settle()


@in_virtual_time
async def test_passes_begin_at_rotating_places():
    async with Stage() as stage:
        order = []
        for number in range(4):
            stage.live(ScriptedSink(on_send=lambda number=number: order.append(number)))
        for _ in range(20):
            stage.push(b"x")
            await settle(3)
        assert {*order[::4]} == {0, 1, 2, 3}


# Room.


@in_virtual_time
async def test_room_bounds_what_is_pending_and_comes_back_with_the_passes():
    async with Stage() as stage:
        stage.live()
        assert not stage.delivery.full
        await stage.delivery.room()
        while not stage.delivery.full:
            stage.push(b"x" * 2**20)
        assert stage.position == MAX_PENDING // 2**20 + 1
        waiting = asyncio.ensure_future(stage.delivery.room())
        await settle()
        assert waiting.done()
        assert not stage.delivery.full


@in_virtual_time
async def test_room_is_not_there_while_too_much_is_pending():
    async with Stage() as stage:
        other = Feed(audience_of(["other"]), Format.BARE)
        slow_sinks(stage, 3 * BATCH)
        for _ in range(3):
            stage.push(b"x" * MAX_PENDING)
        waiting = asyncio.ensure_future(stage.delivery.room())
        stage.push(b"y", other)
        await asyncio.sleep(0)
        assert stage.delivery.full
        assert not waiting.done()
        await settle()
        assert waiting.done()


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


# Clients that are gone.


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


# Farewells.


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


# Cut short.


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


# Heartbeats.


@pytest.mark.parametrize(("form", "heartbeat"), [(Format.BARE, b":\n"), (Format.CHUNKED, b"2\r\n:\n\r\n")])
def test_heartbeats_come_after_silence_and_about_every_period(form, heartbeat):
    @in_virtual_time
    async def run():
        async with Stage(form=form) as stage:
            sink = stage.live().sink
            await asyncio.sleep(14.9)
            assert sink.sends == []
            await asyncio.sleep(0.1 + 2 * TICK)
            assert sink.sends == [heartbeat]
            await asyncio.sleep(10 * (15 + TICK))
            assert len(sink.sends) in (10, 11)
            assert set(sink.sends) == {heartbeat}

    run()


@in_virtual_time
async def test_frames_keep_heartbeats_away():
    async with Stage() as stage:
        sink = stage.live().sink
        for _ in range(10):
            await asyncio.sleep(13)
            stage.push(b"x")
        assert HEARTBEAT not in sink.sends
        await asyncio.sleep(15 + 2 * TICK)
        assert sink.sends[-2:] == [b"x", HEARTBEAT]


@in_virtual_time
async def test_a_long_replay_without_matches_gets_heartbeats_even_if_its_feed_is_busy():
    async with Stage() as stage:
        subscriber = stage.replaying()
        stage.feed.running = True
        await asyncio.sleep(15 + 2 * TICK)
        assert subscriber.sink.sends == [HEARTBEAT]


@in_virtual_time
async def test_a_live_one_is_written_nothing_while_a_pass_is_under_way_or_due():
    """The pass may be before or after it: a heartbeat would then stand in the wrong place or be torn."""
    async with Stage() as stage:
        sink = stage.live().sink
        stage.feed.running = True
        await asyncio.sleep(20)
        assert sink.offers == 0
        stage.feed.running = False
        await asyncio.sleep(2 * TICK)
        assert sink.sends == [HEARTBEAT]


@in_virtual_time
async def test_a_heartbeat_that_was_not_taken_makes_a_live_one_lag_and_is_never_torn():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(room=1))
        await asyncio.sleep(15 + 2 * TICK)
        assert subscriber.state is State.LAGGING
        stage.push(b"frame")
        await settle()
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        assert subscriber.sink.wire == b":\nframe"
        assert subscriber.state is State.LIVE


@in_virtual_time
async def test_one_that_holds_something_gets_no_heartbeat():
    async with Stage() as stage:
        subscriber = stage.in_state(State.LAGGING)
        await asyncio.sleep(20)
        assert subscriber.size_held == 6


@in_virtual_time
async def test_after_a_stall_heartbeats_are_not_late():
    async with Stage(DeliveryLimits(send_timeout=300.0)) as stage:
        subscriber = stage.live(ScriptedSink(room=0))
        stage.push(b"x")
        await asyncio.sleep(16)
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await asyncio.sleep(15 + 2 * TICK)
        assert subscriber.sink.sends == [b"x", HEARTBEAT]


@in_virtual_time
async def test_what_a_replay_sends_keeps_heartbeats_away():
    async with Stage() as stage:
        subscriber = stage.replaying()
        await asyncio.sleep(10)
        stage.delivery.write(subscriber, b"page")
        await asyncio.sleep(14)
        assert subscriber.sink.sends == [b"page"]
        await asyncio.sleep(1 + 2 * TICK)
        assert subscriber.sink.sends == [b"page", HEARTBEAT]


@in_virtual_time
async def test_after_a_heartbeat_the_next_look_is_a_period_later():
    async with Stage() as stage:
        stage.live()
        await asyncio.sleep(15 + 2 * TICK)
        (tick,) = stage.delivery._wheel._buckets
        assert tick * TICK > stage.delivery.now() + 10


@in_virtual_time
async def test_a_client_found_gone_by_a_heartbeat_is_dropped():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(failure=BrokenPipeError()))
        await asyncio.sleep(15 + 2 * TICK)
        assert stage.closed == [subscriber]


@in_virtual_time
async def test_one_that_is_not_watched_gets_no_heartbeats_and_has_no_deadline():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(room=0), watch=False)
        stage.push(b"x")
        await asyncio.sleep(1000)
        assert subscriber.state is State.LAGGING
        assert subscriber.sink.offers == 1


# Deadlines.


@pytest.mark.parametrize("state", [State.LAGGING, State.BEHIND, State.CLOSING])
def test_a_stalled_client_is_cut_off_at_its_deadline_in_every_state_that_holds(state, caplog):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            subscriber = stage.in_state(state)
            await asyncio.sleep(29.9)
            assert subscriber.state is state
            await asyncio.sleep(0.1 + 2 * TICK)
            assert subscriber.state is State.CLOSED

    caplog.set_level(logging.INFO, "longwave.delivery")
    run()
    assert "cut off a subscriber that took too little" in caplog.text


@in_virtual_time
async def test_a_replaying_one_that_stalls_is_cut_off():
    async with Stage() as stage:
        subscriber = stage.replaying(ScriptedSink(room=0))
        stage.delivery.write(subscriber, b"x")
        await asyncio.sleep(30 + 2 * TICK)
        assert subscriber.state is State.CLOSED


@in_virtual_time
async def test_a_byte_a_second_is_cut_off():
    async with Stage() as stage:
        subscriber = stage.live(ScriptedSink(room=0))
        stage.push(b"x" * 500)
        for _ in range(32):
            await asyncio.sleep(1)
            subscriber.sink.room = 1
            stage.delivery.writable(subscriber)
        assert subscriber.state is State.CLOSED
        assert len(subscriber.sink.wire) <= 31


@in_virtual_time
async def test_more_frames_do_not_give_a_stalled_client_more_time():
    async with Stage(DeliveryLimits(lag=10**6)) as stage:
        subscriber = stage.live(ScriptedSink(room=0))
        for _ in range(32):
            stage.push(b"x" * 500)
            await asyncio.sleep(1)
        assert subscriber.state is State.CLOSED


@in_virtual_time
async def test_a_slow_client_that_makes_progress_stays():
    async with Stage(DeliveryLimits(lag=10**6)) as stage:
        subscriber = stage.live(ScriptedSink(room=0))
        stage.push(b"x" * 200_000)
        for _ in range(9):
            await asyncio.sleep(25)
            assert subscriber.state is State.LAGGING
            subscriber.sink.room = 20_000
            stage.delivery.writable(subscriber)
        assert len(subscriber.sink.wire) == 180_000


@in_virtual_time
async def test_a_deadline_shorter_than_the_silence_between_heartbeats_is_kept():
    async with Stage(DeliveryLimits(heartbeat=600.0, send_timeout=5.0)) as stage:
        subscriber = stage.live()
        await asyncio.sleep(7)
        subscriber.sink.room = 0
        stage.push(b"x")
        await asyncio.sleep(5 + 5.0 / 8)
        assert subscriber.state is State.CLOSED


@in_virtual_time
async def test_many_checks_that_are_due_at_once_are_all_made():
    async with Stage() as stage:
        sinks = [stage.live(feed=Feed(audience_of(["*"]), Format.BARE)).sink for _ in range(3 * BATCH + 1)]
        await asyncio.sleep(15 + 2 * TICK)
        assert [sink.sends for sink in sinks] == [[HEARTBEAT]] * len(sinks)


@in_virtual_time
async def test_each_subscriber_stands_on_the_wheel_once_however_long_it_lives():
    async with Stage() as stage:
        for _ in range(5):
            stage.live()
        stage.in_state(State.LAGGING)
        await asyncio.sleep(1000)
        assert sum(map(len, stage.delivery._wheel._buckets.values())) == 5


@in_virtual_time
async def test_who_was_closed_leaves_the_wheel_at_its_next_check():
    async with Stage() as stage:
        subscriber = stage.live()
        stage.delivery.drop(subscriber)
        await asyncio.sleep(15 + 2 * TICK)
        assert subscriber.sink.offers == 0
        assert sum(map(len, stage.delivery._wheel._buckets.values())) == 0


@in_virtual_time
async def test_a_closed_delivery_leaves_no_timer():
    stage = Stage()
    await asyncio.sleep(100)
    stage.delivery.close()
    await settle()
    assert [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()] == []


def test_heartbeats_exist_for_every_format_on_a_wire():
    assert set(delivery_module.HEARTBEATS) == set(Format) - {Format.EVENT}


# Counters.


def counted(stage):
    counters = stage.delivery.counters
    return counters.deliveries, counters.bytes_sent


def drops(stage):
    return {reason: count for reason, count in stage.delivery.counters.drops.items() if count}


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
