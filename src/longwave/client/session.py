"""What a client knows across its connections, and what it makes of each response, chunk and loss; without I/O.

Not here: requests, sleeping, callbacks (event_source.py), the stream's grammar (eventstream/parser.py).
Rules that always hold: a connection resumes after the last block that ended on the one before; half an event is never
kept over a reconnection; once CLOSED nothing comes any more.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from longwave.client.policy import Action
from longwave.client.received_event import receive
from longwave.client.reconnection import HEALTHY, Reconnection, read_retry_after
from longwave.client.request import ID_PARAMETER
from longwave.errors import InvalidValue, RequestFailed, StreamError
from longwave.eventstream import Parser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longwave.client.received_event import ReceivedEvent
    from longwave.client.response import Response
    from longwave.client.source_options import SourceSettings

# A stream that is compressed comes late: what compresses it waits for more.
HEADERS = ((b"Accept", b"text/event-stream"), (b"Accept-Encoding", b"identity"), (b"Cache-Control", b"no-cache"))
ID_HEADER = "last-event-id"

_HEADER_VALUE = re.compile(rb"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")


class State(Enum):
    """Where a client stands; the standard's readyState, with its waits told apart."""

    CONNECTING = "connecting"  # nothing is open; the next thing to do is a request
    OPEN = "open"  # a response is being read
    WAITING = "waiting"  # until it is time to connect again
    CLOSED = "closed"  # for good


_NEXT = {
    State.CONNECTING: {State.OPEN, State.WAITING, State.CLOSED},
    State.OPEN: {State.CONNECTING, State.WAITING, State.CLOSED},
    State.WAITING: {State.CONNECTING, State.CLOSED},
    State.CLOSED: set[State](),
}


class Session:
    """One client's state machine. `now` is a monotonic clock's time in seconds throughout.

    on_comment: called with each comment, and must not raise.
    """

    def __init__(
        self, settings: SourceSettings, last_event_id: str, on_comment: Callable[[str], object] | None = None
    ) -> None:
        self.state = State.CONNECTING
        self._settings = settings
        self._on_comment = on_comment
        self._parser = self._new_parser(last_event_id)
        self._reconnection = Reconnection(settings.patience)
        self._refreshed = False  # whether headers and token were asked anew just now, because they were refused
        self._fruitful = False  # whether the stream that is or was open last brought an event
        self._origin = ""
        self._opened_at = self._event_at = 0.0

    @property
    def last_event_id(self) -> str:
        """What the next connection resumes after: the id of the last block that ended; "" for none."""
        return self._parser.last_event_id

    def request_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of every request; the id goes as UTF-8 bytes."""
        event_id = self.last_event_id.encode()
        resume = [(b"Last-Event-ID", event_id)] if event_id and _HEADER_VALUE.fullmatch(event_id) else []
        return [*HEADERS, *resume]

    def request_parameters(self) -> list[tuple[str, str]]:
        """Return what goes into the query: an id that no header can carry (control characters, outer spaces)."""
        event_id = self.last_event_id
        carried = not event_id or _HEADER_VALUE.fullmatch(event_id.encode())
        return [] if carried else [(ID_PARAMETER, event_id)]

    def respond(self, response: Response, *, now: float, unix_time: float) -> Action:
        """Take the head of a response and return what to do about it: STREAM, RETRY, REFRESH, END or FAIL.

        unix_time: for a `Retry-After` that names a date.
        """
        action = self._settings.policy(response)
        if action is Action.REFRESH:
            action = Action.FAIL if self._refreshed or not self._settings.is_refreshable else Action.REFRESH
            self._refreshed = True
            return action
        self._refreshed = False
        if action is Action.STREAM:
            self._open(response, now)
        elif action is Action.RETRY:
            self._reconnection.postpone(read_retry_after(response.headers.get("retry-after", ""), unix_time))
        return action

    def feed(self, chunk: bytes, now: float) -> list[ReceivedEvent]:
        """Return the events that end in `chunk`. Raises StreamError; the events before it are in its `events`."""
        try:
            events = self._received(self._parser.feed(chunk))
        except StreamError as error:
            error.events = self._received(error.events)
            raise
        if events:
            self._fruitful = True
            self._event_at = now
            self._reconnection.healthy()
        return events

    def is_stalled(self, now: float) -> bool:
        """Tell whether the stream brings heartbeats at best, and has brought no event for too long."""
        limit = self._settings.event_idle
        return limit is not None and now - self._event_at >= limit

    def lose(self, *, now: float, chance: float) -> float:
        """A stream ended, or an attempt failed: return the seconds to wait; WAITING from now on.

        chance: a random number from 0 to 1.
        """
        if self.state is State.OPEN and now - self._opened_at >= HEALTHY:
            self._reconnection.healthy()
        elif self.state is not State.OPEN or not self._fruitful:
            self._reconnection.failed()
        self._refreshed = False
        if self._parser.retry is not None:
            self._reconnection.retry = self._parser.retry / 1000
        self.enter(State.WAITING)
        return self._reconnection.wait(chance)

    def surrender(self, reason: str, status: int | None = None) -> RequestFailed | None:
        """Return the error to raise where as many attempts failed as may fail, else None; status: of the last one."""
        if not self._reconnection.exhausted:
            return None
        return RequestFailed(f"{reason} (gave up after {self._reconnection.failures} failed attempts)", status)

    def enter(self, state: State) -> None:
        """Go to another state of the table; staying where it is does nothing."""
        now = self.state
        if state is not now:
            assert state in _NEXT[now], f"{now} -> {state}"
            self.state = state

    def _open(self, response: Response, now: float) -> None:
        self.enter(State.OPEN)
        self._origin = response.origin
        self._opened_at = self._event_at = now
        self._fruitful = False
        if self.last_event_id:
            self._parser.reset()
            return
        # A hub may say where a stream starts, so that what is lost before the first event is resumed too.
        try:
            self._parser = self._new_parser(response.headers.get(ID_HEADER, ""))
        except InvalidValue:
            self._parser.reset()

    def _new_parser(self, last_event_id: str) -> Parser:
        return Parser(
            max_line=self._settings.max_line,
            max_event=self._settings.max_event,
            on_comment=self._on_comment,
            last_event_id=last_event_id,
        )

    def _received(self, events: Sequence[object]) -> list[ReceivedEvent]:
        origin = self._origin
        return [receive(event, origin) for event in events]  # type: ignore[arg-type]  # StreamError says Any
