"""Subscribing: who gets which updates from when on, and feeds that equal audiences share."""

from __future__ import annotations

import asyncio

import pytest

from controlled_log import ControlledLog
from longwave.core.frame import Format
from longwave.core.subscriber import State
from longwave.core.update import Update
from longwave.delivery import MAX_PENDING, DeliveryLimits
from longwave.errors import InvalidValue
from longwave.eventstream.event import Event
from longwave.hub import Hub
from scripted_sink import ScriptedSink
from unit.hub_subscribers import attach, got
from virtual_time import in_virtual_time, settle, until


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
