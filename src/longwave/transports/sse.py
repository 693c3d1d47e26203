"""Server-Sent Events: one subscription over one endless response.

Not here: replay, heartbeats and limits of a slow client (the hub does these for every transport).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from longwave.auth.grants import NOTHING, Grants
from longwave.core.audience import Audience, audience_of, canonical, check_cost, check_size
from longwave.core.resume import NOWHERE, Resumption
from longwave.errors import InvalidValue
from longwave.eventstream.encoder import HEARTBEAT, encode_id
from longwave.transports.exchange import Response, parse_parameters

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from longwave.core.subscriber import Subscriber
    from longwave.hub import Hub
    from longwave.transports.exchange import Exchange, Headers, Request, Stream

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
LAST_EVENT_ID_HEADER = b"Last-Event-ID"
Asked = tuple[Audience, list[tuple[str, str]]]  # who is to be fed if there are no grants, and all parameters
# Query parameters, for clients that cannot set the header; the first that is there counts: the one that a polyfill
# appends to whatever the page has begun with, as it has moved on since. The last one is of old Mercure clients.
LAST_EVENT_ID = ("lastEventId", "lastEventID", "last_event_id", "Last-Event-ID")
LONGEST_TOLD = 1024  # bytes of an id in a response's head; proxies refuse a head that is above 4 KiB


class MissingTopic(InvalidValue):
    """A subscription names no topic."""

    def __init__(self) -> None:
        super().__init__(TOPIC, 'expected at least one "topic" parameter, got none')


class TooManyTopics(InvalidValue):
    """A subscription names more topics than it may."""

    def __init__(self, limit: int, came: int) -> None:
        super().__init__(TOPIC, f'expected at most {limit} "topic" parameters, got {came}')


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectorLimits:
    """What one subscription may ask for; each object equals only itself, as queries are remembered by it.

    topics: `topic` parameters. size: bytes of them together. cost: of matching them; see `Selector.cost`.
    """

    topics: int
    size: int
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms a client subscribes.

    limits: of what it asks for. grants: what its token allows. headers: of a stream, besides its own. tells_start:
    whether the head of a stream that begins live names the id after which it does; the Mercure protocol has no such
    thing. still: called right before the stream begins; raises TokenRefused if the grants do not count any more, as
    they were read a while ago. attached: called with the subscriber once it is fed; its client may be gone by then.
    """

    limits: SelectorLimits
    grants: Grants = NOTHING
    headers: Headers = ()
    tells_start: bool = True
    still: Callable[[], None] | None = None
    attached: Callable[[Subscriber], None] | None = None


def serve(exchange: Exchange, hub: Hub, terms: Terms, asked: Asked | None = None) -> Response | Awaitable[None] | None:
    """Subscribe the client, at once and return None or later, or return the response that is all it gets.

    asked: what `asked_by` returned, if that was called already.
    The first comment makes proxies flush the head, so that the client knows at once that it is connected.
    Raises InvalidValue for a bad request, LogUnavailable (perhaps later), OSError if the client is gone.
    """
    request = exchange.request
    public, parameters = asked or asked_by(request, terms.limits)
    grants = terms.grants.subscribe
    audience = Audience(public.selectors, canonical(grants)) if grants else public
    if request.method == "HEAD":
        return Response(HTTPStatus.OK, content_type=CONTENT_TYPE, headers=STREAM_HEADERS, sized=False)
    since = last_event_id(request, parameters)
    if not since:
        _begin_live(exchange, hub, terms, audience)
        return None
    resumption = hub.known_ids.at_hand(since)
    if resumption is None:
        return _look_and_resume(exchange, hub, terms, audience, since)
    _resume(exchange, hub, terms, audience, resumption)
    return None


def _begin_live(exchange: Exchange, hub: Hub, terms: Terms, audience: Audience) -> None:
    start = hub.live_id(audience, exchange.form)
    headers = ((LAST_EVENT_ID_HEADER, start.encode()),) if terms.tells_start else ()
    first = HEARTBEAT + (encode_id(start) if is_browser(exchange.request) else b"")
    stream = _start(exchange, terms, headers, first)
    _attach(exchange, hub, terms, audience, stream, NOWHERE)


