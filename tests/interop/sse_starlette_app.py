"""An application with sse-starlette, for uvicorn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from interop.history import PING, RETRY, History, Published

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

history = History()


async def stream(last_event_id: str | None) -> AsyncIterator[ServerSentEvent]:
    async for event in history.follow(last_event_id):
        yield ServerSentEvent(event.data, id=str(event.id), event=event.type, retry=RETRY)


async def events(request: Request) -> Response:
    last_event_id = request.headers.get("last-event-id")
    if history.has_ended(last_event_id):
        return Response(status_code=204)
    return EventSourceResponse(stream(last_event_id), ping=PING)


async def publish(request: Request) -> Response:
    await history.add(Published(**await request.json()))
    return Response(status_code=204)


app = Starlette(routes=[Route("/events", events), Route("/publish", publish, methods=["POST"])])
