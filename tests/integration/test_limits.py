"""Every limit on what clients may use: where it is, what is said when it is reached, and that it counts down again."""

from __future__ import annotations

import asyncio
import fcntl
import re
import socket
import struct
import termios

import pytest

from integration.conftest import until
from longwave.logs.memory import MemoryLog
from longwave.server import site
from longwave.server.config import Limits
from longwave.server.limits import connection_limits

FORM = "Content-Type: application/x-www-form-urlencoded"
EVENT_SOURCE = "Accept: text/event-stream"


class GatedLog(MemoryLog):
    """A log whose appends wait until the test opens the gate."""

    def __init__(self):
        super().__init__()
        self.gate = asyncio.Event()
        self.begun = 0

    async def append(self, updates):
        self.begun += 1
        await self.gate.wait()
        return await super().append(updates)


# Heads.


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n", id="target"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: h\r\nX-A: " + b"a" * 3000, id="unfinished value"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: h\r\n" + b"A" * 3000, id="unfinished name"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: h\r\n" + b"X: 12345\r\n" * 100, id="many headers"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: h\r\n" + b"X: 12345\r\n" * 100 + b"\r\n", id="complete"),
    ],
)
@pytest.mark.parametrize("size", [100, 10_000])
async def test_head_above_its_limit_is_refused(start, head, size):
    running = await start(limits=Limits(head=1000))
    client = await running.connect()

    for place in range(0, len(head), size):
        await client.send(head[place : place + size])
    answer = await client.answer()

    assert answer.status == 431
    assert answer.text == "expected a request head of at most 1000 bytes, got more\n"
    await client.ended()


async def test_head_within_its_limit_is_taken_however_it_is_cut(start):
    running = await start(limits=Limits(head=1000))
    client = await running.connect()
    request = b"GET /healthz HTTP/1.1\r\nHost: h\r\nX-A: " + b"a" * 900 + b"\r\n\r\n"

    for place in range(0, len(request) * 3, 7):
        await client.send((request * 3)[place : place + 7])

    assert [(await client.answer()).status for _ in range(3)] == [200] * 3


async def test_head_that_comes_too_slowly_is_refused_in_time(start):
    """Bytes now and then do not help: the whole head has one deadline."""
    running = await start(head=0.2)
    client = await running.connect()

    async def dribble():
        for byte in b"GET /healthz HTTP/1.1\r\nHost: h\r\nX-A: " + b"a" * 1000:
            await client.send(bytes([byte]))
            await asyncio.sleep(0.02)

    dribbling = asyncio.create_task(dribble())
    answer = await client.answer()
    dribbling.cancel()
    await asyncio.wait([dribbling])

    assert answer.status == 408
    assert answer.text == "expected a complete request head within 0.2 s\n"


async def test_connection_without_a_request_is_closed_after_the_time_for_a_head(start):
    running = await start(head=0.1)
    client = await running.connect()

    await client.ended()


async def test_connection_is_closed_after_the_idle_time(start):
    running = await start(keep_alive=0.1)
    client = await running.connect()

    assert (await client.get("/healthz")).status == 200
    await client.ended()


# Bodies.


@pytest.mark.parametrize("coding", ["length", "chunked"])
async def test_body_above_its_limit_is_refused_and_leaves_no_trace(start, coding):
    running = await start(limits=Limits(body=1000))
    client = await running.connect()

    if coding == "length":
        await client.request("POST", "/events", FORM, "Content-Length: 1001")
    else:
        await client.request("POST", "/events", FORM, "Transfer-Encoding: chunked")
        for _ in range(3):
            await client.send(b"190\r\n" + b"x" * 400 + b"\r\n")
    answer = await client.answer()

    assert answer.status == 413
    assert answer.text == "expected a body of at most 1000 bytes, got more\n"
    assert running.site.bodies.held == 0
    await client.ended()


async def test_body_of_the_largest_size_is_taken(start):
    running = await start(limits=Limits(body=1000))
    client = await running.connect()
    body = "topic=t&data=".ljust(1000, "x")

    assert (await client.post(body)).status == 200
    assert (await client.post(body + "x")).status == 413


@pytest.mark.parametrize(
    "endless",
    [pytest.param(b"5;" + b"a" * 5000, id="chunk extension"), pytest.param(b"0\r\nX-A: " + b"a" * 5000, id="trailer")],
)
async def test_endless_chunk_extension_or_trailer_is_refused(start, endless):
    running = await start(limits=Limits(head=1000))
    client = await running.connect()

    await client.request("POST", "/events", FORM, "Transfer-Encoding: chunked")
    await client.send(b"7\r\ntopic=t\r\n")
    await until(lambda: running.site.bodies.held == 7)
    await client.send(endless)
    answer = await client.answer()

    assert answer.status == 400
    assert answer.text == "expected chunk extensions or trailers of at most 1000 bytes\n"
    assert running.site.bodies.held == 0


