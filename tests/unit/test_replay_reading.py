"""How replays read the log: in bounded pages, in turns, once for all who lack the same, again where it fails."""

from __future__ import annotations

import asyncio
import gc

import pytest

from longwave.core.feed import MAX_CHUNK
from longwave.core.subscriber import State
from longwave.logs.base import Page
from longwave.replay import PAGE_WORK
from longwave.replay_pages import KEPT, PAGE, READ_AGAIN_AFTER
from scripted_sink import ScriptedSink
from unit.replay_stage import Stage, got
from virtual_time import in_virtual_time, settle

# Pages.


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
