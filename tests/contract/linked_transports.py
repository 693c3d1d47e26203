"""Transports of the client, linked to sites that are played, and all that is read through them.

Not here: the links (client_links.py), the sites (played_sites.py), what is asked of a transport.
"""

from __future__ import annotations

from contextlib import asynccontextmanager

from contract.client_links import close_client


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
