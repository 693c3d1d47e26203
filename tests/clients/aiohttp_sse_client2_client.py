"""aiohttp-sse-client2, as the measures use it; a new token comes from a middleware, as aiohttp's cookbook shows it."""

from __future__ import annotations

from datetime import timedelta

import aiohttp
from aiohttp_sse_client2.client import EventSource

from clients.client import Client

BUFFER = 65_536  # bytes; aiohttp's default
LINE_IN_BUFFERS = 8  # the longest line that aiohttp reads, in buffers


class AiohttpSseClient2(Client):
    is_async = True
    token_from = "by your aiohttp middleware"

    async def read(self, url, wish, reading):
        timeout = aiohttp.ClientTimeout(total=None, sock_read=wish.idle)
        buffer = wish.max_event // LINE_IN_BUFFERS if wish.max_event else BUFFER
        middlewares = (_Renewing(wish.token),) if wish.token else ()
        async with (
            aiohttp.ClientSession(timeout=timeout, middlewares=middlewares) as session,
            EventSource(
                url,
                option={"method": wish.method},
                reconnection_time=timedelta(seconds=wish.retry),
                session=session,
                on_error=reading.lost,
                headers={"Last-Event-Id": wish.last_event_id} if wish.last_event_id else {},
                data=wish.body,
                read_bufsize=buffer,
            ) as self.source,
        ):
            async for event in self.source:
                reading.event(event.data, event.type, event.last_event_id)

    async def close(self):
        await self.source.close()


class _Renewing:
    """Sends a token, and asks for another one when it is refused."""

    def __init__(self, ask) -> None:
        self._ask = ask
        self._token = ask()

    async def __call__(self, request, send):
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = await send(request)
        if response.status != 401:
            return response
        self._token = self._ask()
        request.headers["Authorization"] = f"Bearer {self._token}"
        return await send(request)
