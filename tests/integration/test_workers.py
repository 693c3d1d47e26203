"""Workers: several processes at one address over one log, as an operator runs them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from integration.hub_process import ENVIRONMENT, HOST, HubProcess, eventually
from integration.process_table import children, runs, server_of
from integration.raw_client import WAIT, RawClient, closing_all

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads a port over processes"),
]

WORKERS = 3
LOOKS_SELDOM = """
from longwave.logs import sqlite_writer

sqlite_writer.POLL_INTERVAL = 60.0  # seconds between two looks at the log that nobody asked for
"""


@pytest.fixture
def hub(tmp_path):
    with HubProcess(f"sqlite:{tmp_path}/log.db", "--workers", str(WORKERS)) as hub:
        yield hub


@pytest.fixture
def clients():
    with closing_all() as clients:
        yield clients


async def connect(hub, clients):
    client = await RawClient.connect((HOST, hub.port))
    clients.append(client)
    return client


async def subscribe(hub, clients, *headers):
    client = await connect(hub, clients)
    await client.subscribe("/events?topic=t", *headers)
    return client


async def subscribe_everywhere(hub, clients):
    """Streams such that each worker has one: worker -> its streams."""
    workers = children(hub.pid)
    streams = {pid: [] for pid in workers}
    while not all(streams.values()):
        client = await subscribe(hub, clients)
        streams[server_of(client.sock, workers)].append(client)
    return streams


async def publisher_at(hub, clients, worker):
    """A connection to this worker."""
    while True:
        client = await connect(hub, clients)
        assert (await client.get("/healthz")).status == 200
        if server_of(client.sock, children(hub.pid)) == worker:
            return client


async def publish(client, data):
    answer = await client.post(f"topic=t&data={data}")
    assert answer.status == 200
    return answer.text.strip()


async def event(stream):
    """The next event: its id and data."""
    lines = dict(line.partition(": ")[::2] for line in (await stream.block()).splitlines())
    return lines["id"], lines["data"]


def position(event_id):
    return int(event_id.rpartition("-")[2])


def run(*options, seconds=20):
    """Run `longwave serve` to its end: exit status and standard error."""
    command = [sys.executable, "-m", "longwave", "serve", *options]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=seconds, check=False)
    return done.returncode, done.stderr


# One hub


async def test_all_subscribers_of_all_workers_see_all_updates_in_one_order(hub, clients):
    by_worker = await subscribe_everywhere(hub, clients)
    streams = list(itertools.chain(*by_worker.values()))
    count, publishers = 25, [await publisher_at(hub, clients, worker) for worker in [*by_worker] * 3]

    async def publish_some(number, client):
        return {await publish(client, f"{number}.{n}"): f"{number}.{n}" for n in range(count)}

    acknowledged = await asyncio.gather(*itertools.starmap(publish_some, enumerate(publishers)))
    seen = [[await event(stream) for _ in range(count * len(publishers))] for stream in streams]

    assert all(some == seen[0] for some in seen)
    assert [position(event_id) for event_id, _ in seen[0]] == list(range(1, count * len(publishers) + 1))
    assert dict(seen[0]) == {event_id: data for some in acknowledged for event_id, data in some.items()}


@pytest.fixture
def hub_that_looks_seldom(tmp_path, monkeypatch):
    """Its workers hear of each other's updates; by themselves they would look once a minute."""
    (tmp_path / "sitecustomize.py").write_text(LOOKS_SELDOM)
    monkeypatch.setitem(ENVIRONMENT, "PYTHONPATH", os.pathsep.join([str(tmp_path), ENVIRONMENT["PYTHONPATH"]]))
    with HubProcess(f"sqlite:{tmp_path}/log.db", "--workers", str(WORKERS)) as hub:
        yield hub


async def test_an_update_reaches_other_workers_long_before_they_would_look_by_themselves(
    hub_that_looks_seldom, clients
):
    streams = await subscribe_everywhere(hub_that_looks_seldom, clients)
    worker, *others = streams
    publisher = await publisher_at(hub_that_looks_seldom, clients, worker)

    for number in range(60):
        await publish(publisher, number)
        for other in others:
            assert (await event(streams[other][0]))[1] == str(number)


async def test_address_is_announced_once_and_all_workers_have_it(tmp_path, clients, launch):
    launched = await launch("--workers", "2", "--log", f"sqlite:{tmp_path}/log.db")
    workers = children(launched.process.pid)
    found = set()
    while found != set(workers):
        client = await RawClient.connect(launched.address)
        clients.append(client)
        assert (await client.get("/healthz")).status == 200
        found.add(server_of(client.sock, workers))

    launched.process.send_signal(signal.SIGTERM)
    assert await launched.ended() == 0
    said = (await launched.process.stdout.read()).decode()
    assert re.fullmatch(r"Log: .*\nTry: .*\n", said)


# Sudden death


class Follower:
    """A subscriber that comes back where it was."""

    def __init__(self, hub, clients):
        self.seen = []
        self.connections = 0
        self.connected = asyncio.Event()
        self._hub = hub
        self._clients = clients

    async def run(self, last):
        while not self.seen or self.seen[-1][1] != last:
            with contextlib.suppress(AssertionError, OSError):  # the connection ended, maybe before it was accepted
                await self._read(last)

    async def _read(self, last):
        place = self.seen[-1][0] if self.seen else "earliest"
        self.stream = await subscribe(self._hub, self._clients, f"Last-Event-ID: {place}")
        self.connections += 1
        self.connected.set()
        while not self.seen or self.seen[-1][1] != last:
            self.seen.append(await event(self.stream))


