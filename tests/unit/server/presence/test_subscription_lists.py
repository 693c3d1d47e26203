"""Lists are made in short steps, once for all who ask, and are as new as whoever asks may expect."""

from __future__ import annotations

import asyncio
import json
from itertools import count

import pytest

from longwave.core.member import Member
from longwave.core.node_note import NodeNote
from longwave.core.presence import Patience, Presence
from longwave.core.subscription_document import describe_collection
from longwave.server.presence import subscription_lists as module
from longwave.server.presence.subscription_lists import KEPT, SubscriptionLists


class Made(SubscriptionLists):
    """Counts the lists that are made."""

    def __init__(self, members=20):
        self.picture = Presence("me", Patience())
        self.numbers = count()
        self.come(members)
        self.made = 0
        super().__init__(self.picture, lambda: f"v{self.picture.version}")

    def come(self, members=1, node="me"):
        joined = tuple(Member(f"urn:{next(self.numbers)}", ("t", "u")) for _ in range(members))
        self.picture.take(NodeNote(node=node, by=node, joined=joined), 0.0)

    async def _make(self, selector):
        self.made += 1
        return await super()._make(selector)


def subscribers(made):
    """Whom a list tells of, by topic."""
    document = json.loads(describe_collection("/path", made.last_event_id, made.parts))
    return [(item["topic"], item["subscriber"]) for item in document["subscriptions"]]


@pytest.fixture(autouse=True)
def _short_steps(monkeypatch):
    monkeypatch.setattr(module, "STEP", 0.0)  # an item each


async def test_list_holds_all_of_all_hubs():
    lists = Made(3)
    lists.come(2, node="other")
    made = await lists.make(None)

    assert len(made.parts) == 10
    assert subscribers(made) == [(topic, f"urn:{number}") for number in range(5) for topic in ("t", "u")]
    assert subscribers(await lists.make("u")) == [("u", f"urn:{number}") for number in range(5)]
    assert subscribers(await lists.make("x")) == []


async def test_others_go_on_between_the_steps():
    lists = Made()
    making = asyncio.create_task(lists.make(None))
    rounds = 0
    while not making.done():
        await asyncio.sleep(0)
        rounds += 1

    assert rounds >= 40


async def test_list_is_made_once_while_nobody_comes_or_leaves():
    lists = Made()
    first = await lists.make(None)
    assert lists.at_hand(None) is first
    assert await lists.make(None) is first
    lists.come()

    assert lists.at_hand(None) is None
    assert len(subscribers(await lists.make(None))) == 42
    assert lists.made == 2


async def test_all_who_ask_while_one_is_made_share_the_next():
    """Also where somebody comes all the time, so that none stays as it was."""
    lists = Made()
    first = asyncio.create_task(lists.make(None))
    await asyncio.sleep(0)
    lists.come()
    others = [asyncio.create_task(lists.make(None)) for _ in range(50)]
    while not all(task.done() for task in others):
        await asyncio.sleep(0)
        lists.come()

    assert lists.made == 2
    assert first.result().number == 1
    assert {task.result().number for task in others} == {2}


async def test_list_is_not_older_than_the_id_beside_it():
    lists = Made(5)
    before = lists.picture.version
    making = asyncio.create_task(lists.make(None))
    await asyncio.sleep(0)
    lists.come(5, node="other")
    made = await making

    assert made.last_event_id == f"v{before}"
    assert {f"urn:{number}" for number in range(5)} <= {subscriber for _, subscriber in subscribers(made)}
    assert lists.at_hand(None) is None


async def test_lists_that_are_kept_are_bounded(monkeypatch):
    lists = Made(2)
    for number in range(KEPT + 5):
        await lists.make(f"x{number}")
    assert len(lists._kept) == KEPT
    size = (await lists.make("t")).size
    monkeypatch.setattr(module, "KEPT_SIZE", 2 * size)
    for selector in ("u", None):
        await lists.make(selector)

    assert list(lists._kept) == [None]


async def test_list_that_nobody_waits_for_any_more_holds_up_nobody():
    lists = Made()
    making = asyncio.create_task(lists.make(None))
    await asyncio.sleep(0)
    making.cancel()
    await asyncio.wait([making])

    assert len(subscribers(await lists.make(None))) == 40
