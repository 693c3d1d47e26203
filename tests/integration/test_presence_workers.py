"""Presence of several hubs over one log: each knows all, and no ghost stays of one that was killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time

import pytest

from integration.conftest import until
from integration.hub_process import HOST, HubProcess, eventually
from integration.mercure_tokens import KEY
from integration.presence_client import SUBSCRIPTIONS, TOLD, Watcher, topics_listed
from integration.process_table import children, server_of
from integration.raw_client import RawClient, closing_all
from longwave.core.presence import Patience
from longwave.hub import Hub
from longwave.server.config import Listen, ServerConfig
from longwave.server.server import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads a port over processes"),
]

OPTIONS = ("--key", KEY, "--anonymous", "--subscriptions", "--allowed-host", "hub.test")
PATIENCE = Patience(lease=0.4, answer=0.3)
LATE = 10.0  # seconds, as the machine is busy
STREAMS = 8


@pytest.fixture
def clients():
    with closing_all() as clients:
        yield clients


async def connect(hub, clients):
    clients.append(await RawClient.connect((HOST, hub.port)))
    return clients[-1]


async def connect_to(hub, clients, worker):
    """A connection to this worker."""
    while True:
        client = await connect(hub, clients)
        assert (await client.get("/healthz")).status == 200
        if server_of(client.sock, children(hub.pid)) == worker:
            return client


async def listed_at(hub, clients, workers):
    """What each worker lists."""
    return [await topics_listed(await connect_to(hub, clients, worker)) for worker in workers]


async def listed_everywhere(hub, clients, expected):
    """Wait until all workers list this; notes are on their way for a moment."""
    async with asyncio.timeout(20):
        while any(found != expected for found in await listed_at(hub, clients, children(hub.pid))):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def ends_until(watcher, count):
    """The topics of so many ends; whoever comes meanwhile is passed over."""
    ended = []
    async with asyncio.timeout(30):
        while len(ended) < count:
            topic, active, subscriber = await watcher.next()
            if not active:
                ended.append((topic, subscriber))
    return ended


@pytest.fixture
def two_workers(tmp_path):
    with HubProcess(f"sqlite:{tmp_path}/log.db", "--workers", "2", *OPTIONS) as hub:
        yield hub


async def test_each_worker_knows_the_subscribers_of_all(two_workers, clients):
    for worker in children(two_workers.pid):
        client = await connect_to(two_workers, clients, worker)
        await client.subscribe(f"/events?topic=w{worker}")

    await listed_everywhere(two_workers, clients, sorted(f"w{worker}" for worker in children(two_workers.pid)))


async def test_subscribers_of_a_killed_worker_are_ended_once_by_those_that_live(two_workers, clients):
    victim, survivor = children(two_workers.pid)
    watcher = await Watcher.connect(await connect_to(two_workers, clients, survivor))
    for number in range(STREAMS):
        await (await connect_to(two_workers, clients, victim)).subscribe(f"/events?topic=v{number}")
    kept = await connect_to(two_workers, clients, survivor)
    await kept.subscribe("/events?topic=kept")
    await listed_everywhere(
        two_workers, clients, sorted([*(f"v{number}" for number in range(STREAMS)), "kept", watcher_topic()])
    )

    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    ended = await ends_until(watcher, STREAMS)

    assert sorted(topic for topic, _ in ended) == [f"v{number}" for number in range(STREAMS)]
    assert len(set(ended)) == STREAMS
    assert time.monotonic() - began < 15, "the next worker in its place tells of its death"
    assert eventually(lambda: len(children(two_workers.pid)) == 2)
    await listed_everywhere(two_workers, clients, sorted(["kept", watcher_topic()]))


async def test_worker_that_starts_knows_who_was_there_before(two_workers, clients):
    victim, survivor = children(two_workers.pid)
    await (await connect_to(two_workers, clients, survivor)).subscribe("/events?topic=kept")
    os.kill(victim, signal.SIGKILL)
    assert eventually(lambda: len(set(children(two_workers.pid)) - {victim}) == 2)

    await listed_everywhere(two_workers, clients, ["kept"])


async def test_hub_that_was_killed_ends_its_own_ghosts_when_it_comes_back_alone(tmp_path, clients):
    with HubProcess(f"sqlite:{tmp_path}/log.db", *OPTIONS) as hub:
        for number in range(STREAMS):
            await (await connect(hub, clients)).subscribe(f"/events?topic=v{number}")
        hub.kill()
        hub.start()
        watcher = await Watcher.connect(await connect(hub, clients))
        ended = await ends_until(watcher, STREAMS)
        reader = await connect(hub, clients)

        assert sorted(topic for topic, _ in ended) == [f"v{number}" for number in range(STREAMS)]
        assert await topics_listed(reader) == [watcher_topic()]


async def test_nobody_stays_listed_of_a_hub_that_was_killed_as_a_whole(two_workers, clients):
    """Supervisor and workers at once, as by a power cut or the kernel: no place of theirs is taken again."""
    for worker in children(two_workers.pid):
        for number in range(STREAMS // 2):
            await (await connect_to(two_workers, clients, worker)).subscribe(f"/events?topic=v{number}-{worker}")
    for worker in children(two_workers.pid):
        os.kill(worker, signal.SIGKILL)
    two_workers.kill()
    two_workers.start()
    assert eventually(lambda: len(children(two_workers.pid)) == 2)
    began = time.monotonic()

    await listed_everywhere(two_workers, clients, [])
    assert time.monotonic() - began < 15, "they ask at once, and wait for answers for 5 seconds"


def watcher_topic():
    return f"{SUBSCRIPTIONS}{{/topic}}{{/subscriber}}"


# Hubs that no supervisor watches, in this process: one that dies is cut off from its loop's clock and its log.


class Peer:
    """One hub of several over one file, with short patience."""

    def __init__(self, path):
        config = ServerConfig(listen=Listen(port=0), access=TOLD)
        self.hub = Hub(f"sqlite:{path}", config.delivery())
        self.server = Server(self.hub, config)

    @property
    def port(self):
        return int(self.server.url.rstrip("/").rpartition(":")[2])

    def freeze(self):
        """Do nothing any more for presence, as if the process stood still or were dead."""
        presence = self.server.site.presence
        presence._timer.cancel()
        presence._task.cancel()
        self.hub._prompt.pause()

    def thaw(self):
        """Go on."""
        presence, loop = self.server.site.presence, asyncio.get_running_loop()
        self.hub._prompt.start(self.hub._prompt.head)
        presence._task = loop.create_task(presence._run())
        presence._tick()

    def known(self):
        return sorted(
            selector for member in self.server.site.presence.picture.members() for selector in member.selectors
        )


@pytest.fixture
async def peers(tmp_path, monkeypatch):
    monkeypatch.setattr("longwave.server.presence.presence_node.TICK", 0.05)
    monkeypatch.setattr("longwave.server.presence.presence_node.Patience", lambda: PATIENCE)
    async with contextlib.AsyncExitStack() as stack:

        async def begin():
            peer = Peer(tmp_path / "log.db")
            await stack.enter_async_context(peer.server)
            return peer

        yield begin


async def test_death_that_nobody_announces_is_noticed_in_time(peers, clients):
    one, two, three = await peers(), await peers(), await peers()
    await (await connect(one, clients)).subscribe("/events?topic=one")
    await (await connect(two, clients)).subscribe("/events?topic=two")
    watcher = await Watcher.connect(await connect(three, clients))
    await until(lambda: len(three.known()) == len(two.known()) == 3)
    began = time.monotonic()
    one.freeze()

    assert [topic for topic, _ in await ends_until(watcher, 1)] == ["one"]
    assert time.monotonic() - began < 1.2 * PATIENCE.lease + PATIENCE.answer + LATE
    await until(lambda: two.known() == three.known() == sorted(["two", watcher_topic()]))
    entries = (await two.hub.log.read(0, 10_000)).entries
    ends = [entry for entry in entries if entry.update.event.id.startswith("urn:longwave:end:")]
    assert len(ends) == 1


async def test_living_hubs_that_say_nothing_for_long_stay(peers, clients):
    one, two = await peers(), await peers()
    await (await connect(one, clients)).subscribe("/events?topic=one")
    await (await connect(two, clients)).subscribe("/events?topic=two")
    await until(lambda: one.known() == two.known() == ["one", "two"])
    heard = []
    one.hub.notes.listen(lambda position, note: heard.append(note))
    await until(lambda: sum("asks" in note.content for note in heard) >= 3)

    assert one.known() == two.known() == ["one", "two"]


async def test_hub_that_stood_still_tells_of_its_subscribers_again(peers, clients):
    one, two = await peers(), await peers()
    await (await connect(one, clients)).subscribe("/events?topic=one")
    await until(lambda: two.known() == ["one"])
    before = two.server.site.presence.picture.members()
    one.freeze()
    await until(lambda: two.known() == [])
    one.thaw()

    await until(lambda: one.known() == two.known() == ["one"])
    assert two.server.site.presence.picture.members() != before
    clients[0].close()
    await until(lambda: one.known() == two.known() == [])


async def test_hub_that_starts_over_a_short_history_asks_for_what_it_cannot_read(peers, clients, monkeypatch):
    one = await peers()
    await (await connect(one, clients)).subscribe("/events?topic=one")
    await one.hub.append([update for _ in range(5) for update in [filler()]])
    monkeypatch.setattr("longwave.notes.WINDOW", 3)
    two = await peers()

    await until(lambda: two.known() == ["one"])


async def test_members_are_stated_anew_before_they_are_too_old_to_be_read(peers, clients, monkeypatch):
    monkeypatch.setattr("longwave.server.presence.presence_node.LOOK_EVERY", 0.05)
    monkeypatch.setattr("longwave.core.statements.WINDOW", 20)
    one = await peers()
    await (await connect(one, clients)).subscribe("/events?topic=one")
    for _ in range(10):
        await one.hub.append([filler() for _ in range(10)])
        last = (await one.hub.log.read(0, 0)).last
        await until(
            lambda last=last: one.server.site.presence._statements.due(first=1, last=last, now=0.0, limit=1) == []
        )

    monkeypatch.setattr("longwave.notes.WINDOW", 20)
    one.freeze()
    two = await peers()
    assert two.known() == ["one"]
    await until(lambda: two.known() == [])


def filler():
    from longwave.core.update import Update
    from longwave.eventstream.event import Event

    return Update(("news",), Event("x"))