async def test_killed_worker_is_replaced_and_its_clients_resume_without_loss(hub, clients):
    followers = [Follower(hub, clients) for _ in range(12)]
    running = [asyncio.create_task(follower.run("end")) for follower in followers]
    for follower in followers:
        await follower.connected.wait()
    workers = children(hub.pid)
    victim = server_of(followers[0].stream.sock, workers)
    publisher = await publisher_at(hub, clients, next(pid for pid in workers if pid != victim))

    acknowledged = []
    for number in range(300):
        if number == 100:
            os.kill(victim, signal.SIGKILL)
        acknowledged.append((await publish(publisher, number), str(number)))
    acknowledged.append((await publish(publisher, "end"), "end"))
    async with asyncio.timeout(WAIT):
        await asyncio.gather(*running)

    assert all(follower.seen == acknowledged for follower in followers)
    assert followers[0].connections == 2
    assert eventually(lambda: len(children(hub.pid)) == WORKERS)
    assert victim not in children(hub.pid)
    assert "ended with SIGKILL; the next one starts in" in hub.messages


async def test_worker_that_is_stopped_alone_drains_and_is_replaced(hub, clients):
    streams = await subscribe_everywhere(hub, clients)
    worker, other, *_ = streams
    os.kill(worker, signal.SIGTERM)

    assert b"retry: " in await streams[worker][0].farewell()
    assert eventually(lambda: len(set(children(hub.pid)) - {worker}) == WORKERS)
    assert "ended with status 0; the next one starts in" in hub.messages
    again = await publisher_at(hub, clients, next(pid for pid in children(hub.pid) if pid not in streams))
    await publish(again, "hello")
    assert (await event(streams[other][0]))[1] == "hello"


async def test_no_worker_outlives_a_supervisor_that_was_killed(hub, clients):
    streams = await subscribe_everywhere(hub, clients)
    hub.kill()

    for stream in itertools.chain(*streams.values()):
        assert b"retry: " in await stream.farewell()
    assert eventually(lambda: not any(map(runs, streams)))
    hub.start()
    assert len(children(hub.pid)) == WORKERS


# The end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_lets_all_workers_drain_and_ends_with_status_0(launch, tmp_path, clients, number, monkeypatch):
    monkeypatch.setenv("PYTHONDEVMODE", "1")  # for the workers too
    launched = await launch("--workers", "2", "--log", f"sqlite:{tmp_path}/log.db")
    workers = children(launched.process.pid)
    streams = []
    for _ in range(8):
        clients.append(await RawClient.connect(launched.address))
        await clients[-1].subscribe("/events?topic=t")
        streams.append(clients[-1])

    launched.process.send_signal(number)
    ends = [await stream.farewell() for stream in streams]

    assert all(re.fullmatch(rb"retry: \d+\n", end) for end in ends)
    assert await launched.ended() == 0
    assert not any(map(runs, workers))
    messages = (await launched.process.stderr.read()).decode()
    assert not re.search(r"Warning|Traceback|Error", messages), messages


async def test_second_signal_ends_all_workers_at_once(launch, tmp_path, clients):
    launched = await launch("--workers", "2", "--drain", "1h", "--log", f"sqlite:{tmp_path}/log.db")
    workers = children(launched.process.pid)
    clients.append(await RawClient.connect(launched.address, receive_buffer=4096))
    await clients[0].subscribe("/events?topic=t")
    clients.append(await RawClient.connect(launched.address))
    body = json.dumps([{"topic": "t", "data": "x" * 60_000} for _ in range(8)])
    assert (await clients[1].post(body, "application/json")).status == 200

    launched.process.send_signal(signal.SIGTERM)
    await clients[1].ended()
    launched.process.send_signal(signal.SIGTERM)

    assert await launched.ended() == 128 + signal.SIGTERM
    assert eventually(lambda: not any(map(runs, workers)))


# What cannot be


@pytest.mark.parametrize("workers", [1, 2])
async def test_port_of_a_hub_with_workers_is_taken(hub, tmp_path, workers):
    log = f"sqlite:{tmp_path}/other.db"

    assert run("--port", str(hub.port), "--log", log, "--workers", str(workers)) == (
        1,
        f"longwave: cannot listen on {HOST}:{hub.port}: Address already in use\n",
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--log", "memory:"], "expected 1 with memory:, which no other process can see, got 2"),
        (["--uds", "hub.sock"], "expected 1 with a Unix socket, got 2: only for a TCP port does the system spread"),
    ],
)
def test_workers_are_refused_where_they_cannot_work(options, sentence):
    status, error = run("--workers", "2", *options)

    assert status == 2
    assert error.startswith(f"longwave: --workers: {sentence}")
    assert error.count("\n") == 1


def test_log_that_cannot_be_opened_ends_all_with_one_line(tmp_path):
    status, error = run("--port", "0", "--workers", "2", "--log", f"sqlite:{tmp_path}/none/log.db")

    assert status == 1
    assert re.fullmatch(r"longwave: cannot start worker \d: expected a log that can be opened at .*\n", error)
