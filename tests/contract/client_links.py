"""Every way in which an event source can be linked to a server, behind one interface for the tests.

Not here: what is asked of them. A link is made of a transport, its sites, and for libraries that block, of a thread:
their calls are awaited like the others.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import httpx2
import pytest
import requests

from contract.played_sites import AsgiSites, SocketSites
from longwave.client.aiohttp_transport import AiohttpTransport
from longwave.client.asgi_transport import AsgiTransport
from longwave.client.httpx_transport import HttpxTransport
from longwave.client.request import Request
from longwave.client.sync.httpx_transport import SyncHttpxTransport
from longwave.client.sync.requests_stream import RequestsStream

if TYPE_CHECKING:
    from collections.abc import Callable

READ_TIMEOUT = 4.0  # seconds; below the sites' own, so that the client's failure is what shows
SHORT = 0.05  # seconds; for timeouts that are to be reached


def request(url, *, method="GET", headers=(), body=None, read_timeout=READ_TIMEOUT, connect_timeout=READ_TIMEOUT):
    return Request(method, url, tuple(headers), body, connect_timeout, read_timeout)


class Threaded:
    """A transport that blocks, used from a thread."""

    def __init__(self, transport) -> None:
        self.blocking = transport

    async def open(self, asked: Request):
        return ThreadedStream(await asyncio.to_thread(self.blocking.open, asked))

    async def close(self) -> None:
        await asyncio.to_thread(self.blocking.close)


class ThreadedStream:
    def __init__(self, stream) -> None:
        self.blocking = stream
        self.response = stream.response

    async def read(self) -> bytes:
        return await asyncio.to_thread(self.blocking.read)

    async def close(self) -> None:
        await asyncio.to_thread(self.blocking.close)


class RequestsOpening:
    """Opens responses as a user of requests does; there is no transport over it."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.headers.clear()

    def open(self, asked: Request) -> RequestsStream:
        timeout = (asked.connect_timeout, asked.read_timeout)
        answer = self._session.request(
            asked.method, asked.url, headers=dict(asked.headers), data=asked.body, timeout=timeout, stream=True
        )
        return RequestsStream(answer)

    def close(self) -> None:
        for adapter in self._session.adapters.values():
            pools = adapter.poolmanager.pools  # each of which urllib3 keeps for as long as a response refers to it
            for key in pools.keys():  # noqa: SIM118  # it is no dict
                pools[key].close()
        self._session.close()


@dataclass(frozen=True)
class Link:
    """name: in the tests' names. make: the transport, of a client made by `client` if there is one."""

    name: str
    make: Callable[..., Any]
    client: Callable[[], Any] | None = None
    blocks: bool = False
    in_process: bool = False

    def sites(self):
        return AsgiSites() if self.in_process else SocketSites()

    def transport(self, sites, client=None):
        arguments = [sites.app] if self.in_process else [client] if client is not None else []
        made = self.make(*arguments)
        return Threaded(made) if self.blocks else made


HTTPX2 = Link("httpx2", HttpxTransport)
ASGI = Link("asgi", AsgiTransport, in_process=True)
REQUESTS = Link("requests", RequestsOpening, blocks=True)
SYNC_HTTPX2 = Link("sync-httpx2", SyncHttpxTransport, blocks=True)
AIOHTTP = Link("aiohttp", AiohttpTransport)

GIVEN = (
    Link("given-httpx2", HttpxTransport, httpx2.AsyncClient),
    Link("given-httpx", HttpxTransport, httpx.AsyncClient),
    Link("given-aiohttp", AiohttpTransport, aiohttp.ClientSession),
    Link("given-sync-httpx2", SyncHttpxTransport, httpx2.Client, blocks=True),
    Link("given-sync-httpx", SyncHttpxTransport, httpx.Client, blocks=True),
)
OVER_SOCKETS = (HTTPX2, AIOHTTP, SYNC_HTTPX2, *GIVEN)
TRANSPORTS = (*OVER_SOCKETS, ASGI)
STREAMS = (*TRANSPORTS, REQUESTS)  # all that can be read, though not all can be told to ask


def every(links):
    return pytest.mark.parametrize("link", links, ids=lambda link: link.name)


def with_each(links, what):
    """Each link with each way that its sites have to frame, or to cut, a body."""
    rows = [(link, way) for link in links for way in getattr(link.sites(), what)]
    return pytest.mark.parametrize(("link", "way"), rows, ids=[f"{link.name}-{way}" for link, way in rows])


async def close_client(client) -> None:
    """Close a client that a test made: httpx's in its two forms, or aiohttp's."""
    closing = (client.aclose if hasattr(client, "aclose") else client.close)()
    if closing is not None:
        await closing


def is_closed(client) -> bool:
    return client.closed if isinstance(client, aiohttp.ClientSession) else client.is_closed
