"""What one hub tells of its subscribers, in which order, and what it does when its log takes nothing."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest

from controlled_log import ControlledLog
from longwave.core.announcements import BATCH
from longwave.core.note import Note, is_note
from longwave.core.presence import Patience
from longwave.errors import LogUnavailable
from longwave.hub import Hub
from longwave.server import presence as module
from longwave.server.presence import AGAIN_AFTER, CLOSE_PATIENCE, JOIN_PATIENCE, TICK, PresenceNode
from virtual_time import in_virtual_time, settle


class RefusingLog(ControlledLog):
    """A log whose appends fail as long as the test says so. appends: sizes of those that were stored."""

    def __init__(self):
        super().__init__(events=100_000)
        self.refuses = False
        self.appends = []

    async def append(self, updates):
        if self.refuses:
            raise LogUnavailable("the disk is full")
        positions = await super().append(updates)
        self.appends.append(len(positions))
        return positions


class SharedLog:
    """The same log for a hub that takes it for one that others read, too."""

    def __init__(self, log):
        self._log = log

    def __getattr__(self, name):
        return getattr(self._log, name)


async def told(log):
    """(topic, active) of all events on the log, which no note is."""
    entries = (await log.read(0, 100_000)).entries
    documents = [json.loads(entry.update.event.data) for entry in entries if not is_note(entry.update)]
    return [(document["topic"], document["active"]) for document in documents]


async def notes(log):
    entries = (await log.read(0, 100_000)).entries
    return [json.loads(entry.update.event.data) for entry in entries if is_note(entry.update)]


@pytest.fixture(params=["alone", "shared"])
def make(request):
    """Make a log, its hub, and the presence of that."""

    def make():
        log = RefusingLog()
        hub = Hub(log if request.param == "alone" else SharedLog(log))
        return log, hub, PresenceNode(hub)

    return make


@in_virtual_time
async def test_coming_is_told_before_join_returns_and_leaving_once(make):
    log, hub, presence = make()
    async with hub:
        presence.open()
        ada = await presence.join(["a", "b"], {"name": "Ada"})
        assert await told(log) == [("a", True), ("b", True)]
        assert presence.picture.members() == [ada.member]
        presence.leave(ada)
        presence.leave(ada)
        await settle()
        assert await told(log) == [("a", True), ("b", True), ("a", False), ("b", False)]
        assert presence.picture.members() == []
        await presence.close()


@in_virtual_time
async def test_storm_is_told_in_few_appends(make):
    log, hub, presence = make()
    async with hub:
        presence.open()
        await settle()
        log.appends.clear()
        count = BATCH * 2 + 1
        members = await asyncio.gather(*(presence.join(["t"], None) for _ in range(count)))
        assert len(log.appends) == 3
        log.appends.clear()
        for member in members:
            presence.leave(member)
        await settle(60)
        assert len(log.appends) == 3
        assert len(await told(log)) == 2 * count
        await presence.close()


@in_virtual_time
async def test_stream_waits_only_so_long_for_a_log_that_takes_nothing_and_is_told_of_later(make):
    log, hub, presence = make()
    async with hub:
        presence.open()
        await settle()
        log.refuses = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        stays = await presence.join(["a"], None)
        leaves = await presence.join(["b"], None)
        assert JOIN_PATIENCE <= loop.time() - began <= 2 * (JOIN_PATIENCE + TICK)
        presence.leave(leaves)
        log.refuses = False
        await asyncio.sleep(AGAIN_AFTER)
        await settle()
        assert await told(log) == [("a", True)]
        assert presence.picture.members() == [stays.member]
        await presence.close()


@in_virtual_time
async def test_hub_stops_although_its_log_takes_nothing(make):
    log, hub, presence = make()
    async with hub:
        presence.open()
        ada = await presence.join(["a"], None)
        log.refuses = True
        presence.leave(ada)
        began = asyncio.get_running_loop().time()
        await presence.close()
        assert asyncio.get_running_loop().time() - began <= CLOSE_PATIENCE + AGAIN_AFTER


@in_virtual_time
async def test_who_is_cancelled_while_it_waits_is_not_told_of(make):
    log, hub, presence = make()
    async with hub:
        presence.open()
        await settle()
        log.refuses = True
        joining = asyncio.create_task(presence.join(["a"], None))
        await settle()
        joining.cancel()
        await asyncio.wait([joining])
        log.refuses = False
        await asyncio.sleep(AGAIN_AFTER * 2)
        assert await told(log) == []
        await presence.close()


# Several hubs


@in_virtual_time
async def test_hub_whose_log_nobody_else_sees_writes_no_notes():
    log = RefusingLog()
    hub = Hub(log)
    presence = PresenceNode(hub)
    async with hub:
        presence.open()
        await presence.join(["a"], None)
        await asyncio.sleep(1000)
        assert await notes(log) == []
        await presence.close()


@in_virtual_time
async def test_hub_that_is_alone_says_hello_and_goodbye_and_nothing_in_between():
    log = RefusingLog()
    hub = Hub(SharedLog(log))
    presence = PresenceNode(hub, place="here")
    async with hub:
        presence.open()
        ada = await presence.join(["a"], None)
        await asyncio.sleep(1000)
        presence.leave(ada)
        await settle()
        await presence.close()
        said = await notes(log)

    assert [sorted(note) for note in said] == [
        ["asks", "at", "by", "count", "joined", "place"],
        ["by", "left", "place"],
        ["by", "ends"],
    ]


@in_virtual_time
async def test_idle_hubs_say_little():
    """A question and the answers in half a minute, however many hubs there are: the log keeps a million updates."""
    log = RefusingLog()
    await log.open()
    hubs = [Hub(Opened(log)) for _ in range(4)]
    nodes = [PresenceNode(hub) for hub in hubs]
    for hub, node in zip(hubs, nodes, strict=True):
        await hub.open()
        node.open()
        await node.join(["t"], None)
    before = len(await notes(log))
    await asyncio.sleep(300)
    spoken = len(await notes(log)) - before

    assert all(len(node.picture) == 4 for node in nodes)
    assert 0 < spoken <= 2 * 4 * 300 / Patience().lease  # twice, as two may ask in the same second
    for hub, node in zip(hubs, nodes, strict=True):
        await node.close()
        await hub.close()
    assert [len(node.picture) for node in nodes] == sorted((len(node.picture) for node in nodes), reverse=True)


class Opened(SharedLog):
    """A log that is open already, and that its hub does not close."""

    async def open(self):
        pass

    async def close(self):
        pass


@in_virtual_time
async def test_note_that_cannot_be_understood_is_passed_over():
    log = RefusingLog()
    hub = Hub(SharedLog(log))
    presence = PresenceNode(hub)
    async with hub:
        presence.open()
        await hub.append([Note("nodes/x", {}).update(), Note("other", {}).update()])
        await presence.join(["a"], None)
        assert len(presence.picture) == 1
        await presence.close()


def test_waits_are_in_a_sensible_order():
    """A stream begins before its client gives up, and hubs look at what is to be done more often than they wait."""
    assert all(one <= other for one, other in pairwise((TICK, JOIN_PATIENCE, module.CLOSE_PATIENCE)))
