# Written by scripts/sync-client from ../event_source.py; change that file.
"""The event source: iterate over the events of a URL; it reconnects, resumes, and ends when it is told to.

Not here: decisions (session.py, policy.py, reconnection.py), HTTP (transport.py and its libraries), what interrupts a
wait (waiting.py). Rules that always hold: an id counts as processed once the next event is asked for, and never one of
an event that was not handed out; nothing is read ahead beyond one chunk, so a slow consumer slows the server, not this
process's memory; only who is in a step, or closes while nobody is, changes anything; after `close` nothing is open.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import io
import random
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self

from longwave.client.observer import LoggingObserver, Observer, Shielded
from longwave.client.policy import Action
from longwave.client.request import Request, add_parameters, merge_headers, show, split_credentials
from longwave.client.response import EVENT_STREAM
from longwave.client.session import Session, State
from longwave.client.source_options import SourceSettings
from longwave.client.sync.transports import default_transport, wrap_response
from longwave.client.sync.waiting import Interrupted, SyncWaiting, ask
from longwave.core.gap import GAP_TYPE, read_gap
from longwave.errors import InvalidValue, RequestFailed, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Unpack

    from longwave.client.received_event import ReceivedEvent
    from longwave.client.source_options import SourceOptions
    from longwave.client.sync.transport import SyncResponseStream, SyncTransport

MAX_REASON = 500  # bytes of a refusal's body that an error quotes
PIECE = 65_536  # bytes of a chunk that are parsed at a time: what they hold is handed out before more is parsed

# What a response that exists already was made with, or what only a second one would need.
OF_REQUESTS = ("method", "body", "headers", "token", "topics", "patience", "connect_timeout", "idle")


class SyncEventSource:
    """The events of `url`, one by one, for as long as the server has some.

        with SyncEventSource("https://example.org/events", topics=["orders/{id}"]) as source:
            for event in source:
                print(event.id, event.type, event.data)

    options: see SourceOptions. transport: the HTTP library; httpx2 by default. A user and password in the URL are sent
    as `Authorization: Basic`, unless there is a token.

    Iteration ends when the server says that there is nothing more (204), or on `close`. It raises RequestFailed where
    the policy fails a response or patience is at its end, StreamError for an event beyond the limits; both are for
    good. What your callables raise does not end the source. A wait that is cancelled, as by a timeout around it, gives
    up its connection, and the next one resumes; `idle` and `event_idle` watch a stream without that.

    Only one at a time may ask for events. Raises InvalidValue at once for options that cannot be.
    """

    def __init__(self, url: str, *, transport: SyncTransport | None = None, **options: Unpack[SourceOptions]) -> None:
        self._settings = settings = SourceSettings(**options)
        whole = add_parameters(url, [("topic", topic) for topic in settings.topics])
        self._url, self._credentials = split_credentials(whole)
        self._place = show(self._url)  # what messages call it
        self._transport = transport
        self._owns_transport = transport is None
        self._once = False  # whether the stream is that of `from_response`, and no other follows
        observer = settings.observer if settings.observer is not None else LoggingObserver()
        self._tells_events = getattr(observer.event, "__func__", None) is not Observer.event
        self._observer = Shielded(observer)
        stored = settings.cursor.load() if settings.cursor is not None else ""
        self._session = Session(settings, stored or settings.last_event_id, self._observer.comment)
        self._processed = self._session.last_event_id
        self._waiting = SyncWaiting()
        self._stream: SyncResponseStream | None = None
        self._due = 0.0  # monotonic time of the next attempt
        self._unread = io.BytesIO()  # of the last chunk
        self._ready: deque[ReceivedEvent] = deque()
        self._current: ReceivedEvent | None = None  # handed out, not processed yet
        self._failure: StreamError | None = None  # raised once what was read before is handed out

    @classmethod
    def from_response(cls, response: object, **options: Unpack[SourceOptions]) -> Self:
        """Return a source over one response that you have: its events until its end, without reconnection.

        response: of httpx2, httpx, aiohttp or another library that has a transport here, opened for streaming. Its
        status and type are judged when iteration begins; it is closed with the source. This serves answers that
        stream, as those of language models. Raises InvalidValue for options of the request, as it was made already.
        """
        if of_requests := [name for name in OF_REQUESTS if name in options]:
            raise InvalidValue(of_requests[0], "expected no option of the request, as its response is here, got one")
        stream = wrap_response(response)
        source = cls(stream.response.url or "http://localhost", **options)
        source._stream = stream
        source._once = True
        return source

    @property
    def url(self) -> str:
        """The URL that is asked for, with its topics, without user and password."""
        return self._url

    @property
    def state(self) -> State:
        """CONNECTING, OPEN, WAITING or CLOSED."""
        return State.CLOSED if self._waiting.ended else self._session.state

    @property
    def last_event_id(self) -> str:
        """The id of the last event that was processed: what a later process should start with; "" for none."""
        return self._processed

    def commit(self) -> None:
        """Count the current event as processed now, before the next is asked for."""
        if self._current is not None:
            self._process(self._current.id)
            self._current = None

    def close(self) -> None:
        """End the source, from any thread; a wait for the next event ends with it. Safe to call twice.

        Then nothing is open. Two exceptions clear up a little later, once what they are in returns: a callback that
        closes its own source, and a SyncEventSource whose other thread is still making a connection.
        """
        if self._waiting.end() or self._waiting.left():
            self._end("by its user")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ReceivedEvent:
        """Return the next event; the one before counts as processed from now on."""
        while True:
            if self._current is not None:
                self.commit()
            while not (ready := self._ready):  # a `close` puts another in its place
                self._step()
            event = self._current = ready.popleft()
            if self._tells_events:
                self._observer.event(event)
            if event.type != GAP_TYPE or not self._take_gap(event):
                return event

    def _take_gap(self, event: ReceivedEvent) -> bool:
        """Tell the user of a gap, if that is wanted; return whether it was."""
        on_gap = self._settings.on_gap
        gap = read_gap(event) if on_gap is not None else None
        if on_gap is None or gap is None:
            return False
        told: Callable[[], Any] = partial(on_gap, gap)
        ask(told)
        return True

    def _process(self, event_id: str) -> None:
        if event_id == self._processed:
            return
        if self._settings.cursor is not None:
            self._settings.cursor.save(event_id)
        self._processed = event_id

    # One step further. Nothing here runs while events are ready.

    def _step(self) -> None:
        """Connect, read a chunk, or wait. Raises StopIteration at the end."""
        try:
            with self._waiting:
                self._process(self._session.last_event_id)  # all events are, and so are blocks without data
                self._advance()
        except Interrupted:
            raise StopIteration from None

    def _advance(self) -> None:
        try:
            if self._failure is not None:
                raise self._failure
            self._continue()
        except Interrupted:
            pass  # the end follows
        except (RequestFailed, StreamError, InvalidValue) as error:
            self._fail(error)
        except BaseException:
            self._abandon()
            raise
        finally:
            if self._waiting.ended:
                self._end("by its user")

    def _continue(self) -> None:
        if self._session.state is State.WAITING:
            self._waiting.sleep(max(0.0, self._due - time.monotonic()))
            self._session.enter(State.CONNECTING)
        elif self._session.state is State.CONNECTING:
            self._connect()
        elif piece := self._unread.read(PIECE):
            self._take_piece(piece)
        else:
            self._read()

    def _connect(self) -> None:
        try:
            if self._stream is None:  # else it is that of `from_response`
                headers = self._waiting.run(self._headers)
                self._waiting.run(partial(self._open, headers))
        except OSError as error:
            self._lose(f"{self._place}: {_describe(error)}")
        else:
            self._respond()

    def _headers(self) -> tuple[tuple[bytes, bytes], ...]:
        asked = ask(self._settings.headers)
        token = ask(self._settings.token)
        return merge_headers((*self._session.request_headers(), *self._credentials), asked, token)

    def _open(self, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        settings = self._settings
        url = add_parameters(self._url, self._session.request_parameters())
        request = Request(settings.method, url, headers, settings.body, settings.connect_timeout, settings.read_timeout)
        if self._transport is None:
            self._transport = default_transport()
        self._stream = self._transport.open(request)

    def _respond(self) -> None:
        response = self._opened.response
        action = self._session.respond(response, now=time.monotonic(), unix_time=time.time())
        if action is Action.STREAM:
            self._observer.opened(response)
        elif action is Action.END:
            self._end(f"the server answered {response.status}, nothing more")
        elif self._once or action is Action.FAIL:
            raise self._refusal(self._opened)
        elif action is Action.REFRESH:
            self._drop()
        else:
            self._lose(f"{self._place}: the server answered {response.status}", response.status)

    def _refusal(self, stream: SyncResponseStream) -> RequestFailed:
        response = stream.response
        if response.status == 200 and not response.is_event_stream:
            came = response.content_type or "no content type"
            return RequestFailed(f"expected {EVENT_STREAM} from {self._place}, got {came}", 200)
        body = b""
        with suppress(OSError):  # the status says enough
            body = self._waiting.run(stream.read, stream)
        text = " ".join(body[:MAX_REASON].decode(errors="replace").split())
        answer = f"{self._place}: the server answered {response.status}"
        return RequestFailed(f"{answer}: {text}" if text else answer, response.status)

    def _read(self) -> None:
        stream = self._opened
        try:
            chunk = self._waiting.run(stream.read, stream)
        except TimeoutError:
            self._lose(f"{self._place}: no byte came for {self._settings.read_timeout:g} s")
        except OSError as error:
            self._lose(f"{self._place}: {_describe(error)}")
        else:
            self._unread = io.BytesIO(chunk)
            (self._take_piece(self._unread.read(PIECE)) if chunk else self._take_end())

    def _take_piece(self, piece: bytes) -> None:
        now = time.monotonic()
        try:
            self._ready.extend(self._session.feed(piece, now))
        except StreamError as error:
            self._ready.extend(error.events)
            self._failure = error
        if not self._ready and self._session.is_stalled(now):
            self._lose(f"{self._place}: no event came for {self._settings.event_idle:g} s")

    def _take_end(self) -> None:
        if self._once:
            self._end("the response ended")
        else:
            self._lose(f"{self._place}: the stream ended")

    @property
    def _opened(self) -> SyncResponseStream:
        assert self._stream is not None
        return self._stream

    # Ends: of a connection, of the source.

    def _lose(self, reason: str, status: int | None = None) -> None:
        """Give up one connection, or attempt, and decide when the next is made."""
        self._drop()
        if self._once:
            raise RequestFailed(reason, status)
        now = time.monotonic()
        delay = self._session.lose(now=now, chance=random.random())
        if (surrender := self._session.surrender(reason, status)) is not None:
            raise surrender
        self._due = now + delay
        self._observer.retry(reason, delay)

    def _abandon(self) -> None:
        """A wait was cancelled, or a callable raised: what was half read is read again, if it can be."""
        if self._once:
            self._end("reading its response was given up")
            return
        self._drop()
        if self._session.state is State.OPEN:
            self._session.enter(State.CONNECTING)

    def _fail(self, error: Exception) -> NoReturn:
        self._failure = None
        self._observer.error(error)
        self._end(str(error))
        raise error

    def _end(self, reason: str) -> None:
        """Close everything for good; safe to call again, also where the call before was cancelled."""
        self._waiting.end()
        if self._session.state is not State.CLOSED:
            self._session.enter(State.CLOSED)
            self._ready = deque()
            self._observer.closed(reason)
        self._drop()
        if self._owns_transport and self._transport is not None:
            self._transport.close()

    def _drop(self) -> None:
        """Close the connection; it is forgotten once that is done, so that a cancelled attempt is repeated."""
        self._unread = io.BytesIO()
        if (stream := self._stream) is not None:
            stream.close()
            self._stream = None


def _describe(error: OSError) -> str:
    return str(error) or type(error).__name__