async def test_body_that_comes_too_slowly_is_refused_in_time(start):
    running = await start(body=0.1)
    client = await running.connect()

    await client.request("POST", "/events", FORM, "Content-Length: 100")
    await client.send(b"topic=t")
    answer = await client.answer()

    assert (answer.status, answer.text) == (408, "expected a complete request body within 0.1 s\n")
    assert running.site.bodies.held == 0


async def test_all_bodies_together_have_a_limit_and_room_comes_back(start):
    running = await start(limits=Limits(body=1000, bodies=1500))
    first, second = await running.connect(), await running.connect()
    body = b"topic=t&data=".ljust(1000, b"x")

    await first.request("POST", "/events", FORM, "Content-Length: 1000")
    await first.send(body[:-1])
    await until(lambda: running.site.bodies.held == 999)
    refused = await second.post(body)
    await first.send(body[-1:])
    taken = await first.answer()
    third = await running.connect()

    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert (taken.status, (await third.post(body)).status) == (200, 200)
    assert running.site.bodies.held == 0


async def test_body_of_a_client_that_leaves_half_way_counts_no_more(start):
    running = await start()
    client = await running.connect()

    await client.request("POST", "/events", FORM, "Content-Length: 1000")
    await client.send(b"x" * 500)
    await until(lambda: running.site.bodies.held == 500)
    client.reset()

    await until(lambda: running.site.bodies.held == 0)


async def test_client_reads_the_refusal_although_it_is_still_sending(start):
    """Closing at once would reset the connection, and the reset would destroy the answer."""
    running = await start(limits=Limits(body=1000))
    client = await running.connect()

    await client.request("POST", "/events", FORM, "Content-Length: 3000000")
    await until(lambda: running.site.connections)
    for _ in range(30):
        await client.send(b"x" * 100_000)  # fails once the connection was reset
        await until(lambda: not untaken(client.sock))
    answer = await client.answer()

    assert answer.status == 413
    assert answer.headers["connection"] == "close"


def untaken(sock):
    """Bytes that were sent but have not reached the other side."""
    return struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0]


