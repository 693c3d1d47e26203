"""What one hub tells of its subscribers, in which order, and what it does when its log takes nothing."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest

from controlled_log import ControlledLog
from longwave.auth.grants import Grants
from longwave.core.allowance import Allowance
from longwave.core.announcements import BATCH, MAX_SUBSCRIPTIONS, Attendance
from longwave.core.member import Member
from longwave.core.node_note import NodeNote
from longwave.core.note import Note, is_note
from longwave.core.payload import MAX_PAYLOAD
from longwave.core.presence import Patience
from longwave.core.room import SHARES
from longwave.errors import LogUnavailable
from longwave.hub import Hub
from longwave.server.presence import presence_node as module
from longwave.server.presence.presence_node import (
    AGAIN_AFTER,
    CLOSE_PATIENCE,
    JOIN_PATIENCE,
    TICK,
    TOLD_RATE,
    PresenceNode,
)
from virtual_time import in_virtual_time, settle

TOLD_AT_ONCE = 5000  # fewer than usual, as tests would take long


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


async def join(presence, selectors, payload=None, address="", subject=""):
    attendance = presence.attendance(selectors, Grants(payload=payload, subject=subject), address)
    await presence.join(attendance)
    return attendance


async def told(log):
    """(topic, active) of all events on the log, which no note is."""
    entries = (await log.read(0, 100_000)).entries
    documents = [json.loads(entry.update.event.data) for entry in entries if not is_note(entry.update)]
    return [(document["topic"], document["active"]) for document in documents]


async def notes(log):
    entries = (await log.read(0, 100_000)).entries
    return [json.loads(entry.update.event.data) for entry in entries if is_note(entry.update)]


@pytest.fixture(params=["alone", "shared"])
def make(request, monkeypatch):
    """Make a log, its hub, and the presence of that."""
    monkeypatch.setattr(module, "TOLD_AT_ONCE", TOLD_AT_ONCE)

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
        ada = await join(presence, ["a", "b"], {"name": "Ada"})
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
        members = await asyncio.gather(*(join(presence, ["t"], None) for _ in range(count)))
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
        stays = await join(presence, ["a"], None)
        leaves = await join(presence, ["b"], None)
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
        ada = await join(presence, ["a"], None)
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
        joining = asyncio.create_task(join(presence, ["a"], None))
        await settle()
        joining.cancel()
        await asyncio.wait([joining])
        log.refuses = False
        await asyncio.sleep(AGAIN_AFTER * 2)
        assert await told(log) == []
        await presence.close()


# What clients make a hub write


def of_many(number, clients=()):
    """Somebody who makes ten updates necessary."""
    return Attendance(Member(f"urn:{number}", tuple(f"t{n}" for n in range(10))), clients)


async def come(presence, first, count):
    """So many come, ten updates each."""
    arrived = [of_many(number) for number in range(first, first + count)]
    tasks = [asyncio.create_task(presence.join(one)) for one in arrived]
    await settle(200)
    return arrived, tasks


@in_virtual_time
async def test_no_more_is_written_about_subscribers_than_the_rate(make):
    log, hub, presence = make()
    async with hub:
        presence.open()
        _, tasks = await come(presence, 0, TOLD_AT_ONCE // 10 + 4 * TOLD_RATE // 10)
        written = len(await told(log))
        assert TOLD_AT_ONCE <= written <= TOLD_AT_ONCE + BATCH
        for seconds in (1, 2):
            await asyncio.sleep(1)
            await settle(100)
            assert len(await told(log)) - written <= seconds * TOLD_RATE + BATCH
        await asyncio.wait(tasks)
        await asyncio.sleep(4)
        assert len(await told(log)) == TOLD_AT_ONCE + 4 * TOLD_RATE
        await presence.close()


@in_virtual_time
async def test_streams_begin_although_there_is_more_to_tell_than_may_be(make):
    _log, hub, presence = make()
    async with hub:
        presence.open()
        _, tasks = await come(presence, 0, TOLD_AT_ONCE // 10 + TOLD_RATE)
        began = asyncio.get_running_loop().time()
        await asyncio.wait(tasks)
        assert asyncio.get_running_loop().time() - began <= JOIN_PATIENCE + TICK + 0.1
        assert presence._announcements.waiting
        await presence.close()


@in_virtual_time
async def test_who_comes_and_goes_while_nothing_may_be_written_leaves_no_trace(make):
    """So a client, or a thousand, that connect and disconnect push nobody's updates out of the history."""
    log, hub, presence = make()
    async with hub:
        presence.open()
        await come(presence, 0, TOLD_AT_ONCE // 10 + BATCH // 10)
        before = len(await told(log))
        for number in range(100):
            arrived, tasks = await come(presence, 100_000 + number * 100, 100)
            for one, task in zip(arrived, tasks, strict=True):
                task.cancel()
                presence.leave(one)
        await settle()
        assert len(await told(log)) <= before + BATCH
        await presence.close()


@in_virtual_time
async def test_hub_answers_others_although_it_may_write_no_more_about_subscribers():
    """Or they would take it for dead."""
    log = RefusingLog()
    hub = Hub(SharedLog(log))
    presence = PresenceNode(hub)
    presence._allowance = Allowance(rate=0.1, burst=1)
    async with hub:
        presence.open()
        _, tasks = await come(presence, 0, 2 * BATCH // 10)
        assert presence._announcements.waiting
        before = len(await notes(log))
        await hub.append([NodeNote(node="other", by="other", asks=True).note().update()])
        await asyncio.sleep(TICK + 0.1)
        assert any("at" in note for note in (await notes(log))[before + 1 :])
        for task in tasks:
            task.cancel()
        await presence.close()


@in_virtual_time
async def test_hub_that_stops_tells_of_all_ends_at_once(make):
    log, hub, presence = make()
    async with hub:
        presence.open()
        arrived, tasks = await come(presence, 0, TOLD_AT_ONCE // 10)
        await asyncio.wait(tasks)
        for one in arrived:
            presence.leave(one)
        await presence.close()
        assert [active for _, active in await told(log)].count(False) == TOLD_AT_ONCE


@in_virtual_time
async def test_one_client_leaves_room_to_tell_of_others(make):
    _log, hub, presence = make()
    presence._allowance = Allowance(10**9, 10**9)
    async with hub:
        presence.open()
        share = MAX_SUBSCRIPTIONS // SHARES
        names = presence.attendance(["t"], Grants(), "192.0.2.7").clients
        tasks = [asyncio.create_task(presence.join(of_many(number, names))) for number in range(share // 10 + 5)]
        await asyncio.wait(tasks)
        assert len(presence.picture) == share
        assert hub.counters.untold == 5
        other = await join(presence, ["t"], address="192.0.2.8")
        assert presence.picture.find("t", other.member.id) is not None
        await presence.close()


def test_client_is_known_by_its_address_and_by_its_subject():
    presence = PresenceNode(Hub())

    def names(address, subject=""):
        return presence.attendance(["t"], Grants(subject=subject), address).clients

    assert names("192.0.2.7", "ada") == ("address 192.0.2.7", "subject ada")
    assert names("2001:db8::1") == names("2001:db8::ffff")
    for local in ("", "127.0.0.1", "::1"):
        assert names(local) == ()
        assert names(local, "ada") == ("subject ada",)


@in_virtual_time
async def test_member_is_told_without_a_payload_that_is_too_large(make, caplog):
    log, hub, presence = make()
    async with hub:
        presence.open()
        nested = [0] * 2000
        for _ in range(28):
            nested = [nested]
        for _ in range(2):
            await join(presence, ["a"], nested)
        assert len(json.dumps(nested, indent=2)) > MAX_PAYLOAD > len(json.dumps(nested))
        assert await told(log) == [("a", True)] * 2
        assert all(not member.payload for member in presence.picture.members())
        assert caplog.text.count("without their payloads") == 1
        assert hub.counters.untold == 0
        await presence.close()


# Several hubs


@in_virtual_time
async def test_hub_whose_log_nobody_else_sees_writes_no_notes():
    log = RefusingLog()
    hub = Hub(log)
    presence = PresenceNode(hub)
    async with hub:
        presence.open()
        await join(presence, ["a"], None)
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
        ada = await join(presence, ["a"], None)
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
        await join(node, ["t"], None)
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
        await join(presence, ["a"], None)
        assert len(presence.picture) == 1
        await presence.close()


def test_waits_are_in_a_sensible_order():
    """A stream begins before its client gives up, and hubs look at what is to be done more often than they wait."""
    assert all(one <= other for one, other in pairwise((TICK, JOIN_PATIENCE, module.CLOSE_PATIENCE)))
