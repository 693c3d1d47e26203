"""Every transport of the client keeps the same contract, whatever library is below it.

What one of them cannot do is left out for it, with the reason beside.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import zlib
from contextlib import asynccontextmanager

import pytest

from contract.client_links import (
    GIVEN,
    OVER_SOCKETS,
    SHORT,
    STREAMS,
    TRANSPORTS,
    close_client,
    is_closed,
    request,
)
from longwave.errors import InvalidValue, RequestFailed

MEBIBYTE = 1_048_576
AWAITED = tuple(link for link in TRANSPORTS if not link.blocks)  # a thread cannot be cancelled
BLOCKING = tuple(link for link in STREAMS if link.blocks)

# A session keeps connections for the next request, so one that ended well stays open until the session is closed.
WITHOUT_KEPT_CONNECTIONS = tuple(link for link in TRANSPORTS if link.client is None)


def every(links):
    return pytest.mark.parametrize("link", links, ids=lambda link: link.name)


def with_each(links, what):
    """Each link with each way that its sites have to frame, or to cut, a body."""
    rows = [(link, way) for link in links for way in getattr(link.sites(), what)]
    return pytest.mark.parametrize(("link", "way"), rows, ids=[f"{link.name}-{way}" for link, way in rows])


@asynccontextmanager
async def linked(link):
    """The sites and a transport to them; closes both and demands that no connection is left."""
    sites = link.sites()
    client = link.client() if link.client is not None else None
    transport = link.transport(sites, client)
    try:
        yield sites, transport
    finally:
        await transport.close()
        if client is not None:
            await close_client(client)
        await sites.close()


@asynccontextmanager
async def opened(transport, asked):
    stream = await transport.open(asked)
    try:
        yield stream
    finally:
        await stream.close()


async def read_all(stream) -> list[bytes]:
    chunks = []
    while chunk := await stream.read():
        chunks.append(chunk)
    return chunks


async def read_until_failure(stream) -> tuple[bytes, OSError | None]:
    came = b""
    try:
        while chunk := await stream.read():
            came += chunk
    except OSError as failure:
        return came, failure
    return came, None


def answering(status=200, headers=(), body=b""):
    """A play that gives one whole answer."""

    async def play(exchange):
        await exchange.head(status, headers, "length", len(body))
        if body:
            await exchange.send(body)
        await exchange.end()

    return play


def redirecting(status, location):
    return answering(status, [(b"Location", location.encode())])


# The head.


@every(STREAMS)
async def test_head_tells_status_headers_url_and_version(link):
    headers = [
        (b"Content-Type", b"text/event-stream"),
        (b"X-Twice", b"one"),
        (b"X-Twice", b"two"),
        (b"Last-Event-ID", "caf\N{LATIN SMALL LETTER E WITH ACUTE}\N{HORIZONTAL ELLIPSIS}".encode()),
    ]
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/stream"] = answering(200, headers)

        async with opened(transport, request(f"{site.url}/stream?a=b")) as stream:
            response = stream.response

        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["x-twice"] == "one, two"
        assert response.headers["last-event-id"] == "caf\u00e9\u2026"
        assert response.url == f"{site.url}/stream?a=b"
        # No HTTP is spoken within a process.
        assert response.http_version == ("" if link.in_process else "HTTP/1.1")


@every(TRANSPORTS)
async def test_header_value_that_is_no_utf8_is_read_as_latin1(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = answering(200, [(b"X-Old", b"caf\xe9")])

        async with opened(transport, request(site.url)) as stream:
            assert stream.response.headers["x-old"] == "caf\u00e9"


@every(TRANSPORTS)
@pytest.mark.parametrize("status", [204, 401, 404, 429, 500, 503])
async def test_any_status_is_a_response(link, status):
    body = b"" if status == 204 else b"why"
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = answering(status, body=body)

        async with opened(transport, request(site.url)) as stream:
            assert stream.response.status == status
            assert b"".join(await read_all(stream)) == body


# The request.


@every(TRANSPORTS)
async def test_request_is_sent_as_it_is(link):
    event_id = "caf\u00e9\u2026\U0001f600".encode()
    headers = [
        (b"Accept", b"text/event-stream"),
        (b"Accept-Encoding", b"identity"),
        (b"X-Own", b"mine"),
        (b"Last-Event-ID", event_id),
    ]
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/a%20b/%C3%A9"] = answering()
        asked = request(f"{site.url}/a%20b/\u00e9?q=%2B1&r=2", method="POST", headers=headers, body=b'{"a": 1}\xff')

        async with opened(transport, asked):
            [came] = site.requests

    assert came.method == "POST"
    assert came.target == "/a%20b/%C3%A9?q=%2B1&r=2"
    assert came.headers["accept"] == b"text/event-stream"
    assert came.headers["accept-encoding"] == b"identity"
    assert came.headers["x-own"] == b"mine"
    assert came.headers["last-event-id"] == event_id
    assert came.headers["content-length"] == b"9"
    assert "content-type" not in came.headers
    assert came.headers["host"].decode() in site.url
    assert came.body == b'{"a": 1}\xff'


@every(TRANSPORTS)
async def test_get_has_no_body(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = answering()

        async with opened(transport, request(site.url)):
            [came] = site.requests

    assert (came.method, came.body) == ("GET", b"")
    assert not {"content-length", "transfer-encoding"} & came.headers.keys()


# Redirects.


@every(TRANSPORTS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_followed(link, status):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/old"] = redirecting(status, "/new?b=c")
        site.plays["/new"] = answering(body=b"here")

        async with opened(transport, request(f"{site.url}/old", headers=[(b"X-Own", b"mine")])) as stream:
            assert await stream.read() == b"here"
            assert stream.response.url == f"{site.url}/new?b=c"

    assert [came.method for came in site.requests] == ["GET", "GET"]
    assert site.requests[1].headers["x-own"] == b"mine"


@every(TRANSPORTS)
@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", b""), (302, "GET", b""), (303, "GET", b""), (307, "POST", b"ask"), (308, "POST", b"ask")],
)
async def test_redirected_post_keeps_its_body_only_where_the_standard_says_so(link, status, method, body):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/old"] = redirecting(status, "/new")
        site.plays["/new"] = answering()

        async with opened(transport, request(f"{site.url}/old", method="POST", body=b"ask")):
            assert (site.requests[1].method, site.requests[1].body) == (method, body)


@every(TRANSPORTS)
async def test_authorization_goes_to_its_own_origin_only(link):
    secrets = [(b"Authorization", b"Bearer secret"), (b"Cookie", b"session=secret")]
    async with linked(link) as (sites, transport):
        here, there = await sites.add(), await sites.add()
        here.plays["/first"] = redirecting(307, "/second")
        here.plays["/second"] = redirecting(307, f"{there.url}/third")
        there.plays["/third"] = answering()

        async with opened(transport, request(f"{here.url}/first", headers=[*secrets, (b"X-Own", b"mine")])):
            [third] = there.requests

    assert [came.headers["authorization"] for came in here.requests] == [b"Bearer secret"] * 2
    assert not {"authorization", "cookie"} & third.headers.keys()
    assert third.headers["x-own"] == b"mine"


@every(TRANSPORTS)
async def test_redirect_without_location_is_a_response(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = answering(302)

        async with opened(transport, request(site.url)) as stream:
            assert stream.response.status == 302


@every(TRANSPORTS)
async def test_redirect_loop_fails_for_good(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/a"] = redirecting(307, "/b")
        site.plays["/b"] = redirecting(307, "/a")

        with pytest.raises(RequestFailed):
            await transport.open(request(f"{site.url}/a"))

    assert len(site.requests) == 21


@every(TRANSPORTS)
async def test_redirect_to_what_is_no_http_fails_for_good(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = redirecting(302, "ftp://127.0.0.1/file")

        with pytest.raises(RequestFailed):
            await transport.open(request(site.url))


@every(TRANSPORTS)
@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://[::1", "nonsense", "http://"])
async def test_bad_url_is_no_matter_of_trying_again(link, url):
    async with linked(link) as (_, transport):
        with pytest.raises((InvalidValue, RequestFailed)):
            await transport.open(request(url))


@every(TRANSPORTS)
@pytest.mark.parametrize(
    "location", ["/loop?token=secret", "ftp://me:secret@127.0.0.1/?token=secret", "http://[secret"]
)
async def test_failure_does_not_quote_secrets_of_a_url(link, location):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/loop"] = redirecting(307, location)

        with pytest.raises((RequestFailed, ConnectionError)) as raised:
            await transport.open(request(f"{site.url}/loop?token=secret"))

    assert "secret" not in str(raised.value)


@every(OVER_SOCKETS)
async def test_broken_head_does_not_quote_secrets_of_its_url(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = lambda exchange: exchange.raw(b"what?\r\n\r\n")

        with pytest.raises(ConnectionError) as raised:
            await transport.open(request(f"{site.url}/?token=secret"))

    assert "secret" not in str(raised.value)


# Connections that fail. What happens on sockets cannot happen within a process.


@every(OVER_SOCKETS)
async def test_refused_connection_may_get_better(link):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with linked(link) as (_, transport):
        with pytest.raises(ConnectionError):
            await transport.open(request(f"http://127.0.0.1:{port}/"))


@every(OVER_SOCKETS)
async def test_connection_that_is_not_made_in_time_times_out(link):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        place = listener.getsockname()
        crowd = [socket.socket() for _ in range(3)]
        for one in crowd:  # nobody accepts them: the queue is full
            one.setblocking(False)
            one.connect_ex(place)
        async with linked(link) as (_, transport):
            with pytest.raises(TimeoutError):
                await transport.open(request(f"http://127.0.0.1:{place[1]}/", connect_timeout=SHORT))
        for one in crowd:
            one.close()


@every(OVER_SOCKETS)
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", b"what?\r\n\r\n"])
async def test_broken_head_may_get_better(link, answer):
    async def play(exchange):
        await exchange.raw(answer)
        await exchange.cut()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play

        with pytest.raises(ConnectionError):
            await transport.open(request(site.url))


@every(TRANSPORTS)
async def test_head_that_never_comes_times_out(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = lambda exchange: exchange.gone()

        with pytest.raises(TimeoutError):
            await transport.open(request(site.url, read_timeout=SHORT))


# The body.


@with_each(STREAMS, "framings")
async def test_each_chunk_is_handed_out_at_once(link, way):
    gates = [asyncio.Event() for _ in range(3)]

    async def play(exchange):
        await exchange.head(framing=way, length=6)
        for gate, piece in zip(gates, (b"a\n", b"b\n", b"c\n"), strict=True):
            await gate.wait()
            await exchange.send(piece)
        await exchange.end()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play

        async with opened(transport, request(site.url)) as stream:
            for gate, piece in zip(gates, (b"a\n", b"b\n", b"c\n"), strict=True):
                gate.set()
                assert await stream.read() == piece
            assert await stream.read() == b""


@with_each(STREAMS, "framings")
async def test_clean_end_is_no_bytes_again_and_again(link, way):
    async def play(exchange):
        await exchange.head(framing=way, length=3)
        await exchange.send(b"all")
        await exchange.end()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play

        async with opened(transport, request(site.url)) as stream:
            assert [await stream.read() for _ in range(4)] == [b"all", b"", b"", b""]


@every(STREAMS)
async def test_silent_body_times_out(link):
    async def play(exchange):
        await exchange.head()
        await exchange.send(b"first")
        await exchange.gone()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play

        async with opened(transport, request(site.url, read_timeout=SHORT)) as stream:
            assert await stream.read() == b"first"
            with pytest.raises(TimeoutError):
                await stream.read()


@with_each(STREAMS, "cuts")
async def test_body_that_is_cut_is_handed_out_up_to_there_and_then_fails(link, way):
    gate = asyncio.Event()

    async def play(exchange):
        await exchange.head(framing=way, length=1000)
        await exchange.send(b"first")
        await gate.wait()
        await exchange.cut(way)

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play

        async with opened(transport, request(site.url)) as stream:
            first = await stream.read()
            gate.set()
            _, failure = await read_until_failure(stream)

    assert first == b"first"
    assert isinstance(failure, ConnectionError)


@with_each(STREAMS, "cuts")
async def test_cut_that_comes_before_its_body_is_read_loses_nothing(link, way):
    async def play(exchange):
        await exchange.head(framing=way, length=1000)
        await exchange.send(b"first")
        await exchange.send(b"second")
        await exchange.cut()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play

        async with opened(transport, request(site.url)) as stream:
            for _ in range(20):  # rounds of the loop, in which the end of the connection comes too
                await asyncio.to_thread(int)
            came, failure = await read_until_failure(stream)

    assert came == b"firstsecond"
    assert isinstance(failure, ConnectionError)


@every([link for link in STREAMS if not link.in_process])  # which has no chunks to garble
async def test_garbled_chunk_fails(link):
    gate = asyncio.Event()

    async def play(exchange):
        await exchange.head(framing="chunked")
        await exchange.send(b"first")
        await gate.wait()
        await exchange.raw(b"what?\r\n")
        await exchange.gone()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play

        async with opened(transport, request(site.url)) as stream:
            assert await stream.read() == b"first"
            gate.set()
            with pytest.raises(ConnectionError):
                await read_all(stream)


@every(STREAMS)
async def test_gzip_is_undone_piece_by_piece(link):
    gate = asyncio.Event()
    packer = zlib.compressobj(wbits=31)

    async def play(exchange):
        await exchange.head(headers=[(b"Content-Encoding", b"gzip")])
        await exchange.send(packer.compress(b"data: 1\n\n") + packer.flush(zlib.Z_SYNC_FLUSH))
        await gate.wait()
        await exchange.send(packer.compress(b"data: 2\n\n") + packer.flush())
        await exchange.end()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play

        async with opened(transport, request(site.url, headers=[(b"Accept-Encoding", b"gzip")])) as stream:
            assert await stream.read() == b"data: 1\n\n"
            gate.set()
            assert b"".join(await read_all(stream)) == b"data: 2\n\n"


@every(STREAMS)
async def test_body_that_is_not_in_its_coding_fails(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = answering(200, [(b"Content-Encoding", b"gzip")], b"data: 1\n\n")

        async with opened(transport, request(site.url)) as stream:
            with pytest.raises(ConnectionError):
                await read_all(stream)


@every(STREAMS)
@pytest.mark.parametrize("coding", ["plain", "gzip"])
async def test_chunk_is_a_mebibyte_at_most(link, coding):
    whole = bytes(range(256)) * 4096 * 3
    body, headers = (gzip.compress(whole), [(b"Content-Encoding", b"gzip")]) if coding == "gzip" else (whole, [])

    async def play(exchange):
        await exchange.head(headers=headers, framing="length", length=len(body))
        await exchange.send(body)
        await exchange.end()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play

        async with opened(transport, request(site.url)) as stream:
            chunks = await read_all(stream)

    assert max(map(len, chunks)) <= MEBIBYTE
    assert b"".join(chunks) == whole


# Ends.


@every(STREAMS)
async def test_close_of_an_open_stream_ends_its_connection(link):
    gone = asyncio.Event()

    async def play(exchange):
        await exchange.head()
        await exchange.send(b"first")
        await exchange.gone()
        gone.set()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play
        stream = await transport.open(request(site.url))
        await stream.read()

        await stream.close()
        await stream.close()

        await asyncio.wait_for(gone.wait(), 2)


@every(WITHOUT_KEPT_CONNECTIONS)
async def test_no_connection_outlives_a_stream_that_ended(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = answering(body=b"all")

        async with opened(transport, request(site.url)) as stream:
            await read_all(stream)

        await site.until_alone()


@every(AWAITED)
async def test_cancelled_read_leaves_nothing_open(link):
    async def play(exchange):
        await exchange.head()
        await exchange.send(b"first")
        await exchange.gone()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play
        stream = await transport.open(request(site.url))
        await stream.read()
        reading = asyncio.create_task(stream.read())
        await asyncio.sleep(0)

        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await stream.close()

        await site.until_alone()


@every(AWAITED)
async def test_cancelled_opening_leaves_nothing_open(link):
    asked = asyncio.Event()

    async def play(exchange):
        asked.set()
        await exchange.gone()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play
        opening = asyncio.create_task(transport.open(request(site.url)))
        await asked.wait()

        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

        await site.until_alone()


@with_each(BLOCKING, "framings")
async def test_shut_down_socket_ends_a_read_of_another_thread(link, way):
    reading = threading.Event()

    async def play(exchange):
        await exchange.head(framing=way, length=1000)
        await exchange.send(b"first")
        await exchange.gone()

    def read(stream):
        reading.set()
        return stream.read()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play
        async with opened(transport, request(site.url)) as stream:
            await stream.read()
            blocked = asyncio.create_task(asyncio.to_thread(read, stream.blocking))
            await asyncio.to_thread(reading.wait)

            stream.blocking.socket.shutdown(socket.SHUT_RDWR)

            [outcome] = await asyncio.gather(blocked, return_exceptions=True)
            assert outcome == b"" if way == "close" else isinstance(outcome, ConnectionError)


@every(TRANSPORTS)
async def test_transport_may_be_closed_twice(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = answering()
        async with opened(transport, request(site.url)):
            pass

        await transport.close()
        await transport.close()


@every(GIVEN)
async def test_client_of_the_user_stays_open(link):
    sites, client = link.sites(), link.client()
    site = await sites.add()
    site.plays["/"] = answering(body=b"all")
    for _ in range(2):
        transport = link.transport(sites, client)
        async with opened(transport, request(site.url)) as stream:
            assert await read_all(stream) == [b"all"]
        await transport.close()
        assert not is_closed(client)
    await close_client(client)
    await sites.close()
