"""What a hub counts, and its census."""

from __future__ import annotations

import asyncio

import pytest

from controlled_log import ControlledLog
from longwave.core.drop import Drop
from longwave.core.gap import Reason
from longwave.core.subscriber import State
from longwave.core.update import Update
from longwave.errors import DuplicateId
from longwave.eventstream.event import Event
from longwave.hub import Hub
from longwave.lane import FOLLOW_AGAIN_AFTER
from scripted_sink import ScriptedSink
from unit.hub_subscribers import attach
from virtual_time import in_virtual_time, settle, until


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