async def _look_and_resume(exchange: Exchange, hub: Hub, terms: Terms, audience: Audience, since: str) -> None:
    _resume(exchange, hub, terms, audience, await hub.known_ids.find(since, audience))


def _resume(exchange: Exchange, hub: Hub, terms: Terms, audience: Audience, resumption: Resumption) -> None:
    """Begin a stream after an id that the client sent, or live if that cannot be placed; its head says which."""
    stream = _start(exchange, terms, last_event_id_header(resumption.told), HEARTBEAT)
    _attach(exchange, hub, terms, audience, stream, resumption)


def _start(exchange: Exchange, terms: Terms, headers: Headers, first: bytes) -> Stream:
    if terms.still is not None:
        terms.still()
    return exchange.start_stream(STREAM_HEADERS + terms.headers + headers, first)


def _attach(
    exchange: Exchange, hub: Hub, terms: Terms, audience: Audience, stream: Stream, resumption: Resumption
) -> None:
    subscriber = hub.attach(
        audience,
        exchange.form,
        stream.sink,
        stream.release,
        resumption=resumption,
        opening=stream.opening,
    )
    stream.bind(subscriber)
    if terms.attached is not None:
        terms.attached(subscriber)


def asked_by(request: Request, limits: SelectorLimits) -> Asked:
    """Return what a request asks for. Raises InvalidValue."""
    query = request.query
    return _remembered(query, limits) if len(query) <= MAX_REMEMBERED_LENGTH else read_query(query, limits)


def read_query(query: str, limits: SelectorLimits) -> Asked:
    """Return what a query asks for. Raises InvalidValue."""
    parameters = parse_parameters("query", query)
    topics = topics_of(parameters, limits.topics)
    check_size(topics, limits.size, TOPIC)
    audience = audience_of(topics)
    check_cost(audience.selectors, limits.cost, TOPIC)
    return audience, parameters


_remembered = lru_cache(MAX_REMEMBERED)(read_query)


def last_event_id_header(event_id: str) -> Headers:
    """Return the header that names an id; none for one that a header cannot carry, as a publisher's own may be."""
    value = event_id.encode()
    if len(value) > LONGEST_TOLD or not event_id.isprintable() or event_id != event_id.strip():
        return ()
    return ((LAST_EVENT_ID_HEADER, value),)


def is_browser(request: Request) -> bool:
    """Tell whether a browser's EventSource asks; it follows the standard, and its script cannot read the head.

    Each stream tells where it starts, so that a client which was told of no event yet resumes all the same: browsers
    by a block with an id and no data, which some other clients would take for an empty event, and these by a header.
    A script that uses fetch may be such a client; EventSource alone asks for what no cache has.
    """
    agent, caching = request.header(b"user-agent"), request.header(b"cache-control")
    return agent is not None and agent.startswith(b"Mozilla/") and caching == b"no-cache"


def topics_of(parameters: list[tuple[str, str]], limit: int) -> list[str]:
    """Return the selectors asked for. Raises MissingTopic, TooManyTopics."""
    topics = [value for name, value in parameters if name == TOPIC]
    if not topics:
        raise MissingTopic
    if len(topics) > limit:
        raise TooManyTopics(limit, len(topics))
    return topics


def last_event_id(request: Request, parameters: list[tuple[str, str]]) -> str:
    """Return the last event id that the client has, "" if none: from the header, else from the query."""
    header = request.header(b"last-event-id")
    if header:
        # The standard sends UTF-8 bytes; what is no UTF-8 is an id that nobody gave out.
        return header.decode(errors="replace")
    given = {name: value for name, value in reversed(parameters) if value and name in LAST_EVENT_ID}
    return next((given[name] for name in LAST_EVENT_ID if name in given), "") if given else ""
