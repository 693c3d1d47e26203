"""Feeding a subscriber from the log until it joins its feed, in virtual time.

Frames that go round the log are pushed by hand, so that each test says how far the feeds are.
"""

from __future__ import annotations

import asyncio
import gc
import json

import pytest

from controlled_log import ControlledLog
from longwave.core.audience import audience_of
from longwave.core.census import take_census
from longwave.core.entry import Entry
from longwave.core.feed import MAX_CHUNK, Feed
from longwave.core.frame import Format, frame
from longwave.core.gap import Reason
from longwave.core.resume import Resumption
from longwave.core.subscriber import State, Subscriber
from longwave.core.update import Update
from longwave.delivery import Delivery, DeliveryLimits
from longwave.eventstream.event import Event
from longwave.eventstream.parser import Parser
from longwave.logs.base import Page
from longwave.replay import PAGE_WORK, Replays
from longwave.replay_pages import KEPT, PAGE, READ_AGAIN_AFTER, chunks
from scripted_sink import ScriptedSink
from virtual_time import in_virtual_time, settle


class Stage:
    """A log, a delivery and the replays between them; `head` is how far feeds are."""

    def __init__(self, events=1000, replays=64):
        self.log = ControlledLog(events)
        self.head = 0
        self.delivery = Delivery(
            DeliveryLimits(lag=1000, replays=replays),
            behind=lambda subscriber: self.replays.behind(subscriber),
            drained=lambda subscriber: self.replays.drained(subscriber),
            closed=lambda subscriber: self.replays.forget(subscriber),
        )
        self.replays = Replays(self.log, self.delivery, lambda _: self.head)
        self.feeds = {}

    async def __aenter__(self):
        await self.log.open()
        self.delivery.open()
        return self

    async def __aexit__(self, *_):
        await self.replays.close()
        self.delivery.close()
        await self.log.close()

    async def append(self, count=1, topic="a", data="x", event_id=""):
        return await self.log.append([Update((topic,), Event(data, id=event_id)) for _ in range(count)])

    async def publish(self, count=1, topic="a", data="x"):
        """Append, and hand it to the feeds."""
        for position in await self.append(count, topic, data):
            await self.hand_over(position)

    async def hand_over(self, position):
        page = await self.log.read(position - 1, 1)
        for feed in self.feeds.values():
            if feed.audience.receives(page.entries[0].update):
                self.delivery.push(feed, position - 1, frame(page.entries[0].update.event, feed.form))
        self.head = position
        self.replays.advanced()

    def feed(self, *selectors):
        return self.feeds.setdefault(selectors, Feed(audience_of(selectors), Format.BARE))

    def resume(self, last_event_id="", *, sink=None, selectors=("a",), opening=b"", resumption=None):
        feed = self.feed(*selectors)
        sink = sink or ScriptedSink()
        subscriber = Subscriber(feed, sink, sink.release, self.delivery.now())
        feed.set_apart(subscriber)
        self.replays.resume(subscriber, resumption or Resumption(last_event_id), opening)
        return subscriber

    def id(self, position):
        return f"{self.log.epoch}-{position}"


def got(subscriber):
    """Positions, and gaps as (reason, from, to) with positions for ids of the log."""
    found = []
    for event in Parser().feed(subscriber.sink.wire):
        if event.type == "gap":
            told = json.loads(event.data)
            assert event.id == told["to"]
            found.append((told["reason"], short(told["from"]), short(told["to"])))
        else:
            found.append(short(event.id))
    return found


def short(event_id):
    _, _, position = event_id.partition("-")
    return int(position) if position.isdigit() and not event_id.startswith("ffffffff") else event_id


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


# Pages and chunks.


@in_virtual_time
async def test_a_page_is_bounded():
    async with Stage() as stage:
        await stage.publish(2 * PAGE + 1)
        subscriber = stage.resume("earliest")
        await settle(200)
        reads = [look for look in stage.log.looks if look[0] == "read" and look[2] == PAGE]
        assert reads == [("read", 0, PAGE), ("read", PAGE, PAGE), ("read", 2 * PAGE, PAGE)]
        assert got(subscriber) == list(range(1, 2 * PAGE + 2))


