"""Following the log: across its failures, its retention, other hubs, and as others see it."""

from __future__ import annotations

import asyncio
import json

import pytest

from controlled_log import ControlledLog
from longwave.core.subscriber import State
from longwave.core.update import Update
from longwave.delivery import MAX_PENDING
from longwave.errors import LogUnavailable
from longwave.eventstream.event import Event
from longwave.hub import Hub
from longwave.lane import FOLLOW_AGAIN_AFTER
from longwave.logs.retention import Retention
from longwave.logs.sqlite import SqliteLog
from scripted_sink import ScriptedSink
from unit.hub_subscribers import attach, got
from virtual_time import in_virtual_time, settle, until


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


# As others see it.


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
