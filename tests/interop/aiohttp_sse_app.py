"""An application with aiohttp-sse, for aiohttp's own server."""

from __future__ import annotations

from aiohttp import web
from aiohttp_sse import sse_response

from interop.history import PING, RETRY, History, Published

history = History()


async def events(request: web.Request) -> web.StreamResponse:
    last_event_id = request.headers.get("Last-Event-ID")
    if history.has_ended(last_event_id):
        return web.Response(status=204)
    async with sse_response(request, ping_interval=PING) as response:
        async for event in history.follow(response.last_event_id):
            await response.send(event.data, id=str(event.id), event=event.type, retry=RETRY)
    return response


async def publish(request: web.Request) -> web.Response:
    await history.add(Published(**await request.json()))
    return web.Response(status=204)


def make_app(arguments: list[str]) -> web.Application:
    """Return the application, as `python -m aiohttp.web` asks for it."""
    app = web.Application()
    app.add_routes([web.get("/events", events), web.post("/publish", publish)])
    return app
