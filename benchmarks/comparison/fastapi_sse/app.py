"""The usual hub of an application with FastAPI's own event streams: one queue for each client.

Not here: how it is served (launcher.py).
Events go out as `raw_data`, so that no JSON is made of them: the cheapest way that FastAPI has.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterable  # noqa: TC003 - FastAPI reads the annotations
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

app = FastAPI(openapi_url=None)
_clients: defaultdict[str, set[asyncio.Queue[ServerSentEvent]]] = defaultdict(set)  # by topic
_numbers = itertools.count(1)


@app.get("/events", response_class=EventSourceResponse)
async def events(topic: Annotated[list[str], Query()]) -> AsyncIterable[ServerSentEvent]:
    """Subscribe to the topics of the query: what is published to them, after a comment."""
    queue: asyncio.Queue[ServerSentEvent] = asyncio.Queue()
    for name in topic:
        _clients[name].add(queue)
    try:
        yield ServerSentEvent(comment="subscribed")
        while True:
            yield await queue.get()
    finally:
        for name in topic:
            _clients[name].discard(queue)
            if not _clients[name]:
                del _clients[name]


@app.post("/publish", status_code=204)
async def publish(topic: str, request: Request) -> Response:
    """Publish the body to the topic of the query."""
    data = (await request.body()).decode()
    event = ServerSentEvent(raw_data=data, id=str(next(_numbers)))
    for queue in _clients.get(topic, ()):
        queue.put_nowait(event)
    return Response(status_code=204)
