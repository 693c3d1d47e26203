"""Every transport of the client leaves no connection open, however its streams are left."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from contract.client_links import GIVEN, STREAMS, TRANSPORTS, close_client, every, is_closed, request, with_each
from contract.linked_transports import answering, linked, opened, read_all

AWAITED = tuple(link for link in TRANSPORTS if not link.blocks)  # a thread cannot be cancelled
BLOCKING = tuple(link for link in STREAMS if link.blocks)

# A session keeps connections for the next request, so one that ended well stays open until the session is closed.
WITHOUT_KEPT_CONNECTIONS = tuple(link for link in TRANSPORTS if link.client is None)


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
