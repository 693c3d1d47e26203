"""One connection: whatever bytes come, only proper responses or a close go back, and nothing is left behind."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.hub import Hub
from longwave.server import site as site_module
from longwave.server.config import AccessConfig, Limits, ServerConfig, SinkKind, Timeouts
from longwave.server.site import Site
from longwave.server.wire import http1
from longwave.server.wire.http1 import Connection
from unit.server.wire.memory_transport import MemoryTransport

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
POST = b"POST /events HTTP/1.1\r\nHost: h\r\n" + FORM + b"Content-Length: 14\r\n\r\ntopic=t&data=x"
GET = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
ID = rb"[0-9a-f]{8}-(\d+)"
STREAM = b"GET /events?topic=t HTTP/1.1\r\nHost: h\r\n\r\n"

REQUESTS = [
    GET,
    POST,
    STREAM,
    b"POST /events HTTP/1.1\r\nHost: h\r\n" + FORM + b"Transfer-Encoding: chunked\r\n\r\n7\r\ntopic=t\r\n0\r\n\r\n",
    b'POST /events HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"topic":"t"}',
    b"POST /events HTTP/1.0\r\nConnection: keep-alive\r\n" + FORM + b"Content-Length: 7\r\n\r\ntopic=t",
    b"POST /events HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    + FORM
    + b"Content-Length: 7\r\n\r\ntopic=t",
    b"POST /events HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n" + FORM + b"Content-Length: 7\r\n\r\ntopic=t",
    b"GET /events?topic=t HTTP/1.0\r\n\r\n",
    b"GET /events?topic=t HTTP/1.1\r\nHost: h\r\nLast-Event-ID: earliest\r\nContent-Length: 3\r\n\r\nabc",
    b"GET http://h/nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    b"OPTIONS /events HTTP/1.1\r\nHost: h\r\n\r\n",
]


@asynccontextmanager
async def site_of(*, limits=None, **timeouts):
    access = AccessConfig(allowed_hosts=("h",))
    config = ServerConfig(
        sink=SinkKind.TRANSPORT, access=access, limits=limits or Limits(), timeouts=Timeouts(**timeouts)
    )
    async with Hub("memory:", config.delivery()) as hub:
        site = Site(hub, config)
        site.open()
        try:
            yield site
        finally:
            site.close()


async def settled(site):
    """Let answers be given and what was scheduled be done."""
    await site.answered()
    for _ in range(5):
        await asyncio.sleep(0)


def statuses(data):
    return [status for status, _ in responses(data)]


def responses(data):
    """Status and body of each response, an endless one last; asserts that each is well formed."""
    found = []
    while data:
        head, mark, data = data.partition(b"\r\n\r\n")
        assert mark, head
        line, *lines = head.split(b"\r\n")
        status = int(re.fullmatch(rb"HTTP/1\.1 (\d{3}) [\w '-]+", line)[1])
        headers = dict(re.fullmatch(rb"([\w-]+): ([\x20-\x7e]*)", one).groups() for one in lines)
        assert len(headers) == len(lines), "no header comes twice"
        if headers.get(b"Content-Type") == b"text/event-stream" and b"Content-Length" not in headers:
            check_stream(data, chunked=b"Transfer-Encoding" in headers)
            return [*found, (status, b"")]
        size = int(headers.get(b"Content-Length", b"0"))
        assert len(data) >= size
        found.append((status, data[:size]))
        data = data[size:]
    return found


def check_stream(data, *, chunked):
    assert data.startswith(b"2\r\n:\n\r\n" if chunked else b":\n")
    while chunked and data:
        size, mark, data = data.partition(b"\r\n")
        assert mark
        length = int(size, 16)
        assert data[length : length + 2] == b"\r\n"
        data = data[length + 2 :]


@st.composite
def conversations(draw):
    """Requests of which some bytes were changed, removed or added, cut into pieces; or just any bytes."""
    if draw(st.integers(0, 9)) == 0:
        data = draw(st.binary(max_size=300))
    else:
        data = b"".join(draw(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=5)))
        for _ in range(draw(st.integers(0, 4))):
            place = draw(st.integers(0, len(data)))
            removed = draw(st.integers(0, 3))
            added = draw(
                st.one_of(st.binary(max_size=3), st.sampled_from([b"\r\n", b"\n", b":", b" ", b"0", b"\r\n\r\n"]))
            )
            data = data[:place] + added + data[place + removed :]
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in pairwise([0, *cuts, len(data)])]


@settings(max_examples=1000)
@given(
    pieces=conversations(),
    stuck=st.booleans(),
    end=st.sampled_from(["leave", "hang up", "expire", "shut"]),
    calm=st.booleans(),
)
def test_whatever_comes_is_answered_properly_or_closed_and_nothing_is_left(pieces, stuck, end, calm):
    async def converse():
        failures = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        async with site_of(limits=Limits(head=400, body=200, bodies=250, topics=3)) as site:
            connection = Connection(site)
            transport = MemoryTransport(connection)
            transport.stuck = stuck
            for piece in pieces:
                transport.receive(piece)
                if calm:
                    await settled(site)
            if end == "hang up":
                transport.hang_up()
            elif end == "shut":
                connection.shut()
            await settled(site)
            transport.take()
            await settled(site)
            if end == "expire":
                connection.expire()
            await settled(site)
            transport.abort()
            await settled(site)

            acknowledged = re.findall(ID, b"\n".join(body for _, body in responses(transport.written)))
            stored = (await site.hub.log.read(0, 100)).last
            assert [int(position) for position in acknowledged] == list(range(1, stored + 1))
            assert site.limits.open == 0
            assert site.bodies.held == site.answers.held == 0
            assert site.hub.subscribers == 0
            assert not site.connections
        assert not failures

    asyncio.run(converse())


# Deadlines: each is for what the connection is doing now.


async def test_deadline_is_for_what_is_awaited():
    async with site_of(head=10, body=30, keep_alive=75, send=20) as site:
        connection = Connection(site)
        transport = MemoryTransport(connection)

        def left():
            return round(connection.deadline - site.now())

        assert left() == 10
        transport.receive(POST[:30])
        assert left() == 10
        transport.receive(POST[30:-5])
        assert left() == 30
        transport.receive(POST[-5:])
        assert connection.deadline == float("inf"), "an answer takes as long as it takes"
        await settled(site)
        assert left() == 75
        transport.receive(POST[:10])
        assert left() == 10
        transport.receive(b"nonsense\r\n\r\n")
        assert left() == round(site_module.LINGER)
        transport.abort()
        await settled(site)


async def test_request_that_came_while_nothing_could_be_written_is_answered_later():
    async with site_of() as site:
        transport = MemoryTransport(Connection(site))
        transport.stuck = True
        page = b"GET /console.js HTTP/1.1\r\nHost: h\r\n\r\n"

        while len(transport.unsent) < 65_536:
            transport.receive(page)
        transport.receive(POST)
        assert not transport.reading
        transport.take()
        await settled(site)

        assert set(statuses(transport.written)) == {200}
        assert (await site.hub.log.read(0, 100)).last == 1
        assert transport.reading
        transport.abort()
        await settled(site)


async def test_client_that_takes_no_answer_is_cut_off_at_the_send_timeout():
    async with site_of(send=20) as site:
        connection = Connection(site)
        transport = MemoryTransport(connection)
        transport.stuck = True

        while not transport._paused:
            transport.receive(b"GET /console.js HTTP/1.1\r\nHost: h\r\n\r\n")
        assert round(connection.deadline - site.now()) == 20
        connection.expire()

        assert transport.lost
        await settled(site)


PAGE = b"GET /console.js HTTP/1.1\r\nHost: h\r\n\r\n"


async def test_answers_that_nobody_reads_are_counted_and_when_they_are_too_many_others_are_told(monkeypatch):
    """As of clients that ask for a long list of subscriptions and never read it."""
    monkeypatch.setattr(http1, "SMALL_ANSWER", 1000)
    async with site_of(limits=Limits(answers=200_000)) as site:
        stuck = []
        for number in range(20):
            stuck.append(MemoryTransport(Connection(site), peer=(f"192.0.2.{number}", 4711)))
            stuck[-1].set_write_buffer_limits(high=2000)
            stuck[-1].stuck = True
            stuck[-1].receive(PAGE)
        large = [len(transport.unsent) for transport in stuck if len(transport.unsent) > 2000]
        assert 200_000 - large[0] < sum(large) == site.answers.held <= 200_000

        other = MemoryTransport(Connection(site))
        other.receive(PAGE)
        assert statuses(other.written) == [503]
        stuck[0].take()
        stuck[1].abort()
        await settled(site)
        again = MemoryTransport(Connection(site))
        again.receive(PAGE)
        assert statuses(again.written) == [200]

        for transport in (*stuck, other, again):
            transport.abort()
        await settled(site)
        assert site.answers.held == 0


async def test_idle_connection_with_an_answer_that_nobody_takes_is_closed_then_cut_off():
    async with site_of() as site:
        connection = Connection(site)
        transport = MemoryTransport(connection)
        transport.stuck = True
        transport.receive(GET)
        await settled(site)

        connection.expire()
        assert transport.is_closing()
        assert not transport.lost
        connection.expire()
        assert transport.lost
        await settled(site)


async def test_ended_stream_whose_last_bytes_nobody_takes_is_cut_off_in_time():
    async with site_of(send=20) as site:
        connection = Connection(site)
        transport = MemoryTransport(connection)
        transport.receive(STREAM)
        transport.stuck = True

        site.hub.delivery.finish(connection.subscriber, b"0\r\n\r\n")
        assert transport.is_closing()
        assert round(connection.deadline - site.now()) == 20
        connection.expire()

        assert transport.lost
        await settled(site)
        assert site.limits.open == 0


async def test_stream_behind_an_answer_that_nobody_takes_is_not_written_either():
    """The answer alone is below the mark of ordinary connections, but above that of streams."""
    async with site_of() as site:
        transport = MemoryTransport(Connection(site))
        transport.stuck = True
        transport.receive(b"GET /console.js HTTP/1.1\r\nHost: h\r\n\r\n" + STREAM)
        size = len(transport.unsent)

        await site.hub.publish("t", "x" * 1000)
        await asyncio.sleep(0.01)

        assert 16_384 < len(transport.unsent) == size < 65_536
        transport.take()
        await settled(site)
        assert b"x" * 1000 in transport.written
        transport.abort()
        await settled(site)


async def test_stream_keeps_nothing_of_its_request():
    async with site_of() as site:
        connection = Connection(site)
        transport = MemoryTransport(connection)

        transport.receive(STREAM.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\nabc"))

        assert site.hub.subscribers == 1
        assert site.bodies.held == 0
        with pytest.raises(AttributeError):
            _ = connection.request
        transport.abort()
        await settled(site)


async def test_reading_goes_on_when_a_stream_begins_so_that_leaving_is_noticed():
    async with site_of() as site:
        transport = MemoryTransport(Connection(site))

        transport.receive(POST + STREAM)
        assert not transport.reading
        await settled(site)

        assert site.hub.subscribers == 1
        assert transport.reading
        transport.hang_up()
        await settled(site)
        assert site.hub.subscribers == 0
