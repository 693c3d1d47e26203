"""The life of a hub: it opens at first use, is closed once, and leaves nothing behind.

Of the same file: test_hub_publishing.py, test_hub_subscribing.py, test_hub_following.py (its log),
test_hub_counters.py.
"""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from controlled_log import ControlledLog
from longwave.core.audience import Audience
from longwave.core.frame import Format
from longwave.core.selector import Selector
from longwave.core.subscriber import State
from longwave.delivery import DeliveryLimits
from longwave.errors import HubClosed, LogUnavailable
from longwave.hub import Hub
from longwave.logs.sqlite import SqliteLog
from longwave.replay_pages import KEPT
from scripted_sink import ScriptedSink
from unit.hub_subscribers import attach
from virtual_time import in_virtual_time, settle


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


async def test_an_address_opens_a_log_of_its_kind(tmp_path):
    async with Hub(f"sqlite:{tmp_path / 'log.db'}") as hub:
        assert isinstance(hub.log, SqliteLog)
        await hub.publish("a", "kept")
    async with Hub(f"sqlite:{tmp_path / 'log.db'}") as hub, hub.subscribe("a", last_event_id="earliest") as events:
        assert (await anext(events)).data == "kept"
