"""httpx-sse, as the measures use it: `connect_sse` and `aconnect_sse`, with what httpx offers."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpx
from httpx_sse import aconnect_sse, connect_sse

from clients.client import Client

if TYPE_CHECKING:
    from clients.client import Wish

TRUST = ssl.create_default_context()  # as reading the certificates takes longer than most measures


def _options(wish: Wish) -> dict[str, Any]:
    headers = {"Last-Event-ID": wish.last_event_id} if wish.last_event_id else {}
    if wish.token:
        headers["Authorization"] = f"Bearer {wish.token()}"
    return {
        "timeout": httpx.Timeout(5.0, read=wish.idle),
        "follow_redirects": True,
        "headers": headers,
        "verify": TRUST,
    }


class HttpxSse(Client):
    reconnects = False

    def read(self, url, wish, reading):
        with (
            httpx.Client(**_options(wish)) as client,
            connect_sse(client, wish.method, url, content=wish.body) as self.source,
        ):
            for event in self.source.iter_sse():
                reading.event(event.data, event.event, event.id)

    def close(self):
        self.source.response.close()


class HttpxSseAsync(Client):
    is_async = True
    reconnects = False

    async def read(self, url, wish, reading):
        async with (
            httpx.AsyncClient(**_options(wish)) as client,
            aconnect_sse(client, wish.method, url, content=wish.body) as self.source,
        ):
            async for event in self.source.aiter_sse():
                reading.event(event.data, event.event, event.id)

    async def close(self):
        await self.source.response.aclose()


HttpxSse.others = (HttpxSseAsync,)