@pytest.mark.parametrize(("selectors", "limit"), [(1, PAGE), (1000, PAGE_WORK // 1000), (30_000, 1)])
def test_the_more_selectors_the_fewer_entries_are_matched_without_a_break(selectors, limit):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            stage.head = (await stage.append(limit + 1))[-1]
            subscriber = stage.resume("earliest", selectors=tuple(map(str, range(selectors))))
            await settle()
            assert [until - after for _, after, until in stage.replays._pages._chunks] == [limit, 1]
            assert subscriber.state is State.LIVE

    run()


@pytest.mark.parametrize(
    ("template", "limit"), [("/x/{{id}}/{}", PAGE_WORK // 100 // 11), ("{{a}}{{b{}}}", PAGE_WORK // 100 // 101)]
)
def test_the_more_its_templates_cost_the_fewer_entries_are_matched_without_a_break(template, limit):
    @in_virtual_time
    async def run():
        async with Stage() as stage:
            stage.head = (await stage.append(limit + 1))[-1]
            subscriber = stage.resume("earliest", selectors=tuple(map(template.format, range(100))))
            await asyncio.sleep(0.1)
            assert [until - after for _, after, until in stage.replays._pages._chunks] == [limit, 1]
            assert subscriber.state is State.LIVE

    run()


@in_virtual_time
async def test_those_whose_audience_takes_long_to_match_take_turns_and_others_do_not_wait(monkeypatch):
    async with Stage() as stage:
        stage.head = (await stage.append(2))[-1]
        made = []
        genuine = stage.replays._send_entries
        monkeypatch.setattr(stage.replays, "_send_entries", lambda *args: made.append(time()) or genuine(*args))
        time = asyncio.get_running_loop().time
        costly = [
            stage.resume("earliest", selectors=("a", *(f"{{x}}{{y{one}}}" for one in range(100)))) for _ in range(5)
        ]
        prompt = stage.resume("earliest")
        begun = time()
        await settle()
        assert prompt.state is State.LIVE
        assert made == [begun]
        await asyncio.sleep(1)
        assert {subscriber.state for subscriber in costly} == {State.LIVE}
        assert len(set(made)) == len(made) == 11


@in_virtual_time
async def test_only_so_many_pages_are_read_at_a_time():
    async with Stage(replays=2) as stage:
        await stage.publish(3)
        stage.log.most_reading = 0
        stage.log.hold()
        subscribers = [stage.resume("earliest") for _ in range(7)]
        await settle()
        assert stage.log.reading == 2
        stage.log.go_on()
        await settle(100)
        assert stage.log.most_reading == 2
        assert [got(subscriber) for subscriber in subscribers] == [[1, 2, 3]] * 7


@in_virtual_time
async def test_a_stalled_client_keeps_no_page_of_the_log_alive():
    """Pages may be large: what is held for a client is one chunk."""
    async with Stage(events=50) as stage:
        await stage.publish(50, data="x" * 2000)
        subscriber = stage.resume("earliest", sink=ScriptedSink(room=1))
        await settle()
        assert 0 < subscriber.size_held <= MAX_CHUNK
        await asyncio.sleep(2 * KEPT)
        pages = [page for page in gc.get_objects() if isinstance(page, Page)]  # also those that other tests left
        assert [page for page in pages if page.last == 50 and len(page.entries) > 1] == []


@in_virtual_time
async def test_a_slow_reader_gets_everything_a_chunk_at_a_time():
    async with Stage() as stage:
        await stage.publish(40, data="x" * 1000)
        subscriber = stage.resume("earliest", sink=ScriptedSink(room=0))
        for _ in range(200):
            await settle(10)
            assert subscriber.size_held <= MAX_CHUNK
            subscriber.sink.room = 1500
            stage.delivery.writable(subscriber)
        assert got(subscriber) == list(range(1, 41))
        assert subscriber.state is State.LIVE


@in_virtual_time
async def test_chunks_go_out_together_but_no_more_is_held_than_the_one_that_was_begun():
    async with Stage() as stage:
        await stage.publish(40, data="x" * 1000)
        quick, slow = stage.resume("earliest"), stage.resume("earliest", sink=ScriptedSink(room=MAX_CHUNK + 1000))
        await settle()
        assert len(quick.sink.sends) == 2
        assert MAX_CHUNK < len(quick.sink.sends[0]) <= 2 * MAX_CHUNK
        assert len(slow.sink.sends) == 1
        assert 0 < slow.size_held <= MAX_CHUNK


@in_virtual_time
async def test_those_who_lack_the_same_are_served_by_one_read_and_get_the_same_bytes():
    async with Stage() as stage:
        await stage.publish(100)
        subscribers = [stage.resume(stage.id(40)) for _ in range(50)]
        await settle()
        subscribers += [stage.resume(stage.id(position)) for position in (41, 99)]
        assert [look for look in stage.log.looks if look[0] == "read" and look[2] == PAGE] == [("read", 40, PAGE)]
        await settle()
        assert {subscriber.sink.wire for subscriber in subscribers[:50]} == {subscribers[0].sink.wire}
        assert [got(subscriber) for subscriber in subscribers[-3:]] == [
            list(range(41, 101)),
            list(range(42, 101)),
            [100],
        ]


@in_virtual_time
async def test_whoever_lacks_what_is_at_hand_is_served_at_once_without_a_task():
    async with Stage() as stage:
        await stage.publish(3)
        stage.resume(stage.id(1))
        await settle()
        late = stage.resume(stage.id(2))
        assert got(late) == [3]
        assert late.state is State.LIVE
        assert stage.replays._tasks == {}


@in_virtual_time
async def test_whoever_lacks_nothing_is_live_at_once_and_nothing_is_read():
    async with Stage() as stage:
        await stage.publish(3)
        looks = list(stage.log.looks)
        subscriber = stage.resume(stage.id(3))
        assert subscriber.state is State.LIVE
        assert stage.log.looks == looks


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


def entries(*sizes):
    return [Entry(place, Update(("a",), Event("x" * size))) for place, size in enumerate(sizes, 1)]


def test_chunks_are_filled_to_their_bound_with_the_position_of_their_last_entry():
    overhead = len(frame(Event(), Format.BARE))
    half = MAX_CHUNK // 2 - overhead
    found = list(chunks(entries(half, half, 1, MAX_CHUNK * 2, 1), audience_of(["a"]), Format.BARE))

    assert [(len(payload), events, position) for payload, events, position in found] == [
        (MAX_CHUNK, 2, 2),
        (1 + overhead, 1, 3),
        (MAX_CHUNK * 2 + overhead, 1, 4),
        (1 + overhead, 1, 5),
    ]


def test_entries_for_others_make_no_chunk():
    assert list(chunks(entries(1, 2), audience_of(["b"]), Format.BARE)) == []


# Behind.


@in_virtual_time
async def test_one_left_behind_goes_on_exactly_where_its_feed_left_it():
    async with Stage() as stage:
        await stage.publish()
        subscriber = stage.resume("earliest")
        await settle()
        subscriber.sink.room = 0
        for _ in range(8):
            await stage.publish(data="x" * 300)
            await settle()
        assert subscriber.state is State.BEHIND
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle()
        assert got(subscriber) == list(range(1, 10))
        assert subscriber.state is State.LIVE


@in_virtual_time
async def test_one_left_behind_past_the_retention_is_told_that_it_was_slow():
    async with Stage(events=2) as stage:
        await stage.publish()
        subscriber = stage.resume("earliest")
        await settle()
        subscriber.sink.room = 0
        for _ in range(8):
            await stage.publish(data="x" * 300)
            await settle()
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle()
        assert got(subscriber) == [1, 2, 3, 4, ("slow", 4, 7), 8, 9]


@in_virtual_time
async def test_updates_for_others_that_were_trimmed_meanwhile_are_no_gap():
    """The client that stalled on a heartbeat in a quiet feed missed nothing up to the frame that it did not get."""
    async with Stage(events=3) as stage:
        await stage.publish()
        subscriber = stage.resume("earliest")
        await settle()
        subscriber.sink.room = 0
        subscriber.hold(b":\n", 1e9)
        subscriber.feed.fell_short(subscriber)
        for _ in range(20):
            await stage.publish(topic="b")
        await stage.publish(data="x" * 1001)
        await settle()
        assert subscriber.state is State.BEHIND
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle()
        assert got(subscriber) == [1, 22]


@in_virtual_time
async def test_a_log_trimmed_while_it_is_replayed_is_told_as_a_gap_between():
    async with Stage(events=20) as stage:
        await stage.publish(20, data="x" * 10_000)
        subscriber = stage.resume("earliest", sink=ScriptedSink(room=10_100))
        await settle()
        await stage.publish(15)
        await asyncio.sleep(2 * KEPT)  # until then it would get what was read before, though it was trimmed
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle()
        found = got(subscriber)
        gaps = [item for item in found if isinstance(item, tuple)]
        assert gaps == [("expired", 2, 15)]
        assert found == [1, 2, *gaps, *range(16, 36)]


@in_virtual_time
async def test_a_gap_waits_for_a_heartbeat_that_was_begun():
    async with Stage(events=2) as stage:
        await stage.publish(5)
        stage.log.hold()
        subscriber = stage.resume(stage.id(1), sink=ScriptedSink(room=1))
        await settle()
        stage.delivery.write(subscriber, b":\n")
        stage.log.go_on()
        await settle()
        subscriber.sink.room = None
        stage.delivery.writable(subscriber)
        await settle()
        assert subscriber.sink.wire.startswith(b":\nevent: gap\n")
        assert got(subscriber) == [("expired", 1, 3), 4, 5]


# A log that fails.


@in_virtual_time
async def test_a_log_that_cannot_be_read_is_tried_again(caplog):
    async with Stage() as stage:
        await stage.publish(3)
        stage.log.failures = 4
        subscriber = stage.resume(stage.id(1))
        await settle()
        assert got(subscriber) == []
        await asyncio.sleep(4 * READ_AGAIN_AFTER + 0.1)
        assert got(subscriber) == [2, 3]
        assert caplog.text.count("cannot read the log, trying again in 1 s: the disk is on fire") == 4


@in_virtual_time
async def test_a_failing_log_does_not_keep_the_turn_of_others_while_it_waits():
    async with Stage(replays=1) as stage:
        await stage.publish(3)
        stage.log.failures = 1
        one, two = stage.resume(stage.id(1)), stage.resume(stage.id(2))
        await settle()
        assert got(two) == [3]
        await asyncio.sleep(READ_AGAIN_AFTER + 0.1)
        assert got(one) == [2, 3]


@in_virtual_time
async def test_a_replay_that_breaks_cuts_off_its_subscriber_alone_and_is_logged(caplog):
    async with Stage() as stage:
        await stage.publish(3)
        broken = stage.resume("earliest")
        other = stage.resume("earliest")
        del broken.feed.apart[broken]  # a breach that no part of the product commits
        await settle()
        assert broken.state is State.CLOSED
        assert broken.sink.released == 1
        assert got(other) == [1, 2, 3]
        assert "replay failed; the subscriber was cut off" in caplog.text


# Closing.


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


# Counters.


def outcomes(stage):
    return {outcome.value: count for outcome, count in stage.delivery.counters.replays.items() if count}


def gaps(stage):
    return {reason.value: count for reason, count in stage.delivery.counters.gaps.items() if count}


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
