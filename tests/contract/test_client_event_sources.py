"""An event source does the same over every transport, and over a response of every library."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import httpx
import httpx2
import pytest
import requests

from contract.client_links import TRANSPORTS, close_client, every
from contract.played_sites import SocketSites
from longwave.client import EventSource, SyncEventSource
from longwave.errors import InvalidValue, RequestFailed

TYPE = (b"Content-Type", b"text/event-stream")
ODD_ID = "caf\u00e9\u2026"


@asynccontextmanager
async def linked_source(link, **options):
    """A site and a source of its `/events`; closes both and demands that no connection is left."""
    sites = link.sites()
    site = await sites.add()
    client = link.client() if link.client is not None else None
    threaded = link.transport(sites, client)
    try:
        if link.blocks:
            source = ThreadedSource(SyncEventSource(f"{site.url}/events", transport=threaded.blocking, **options))
        else:
            source = EventSource(f"{site.url}/events", transport=threaded, **options)
        async with source:
            yield site, source
    finally:
        await threaded.close()
        if client is not None:
            await close_client(client)
        await sites.close()


class ThreadedSource:
    """A SyncEventSource whose blocking calls are awaited."""

    def __init__(self, source: SyncEventSource) -> None:
        self._source = source

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()

    def __aiter__(self):
        return self

    async def __anext__(self):
        event = await asyncio.to_thread(next, self._source, None)
        if event is None:
            raise StopAsyncIteration
        return event

    async def close(self) -> None:
        await asyncio.to_thread(self._source.close)


class Script:
    """A play that does one thing after the other, one for each request."""

    def __init__(self, *plays):
        self._plays = iter(plays)

    async def __call__(self, exchange):
        await next(self._plays)(exchange)


def streaming(text: str, then=None, framing="chunked"):
    """A play that sends a stream and ends it, unless `then` says what comes after."""

    async def play(exchange):
        await exchange.head(headers=[TYPE], framing=framing)
        await exchange.send(text.encode())
        await (exchange.end() if then is None else then(exchange))

    return play


async def no_more(exchange):
    await exchange.head(204, framing="length")
    await exchange.end()


def last_event_ids(site):
    return [came.headers.get("last-event-id") for came in site.requests]


# Over a transport.


@every(TRANSPORTS)
async def test_source_reads_reconnects_resumes_and_ends(link):
    async with linked_source(link) as (site, source):
        site.plays["/events"] = Script(
            streaming(f"retry: 1\nid: {ODD_ID}\nevent: price\ndata: one\n\n"),
            streaming("id: 2\ndata: two\n\ndata: half an ev", lambda exchange: exchange.cut()),
            streaming("data: three\n\n"),
            no_more,
        )

        events = [(event.id, event.type, event.data, event.origin) async for event in source]

    assert events == [
        (ODD_ID, "price", "one", site.url),
        ("2", "message", "two", site.url),
        ("2", "message", "three", site.url),
    ]
    assert last_event_ids(site) == [None, ODD_ID.encode(), b"2", b"2"]


@every(TRANSPORTS)
async def test_silent_stream_is_opened_anew(link):
    async with linked_source(link, idle=0.5) as (site, source):
        site.plays["/events"] = Script(
            streaming("retry: 1\nid: 1\ndata: one\n\n", lambda exchange: exchange.gone()),
            streaming("id: 2\ndata: two\n\n"),
            no_more,
        )

        assert [event.data async for event in source] == ["one", "two"]

    assert last_event_ids(site) == [None, b"1", b"2"]


@every(TRANSPORTS)
async def test_refusal_tells_the_reason_of_the_server(link):
    async def refuse(exchange):
        await exchange.head(403, framing="length", length=14)
        await exchange.send(b"no such grant\n")
        await exchange.end()

    async with linked_source(link) as (site, source):
        site.plays["/events"] = refuse

        with pytest.raises(RequestFailed, match="403: no such grant") as raised:
            await anext(aiter(source))

    assert raised.value.status == 403


@every(TRANSPORTS)
async def test_close_while_another_reads_ends_the_iteration(link):
    async with linked_source(link) as (site, source):
        site.plays["/events"] = streaming("data: one\n\n", lambda exchange: exchange.gone())
        iteration = aiter(source)
        assert (await anext(iteration)).data == "one"
        reading = asyncio.create_task(collect(iteration))
        await asyncio.sleep(0)

        await source.close()

        assert await reading == []
        await site.until_alone()


async def collect(iteration):
    return [event.data async for event in iteration]


@every([link for link in TRANSPORTS if not link.blocks])  # a thread cannot be cancelled
async def test_cancelled_wait_loses_nothing(link):
    async with linked_source(link) as (site, source):
        site.plays["/events"] = Script(
            streaming("id: 1\ndata: one\n\ndata: half", lambda exchange: exchange.gone()),
            streaming("id: 2\ndata: two\n\n", lambda exchange: exchange.gone()),
        )
        iteration = aiter(source)
        assert (await anext(iteration)).data == "one"
        waiting = asyncio.ensure_future(anext(iteration))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await site.until_alone()

        assert (await anext(iteration)).data == "two"

    assert last_event_ids(site) == [None, b"1"]


@pytest.mark.parametrize("kind", [EventSource, SyncEventSource])
@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "http://[::1", "http://127.0.0.1:99999/", "events"])
def test_url_that_cannot_be_asked_is_refused_at_once(kind, url):
    with pytest.raises(InvalidValue, match="url"):
        kind(url)


# Over a response that the user has.


async def respond_httpx(client, url):
    return await client.send(client.build_request("GET", url), stream=True)


async def respond_aiohttp(client, url):
    return await client.get(url)


async def respond_sync_httpx(client, url):
    return await asyncio.to_thread(client.send, client.build_request("GET", url), stream=True)


async def respond_requests(client, url):
    return await asyncio.to_thread(client.get, url, stream=True, timeout=4)


RESPONSES = {
    "httpx2": (httpx2.AsyncClient, respond_httpx),
    "httpx": (httpx.AsyncClient, respond_httpx),
    "aiohttp": (aiohttp.ClientSession, respond_aiohttp),
    "sync-httpx2": (httpx2.Client, respond_sync_httpx),
    "sync-httpx": (httpx.Client, respond_sync_httpx),
    "requests": (requests.Session, respond_requests),
}
BLOCKING = {"sync-httpx2", "sync-httpx", "requests"}
each_library = pytest.mark.parametrize("library", RESPONSES)


@asynccontextmanager
async def response_of(library, play):
    """A response of the library to the play; closes all and demands that no connection is left."""
    sites = SocketSites()
    site = await sites.add()
    site.plays["/events"] = play
    make, respond = RESPONSES[library]
    client = make()
    try:
        response = await respond(client, f"{site.url}/events")
        yield site, response
        del response  # urllib3 keeps what a response refers to
    finally:
        await close_client(client)
        await sites.close()


def source_of(library, response):
    if library in BLOCKING:
        return ThreadedSource(SyncEventSource.from_response(response))
    return EventSource.from_response(response)


@each_library
@pytest.mark.parametrize("framing", ["chunked", "close"])
async def test_events_of_a_response_come_at_once_until_its_end(library, framing):
    gate = asyncio.Event()

    async def play(exchange):
        await exchange.head(headers=[TYPE], framing=framing)
        await exchange.send(f"id: {ODD_ID}\ndata: one\n\n".encode())
        await gate.wait()
        await exchange.send(b"data: two\n\ndata: half")
        await exchange.end()

    async with response_of(library, play) as (site, response):
        iteration = aiter(source_of(library, response))
        first = await anext(iteration)
        gate.set()

        assert (first.id, first.data, first.origin) == (ODD_ID, "one", site.url)
        assert await collect(iteration) == ["two"]
        assert len(site.requests) == 1
        del response


@each_library
async def test_response_that_breaks_fails(library):
    play = streaming("data: one\n\n", lambda exchange: exchange.cut())
    async with response_of(library, play) as (_, response):
        iteration = aiter(source_of(library, response))

        assert (await anext(iteration)).data == "one"
        with pytest.raises(RequestFailed):
            await anext(iteration)


@each_library
async def test_response_that_is_no_stream_fails(library):
    async def play(exchange):
        await exchange.head(200, [(b"Content-Type", b"text/html")], "length", 2)
        await exchange.send(b"hi")

    async with response_of(library, play) as (_, response):
        with pytest.raises(RequestFailed, match="got text/html"):
            await anext(aiter(source_of(library, response)))


@each_library
async def test_closed_source_closes_its_response(library):
    play = streaming("data: one\n\n", lambda exchange: exchange.gone())
    async with response_of(library, play) as (site, response):
        async with source_of(library, response) as source:
            assert (await anext(aiter(source))).data == "one"

        await site.until_alone()


@each_library
async def test_close_while_a_response_is_read_ends_the_iteration(library):
    play = streaming("data: one\n\n", lambda exchange: exchange.gone())
    async with response_of(library, play) as (site, response):
        source = source_of(library, response)
        iteration = aiter(source)
        assert (await anext(iteration)).data == "one"
        reading = asyncio.create_task(collect(iteration))
        await asyncio.sleep(0)

        await source.close()

        assert await reading == []
        await site.until_alone()


READ = {
    "httpx2": lambda response: response.aread(),
    "httpx": lambda response: response.aread(),
    "aiohttp": lambda response: response.read(),
    "sync-httpx2": lambda response: asyncio.to_thread(response.read),
    "sync-httpx": lambda response: asyncio.to_thread(response.read),
    "requests": lambda response: asyncio.to_thread(getattr, response, "content"),
}


@each_library
async def test_response_that_was_read_as_a_whole_is_read_again(library):
    async with response_of(library, streaming("data: one\n\ndata: two\n\n")) as (_, response):
        await READ[library](response)

        assert await collect(source_of(library, response)) == ["one", "two"]
        del response


async def test_response_of_requests_that_was_used_up_is_refused():
    async with response_of("requests", streaming("data: one\n\n")) as (_, response):
        await asyncio.to_thread(list, response.iter_content(100))

        with pytest.raises(InvalidValue, match="used"):
            SyncEventSource.from_response(response)
        del response


async def test_response_of_a_class_below_a_library_s_own_is_known():
    class OwnResponse(aiohttp.ClientResponse):
        pass

    sites = SocketSites()
    site = await sites.add()
    site.plays["/events"] = streaming("data: one\n\n")
    async with aiohttp.ClientSession(response_class=OwnResponse) as session:
        response = await session.get(f"{site.url}/events")

        assert await collect(EventSource.from_response(response)) == ["one"]
    await sites.close()


@pytest.mark.parametrize("kind", [EventSource, SyncEventSource])
def test_response_of_an_unknown_library_is_refused(kind):
    with pytest.raises(InvalidValue, match="got builtins"):
        kind.from_response(object())
