"""The readers: each client as its own documentation shows it, with nothing done beside reading.

Not here: reading and checking (reading.py).
Each opens a stream and gives an iterable of that client's own events. Packages are imported when they are used, so that
a reader's process holds nothing of the others.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

Events: TypeAlias = Any  # an iterable, or an async one, of the client's own events
Opened: TypeAlias = AbstractContextManager[Events] | AbstractAsyncContextManager[Events]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One way to use one client.

    package: its distribution; "longwave" for ours. over: the HTTP library below. event_id: the attribute of its events
    that holds what the standard calls the last event id. is_async: whether its events are awaited.
    """

    name: str
    package: str
    over: str
    open: Callable[[str], Opened]
    event_id: str = "id"
    is_async: bool = False


@asynccontextmanager
async def _open_longwave(url: str) -> AsyncIterator[Events]:
    from longwave.client import EventSource

    async with EventSource(url) as source:
        yield source


@asynccontextmanager
async def _open_longwave_over_aiohttp(url: str) -> AsyncIterator[Events]:
    import aiohttp

    from longwave.client import EventSource
    from longwave.client.aiohttp_transport import AiohttpTransport

    async with aiohttp.ClientSession() as session, EventSource(url, transport=AiohttpTransport(session)) as source:
        yield source


@contextmanager
def _open_longwave_sync(url: str) -> Iterator[Events]:
    from longwave.client import SyncEventSource

    with SyncEventSource(url) as source:
        yield source


@asynccontextmanager
async def _open_httpx_sse_async(url: str) -> AsyncIterator[Events]:
    import httpx
    from httpx_sse import aconnect_sse

    async with httpx.AsyncClient() as client, aconnect_sse(client, "GET", url) as source:
        yield source.aiter_sse()


@contextmanager
def _open_httpx_sse(url: str) -> Iterator[Events]:
    import httpx
    from httpx_sse import connect_sse

    with httpx.Client() as client, connect_sse(client, "GET", url) as source:
        yield source.iter_sse()


@asynccontextmanager
async def _open_httpx2_async(url: str) -> AsyncIterator[Events]:
    import httpx2

    async with httpx2.AsyncClient() as client, client.sse(url) as source:
        yield source


@contextmanager
def _open_httpx2(url: str) -> Iterator[Events]:
    import httpx2

    with httpx2.Client() as client, client.sse(url) as source:
        yield source


@contextmanager
def _open_sseclient_py(url: str) -> Iterator[Events]:
    import httpx
    import sseclient

    with httpx.stream("GET", url) as response:
        yield sseclient.SSEClient(response.iter_bytes()).events()


@contextmanager
def _open_sseclient_py_over_urllib3(url: str) -> Iterator[Events]:
    import sseclient
    import urllib3

    with urllib3.PoolManager() as pool:
        response = pool.request("GET", url, preload_content=False)
        try:
            yield sseclient.SSEClient(response).events()
        finally:
            response.close()


@asynccontextmanager
async def _open_aiohttp_sse_client2(url: str) -> AsyncIterator[Events]:
    from aiohttp_sse_client2.client import EventSource

    async with EventSource(url) as source:
        yield source


@contextmanager
def _open_requests_sse(url: str) -> Iterator[Events]:
    from requests_sse import EventSource

    with EventSource(url) as source:
        yield source


@asynccontextmanager
async def _open_launchdarkly_async(url: str) -> AsyncIterator[Events]:
    from ld_eventsource.async_client import AsyncSSEClient

    async with AsyncSSEClient(url) as source:
        yield source.events


@contextmanager
def _open_launchdarkly(url: str) -> Iterator[Events]:
    from ld_eventsource import SSEClient

    with SSEClient(url) as source:
        yield source.events


LONGWAVE_ASYNC, LONGWAVE_SYNC = "Longwave EventSource", "Longwave SyncEventSource"
LAST = "last_event_id"
READERS = {
    reader.name: reader
    for reader in (
        Reader(name=LONGWAVE_ASYNC, package="longwave", over="httpx2", open=_open_longwave, is_async=True),
        Reader(
            name=f"{LONGWAVE_ASYNC}, AiohttpTransport",
            package="longwave",
            over="aiohttp",
            open=_open_longwave_over_aiohttp,
            is_async=True,
        ),
        Reader(name=LONGWAVE_SYNC, package="longwave", over="httpx2", open=_open_longwave_sync),
        Reader(
            name="httpx-sse aconnect_sse", package="httpx-sse", over="httpx", open=_open_httpx_sse_async, is_async=True
        ),
        Reader(name="httpx-sse connect_sse", package="httpx-sse", over="httpx", open=_open_httpx_sse),
        Reader(name="httpx2 AsyncClient.sse", package="httpx2", over="httpx2", open=_open_httpx2_async, is_async=True),
        Reader(name="httpx2 Client.sse", package="httpx2", over="httpx2", open=_open_httpx2),
        Reader(name="sseclient-py, httpx", package="sseclient-py", over="httpx", open=_open_sseclient_py),
        Reader(
            name="sseclient-py, urllib3", package="sseclient-py", over="urllib3", open=_open_sseclient_py_over_urllib3
        ),
        Reader(
            name="aiohttp-sse-client2 EventSource",
            package="aiohttp-sse-client2",
            over="aiohttp",
            open=_open_aiohttp_sse_client2,
            event_id=LAST,
            is_async=True,
        ),
        Reader(
            name="requests-sse EventSource",
            package="requests-sse",
            over="requests",
            open=_open_requests_sse,
            event_id=LAST,
        ),
        Reader(
            name="launchdarkly-eventsource AsyncSSEClient",
            package="launchdarkly-eventsource",
            over="aiohttp",
            open=_open_launchdarkly_async,
            event_id=LAST,
            is_async=True,
        ),
        Reader(
            name="launchdarkly-eventsource SSEClient",
            package="launchdarkly-eventsource",
            over="urllib3",
            open=_open_launchdarkly,
            event_id=LAST,
        ),
    )
}
