"""Publishing: ids, batches, values that are refused, and publishers that are cancelled."""

from __future__ import annotations

import asyncio

import pytest

from controlled_log import ControlledLog
from longwave.core.frame import Format
from longwave.core.update import Update
from longwave.errors import DuplicateId, InvalidValue
from longwave.eventstream.event import Event
from longwave.hub import Hub
from unit.hub_subscribers import attach, got
from virtual_time import in_virtual_time, settle


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
