"""Server-Sent Events: one subscription over one endless response.

Not here: replay, heartbeats and limits of a slow client (the hub does these for every transport).
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from longwave.core.audience import audience_of
from longwave.errors import InvalidValue
from longwave.eventstream.encoder import HEARTBEAT, encode_id
from longwave.transports.exchange import Response, parse_parameters

if TYPE_CHECKING:
    from longwave.core.audience import Audience
    from longwave.hub import Hub
    from longwave.transports.exchange import Exchange, Headers, Request

CONTENT_TYPE = "text/event-stream"

# Proxies and browsers must neither keep nor hold back anything; nginx wants to be told by a header of its own.
STREAM_HEADERS: Headers = (
    (b"Cache-Control", b"private, no-cache, no-store, must-revalidate, max-age=0, no-transform"),
    (b"Pragma", b"no-cache"),
    (b"X-Accel-Buffering", b"no"),
)

TOPIC = "topic"
MAX_REMEMBERED = 1000  # queries that were read, as most subscribers of a hub ask for the same few
MAX_REMEMBERED_LENGTH = 256  # characters of one
LAST_EVENT_ID = ("lastEventID", "last_event_id")  # query parameters, for clients that cannot set the header


def serve(exchange: Exchange, hub: Hub, max_topics: int) -> Response | None:
    """Subscribe the client and return None, or return the response that is all it gets.

    The first comment makes proxies flush the head, so that the client knows at once that it is connected.
    Raises InvalidValue for a bad request, OSError if the client is gone.
    """
    request = exchange.request
    remember = len(request.query) <= MAX_REMEMBERED_LENGTH
    audience, parameters = (_remembered if remember else read_query)(request.query, max_topics)
    if request.method == "HEAD":
        return Response(HTTPStatus.OK, content_type=CONTENT_TYPE, headers=STREAM_HEADERS, sized=False)
    since = last_event_id(request, parameters)
    start = hub.live_id(audience, exchange.form)
    headers, first = STREAM_HEADERS, HEARTBEAT
    if not since:
        headers = (*headers, (b"Last-Event-ID", start.encode()))
        first += encode_id(start) if is_browser(request) else b""
    stream = exchange.start_stream(headers, first)
    subscriber = hub.attach(
        audience, exchange.form, stream.sink, stream.release, last_event_id=since, opening=stream.opening
    )
    stream.bind(subscriber)
    return None


def read_query(query: str, max_topics: int) -> tuple[Audience, list[tuple[str, str]]]:
    """Return who is to be fed, and all parameters. Raises InvalidValue."""
    parameters = parse_parameters("query", query)
    return audience_of(topics_of(parameters, max_topics)), parameters


_remembered = lru_cache(MAX_REMEMBERED)(read_query)


def is_browser(request: Request) -> bool:
    """Tell whether a browser asks; its EventSource follows the standard, and its script cannot read the head.

    Each stream tells where it starts, so that a client which was told of no event yet resumes all the same: browsers
    by a block with an id and no data, which some other clients would take for an empty event, and these by a header.
    """
    return (request.header(b"user-agent") or b"").startswith(b"Mozilla/")


def topics_of(parameters: list[tuple[str, str]], limit: int) -> list[str]:
    """Return the selectors asked for. Raises InvalidValue if there is none or if there are too many."""
    topics = [value for name, value in parameters if name == TOPIC]
    if not topics:
        raise InvalidValue(TOPIC, 'expected at least one "topic" parameter, got none')
    if len(topics) > limit:
        raise InvalidValue(TOPIC, f'expected at most {limit} "topic" parameters, got {len(topics)}')
    return topics


def last_event_id(request: Request, parameters: list[tuple[str, str]]) -> str:
    """Return the last event id that the client has, "" if none: from the header, else from the query."""
    header = request.header(b"last-event-id")
    if header:
        # The standard sends UTF-8 bytes; what is no UTF-8 is an id that nobody gave out.
        return header.decode(errors="replace")
    return next((value for name, value in parameters if name in LAST_EVENT_ID and value), "")
