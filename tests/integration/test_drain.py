"""Stopping: streams end properly and are told when to come back, requests are answered, nobody holds it up."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time

import pytest

from integration.conftest import until
from integration.raw_client import RawClient
from integration.test_limits import FORM, GatedLog

LATE = 10  # seconds; who is not given up after the drain time would hold it up for the send timeout, which is longer


async def test_each_stream_gets_its_own_retry_and_a_proper_end(start, sink):
    running = await start(sink=sink, drain=30.0)
    clients = [await running.subscribe() for _ in range(20)]
    await running.publish("last")

    began = time.monotonic()
    await running.stop()
    took = time.monotonic() - began
    ends = [(await client.farewell()).decode() for client in clients]

    assert all("data: last\n\n" in end for end in ends)
    waits = [int(re.search(r"\nretry: (\d+)\n$", end)[1]) for end in ends]
    assert len(set(waits)) > 15
    assert all(1000 <= wait <= 3000 for wait in waits)
    assert took < 20, "nobody waited for the end of the drain time"


async def test_stream_without_chunks_ends_too(start, sink):
    running = await start(sink=sink, drain=5.0)
    client = await running.subscribe("/events?topic=t", version="1.0")

    await running.stop()

    assert re.fullmatch(rb"retry: \d+\n", await client.rest())


async def test_idle_connections_are_closed_and_new_ones_are_not_accepted(start):
    running = await start(drain=5.0)
    idle = await running.connect()
    await idle.get("/healthz")
    half = await running.connect()
    await half.send(b"GET /healthz HT")
    address = running.address

    await running.stop()

    await idle.ended()
    await half.ended()
    with pytest.raises(ConnectionRefusedError):
        await RawClient.connect(address)


async def test_requests_under_way_are_answered(start):
    """The one that is being answered, and the one that waits behind it."""
    running = await start(GatedLog(), drain=5.0)
    client = await running.connect()
    for number in range(2):
        await client.request("POST", "/events", FORM, body=f"topic=t&data={number}".encode())
    await until(lambda: running.log.begun)

    stopping = asyncio.create_task(running.stop())
    await until(lambda: running.site.draining)
    running.log.gate.set()
    answers = [await client.answer() for _ in range(2)]
    await client.ended()
    client.close()
    await stopping

    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.headers.get("connection") for answer in answers] == [None, "close"]


async def test_answer_that_never_comes_does_not_outlast_the_drain_time(start):
    running = await start(GatedLog(), drain=0.1)
    client = await running.connect()
    await client.request("POST", "/events", FORM, body=b"topic=t")
    await until(lambda: running.log.begun)

    await running.stop()

    await client.ended()


async def test_stalled_client_delays_the_end_by_the_drain_time_and_no_more(start, sink):
    running = await start(sink=sink, drain=0.3)
    stalled = await running.subscribe(receive_buffer=4096)
    healthy = await running.subscribe("/events?topic=other")
    await running.publish(*["x" * 60_000] * 8)
    await until(lambda: any(one.holding for one in running.site.streams()))

    began = time.monotonic()
    await running.stop()

    assert time.monotonic() - began < LATE
    assert b"retry: " in await healthy.farewell()
    assert not (await stalled.rest()).endswith(b"0\r\n\r\n")
    assert running.site.streams() == []


async def test_stream_that_is_being_replayed_ends_properly(start, sink):
    running = await start(sink=sink, drain=5.0)
    await running.publish(*(f"{number} " + "x" * 500 for number in range(500)))
    client = await running.subscribe("/events?topic=t&lastEventID=earliest", receive_buffer=4096)
    await until(lambda: running.site.streams()[0].holding)

    stopping = asyncio.create_task(running.stop())
    text = (await client.farewell()).decode()
    client.close()
    await stopping

    numbers = [int(number) for number in re.findall(r"data: (\d+) x+\n\n", text)]
    assert numbers == list(range(len(numbers)))
    assert re.search(r"\nretry: \d+\n$", text)


async def test_connection_that_is_accepted_during_the_drain_is_turned_away(start):
    running = await start(GatedLog(), drain=5.0)
    client = await running.connect()
    await client.request("POST", "/events", FORM, body=b"topic=t")
    await until(lambda: running.log.begun)
    stopping = asyncio.create_task(running.stop())
    await until(lambda: running.site.draining)

    assert running.site.admit("127.0.0.1").name == "REFUSED"
    running.log.gate.set()
    await client.answer()
    client.close()
    await stopping


# The real process.


@pytest.mark.slow
async def test_hub_serves_on_for_the_shutdown_delay_but_says_that_it_is_to_be_left(launch):
    """Load balancers must see it before connections are refused."""
    hub = await launch("--shutdown-delay", "1h")
    stream = await RawClient.connect(hub.address)
    await stream.subscribe("/events?topic=t")
    kept = await RawClient.connect(hub.address)
    assert (await kept.get("/readyz")).status == 200

    hub.process.send_signal(signal.SIGTERM)
    while (answer := await kept.get("/readyz")).status == 200:
        pass  # the signal is on its way
    fresh = await RawClient.connect(hub.address)

    assert (answer.status, answer.text) == (503, "expected a hub that stays, got one that is stopping\n")
    assert (await fresh.get("/readyz")).status == 503
    assert (await fresh.get("/healthz")).status == 200
    assert (await fresh.post("topic=t&data=x")).status == 200
    assert await stream.data() == "x"
    hub.process.send_signal(signal.SIGTERM)
    assert await hub.ended() == 128 + signal.SIGTERM
    for client in (stream, kept, fresh):
        client.close()


@pytest.mark.slow
async def test_hub_drains_when_the_shutdown_delay_is_over(launch):
    hub = await launch("--shutdown-delay", "100ms")
    client = await RawClient.connect(hub.address)
    await client.subscribe("/events?topic=t")

    hub.process.send_signal(signal.SIGTERM)

    assert re.fullmatch(rb"retry: \d+\n", await client.farewell())
    assert await hub.ended() == 0
    client.close()


@pytest.mark.slow
async def test_without_a_shutdown_delay_both_paths_of_health_are_refused_at_once(launch):
    hub = await launch("--drain", "1h")
    stalled = await RawClient.connect(hub.address, receive_buffer=4096)
    await stalled.subscribe("/events?topic=t")
    kept = await RawClient.connect(hub.address)
    await kept.post(json.dumps([{"topic": "t", "data": "x" * 60_000} for _ in range(8)]), "application/json")

    hub.process.send_signal(signal.SIGTERM)
    await kept.ended()

    with pytest.raises(ConnectionRefusedError):
        await RawClient.connect(hub.address)
    stalled.close()
    kept.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("kind", ["epoll", "transport"])
async def test_signal_ends_streams_properly_and_the_process_with_status_0(launch, number, kind):
    hub = await launch("--sink", kind)
    clients = [await RawClient.connect(hub.address) for _ in range(3)]
    for client in clients:
        await client.subscribe("/events?topic=t")

    hub.process.send_signal(number)
    ends = [await client.farewell() for client in clients]
    for client in clients:
        client.close()

    assert all(re.fullmatch(rb"retry: \d+\n", end) for end in ends)
    assert await hub.ended() == 0
    messages = (await hub.process.stderr.read()).decode()
    assert not re.search(r"Warning|Traceback|Error", messages), messages


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["epoll", "transport"])
async def test_stalled_client_does_not_keep_the_process_beyond_the_drain_time(launch, kind):
    hub = await launch("--sink", kind, "--drain", "500ms")
    client = await RawClient.connect(hub.address, receive_buffer=4096)
    await client.subscribe("/events?topic=t")
    publisher = await RawClient.connect(hub.address)
    await publisher.post(json.dumps([{"topic": "t", "data": "x" * 60_000} for _ in range(8)]), "application/json")

    began = time.monotonic()
    hub.process.send_signal(signal.SIGTERM)
    status = await hub.ended()
    client.close()
    publisher.close()

    assert status == 0
    assert time.monotonic() - began < LATE
    messages = (await hub.process.stderr.read()).decode()
    assert not re.search(r"Warning|Traceback|Error", messages), messages


@pytest.mark.slow
async def test_second_signal_ends_the_process_at_once(launch):
    hub = await launch("--drain", "1h")
    client = await RawClient.connect(hub.address, receive_buffer=4096)
    await client.subscribe("/events?topic=t")
    publisher = await RawClient.connect(hub.address)
    await publisher.post(json.dumps([{"topic": "t", "data": "x" * 60_000} for _ in range(8)]), "application/json")

    hub.process.send_signal(signal.SIGTERM)
    await publisher.ended()
    hub.process.send_signal(signal.SIGTERM)

    assert await hub.ended() == 128 + signal.SIGTERM
    client.close()
    publisher.close()
