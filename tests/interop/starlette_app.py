"""An application with nothing but Starlette's StreamingResponse, as its users write it themselves, for uvicorn."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from interop.history import PING, RETRY, History, Published

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

history = History()


def encode(event: Published) -> str:
    lines = "".join(f"data: {line}\n" for line in event.data.split("\n"))
    return f"retry: {RETRY}\nid: {event.id}\nevent: {event.type}\n{lines}\n"


async def stream(last_event_id: str | None) -> AsyncIterator[str]:
    """Yield events, and a comment after each silence."""
    source = aiter(history.follow(last_event_id))
    following = asyncio.ensure_future(anext(source, None))
    try:
        while True:
            done, _ = await asyncio.wait([following], timeout=PING)
            if not done:
                yield ": still here\n\n"
            elif (event := following.result()) is None:
                return
            else:
                yield encode(event)
                following = asyncio.ensure_future(anext(source, None))
    finally:
        following.cancel()


async def events(request: Request) -> Response:
    last_event_id = request.headers.get("last-event-id")
    if history.has_ended(last_event_id):
        return Response(status_code=204)
    return StreamingResponse(stream(last_event_id), media_type="text/event-stream")


async def publish(request: Request) -> Response:
    await history.add(Published(**await request.json()))
    return Response(status_code=204)


app = Starlette(routes=[Route("/events", events), Route("/publish", publish, methods=["POST"])])
