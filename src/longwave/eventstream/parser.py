"""The bytes of an event stream to events.

Not here: events to bytes (encoder.py), connecting and reconnecting (client), the text of errors (errors.py).

Rules that always hold: the same bytes give the same events, however they are cut into chunks; an event is
returned by the `feed` call that brings the end of its blank line; time grows with the bytes only, never with
their square; what is kept of an unfinished event is bounded by `max_line` and `max_event`.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from longwave.errors import EventTooLarge, InvalidValue, LineTooLong, StreamError
from longwave.eventstream.event import DEFAULT_TYPE, MAX_RETRY, Event, check_line

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LINE = 16 * 1024 * 1024  # bytes
MAX_EVENT = 16 * 1024 * 1024  # bytes

_BOM = b"\xef\xbb\xbf"
_PIECE = 64 * 1024  # bytes read at a time, so that a huge chunk does not become a huge list of tokens
_JOIN_AFTER = 1024  # data lines kept apart; more are joined, as a str takes 50 bytes besides its text
_BYTES_PER_CHARACTER = 4  # the most that UTF-8 needs
_RETRY_DIGITS = len(str(MAX_RETRY))

# One token is either the end of a block in its common forms (id and type where present, one data line, the
# blank line) or any one line. `.` stops at LF only. Empty values are left to the second form. The possessive
# `?+` and `++` keep a first form that fails from reading its lines again.
_TOKENS = re.compile(
    r"(?:id: ?+(.++)\n)?"
    r"(?:event: ?+(.++)\n)?"
    r"(?:id: ?+(.++)\n)?"
    r"data: ?+(.++)\n\n"
    r"|(.*+)\n"
).findall


class Parser:
    """Reads one client's event stream: feed it bytes as they come, get events back.

    max_line: bytes that one line may hold, line end not counted, byte order mark counted.
    max_event: bytes that the data of one event may hold, counted as UTF-8.
    on_comment: called with each comment, without its colon and one space after it, at the end of its line.
    on_retry: called with each new reconnection time in milliseconds, at the end of its line.
    last_event_id: where an earlier connection, or process, stopped.

    Raises InvalidValue for a limit below 1 or an id that holds NUL, CR, LF or a lone surrogate. Callbacks must
    not raise and must not call the parser. Not for use by several threads at once.
    """

    def __init__(
        self,
        *,
        max_line: int = MAX_LINE,
        max_event: int = MAX_EVENT,
        on_comment: Callable[[str], object] | None = None,
        on_retry: Callable[[int], object] | None = None,
        last_event_id: str = "",
    ) -> None:
        _check_limit("max_line", max_line)
        _check_limit("max_event", max_event)
        check_line("last_event_id", last_event_id)
        self._max_line = max_line
        self._max_event = max_event
        self._on_comment = on_comment
        self._on_retry = on_retry
        self._last_event_id = last_event_id
        self._retry: int | None = None
        self._unfinished = bytearray()  # the line whose end has not come yet
        self.reset()

    @property
    def last_event_id(self) -> str:
        """The id to reconnect with: that of the last block that ended, "" if there is none."""
        return self._last_event_id

    @property
    def retry(self) -> int | None:
        """The reconnection time in milliseconds that the server asked for last; None if it never did.

        A time above MAX_RETRY counts as MAX_RETRY.
        """
        return self._retry

    def reset(self) -> None:
        """Get ready for a new connection: drop the unfinished block, its id and any error.

        `last_event_id` and `retry` stay.
        """
        self._unfinished.clear()
        self._failure: tuple[type[StreamError], int, int] | None = None
        self._at_start = True  # a byte order mark may still come
        self._after_cr = False  # an LF that comes now belongs to the CR before it
        self._id = self._last_event_id
        self._start_block()

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that end in `chunk`.

        The events are not checked again: a type may hold NUL. `id` is the last id that the stream set, in
        this block or an earlier one; `retry` is the one of this block.

        Raises LineTooLong or EventTooLarge, with the events that ended before in its `events`; from then on
        every call raises, until `reset`.
        """
        if self._failure is not None:
            kind, limit, came = self._failure
            raise kind(limit, came, [])
        events: list[Event] = []
        if 0 < len(chunk) <= _PIECE:
            self._feed_piece(chunk, events)
        else:
            for start in range(0, len(chunk), _PIECE):
                self._feed_piece(chunk[start : start + _PIECE], events)
        return events

    # Bytes to lines.

    def _feed_piece(self, piece: bytes, events: list[Event]) -> None:
        """Read at least one byte and at most `_PIECE`."""
        if self._after_cr or b"\r" in piece:
            piece = self._with_lf(piece)
        end = piece.rfind(b"\n") + 1
        if end:
            lines = piece[:end]
            if self._unfinished:
                lines = bytes(self._unfinished) + lines
                self._unfinished.clear()
            self._read_lines(lines, events)
        if end < len(piece):
            self._keep(piece[end:], events)

    def _with_lf(self, piece: bytes) -> bytes:
        """Return `piece` with LF for every line end; a CR counts at once, an LF after it is dropped later."""
        if self._after_cr:
            piece = piece.removeprefix(b"\n")
        self._after_cr = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _keep(self, beginning: bytes, events: list[Event]) -> None:
        """Keep the beginning of a line until its end comes."""
        came = len(self._unfinished) + len(beginning)
        if came > self._max_line:
            raise self._failed(LineTooLong(self._max_line, came, events))
        self._unfinished += beginning

    def _read_lines(self, lines: bytes, events: list[Event]) -> None:
        if len(lines) > self._max_line:
            self._read_short_lines(lines, events)
        else:
            self._read_text(self._decoded(lines), events)

    def _read_short_lines(self, lines: bytes, events: list[Event]) -> None:
        """Read the lines before the first that is too long, then raise; all, if none is."""
        short = _end_of_short_lines(lines, self._max_line)
        self._read_text(self._decoded(lines[:short]), events)
        if short < len(lines):
            raise self._failed(LineTooLong(self._max_line, lines.index(b"\n", short) - short, events))

    def _decoded(self, lines: bytes) -> str:
        # Whole lines can be decoded alone: no byte of a longer character equals LF, and a replacement
        # never swallows one.
        if self._at_start and lines:
            lines = lines.removeprefix(_BOM)
            self._at_start = False
        return lines.decode(errors="replace")

    # Lines to fields.

    def _read_text(self, text: str, events: list[Event]) -> None:
        """Read whole lines, each with its LF."""
        # Tokens check neither ids for NUL nor the size of an event: neither may be possible.
        if "\0" in text or len(text) * _BYTES_PER_CHARACTER > self._max_event:
            for line in text.split("\n")[:-1]:
                self._read_line(line, events)
        else:
            self._read_tokens(text, events)
        if len(self._data) - self._joined > _JOIN_AFTER:
            self._data[self._joined :] = ["\n".join(self._data[self._joined :])]
            self._joined += 1

    def _read_tokens(self, text: str, events: list[Event]) -> None:
        # This loop sets the speed of parsing: two calls for each block in a common form.
        for early_id, kind, late_id, data, line in _TOKENS(text):
            if not data:
                self._read_line(line, events)
            elif self._in_block:
                self._end_block(kind, late_id or early_id, data, events)
            else:
                if late_id or early_id:
                    self._id = self._last_event_id = late_id or early_id
                events.append(_event(data, kind or DEFAULT_TYPE, self._id, None))

    def _end_block(self, kind: str, event_id: str, data: str, events: list[Event]) -> None:
        """Read a token that ends a block whose first fields came before it."""
        if kind:
            self._type = kind
        if event_id:
            self._id = event_id
        self._add_data(data, events)
        self._dispatch(events)

    def _read_line(self, line: str, events: list[Event]) -> None:
        if not line:
            self._dispatch(events)
            return
        self._in_block = True
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._add_data(value, events)
        elif name == "id":
            self._set_id(value)
        elif name == "event":
            self._type = value
        elif name == "retry":
            self._set_retry(value)
        elif not name:
            self._comment(value)

    # Fields to events.

    def _start_block(self) -> None:
        self._in_block = False  # whether a line came since the last blank line
        self._data: list[str] = []  # each of the first `_joined` holds many lines, the others one
        self._joined = 0
        self._size = 0  # bytes of data, each line with its LF
        self._type = ""
        self._block_retry: int | None = None

    def _add_data(self, value: str, events: list[Event]) -> None:
        self._size += (len(value) if value.isascii() else len(value.encode())) + 1
        if self._size - 1 > self._max_event:
            raise self._failed(EventTooLarge(self._max_event, self._size - 1, events))
        self._data.append(value)

    def _set_id(self, value: str) -> None:
        if "\0" not in value:
            self._id = value

    def _set_retry(self, value: str) -> None:
        if not (value.isascii() and value.isdigit()):
            return
        digits = value.lstrip("0") or "0"
        # The length first: int() refuses 4300 digits, and takes long for fewer.
        self._retry = MAX_RETRY if len(digits) > _RETRY_DIGITS else min(int(digits), MAX_RETRY)
        self._block_retry = self._retry
        if self._on_retry is not None:
            self._on_retry(self._retry)

    def _comment(self, text: str) -> None:
        if self._on_comment is not None:
            self._on_comment(text)

    def _dispatch(self, events: list[Event]) -> None:
        """End the block: its id counts from now on, even if there is no data and so no event."""
        self._last_event_id = self._id
        if not self._in_block:
            return
        if self._data:
            events.append(_event("\n".join(self._data), self._type or DEFAULT_TYPE, self._id, self._block_retry))
        self._start_block()

    def _failed(self, failure: StreamError) -> StreamError:
        """Remember the failure for later calls, free what was kept, return the failure to raise."""
        # Not the exception itself: it would keep its events and the frames it went through alive.
        self._failure = type(failure), failure.limit, failure.came
        self._unfinished.clear()
        self._start_block()
        return failure


class _Draft:
    """The fields of an Event, not frozen yet. Its slots must be those of Event, or `_event` raises TypeError."""

    __slots__ = ("data", "id", "retry", "type")


def _event(data: str, kind: str, event_id: str, retry: int | None) -> Event:
    """Return an Event without the checks of its constructor, which refuse a type with NUL.

    0.15 microseconds on the machine where Event(...) takes 0.65.
    """
    draft: Any = _Draft()
    draft.data = data
    draft.type = kind
    draft.id = event_id
    draft.retry = retry
    draft.__class__ = Event
    event: Event = draft
    return event


def _end_of_short_lines(lines: bytes, limit: int) -> int:
    """Return where the first line above `limit` bytes begins, or the length of `lines` if none is."""
    start = 0
    while len(lines) - start > limit:
        end = lines.index(b"\n", start)
        if end - start > limit:
            return start
        start = end + 1
    return len(lines)


def _check_limit(name: str, value: int) -> None:
    if type(value) is not int or value < 1:
        raise InvalidValue(name, f"expected a whole number of bytes, at least 1, got {value!r}")
