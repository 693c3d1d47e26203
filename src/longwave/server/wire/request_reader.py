"""Bytes of one connection to its requests, in order, with bounds on everything.

Not here: grammar (httptools), what makes a head ambiguous (request_head.py), timeouts and answers (http1.py).

A request that this server reads differently from a proxy before it would be dangerous, so whatever is ambiguous is
refused, and nothing after it is read. An offer to upgrade is declined by reading on as HTTP/1.1, as RFC 9110 section
7.8 allows; the parser takes it for the end of the request, so its body is read by a new one.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import httptools

from longwave.server.limits.client_address import NO_PROXIES, remote_group
from longwave.server.limits.held_bytes import Vacancy
from longwave.server.wire.request_head import MAX_HEADERS, RequestHead
from longwave.transports.exchange import Response, refusal

if TYPE_CHECKING:
    from longwave.server.config import Limits
    from longwave.server.limits.client_address import TrustedProxies
    from longwave.server.limits.held_bytes import HeldBytes
    from longwave.transports.exchange import Headers, Request

MAX_PIPELINED = 32  # complete requests waiting on one connection; after more it closes, having answered these
RETRY_AFTER = ((b"Retry-After", b"1"),)  # seconds, when too much comes at once
NO_ROOM = {
    Vacancy.ALL_TAKEN: (HTTPStatus.SERVICE_UNAVAILABLE, "expected room for this request, got too many at once"),
    Vacancy.SHARE_TAKEN: (HTTPStatus.TOO_MANY_REQUESTS, "expected room for this request, got too many of one address"),
}


class Part(Enum):
    """What of a request is being received."""

    NOTHING = "nothing"
    HEAD = "head"
    BODY = "body"


class Received(NamedTuple):
    """A complete request, and whether its sender wants to send more after it."""

    request: Request
    keep_alive: bool


class RequestReader:
    """Reads requests until one is refused.

    peer: the address of whoever connected, "" on a Unix socket. proxies: may tell whose requests they pass on.
    held: what all readers hold together: bodies until they are answered, and heads that come in parts, which are the
    peer's, as nobody can tell yet whose they are.
    requests: what is to be answered, in order; a Response is a refusal and always the last.
    overrun: as many requests wait as may, so those after them are not read.
    stopped: nothing that comes now is a request. asked: what was refused, without its body, if its head was complete.
    """

    __slots__ = (
        "_body",
        "_client",
        "_declining",
        "_head",
        "_held",
        "_in_part",
        "_limits",
        "_parser",
        "_peer",
        "_proxies",
        "_unread",
        "asked",
        "overrun",
        "requests",
        "stopped",
    )

    def __init__(self, limits: Limits, held: HeldBytes, peer: str, proxies: TrustedProxies = NO_PROXIES) -> None:
        self.requests: deque[Received | Response] = deque()
        self.stopped = False
        self.overrun = False
        self.asked: Request | None = None
        self._limits = limits
        self._held = held
        self._peer = peer
        self._client = peer  # of the request that is being received, once its head is complete
        self._proxies = proxies
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._head: RequestHead | None = None  # of the request that is being received
        self._body = bytearray()  # not a list, as a body may come a byte at a time
        self._in_part = 0  # bytes of a head that is not complete
        self._unread = 0  # bytes received since the last piece that is of use: a head, a part of a body, a request
        self._declining = False  # an upgrade is offered

    @property
    def part(self) -> Part:
        """What is being received."""
        if self._head is None:
            return Part.NOTHING
        return Part.BODY if self._head.complete else Part.HEAD

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a word before it sends the body."""
        head = self._head
        return head is not None and head.complete and head.expects_continue and not head.received

    def announced(self) -> Request:
        """Return the request that is being received, whose head is complete, without its body."""
        assert self._head is not None, "its head was complete"
        return self._head.request(b"", self._client)

    def skip_body(self) -> None:
        """Let the request that is being received be complete without its body, and read no more."""
        self.requests.append(Received(self.announced(), keep_alive=False))
        self.stop()

    def feed(self, data: bytes) -> None:
        """Read on."""
        if self.stopped:
            return
        self._unread += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            self.refuse(HTTPStatus.BAD_REQUEST, f"expected an HTTP/1.1 request, got something else: {error}")
        if self._unread > self._limits.head:
            self._refuse_unread()
        elif self._head is not None and not self._head.complete:
            self._take_part(len(data))

    def refuse(self, status: HTTPStatus, sentence: str, headers: Headers = ()) -> None:
        """Let the answer to what is being received be an error, after the requests before, and read no more."""
        if not self.stopped:
            head = self._head
            self.asked = head.request(b"", self._client) if head is not None and head.complete else None
            self.stop()
            self.requests.append(refusal(status, sentence, headers, close=True))

    def stop(self) -> None:
        """Read no more; complete requests stay."""
        self.stopped = True
        if self._in_part:
            self._free_part()
        if self._head is not None:
            self._held.free(self._head.received, remote_group(self._client))
            self._head = None
        self._body = bytearray()

    def close(self) -> None:
        """Read no more and drop what is here; safe to call again."""
        if self._parser is None:
            return
        self.stop()
        self._parser = None  # it refers to this reader: together they would wait for the garbage collector
        for item in self.requests:
            if isinstance(item, Received):
                self._held.free(len(item.request.body), remote_group(item.request.client))
        self.requests.clear()

    def _parse(self, data: bytes) -> None:
        while data:
            assert self._parser is not None, "a closed reader is stopped"
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                if self.stopped:
                    return
                data = data[offer.args[0] :]
                self._decline()

    def _decline(self) -> None:
        """Let a new parser expect what the head announced."""
        assert self._head is not None, "the head was complete"
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(self._head.without_upgrade())

    def _take_part(self, size: int) -> None:
        """Hold a part of a head; most come whole."""
        room = self._held.take(size, self._holder_of_parts())
        if room is Vacancy.ENOUGH:
            self._in_part += size
        else:
            self._refuse_for(room)

    def _free_part(self) -> None:
        self._held.free(self._in_part, self._holder_of_parts())
        self._in_part = 0

    def _holder_of_parts(self) -> str:
        return "" if self._proxies.trust(self._peer) else remote_group(self._peer)

    def _refuse_for(self, room: Vacancy) -> None:
        status, sentence = NO_ROOM[room]
        self.refuse(status, sentence, RETRY_AFTER)

    def _refuse_unread(self) -> None:
        if self.part is Part.HEAD:
            self._refuse_head()
        elif self.part is Part.BODY:
            limit = self._limits.head
            self.refuse(HTTPStatus.BAD_REQUEST, f"expected chunk extensions or trailers of at most {limit} bytes")

    # What the parser finds.

    def on_message_begin(self) -> None:
        """A request begins."""
        if not self.stopped and not self._declining:
            self._head = RequestHead(self._limits.head)

    def on_url(self, part: bytes) -> None:
        """The request's target, or a part of it."""
        if self._head is not None and not self._declining:
            self._head.add_target(part)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; after the body, a trailer, which nobody asked for."""
        if self._head is not None and not self._head.complete:
            self._head.add(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: refuse it, or expect the body."""
        if self._head is None or self._parser is None:
            return
        if self._declining:
            self._declining = False
            return
        self._unread = 0
        if self._in_part:
            self._free_part()
        self._head.finish(self._parser.get_method(), self._parser.get_http_version())
        self._declining = self._parser.should_upgrade()
        if not self._head.fits:
            self._refuse_head()
            return
        problem = self._head.problem()
        if problem is not None:
            self.refuse(HTTPStatus.BAD_REQUEST, problem)
            return
        self._client = self._proxies.client(self._peer, self._head.headers)
        if self._head.length > self._limits.body:
            self._refuse_body()

    def on_body(self, part: bytes) -> None:
        """Some of the body."""
        head = self._head
        if head is None:
            return
        self._unread = 0
        if head.received + len(part) > self._limits.body:
            self._refuse_body()
        elif (room := self._held.take(len(part), remote_group(self._client))) is not Vacancy.ENOUGH:
            self._refuse_for(room)
        else:
            head.received += len(part)
            self._body += part

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self._head is None or self._declining or self._parser is None:
            return
        head, self._head = self._head, None
        body, self._body = bytes(self._body), bytearray()
        self._unread = 0
        self.requests.append(Received(head.request(body, self._client), self._parser.should_keep_alive()))
        if len(self.requests) >= MAX_PIPELINED:
            self.overrun = True
            self.stop()

    def _refuse_head(self) -> None:
        many = self._head is not None and self._head.too_many
        limit = f"{MAX_HEADERS} headers" if many else f"{self._limits.head} bytes"
        sentence = f"expected a request head of at most {limit}, got more"
        self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, sentence)

    def _refuse_body(self) -> None:
        limit = self._limits.body
        self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected a body of at most {limit} bytes, got more")