async def test_curl_sees_why_its_large_upload_was_refused(start, tmp_path):
    running = await start()
    host, port = running.address
    upload = tmp_path / "upload"
    upload.write_bytes(b"x" * 8_000_000)
    command = ["curl", "-sS", "-m", "8", "-H", "Expect:", "--data-binary", f"@{upload}", f"http://{host}:{port}/events"]

    process = await asyncio.create_subprocess_exec(*command, "-w", " %{http_code}", stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()

    assert out == b"expected a body of at most 1048576 bytes, got more\n 413"


async def test_client_that_never_closes_after_a_refusal_is_cut_off(start, monkeypatch):
    monkeypatch.setattr(site, "LINGER", 0.1)
    running = await start()
    client = await running.connect()

    await client.send(b"nonsense\r\n\r\n")
    assert (await client.answer()).status == 400

    await until(lambda: running.empty)


# Pipelining.


async def test_pipelined_requests_are_answered_in_order(start):
    running = await start()
    client = await running.connect()

    for number in range(10):
        body = f"topic=t&data={number}&id=id{number}".encode()
        await client.request("POST", "/events", FORM, body=body)
        await client.request("GET", "/healthz")
    answers = [(await client.answer()).text for _ in range(20)]

    assert answers == [text for number in range(10) for text in (f"id{number}", "ok\n")]


async def test_burst_above_the_pipelining_limit_is_answered_up_to_it_and_the_rest_is_not_published(start):
    running = await start(GatedLog())
    client = await running.connect()
    body = b"topic=t&data=x"
    request = b"POST /events HTTP/1.1\r\nHost: h\r\n%b\r\nContent-Length: %d\r\n\r\n%b" % (
        FORM.encode(),
        len(body),
        body,
    )

    await client.send(request * 100)
    await until(lambda: running.log.begun)
    running.log.gate.set()
    answers = []
    while not answers or "connection" not in answers[-1].headers:
        answers.append(await client.answer())
    await client.ended()

    assert {answer.status for answer in answers} == {200}
    assert 32 <= len(answers) <= 34
    assert running.hub.counters.refusals["pipelined"] == 1
    assert len(await running.stored()) == len(answers)


async def test_client_that_pipelines_and_never_reads_is_cut_off(start):
    running = await start(send=0.3)
    client = await running.connect(receive_buffer=4096)
    await client.get("/healthz")
    assert not running.empty

    async def ask():
        while True:
            await client.send(b"GET /console.js HTTP/1.1\r\nHost: h\r\n\r\n")

    asking = asyncio.create_task(ask())
    await until(lambda: running.empty)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_client_that_reads_late_gets_all_answers(start):
    """The next request comes while the server waits for room to write; it must not be forgotten."""
    running = await start()
    client = await running.connect(receive_buffer=4096)
    ask = b"GET /console.js HTTP/1.1\r\nHost: h\r\n\r\n"

    for _ in range(12):
        await client.send(ask)
        await asyncio.sleep(0)
    answers = [await client.answer() for _ in range(12)]

    assert {(answer.status, len(answer.body)) for answer in answers} == {(200, len(answers[0].body))}


async def test_large_last_answer_reaches_a_slow_reader(start, monkeypatch):
    """The time to linger begins when the answer was taken, not when it was given."""
    monkeypatch.setattr(site, "LINGER", 0.05)
    running = await start(send=5.0)
    client = await running.connect(receive_buffer=4096)
    ids = "\n".join(f'{{"topic": "t", "id": "{number:0100}"}}' for number in range(5000))

    await client.request(
        "POST", "/events", "Content-Type: application/x-ndjson", "Connection: close", body=ids.encode()
    )
    head = await client.head()
    size = int(head.headers["content-length"])
    await asyncio.sleep(0.4)

    assert len(await client.rest()) == size > 500_000


# Connections.


async def test_event_source_above_the_limit_is_told_to_come_back_much_later(start):
    """After an error status a browser would never come back."""
    running = await start(limits=Limits(connections=1))
    await running.subscribe()

    waits = set()
    for _ in range(5):
        client = await running.connect()
        answer = await client.get("/events?topic=t", EVENT_SOURCE)
        await client.ended()
        client.close()
        assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
        waits.add(int(re.fullmatch(r"retry: (\d+)\n", answer.text)[1]))

    assert len(waits) > 1, "each client gets its own"
    assert all(30_000 <= wait <= 60_000 for wait in waits)


@pytest.mark.parametrize("header", ["Accept: */*", EVENT_SOURCE])
async def test_publisher_above_the_limit_is_refused(start, header):
    """Whatever it accepts: a 200 would say that its update was published."""
    running = await start(limits=Limits(connections=1))
    await running.subscribe()
    client = await running.connect()

    answer = await client.post("topic=t&data=x", "application/x-www-form-urlencoded", header)

    assert answer.status == 503
    assert 30 <= int(answer.headers["retry-after"]) <= 60
    assert await running.stored() == []
    await client.ended()


async def test_place_that_becomes_free_is_taken_by_the_next(start, sink):
    running = await start(sink=sink, limits=Limits(connections=1))
    first = await running.subscribe()
    first.close()
    await until(lambda: running.site.limits.open == 0)

    await running.subscribe()


async def test_connections_far_above_the_limit_are_closed_at_once(start, monkeypatch):
    monkeypatch.setattr(connection_limits, "TURNED_AWAY", 2)
    running = await start(limits=Limits(connections=1))
    welcome = [await running.connect() for _ in range(3)]
    await until(lambda: running.site.limits.open == 3)

    await (await running.connect()).ended()

    assert (await welcome[0].get("/healthz")).status == 200


async def test_connections_of_one_address_have_a_limit(start, sink):
    running = await start(sink=sink, limits=Limits(connections_per_address=2))
    first, _ = await running.subscribe(), await running.subscribe()
    third = await running.connect()

    refused = await third.get("/healthz")
    third.close()
    first.close()
    await until(lambda: running.site.limits.open == 1)
    fourth = await running.subscribe()
    await running.publish("x")

    assert refused.status == 429
    assert refused.text == "expected at most 2 connections from one address, got more\n"
    assert 30 <= int(refused.headers["retry-after"]) <= 60
    assert running.hub.counters.refusals["connections_address"] == 1
    assert await fourth.data() == "x"


async def test_one_address_above_its_limit_leaves_room_for_others(start):
    """Those that wait to be told so are few, however many there are, so they do not fill the hub."""
    running = await start(limits=Limits(connections=100, connections_per_address=5))
    hoard = await asyncio.gather(*(running.connect(source="127.0.0.9") for _ in range(150)))
    refused = connection_limits.TURNED_AWAY_OF_ADDRESS + 5
    await until(lambda: running.hub.counters.refusals["connections_refused"] == len(hoard) - refused)

    assert running.site.limits.open == refused
    await running.subscribe(source="127.0.0.2")


# Socket options.


async def test_accepted_connections_hold_little_in_the_kernel(start, sink):
    running = await start(sink=sink, send_buffer=20_000, send=7.0)
    idle = await running.connect()
    await idle.get("/healthz")
    await running.subscribe()
    (connection,) = [one for one in running.site.connections if one.subscriber is None]
    (subscriber,) = running.site.streams()
    accepted = [connection._transport.get_extra_info("socket"), socket_of(subscriber)]

    for sock in accepted:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 40_000
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 16_384
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def socket_of(subscriber):
    sink = subscriber.sink
    return sink if hasattr(sink, "getpeername") else sink._transport.get_extra_info("socket")
