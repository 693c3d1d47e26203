"""The usual hub of an application with sse-starlette: one queue for each client, filled by a publish endpoint.

Not here: how it is served (launcher.py).
Modelled on what sse-starlette's documentation calls message broadcasting: no history, queues without a limit.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

_clients: defaultdict[str, set[asyncio.Queue[ServerSentEvent]]] = defaultdict(set)  # by topic
_numbers = itertools.count(1)


async def follow(topics: list[str]) -> AsyncIterator[ServerSentEvent]:
    """Yield what is published to these topics, after a comment."""
    queue: asyncio.Queue[ServerSentEvent] = asyncio.Queue()
    for topic in topics:
        _clients[topic].add(queue)
    try:
        yield ServerSentEvent(comment="subscribed")
        while True:
            yield await queue.get()
    finally:
        for topic in topics:
            _clients[topic].discard(queue)
            if not _clients[topic]:
                del _clients[topic]


async def events(request: Request) -> EventSourceResponse:
    """Subscribe to the topics of the query."""
    return EventSourceResponse(follow(request.query_params.getlist("topic")))


async def publish(request: Request) -> Response:
    """Publish the body to the topic of the query."""
    data = (await request.body()).decode()
    event = ServerSentEvent(data, id=str(next(_numbers)))
    for queue in _clients.get(request.query_params["topic"], ()):
        queue.put_nowait(event)
    return Response(status_code=204)


app = Starlette(routes=[Route("/events", events), Route("/publish", publish, methods=["POST"])])
