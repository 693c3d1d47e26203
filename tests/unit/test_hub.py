"""The hub: its life, publishing, subscribing, and following the log."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref

import pytest

from controlled_log import ControlledLog
from longwave.core.audience import Audience, audience_of
from longwave.core.drop import Drop
from longwave.core.frame import Format
from longwave.core.gap import Reason
from longwave.core.selector import Selector
from longwave.core.subscriber import State
from longwave.core.update import Update
from longwave.delivery import MAX_PENDING, DeliveryLimits
from longwave.errors import DuplicateId, HubClosed, InvalidValue, LogUnavailable
from longwave.eventstream.event import Event
from longwave.eventstream.parser import Parser
from longwave.hub import Hub
from longwave.lane import FOLLOW_AGAIN_AFTER
from longwave.logs.retention import Retention
from longwave.logs.sqlite import SqliteLog
from longwave.replay_pages import KEPT
from scripted_sink import ScriptedSink
from virtual_time import in_virtual_time, settle, until


def attach(hub, sink=None, *, selectors=("a",), form=Format.BARE, grants=(), last_event_id=""):
    sink = sink or ScriptedSink()
    return hub.attach(audience_of(selectors, grants), form, sink, sink.release, last_event_id=last_event_id)


def got(subscriber):
    return [event.data for event in Parser().feed(subscriber.sink.wire)]


# Life.


@in_virtual_time
async def test_a_hub_opens_itself_at_first_use():
    hub = Hub(ControlledLog())
    await hub.publish("a", "x")
    await hub.close()

    hub = Hub(ControlledLog())
    async with hub.subscribe("a") as events:
        await hub.publish("a", "x")
        assert (await anext(events)).data == "x"
    await hub.close()


@in_virtual_time
async def test_opening_again_does_nothing():
    log = ControlledLog()
    async with Hub(log) as hub:
        await hub.open()
        await asyncio.gather(hub.open(), hub.open())
        assert log.looks.count("open") == 1


@in_virtual_time
async def test_many_who_open_at_once_open_it_once():
    log = ControlledLog()
    hub = Hub(log)
    await asyncio.gather(*(hub.publish("a", str(number)) for number in range(10)))
    assert log.looks.count("open") == 1
    assert log.last == 10
    await hub.close()


@in_virtual_time
async def test_who_is_cancelled_while_it_opens_does_not_stop_the_others():
    log = ControlledLog()
    log.hold()
    hub = Hub(log)
    one, two = asyncio.create_task(hub.open()), asyncio.create_task(hub.open())
    await settle()
    one.cancel()
    await settle()
    log.go_on()
    await two
    await hub.publish("a", "x")
    await hub.close()


@pytest.mark.parametrize("failures", [1, 2])
def test_a_log_that_cannot_be_opened_is_tried_again_at_the_next_use(failures):
    @in_virtual_time
    async def run():
        log = ControlledLog()
        hub = Hub(log)
        log.failures = failures
        for _ in range(failures):
            with pytest.raises(LogUnavailable, match="the disk is on fire"):
                await hub.publish("a", "x")
        assert await hub.publish("a", "x") == f"{log.epoch}-1"
        await hub.close()

    run()


@in_virtual_time
async def test_a_log_that_fails_right_after_it_was_opened_is_not_opened_again():
    log = ControlledLog()
    log.spared, log.failures = 1, 1
    hub = Hub(log)
    with pytest.raises(LogUnavailable):
        await hub.open()
    assert await hub.publish("a", "x") == f"{log.epoch}-1"
    assert log.looks.count("open") == 1
    await hub.close()


@in_virtual_time
async def test_all_methods_of_a_closed_hub_say_so():
    hub = Hub(ControlledLog())
    await hub.open()
    await hub.close()
    with pytest.raises(HubClosed, match="expected an open hub"):
        await hub.open()
    with pytest.raises(HubClosed):
        await hub.publish("a", "x")
    with pytest.raises(HubClosed):
        await hub.append([])
    with pytest.raises(HubClosed):
        attach(hub)
    with pytest.raises(HubClosed):
        async with hub.subscribe("a"):
            pass


@in_virtual_time
async def test_closing_again_or_at_once_waits_for_the_same_end():
    log = ControlledLog()
    hub = Hub(log)
    await hub.open()
    await asyncio.gather(hub.close(), hub.close())
    assert log.ended
    await hub.close()


@in_virtual_time
async def test_who_is_cancelled_while_it_closes_does_not_leave_a_hub_half_closed():
    log = ControlledLog()
    hub = Hub(log)
    subscriber = None
    await hub.open()
    subscriber = attach(hub)
    closing = asyncio.create_task(hub.close())
    await asyncio.sleep(0)
    closing.cancel()
    await settle()
    assert log.ended
    assert subscriber.sink.released == 1
    await hub.close()


@in_virtual_time
async def test_a_hub_that_was_never_opened_can_be_closed():
    log = ControlledLog()
    await Hub(log).close()
    assert log.ended


@in_virtual_time
async def test_closing_while_it_opens_ends_both():
    log = ControlledLog()
    log.hold()
    hub = Hub(log)
    opening = asyncio.create_task(hub.open())
    await settle()
    closing = asyncio.create_task(hub.close())
    await settle()
    log.go_on()
    await closing
    with pytest.raises(HubClosed):
        await opening
    assert log.ended


@in_virtual_time
async def test_closing_after_an_opening_that_failed_closes_the_log():
    log = ControlledLog()
    log.failures = 1
    hub = Hub(log)
    with pytest.raises(LogUnavailable):
        await hub.open()
    await hub.close()
    assert log.ended


@pytest.mark.parametrize("state", [state for state in State if state is not State.CLOSED])
def test_closing_releases_subscribers_in_every_state(state):
    @in_virtual_time
    async def run():
        log = ControlledLog()
        hub = Hub(log, DeliveryLimits(lag=100))
        await hub.open()
        await hub.publish("a", "first")
        sink = ScriptedSink(room=None if state in (State.LIVE, State.REPLAYING) else 3)
        subscriber = attach(hub, sink)
        if state is State.REPLAYING:
            log.hold()
            hub.delivery.drop(subscriber)
            subscriber = attach(hub, sink := ScriptedSink(), last_event_id="earliest")
        elif state is not State.LIVE:
            await hub.publish("a", "second")
        await settle()
        if state is State.BEHIND:
            await hub.publish("a", "x" * 100)
            await settle()
        if state is State.CLOSING:
            hub.delivery.finish(subscriber, b"bye")
        assert subscriber.state is state
        assert hub.all_subscribers() == [subscriber]
        assert hub.subscribers == 1
        await hub.close()
        assert subscriber.state is State.CLOSED
        assert sink.released == 1
        assert hub.subscribers == 0

    run()


class Watched(Audience):
    """One that tells when nobody knows it any more."""


@pytest.mark.parametrize("since", ["", "earliest"])
@in_virtual_time
async def test_audience_of_a_subscriber_that_is_closed_is_freed_before_its_next_heartbeat(since):
    """An audience may be large, and one client may open and close streams as fast as it likes."""
    async with Hub() as hub:
        await hub.publish("a", "x")
        audience = Watched((Selector("a"), Selector("/b/{c}")))
        freed = weakref.ref(audience)
        sink = ScriptedSink(room=3)
        subscriber = hub.attach(audience, Format.BARE, sink, sink.release, last_event_id=since)
        del audience
        await hub.publish("a", "y")
        await settle()
        hub.delivery.drop(subscriber)
        await asyncio.sleep(KEPT)  # what was replayed is kept for others who ask for the same
        gc.collect()

        assert freed() is None
        assert sum(map(len, hub.delivery._wheel._buckets.values())) == 1, "its heartbeat is due later"


class SlowToStop(ControlledLog):
    """A log whose reads take a second to notice that nobody waits for them, as one with threads does."""

    async def read(self, after, limit):
        try:
            return await super().read(after, limit)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
            assert not self.ended
            raise


@in_virtual_time
async def test_the_log_is_closed_only_when_no_replay_reads_it_any_more():
    log = SlowToStop()
    hub = Hub(log)
    await hub.publish("a", "x")
    log.hold()
    attach(hub, last_event_id="earliest")
    await settle()
    assert log.reading == 1
    await hub.close()
    assert log.reading == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


# Publishing.


@in_virtual_time
async def test_an_update_is_on_the_log_under_the_id_that_the_publisher_gets():
    async with Hub(ControlledLog()) as hub:
        event_id = await hub.publish(["a", "b"], "x", type="t", private=True, retry=5)
        (entry,) = (await hub.log.read(0, 10)).entries
        assert entry.update == Update(("a", "b"), Event("x", "t", event_id, 5), private=True)
        assert event_id == f"{hub.log.epoch}-1"


@in_virtual_time
async def test_a_given_id_is_kept_and_comes_back():
    async with Hub(ControlledLog()) as hub:
        assert await hub.publish("a", "x", id="mine") == "mine"
        with pytest.raises(DuplicateId):
            await hub.publish("a", "y", id="mine")
        assert hub.log.last == 1


@in_virtual_time
async def test_a_batch_is_published_as_a_whole_or_not_at_all():
    async with Hub(ControlledLog()) as hub:
        updates = [Update(("a",), Event(id=event_id)) for event_id in ("", "mine", "")]
        assert await hub.append(updates) == [f"{hub.log.epoch}-1", "mine", f"{hub.log.epoch}-3"]
        with pytest.raises(DuplicateId):
            await hub.append(updates)
        assert hub.log.last == 3
        assert await hub.append([]) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"topic": 5}, "topic: expected str or several of them, got int"),
        ({"topic": b"a"}, "topic: expected str or several of them, got bytes"),
        ({"topic": []}, "topic: expected at least one topic, got none"),
        ({"topic": ["a", 5]}, "topic: expected str, got int"),
        ({"topic": ""}, "topic: expected at least one character, got an empty string"),
        ({"type": "a\nb"}, "type: expected no NUL, CR or LF, got LF as character 2"),
        ({"type": ""}, "type: expected at least one character, got an empty string"),
        ({"type": "gap"}, "type: expected another than 'gap', by which a hub tells that events were lost"),
        ({"id": "earliest"}, "id: expected another than 'earliest', by which clients ask for all that a hub keeps"),
        ({"id": "a\0"}, "id: expected no NUL, CR or LF, got NUL as character 2"),
        ({"retry": -1}, "retry: expected whole milliseconds from 0 to 9007199254740991, got -1"),
        ({"data": "\ud800"}, "data: expected text, got a lone surrogate as character 1"),
        ({"data": ["\ud800"]}, "data: expected text, got a lone surrogate as character 3"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_and_nothing_is_published(arguments, message):
    @in_virtual_time
    async def run():
        async with Hub(ControlledLog()) as hub:
            with pytest.raises(InvalidValue) as caught:
                await hub.publish(**{"topic": "a", "data": "x", **arguments})
            assert str(caught.value) == message
            assert hub.log.last == 0

    run()


@in_virtual_time
async def test_a_publisher_that_is_cancelled_harms_nobody():
    async with Hub(ControlledLog()) as hub:
        subscriber = attach(hub)
        for number in range(20):
            publishing = asyncio.create_task(hub.publish("a", str(number)))
            await settle(number % 3)
            publishing.cancel()
            await settle()
        await hub.publish("a", "last")
        await settle()
        stored = [entry.update.event.data for entry in (await hub.log.read(0, 100)).entries]
        assert got(subscriber) == stored
        assert stored[-1] == "last"


@in_virtual_time
async def test_many_publishers_and_subscribers_see_the_same_order():
    async with Hub(ControlledLog()) as hub:
        subscribers = [attach(hub, form=form) for form in (Format.BARE, Format.BARE)]
        async with hub.subscribe("a") as events:
            await asyncio.gather(*(hub.publish("a", str(number)) for number in range(200)))
            await settle()
            stored = [entry.update.event.data for entry in (await hub.log.read(0, 1000)).entries]
            assert [(await anext(events)).data for _ in range(200)] == stored
            assert [got(subscriber) for subscriber in subscribers] == [stored, stored]
            assert sorted(stored, key=int) == [str(number) for number in range(200)]


# Subscribing.


def test_a_subscription_needs_a_selector_that_is_allowed():
    hub = Hub(ControlledLog())
    with pytest.raises(InvalidValue, match=r"^selector: expected at least one, got none$"):
        hub.subscribe()
    with pytest.raises(InvalidValue, match=r"^selector: expected str, got int$"):
        hub.subscribe("a", 5)


@in_virtual_time
async def test_a_subscription_of_the_application_gets_private_updates_too():
    async with Hub(ControlledLog()) as hub, hub.subscribe("a") as events:
        await hub.publish("a", "secret", private=True)
        assert (await anext(events)).data == "secret"


@in_virtual_time
async def test_a_private_update_reaches_only_those_with_a_grant():
    async with Hub(ControlledLog()) as hub:
        public, granted = attach(hub), attach(hub, grants=["a"])
        await hub.publish("a", "secret", private=True)
        await hub.publish("a", "open")
        await settle()
        assert (got(public), got(granted)) == (["open"], ["secret", "open"])


@in_virtual_time
async def test_a_new_subscription_gets_what_is_published_after_it_and_nothing_before():
    async with Hub(ControlledLog()) as hub:
        await hub.publish("a", "before")
        await settle()
        subscriber = attach(hub)
        await hub.publish("a", "after")
        await settle()
        assert got(subscriber) == ["after"]


@in_virtual_time
async def test_a_resumed_subscription_gets_the_past_and_the_present_without_a_seam():
    async with Hub(ControlledLog()) as hub:
        ids = [await hub.publish("a", str(number)) for number in range(5)]
        async with hub.subscribe("a", last_event_id=ids[1]) as events:
            await hub.publish("a", "5")
            assert [(await anext(events)).data for _ in range(4)] == ["2", "3", "4", "5"]


@in_virtual_time
async def test_a_client_that_was_left_behind_comes_back_and_misses_nothing():
    async with Hub(ControlledLog(), DeliveryLimits(lag=100)) as hub:
        subscriber = attach(hub, ScriptedSink(room=3))
        for number in range(50):
            await hub.publish("a", str(number) + "x" * 1000)
        assert subscriber.state is State.BEHIND
        for _ in range(30):
            subscriber.sink.room = 3000
            hub.delivery.writable(subscriber)
            await settle()
        assert got(subscriber) == [str(number) + "x" * 1000 for number in range(50)]
        assert subscriber.state is State.LIVE


@in_virtual_time
async def test_equal_audiences_share_a_feed_that_goes_with_its_last_member():
    async with Hub(ControlledLog()) as hub:
        one, two = attach(hub, selectors=("a", "b")), attach(hub, selectors=("b", "a"))
        other = attach(hub, form=Format.CHUNKED, selectors=("a", "b"))
        assert one.feed is two.feed
        assert one.feed is not other.feed
        for subscriber in (one, two, other):
            assert len(hub._feeds) > 0
            hub.delivery.drop(subscriber)
        assert hub._feeds == {}
        assert list(hub._prompt._index.find(Update(("a",), Event()))) == []
        assert hub.subscribers == 0


@in_virtual_time
async def test_a_feed_that_went_while_its_frames_were_pending_leaves_nothing_pending():
    async with Hub(ControlledLog()) as hub:
        subscriber = attach(hub)
        publishing = asyncio.create_task(hub.publish("a", "x" * MAX_PENDING))
        await until(lambda: hub.delivery.full)
        hub.delivery.drop(subscriber)
        again = attach(hub)
        await publishing
        await hub.publish("a", "next")
        await settle()
        assert not hub.delivery.full
        assert got(again) == ["next"]


# Following the log.


@in_virtual_time
async def test_a_log_that_cannot_be_followed_is_tried_again_where_it_stopped(caplog):
    log = ControlledLog()
    log.spared, log.failures = 2, 2  # it opens, and tells where it ends
    async with Hub(log) as hub:
        subscriber = attach(hub)
        await hub.publish("a", "1")
        await settle()
        assert got(subscriber) == []
        await asyncio.sleep(2 * FOLLOW_AGAIN_AFTER + 0.1)
        assert got(subscriber) == ["1"]
        assert log.looks[-4:] == [("tail", 0), ("read", 0, 0), ("read", 0, 0), ("tail", 0)]
        assert caplog.text.count("cannot follow the log, trying again in 1 s: the disk is on fire") == 2


@in_virtual_time
async def test_a_log_that_breaks_off_is_followed_on_from_the_last_update_that_was_handed_over():
    log = ControlledLog(events=6)
    async with Hub(log) as hub:
        subscriber = attach(hub)
        await hub.publish("a", "1")
        await settle()
        log.failures = 1  # the next read of the tail, which is behind what the log keeps
        await hub.append([Update(("a",), Event(str(number))) for number in range(2, 5)])
        await log.append([Update(("a",), Event(str(number))) for number in range(5, 8)])
        await asyncio.sleep(FOLLOW_AGAIN_AFTER + 0.1)
        assert got(subscriber) == list("1234567")


@in_virtual_time
async def test_a_hub_slower_than_the_retention_tells_everybody_exactly_what_is_missing():
    async with Hub(ControlledLog(events=3)) as hub:
        mine, other = attach(hub), attach(hub, selectors=["b"])
        await hub.publish("a", "1")
        await settle()
        await hub.append([Update(("a",), Event(str(number))) for number in range(2, 11)])
        new = attach(hub)
        await settle()
        epoch = hub.log.epoch
        gap = {"reason": "slow", "from": f"{epoch}-1", "to": f"{epoch}-7"}
        assert got(mine)[0] == "1"
        assert json.loads(got(mine)[1]) == gap
        assert got(mine)[2:] == ["8", "9", "10"]
        assert [json.loads(data) for data in got(other)] == [gap]
        assert new.state is State.LIVE


@in_virtual_time
async def test_one_that_comes_while_a_gap_is_pending_is_told_once_and_never_of_what_it_has():
    """Its id is from another node, beyond where this hub was when the log dropped what it had not followed."""
    log = ControlledLog(events=3)
    hub = Hub(log)
    await hub.publish("a", "1")
    await settle()
    appending = asyncio.create_task(hub.append([Update(("a",), Event(str(number))) for number in range(2, 11)]))
    await until(lambda: log.last > 1)
    keeper = attach(hub)
    subscriber = attach(hub, last_event_id=f"{log.epoch}-5")
    await appending
    await settle()
    first, *rest = got(subscriber)
    assert json.loads(first) == {"reason": "expired", "from": f"{log.epoch}-5", "to": f"{log.epoch}-7"}
    assert rest == ["8", "9", "10"]
    assert got(keeper)[-3:] == rest
    await hub.close()


@in_virtual_time
async def test_the_log_is_read_no_further_than_there_is_room_for():
    loop = asyncio.get_running_loop()
    async with Hub(ControlledLog()) as hub:
        most = 0

        def look():
            nonlocal most
            most = max(most, hub.delivery._pending)
            loop.spend(1.0)

        subscribers = [attach(hub, ScriptedSink(on_send=look), selectors=["a", str(number)]) for number in range(3)]
        size = MAX_PENDING // 4
        await hub.append([Update(("a",), Event("x" * size)) for _ in range(20)])
        await settle(300)
        assert 0 < most <= MAX_PENDING + 3 * (size + 100)
        assert [len(got(subscriber)) for subscriber in subscribers] == [20, 20, 20]


@in_virtual_time
async def test_a_log_that_was_closed_by_others_is_followed_no_more():
    async with Hub(ControlledLog()) as hub:
        await hub.log.close()
        await settle()
        assert len(asyncio.all_tasks()) == 1
        with pytest.raises(LogUnavailable):
            await hub.publish("a", "x")


@in_virtual_time
async def test_nothing_is_left_running_after_the_end():
    hub = Hub(ControlledLog())
    async with hub:
        attach(hub)
        attach(hub, last_event_id="earliest")
        await hub.publish("a", "x")
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await settle()
    assert [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()] == []


async def test_two_hubs_over_one_file_see_each_others_updates_in_one_order(tmp_path):
    """Real time and real threads: the hubs share nothing but the file."""

    def make():
        return Hub(SqliteLog(tmp_path / "log.db", Retention()))

    async with make() as one, make() as two, one.subscribe("a") as at_one, two.subscribe("a") as at_two:
        for number in range(20):
            await (one, two)[number % 2].publish("a", str(number))
        async with asyncio.timeout(20):
            events = [[await anext(stream) for _ in range(20)] for stream in (at_one, at_two)]
        assert events[0] == events[1]
        assert [event.data for event in events[0]] == [str(number) for number in range(20)]
        async with asyncio.timeout(20), two.subscribe("a", last_event_id=events[0][17].id) as resumed:
            assert [(await anext(resumed)).data for _ in range(2)] == ["18", "19"]


async def test_an_address_opens_a_log_of_its_kind(tmp_path):
    async with Hub(f"sqlite:{tmp_path / 'log.db'}") as hub:
        assert isinstance(hub.log, SqliteLog)
        await hub.publish("a", "kept")
    async with Hub(f"sqlite:{tmp_path / 'log.db'}") as hub, hub.subscribe("a", last_event_id="earliest") as events:
        assert (await anext(events)).data == "kept"


# Counters.


@in_virtual_time
async def test_publishes_count_updates_and_appends_count_calls():
    async with Hub(ControlledLog()) as hub:
        await hub.publish("a", "x")
        await hub.append([Update(("a",), Event(text)) for text in "xyz"])
        assert hub.counters.publishes == 4
        assert sum(hub.counters.append.counts) == 2


@in_virtual_time
async def test_what_was_not_stored_counts_for_nothing_and_so_does_the_proof_that_the_log_takes_updates():
    async with Hub(ControlledLog()) as hub:
        await hub.append([])
        await hub.publish("a", "x", id="same")
        with pytest.raises(DuplicateId):
            await hub.publish("a", "x", id="same")
        assert hub.counters.publishes == 1
        assert sum(hub.counters.append.counts) == 1


@pytest.mark.parametrize("log", ["memory:", "sqlite:{}/log.db"])
async def test_each_publish_call_that_somebody_listens_to_is_timed_once(tmp_path, log):
    """The position is known only after the tails were told, so this is a race that every log must let us win."""
    async with Hub(log.format(tmp_path)) as hub, hub.subscribe("a") as first, hub.subscribe("a", "b") as second:
        for number in range(20):
            await hub.publish("a", str(number))
            assert (await anext(first)).data == (await anext(second)).data == str(number)
        await hub.append([Update(("a",), Event(text)) for text in "xyz"])
        await hub.publish("nobody listens", "x")
        await hub.publish("b", "last")
        assert [(await anext(second)).data for _ in range(4)] == ["x", "y", "z", "last"]
        assert sum(hub.counters.first_write.counts) == 22
        assert len(hub.delivery.first_writes.waiting) == 1


@in_virtual_time
async def test_where_nobody_subscribes_no_call_waits_to_be_timed():
    async with Hub(ControlledLog()) as hub:
        await hub.publish("a", "x")
        assert not hub.delivery.first_writes.waiting


@in_virtual_time
async def test_subscriptions_deliveries_and_drops_are_counted():
    async with Hub(ControlledLog()) as hub:
        kept, left = attach(hub), attach(hub)
        await hub.publish("a", "x")
        await until(lambda: kept.sink.wire and left.sink.wire)
        left.sink.failure = BrokenPipeError()
        await hub.publish("a", "y")
        await until(lambda: left.sink.released)
        assert hub.counters.subscriptions == 2
        assert hub.counters.deliveries == 3
        assert hub.counters.bytes_sent == len(kept.sink.wire) + len(left.sink.wire)
    assert {reason: count for reason, count in hub.counters.drops.items() if count} == {Drop.GONE: 1, Drop.CLOSED: 1}


@in_virtual_time
async def test_a_gap_that_everybody_is_told_counts_for_each():
    log = ControlledLog(events=3)
    async with Hub(log) as hub:
        for _ in range(2):
            attach(hub)
        await settle()
        log.failures = 1
        await log.append([Update(("a",), Event("x"))])
        await settle()
        await log.append([Update(("a",), Event("x"))] * 5)
        await asyncio.sleep(FOLLOW_AGAIN_AFTER + 0.1)
        assert {reason: count for reason, count in hub.counters.gaps.items() if count} == {Reason.SLOW: 2}


@in_virtual_time
async def test_a_census_is_of_this_moment():
    async with Hub(ControlledLog()) as hub:
        attach(hub)
        attach(hub, selectors=("b",))
        lagging = attach(hub, ScriptedSink(room=0))
        await hub.publish("a", "x")
        await until(lambda: lagging.holding)
        census = hub.census()
        assert census.subscribers[State.LIVE] == 2
        assert census.subscribers[State.LAGGING] == 1
        assert (census.feeds, census.position, census.held_bytes) == (2, 1, lagging.size_held)


# Following, as others see it.


@in_virtual_time
async def test_a_hub_follows_its_log_from_opening_to_closing():
    hub = Hub(ControlledLog())
    assert not hub.is_following
    await hub.open()
    assert hub.is_following
    await hub.close()
    assert not hub.is_following


@in_virtual_time
async def test_a_hub_that_cannot_read_its_log_does_not_follow_it_until_it_can_again():
    log = ControlledLog()
    async with Hub(log) as hub:
        await settle()
        log.failures = 3
        await hub.publish("a", "x")
        await settle()
        assert not hub.is_following
        await asyncio.sleep(FOLLOW_AGAIN_AFTER + 0.1)
        assert not hub.is_following
        await asyncio.sleep(2 * FOLLOW_AGAIN_AFTER)
        assert hub.is_following


@in_virtual_time
async def test_a_hub_whose_log_was_closed_by_others_does_not_follow_it():
    log = ControlledLog()
    async with Hub(log) as hub:
        await log.close()
        await settle()
        assert not hub.is_following
