"""Frames: the encoded form of one event in one format, made once for all who receive it.

Not here: the bytes of an event (eventstream/encoder.py).
"""

from __future__ import annotations

from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, cast

from longwave.eventstream.encoder import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longwave.core.entry import Entry
    from longwave.eventstream.event import Event


class Format(Enum):
    """How frames are carried."""

    CHUNKED = "chunked"  # HTTP/1.1 chunks of the event stream
    BARE = "bare"  # the event stream as it is: HTTP/1.0, HTTP/2
    EVENT = "event"  # Event objects, for subscribers in this process

    __hash__ = object.__hash__  # a member equals only itself; Enum's own is a call in Python for each look-up


# Bytes on a wire; or events, for subscribers in this process. Both have a length and can be sliced,
# so a short write is handled in the same way.
Payload = bytes | memoryview | tuple["Event", ...]

END_OF_CHUNKS = b"0\r\n\r\n"
HEAD = b"HTTP/"  # how the head of a response begins, and no frame


def frame(event: Event, form: Format) -> Payload:
    """Return the event in this format."""
    if form is Format.EVENT:
        return (event,)
    return wrap(encode(event), form)


def wrap(stream: bytes, form: Format) -> bytes:
    """Return bytes of an event stream as this wire format carries them."""
    if form is Format.CHUNKED:
        return b"%x\r\n%b\r\n" % (len(stream), stream)
    return stream


def join(frames: Sequence[Payload]) -> Payload:
    """Return frames of one format as one payload, in order."""
    if len(frames) == 1:
        return frames[0]
    if isinstance(frames[0], bytes):
        return b"".join(cast("Sequence[bytes]", frames))
    return tuple(chain.from_iterable(cast("Sequence[tuple[Event, ...]]", frames)))


def rest(payload: Payload, taken: int) -> Payload:
    """Return the payload without its first `taken` bytes or events; bytes are not copied."""
    if isinstance(payload, bytes):
        return memoryview(payload)[taken:]
    return payload[taken:]


def end_of_begun(payload: bytes, taken: int, form: Format) -> int:
    """Return where the frame ends in which the first `taken` bytes of a payload end; `taken` if that is between two.

    payload: whole frames in a wire format, the head of a response before them counts as one.
    """
    end = 0
    while end < taken:
        end = _end_of_frame(payload, end, form)
    return end


def _end_of_frame(payload: bytes, start: int, form: Format) -> int:
    if payload.startswith(HEAD, start):
        return _after(payload, b"\r\n\r\n", start)
    if form is Format.CHUNKED:
        content = _after(payload, b"\r\n", start)
        return content + int(payload[start:content], 16) + 2
    # A comment is a line of its own, whatever follows.
    return _after(payload, b"\n" if payload.startswith(b":", start) else b"\n\n", start)


def _after(payload: bytes, mark: bytes, start: int) -> int:
    """Return the place after a mark; a payload without it, such as a lone `retry` line, is no more than one frame."""
    place = payload.find(mark, start)
    return len(payload) if place < 0 else place + len(mark)


class Frames:
    """The frames of one entry, each made when first asked for."""

    __slots__ = ("_made", "entry")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._made: dict[Format, Payload] = {}

    def get(self, form: Format) -> Payload:
        """Return the entry's event in this format; the same object each time."""
        made = self._made.get(form)
        if made is None:
            made = self._made[form] = frame(self.entry.update.event, form)
        return made
