"""A subscription in this process: every event once, in order, at the consumer's own pace."""

from __future__ import annotations

import asyncio

import pytest

from longwave.core.subscriber import State
from longwave.delivery import DeliveryLimits
from longwave.eventstream.event import Event
from longwave.hub import Hub
from longwave.logs.memory import MemoryLog
from longwave.logs.retention import Retention
from longwave.subscription import CAPACITY
from virtual_time import in_virtual_time, settle


def make_hub(events=10_000, lag=1000):
    return Hub(MemoryLog(Retention(events=events), clock=lambda: 0.0), DeliveryLimits(lag=lag))


async def publish(hub, count, start=0):
    for number in range(start, start + count):
        await hub.publish("a", str(number))
    await settle()


async def collect(events, count):
    return [(await anext(events)).data for _ in range(count)]


def numbers(count, start=0):
    return [str(number) for number in range(start, start + count)]


@in_virtual_time
async def test_events_come_in_the_order_of_the_log_each_once():
    async with make_hub() as hub, hub.subscribe("a") as events:
        await publish(hub, 10)
        assert await collect(events, 10) == numbers(10)


@in_virtual_time
async def test_a_consumer_that_waits_is_woken():
    async with make_hub() as hub, hub.subscribe("a") as events:
        waiting = asyncio.create_task(anext(events))
        await settle()
        assert not waiting.done()
        await hub.publish("a", "x")
        assert (await waiting).data == "x"


@in_virtual_time
async def test_iterating_outside_of_the_context_is_an_error_that_says_so():
    async with make_hub() as hub:
        with pytest.raises(RuntimeError, match=r"^expected iteration inside `async with hub.subscribe"):
            await anext(hub.subscribe("a"))


@in_virtual_time
async def test_what_waits_for_a_slow_consumer_is_bounded_and_nothing_is_lost():
    async with make_hub(lag=50) as hub, hub.subscribe("a") as events:
        await publish(hub, 1000)
        assert len(events._events) == CAPACITY
        (subscriber,) = hub.all_subscribers()
        assert subscriber.size_held <= 50
        assert subscriber.state is State.BEHIND
        assert await collect(events, 1000) == numbers(1000)
        await publish(hub, 1, 1000)
        assert await collect(events, 1) == ["1000"]


@in_virtual_time
async def test_a_slow_consumer_delays_nobody():
    async with make_hub(lag=50) as hub, hub.subscribe("a"), hub.subscribe("a") as fast:
        for number in range(600):
            await hub.publish("a", str(number))
            assert await collect(fast, 1) == [str(number)]


@in_virtual_time
async def test_a_slow_consumer_is_told_what_the_log_has_dropped_meanwhile():
    async with make_hub(events=100, lag=50) as hub, hub.subscribe("a") as events:
        await publish(hub, 1000)
        got = []
        while got[-1:] != ["999"]:
            event = await anext(events)
            got.append(event.type if event.type == "gap" else event.data)
        before = got.index("gap")
        assert got == [*numbers(before), "gap", *numbers(100, 900)]


@in_virtual_time
async def test_a_consumer_at_every_pace_gets_everything():
    async with make_hub(lag=10) as hub, hub.subscribe("a", last_event_id="earliest") as events:
        got = []
        for start in range(0, 2000, 100):
            await publish(hub, 100, start)
            got += await collect(events, start % 300)
        got += await collect(events, 2000 - len(got))
        assert got == numbers(2000)


@in_virtual_time
async def test_closing_ends_the_iteration_and_drops_what_waits():
    async with make_hub() as hub, hub.subscribe("a") as events:
        await publish(hub, 3)
        events.close()
        events.close()
        assert [event async for event in events] == []
        assert hub.subscribers == 0
        await publish(hub, 3)


@in_virtual_time
async def test_closing_ends_the_iteration_of_a_task_that_waits():
    async with make_hub() as hub, hub.subscribe("a") as events:

        async def consume():
            return [event.data async for event in events]

        waiting = asyncio.create_task(consume())
        await publish(hub, 2)
        events.close()
        assert await waiting == numbers(2)


@in_virtual_time
async def test_a_closed_one_takes_nothing_from_a_pass_that_comes_to_it_still():
    async with make_hub() as hub, hub.subscribe("a") as events:
        events.close()
        with pytest.raises(BrokenPipeError):
            events.send((Event("x"),), 0)


@in_virtual_time
async def test_closing_one_that_was_never_entered_does_nothing():
    async with make_hub() as hub:
        hub.subscribe("a").close()
        assert hub.subscribers == 0


@in_virtual_time
async def test_leaving_the_context_ends_the_iteration_also_after_an_error():
    async with make_hub() as hub:
        subscription = hub.subscribe("a")
        with pytest.raises(ZeroDivisionError):
            async with subscription:
                raise ZeroDivisionError
        assert hub.subscribers == 0
        assert [event async for event in subscription] == []


@in_virtual_time
async def test_a_closed_hub_ends_the_iteration_after_the_events_that_are_here():
    hub = make_hub()
    async with hub.subscribe("a") as events:
        await publish(hub, 3)
        await hub.close()
        assert [event.data async for event in events] == numbers(3)


@in_virtual_time
async def test_a_closed_hub_ends_the_iteration_of_one_that_was_left_behind():
    hub = make_hub(lag=10)
    async with hub.subscribe("a") as events:
        await publish(hub, 1000)
        (subscriber,) = hub.all_subscribers()
        assert subscriber.state is State.BEHIND
        await hub.close()
        assert [event.data async for event in events] == numbers(CAPACITY)


@pytest.mark.parametrize("rounds", range(6))
def test_a_wait_cancelled_at_any_moment_loses_no_event(rounds):
    @in_virtual_time
    async def run():
        async with make_hub() as hub, hub.subscribe("a") as events:
            waiting = asyncio.create_task(anext(events))
            await settle()
            publishing = asyncio.create_task(hub.publish("a", "x"))
            await settle(rounds)
            waiting.cancel()
            await publishing
            await settle()
            event = await anext(events) if waiting.cancelled() else waiting.result()
            assert event.data == "x"

    run()


@in_virtual_time
async def test_two_subscriptions_each_get_everything():
    async with make_hub() as hub, hub.subscribe("a") as one, hub.subscribe("{x}") as two:
        await publish(hub, 5)
        assert await collect(one, 5) == await collect(two, 5) == numbers(5)
