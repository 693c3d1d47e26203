"""Clients that mean harm: what they send slowly, in pieces, or never, costs a bounded time and delays nobody else."""

from __future__ import annotations

import asyncio

import pytest

from integration.conftest import until
from longwave.server.config import Limits
from longwave.server.wire.request_reader import Part

FORM = "Content-Type: application/x-www-form-urlencoded"
HEAD = b"POST /events HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n"


async def only_connection(running):
    await until(lambda: len(running.site.connections) == 1)
    (connection,) = running.site.connections
    return connection


async def deadlines_while(client, connection, pieces):
    """Send piece after piece, and return the deadlines that there were once each had been read."""
    deadlines = []
    for piece in pieces:
        unread = connection._reader._unread, connection._reader._body[:]
        await client.send(piece)
        await until(lambda unread=unread: (connection._reader._unread, connection._reader._body) != unread)
        deadlines.append(connection.deadline)
    return deadlines


@pytest.mark.parametrize(
    ("part", "begun", "pieces"),
    [
        pytest.param(Part.HEAD, b"P", [b"O", b"S", b"T", b" ", b"/"], id="request line"),
        pytest.param(Part.HEAD, HEAD, [b"X", b"-", b"A", b":", b" "], id="header"),
        pytest.param(Part.HEAD, HEAD, [b"X-%d: a\r\n" % number for number in range(20)], id="headers"),
        pytest.param(Part.BODY, HEAD + b"Content-Length: 100\r\n\r\n", [b"t", b"o", b"p", b"i", b"c"], id="body"),
        pytest.param(
            Part.BODY, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", [b"1\r\nt\r\n", b"1\r\no\r\n"], id="chunks"
        ),
        pytest.param(
            Part.BODY,
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
            [b"1", b";", b"a", b"a", b"a"],
            id="chunk extension",
        ),
        pytest.param(
            Part.BODY, HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", [b"X", b":", b" ", b"a"], id="trailer"
        ),
    ],
)
async def test_bytes_that_come_now_and_then_gain_no_time(start, part, begun, pieces):
    """One byte each 9 seconds is no reason to wait longer: a part has one deadline, from its first byte."""
    running = await start()
    client = await running.connect()
    connection = await only_connection(running)
    await client.send(begun)
    await until(lambda: connection._reader.part is part)
    begin = connection.deadline

    deadlines = await deadlines_while(client, connection, pieces)

    assert connection._reader.part is part
    assert set(deadlines) == {begin}
    patience = running.site.config.timeouts.head if part is Part.HEAD else running.site.config.timeouts.body
    assert begin <= running.site.now() + patience


async def test_empty_lines_before_a_request_gain_no_time(start):
    """They are allowed, but a connection that sends nothing else is one that asks for nothing."""
    running = await start()
    client = await running.connect()
    connection = await only_connection(running)
    begin = connection.deadline

    await deadlines_while(client, connection, [b"\r\n"] * 5)

    assert connection.deadline <= begin + running.site.config.timeouts.keep_alive - running.site.config.timeouts.head
    first = connection.deadline
    assert set(await deadlines_while(client, connection, [b"\r\n"] * 5)) == {first}


@pytest.mark.parametrize("coding", ["Content-Length: 100", "Transfer-Encoding: chunked"])
async def test_body_that_never_comes_is_given_up_in_time(start, coding):
    running = await start(body=0.1)
    client = await running.connect()

    await client.request("POST", "/events", FORM, coding)
    answer = await client.answer()

    assert (answer.status, answer.text) == (408, "expected a complete request body within 0.1 s\n")
    await client.ended()


async def test_body_that_was_allowed_and_never_comes_is_given_up_in_time(start):
    running = await start(body=0.1)
    client = await running.connect()

    await client.request("POST", "/events", FORM, "Content-Length: 100", "Expect: 100-continue")
    assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"

    assert (await client.answer()).status == 408


@pytest.mark.parametrize("coding", ["length", "chunked"])
async def test_body_that_comes_a_byte_at_a_time_is_refused_in_time(start, coding):
    running = await start(body=0.2)
    client = await running.connect()
    head, piece = (
        (b"Content-Length: 1000", b"x") if coding == "length" else (b"Transfer-Encoding: chunked", b"1\r\nx\r\n")
    )
    await client.send(HEAD + head + b"\r\n\r\n")

    async def dribble():
        while True:
            await client.send(piece)
            await asyncio.sleep(0.02)

    dribbling = asyncio.create_task(dribble())
    answer = await client.answer()
    dribbling.cancel()
    await asyncio.wait([dribbling])

    assert answer.status == 408
    assert running.site.bodies.held == 0


async def test_many_who_send_heads_slowly_delay_nobody_and_are_gone_in_time(start):
    running = await start(head=2.0)
    slow = [await running.connect() for _ in range(200)]
    for client in slow:
        await client.send(b"GET /events?topic=t HTTP/1.1\r\nHost: h\r\nX-")
    subscriber = await running.subscribe()
    await running.publish("while they dribble")

    assert await subscriber.data() == "while they dribble"
    assert {(await client.answer()).status for client in slow} == {408}
    for client in slow:
        client.close()
    await until(lambda: running.site.limits.open == 1)


async def test_bodies_that_never_end_leave_room_for_others_when_they_are_given_up(start):
    """Their bytes count together until the deadline, so that no number of such clients takes more memory."""
    running = await start(body=1.5, limits=Limits(body=1000, bodies=2000))
    for _ in range(2):
        client = await running.connect()
        await client.request("POST", "/events", FORM, "Content-Length: 1000")
        await client.send(b"x" * 999)
    await until(lambda: running.site.bodies.held == 1998)
    other = await running.connect()
    refused = await other.post("topic=t&data=x")
    await until(lambda: running.site.bodies.held == 0)
    another = await running.connect()

    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert (await another.post("topic=t&data=x")).status == 200


async def test_many_short_headers_are_refused_and_the_connection_closed(start):
    running = await start()
    client = await running.connect()

    await client.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n" + b"a:\r\n" * 200 + b"\r\n")
    answer = await client.answer()

    assert (answer.status, answer.text) == (431, "expected a request head of at most 128 headers, got more\n")
    await client.ended()
