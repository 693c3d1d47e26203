"""Every transport of the client hands out a body as it comes, and tells a clean end from any other."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest

from contract.client_links import SHORT, STREAMS, every, request, with_each
from contract.linked_transports import answering, linked, opened, read_all, read_until_failure

MEBIBYTE = 1_048_576


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
