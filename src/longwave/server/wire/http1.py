"""HTTP/1.1 and 1.0 on one connection: when to read, to answer, to give up, and the step to a stream.

Not here: bytes to requests (request_reader.py), what is at which path (routes.py), sending a stream (delivery.py).

Requests of one connection are answered one after another, in order. Protocol: RFC 9112.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from enum import Enum
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, cast

from longwave.core.frame import Format, wrap
from longwave.core.refusal import Refusal
from longwave.server.limits.client_address import remote_group
from longwave.server.limits.connection_limits import Admission
from longwave.server.site import SMALL_ANSWER
from longwave.server.wire.request_reader import Part, Received, RequestReader
from longwave.server.wire.response_head import response_head, stream_head
from longwave.server.wire.streams import SocketStream, TransportStream, duplicate
from longwave.transports.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from longwave.core.subscriber import Subscriber
    from longwave.server.site import Site
    from longwave.transports.exchange import Headers, Request, Stream

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# What is counted of requests that were not read, and by which word.
REFUSALS = {
    HTTPStatus.BAD_REQUEST: Refusal.UNREADABLE,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: Refusal.HEAD_SIZE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Refusal.BODY_SIZE,
    HTTPStatus.TOO_MANY_REQUESTS: Refusal.BODIES_ADDRESS,
    HTTPStatus.SERVICE_UNAVAILABLE: Refusal.BODIES_FULL,
}


class Phase(Enum):
    """What a connection is doing."""

    READING = "reading"  # waiting for a request, or receiving one
    ANSWERING = "answering"  # until the answer is known and the client has room for it
    LINGERING = "lingering"  # the last answer was given; what still comes is thrown away
    STREAMING = "streaming"  # an endless response on this transport
    HANDED_OVER = "handed over"  # an endless response on a socket of its own
    CLOSED = "closed"


class Connection(asyncio.Protocol):
    """One connection; also the exchange of the request that it is answering.

    deadline: when `expire` is due, on the loop's clock.
    """

    __slots__ = (
        "_admission",
        "_awaited",
        "_busy",
        "_half_closed",
        "_key",
        "_phase",
        "_reader",
        "_site",
        "_stream",
        "_transport",
        "_unsent",
        "_writing_paused",
        "deadline",
        "number",
        "request",
    )

    number: int
    request: Request

    def __init__(self, site: Site) -> None:
        self._site = site
        self._key = ""  # what it is counted by
        self._admission = Admission.WELCOME
        self._phase = Phase.READING
        self._awaited: Part | None = Part.NOTHING  # what the deadline is for; None when it is for no reading
        self._busy = False  # the answer is not known yet
        self._half_closed = False  # the client says no more
        self._writing_paused = False
        self._unsent = 0  # bytes of answers, where they are so many that writing is paused
        self._stream: TransportStream | None = None
        self.deadline = inf

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection and wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        peer = name[0] if isinstance(name, tuple) else ""
        self._key = self._site.key_of(peer)
        self._reader = RequestReader(self._site.config.limits, self._site.bodies, peer, self._site.proxies)
        self._admission = self._site.admit(self._key)
        if self._admission is Admission.REFUSED:
            self._site.hub.counters.refused("connections_refused")
            self._phase = Phase.CLOSED
            self._transport.abort()
            return
        self.deadline = self._site.now() + self._site.config.timeouts.head
        self._site.watch(self)

    def data_received(self, data: bytes) -> None:
        """Read requests and answer those that are complete."""
        if self._phase in (Phase.READING, Phase.ANSWERING):
            self._reader.feed(data)
            self._go_on()

    def eof_received(self) -> bool:
        """Answer what was asked before; a stream ends, because who says no more is taken to be gone."""
        self._half_closed = True
        self._reader.stop()
        return self._phase is Phase.ANSWERING

    def connection_lost(self, error: Exception | None) -> None:
        """Count the connection no more, unless its stream lives on elsewhere."""
        phase, self._phase = self._phase, Phase.CLOSED
        if phase is Phase.HANDED_OVER:  # nothing of it is left
            return
        self._reader.close()
        self._free_unsent()
        if phase is Phase.CLOSED:
            return
        self._site.left(self._key)
        self._site.forget(self)
        if self._stream is not None:
            self._stream.lost()

    def pause_writing(self) -> None:
        """Answer nothing more until the client reads."""
        self._writing_paused = True
        if self._stream is not None:
            self._stream.pause_writing()
        else:
            self._unsent = self._transport.get_write_buffer_size()
            self._site.answers.hold(self._unsent, self._key)

    def resume_writing(self) -> None:
        """Go on answering."""
        self._writing_paused = False
        self._free_unsent()
        if self._stream is not None:
            self._stream.resume_writing()
        elif self._phase is Phase.ANSWERING and not self._busy:
            self._phase = Phase.READING
            self._go_on()

    # The site's side.

    @property
    def subscriber(self) -> Subscriber | None:
        """Who is fed on this connection's transport, if anybody is."""
        return self._stream.subscriber if self._stream is not None else None

    def expire(self) -> None:
        """End what took too long."""
        if self._phase is not Phase.READING or self._transport.is_closing():
            self._transport.abort()
        elif self._reader.part is Part.NOTHING:
            self._transport.close()
            self.deadline = self._site.linger_until()
        else:
            part = self._reader.part
            sentence = f"expected a complete request {part.value} within {self._patience(part):g} s"
            self._site.hub.counters.refused(f"{part.value}_timeout")
            self._reader.refuse(HTTPStatus.REQUEST_TIMEOUT, sentence)
            self._go_on()

    def shut(self) -> None:
        """Close as soon as the requests that are complete are answered."""
        self._reader.stop()
        if self._phase is Phase.READING:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    # Reading.

    def _go_on(self) -> None:
        """Answer the requests that are here, then wait for more or close."""
        requests = self._reader.requests
        while requests and self._phase is Phase.READING:
            self._answer(requests.popleft())
        if self._phase is Phase.ANSWERING and requests:
            self._transport.pause_reading()
        elif self._phase is Phase.READING:
            self._await_request()

    def _await_request(self) -> None:
        if self._transport.is_closing():
            return
        if self._reader.stopped:
            self._transport.close()
            return
        self._transport.resume_reading()
        if self._awaited is self._reader.part:
            return
        self._awaited = self._reader.part
        self.deadline = self._site.now() + self._patience(self._awaited)
        if self._reader.expects_continue:
            self._promise()

    def _promise(self) -> None:
        """Tell the client to send its body, or at once that nobody wants it."""
        if self._site.expects_body(self._reader.announced()):
            self._transport.write(CONTINUE)
            return
        self._reader.skip_body()
        self._go_on()

    def _patience(self, part: Part) -> float:
        timeouts = self._site.config.timeouts
        if part is Part.NOTHING:
            return timeouts.keep_alive
        return timeouts.head if part is Part.HEAD else timeouts.body

    # Answering.

    def _answer(self, item: Received | Response) -> None:
        self._phase = Phase.ANSWERING
        self._awaited = None
        self.deadline = inf
        if isinstance(item, Response):
            self._site.measuring.requests.unread(item.status)
            self._count_refusal(item.status)
            headers = self._site.headers_of_refusal(self._reader.asked)
            self._send(replace(item, headers=item.headers + headers), head_only=False, keep_alive=False)
            return
        self.request = item.request
        welcome = self._admission is Admission.WELCOME
        answer = self._site.answer(self) if welcome else self._site.turn_away(self.request, self._admission)
        if isinstance(answer, Response):
            self._finish(item, answer)
        elif answer is not None:
            self._busy = True
            self._site.run(self._answer_later(item, answer))
        else:
            self._taken_over(item)

    async def _answer_later(self, received: Received, answer: Awaitable[Response | None]) -> None:
        try:
            response = await answer
        except asyncio.CancelledError:  # the server stops
            self._free_body(received.request)
            raise
        self._busy = False
        if response is None:
            self._taken_over(received)
            return
        self._finish(received, response)
        self._go_on()

    def _count_refusal(self, status: HTTPStatus) -> None:
        if status in REFUSALS:
            self._site.hub.counters.refused(REFUSALS[status])

    def _free_body(self, request: Request) -> None:
        if request.body:
            self._site.bodies.free(len(request.body), remote_group(request.client))

    def _free_unsent(self) -> None:
        if self._unsent:
            self._site.answers.free(self._unsent, self._key)
            self._unsent = 0

    def _finish(self, received: Received, response: Response) -> None:
        if len(response.body) > SMALL_ANSWER and received.request.method != "HEAD":
            response = self._site.if_room(received.request, response, self._key)
        self._site.measuring.requests.answered(received.request.method, received.request.path, response.status)
        self._free_body(received.request)
        if self._phase is Phase.ANSWERING and not self._transport.is_closing():
            self._send(response, head_only=received.request.method == "HEAD", keep_alive=received.keep_alive)

    def _taken_over(self, received: Received) -> None:
        """Keep nothing of the request, however long its stream is."""
        if self._phase is not Phase.ANSWERING:  # its stream has begun
            self._site.measuring.requests.answered(received.request.method, received.request.path, HTTPStatus.OK)
        self._free_body(received.request)
        del self.request
        if self._phase is Phase.ANSWERING:  # the client left before its stream began
            self._close_after_writing()

    def _send(self, response: Response, *, head_only: bool, keep_alive: bool) -> None:
        last = response.close or not keep_alive or (self._reader.stopped and not self._reader.requests)
        head = response_head(response, self._site.date(), b"close" if last else self._keep_alive())
        if len(response.body) <= SMALL_ANSWER or head_only:
            self._transport.write(head if head_only else head + response.body)
        else:
            self._transport.writelines((head, response.body))  # who asks for the same list is sent the same bytes
        if last:
            self._count_overrun()
            self._linger()
        elif self._writing_paused:
            self.deadline = self._send_deadline()
        else:
            self._phase = Phase.READING

    def _count_overrun(self) -> None:
        if self._reader.overrun:
            self._site.hub.counters.refused(Refusal.PIPELINED)

    def _send_deadline(self) -> float:
        return self._site.now() + self._site.config.timeouts.send

    def _keep_alive(self) -> bytes:
        """HTTP/1.0 clients that asked for it must be told: RFC 9112 appendix C.2.2."""
        return b"keep-alive" if self.request.version == "1.0" else b""

    def _linger(self) -> None:
        """Close so that the client can read the answer first, though it may still be sending."""
        if self._half_closed:
            self._close_after_writing()
            return
        self._reader.close()
        self._phase = Phase.LINGERING
        self._transport.resume_reading()
        self._transport.write_eof()
        unsent = self._transport.get_write_buffer_size()
        self.deadline = self._send_deadline() if unsent else self._site.linger_until()

    def _close_after_writing(self) -> None:
        """Close as soon as the client took what the transport was handed."""
        self._reader.close()
        self._phase = Phase.LINGERING
        self.deadline = self._send_deadline()
        self._transport.close()

    # Streaming.

    @property
    def form(self) -> Format:
        """How a stream is carried: HTTP/1.0 has no chunks, so there the end of the connection ends it."""
        return Format.BARE if self.request.version == "1.0" else Format.CHUNKED

    def start_stream(self, headers: Headers, first: bytes) -> Stream:
        """Answer with an event stream; see the Exchange protocol."""
        if self._half_closed or self._transport.is_closing():
            raise BrokenPipeError("expected a client that waits for a stream, got one that left")
        chunked = self.form is Format.CHUNKED
        head = stream_head(headers, self._site.date(), chunked=chunked) + wrap(first, self.form)
        stream = self._leave_transport() or self._stay_on_transport()
        self._reader.close()
        stream.start(head)
        return stream

    def _leave_transport(self) -> SocketStream | None:
        """Move to a socket of our own, if there is a reactor and nothing is left to be written before."""
        if self._site.reactor is None or self._transport.get_write_buffer_size():
            return None
        try:
            sock = duplicate(self._transport)
        except OSError:  # no descriptor is left
            return None
        self._phase = Phase.HANDED_OVER
        self._transport.abort()
        self._site.forget(self)
        return SocketStream(self._site.reactor, sock, self._key)

    def _stay_on_transport(self) -> TransportStream:
        self._phase = Phase.STREAMING
        self._stream = TransportStream(self._site.hub.delivery, self._transport, self._end_stream)
        # The stream must be there before: a lower limit may tell it at once to wait.
        self._transport.set_write_buffer_limits(high=self._site.config.send_buffer)
        return self._stream

    def _end_stream(self) -> None:
        """Close after what the transport was handed, or at once if it is stuck."""
        if self._writing_paused:
            self._transport.abort()
        else:
            self._close_after_writing()
