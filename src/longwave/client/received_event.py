"""One event that a client received: an Event that also knows where it came from.

Not here: what any event is (eventstream/event.py), reading the stream (eventstream/parser.py).
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#dispatchMessage
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from longwave.errors import InvalidValue
from longwave.eventstream.event import Event

Json: TypeAlias = Any  # what json.loads returns


@dataclass(frozen=True, slots=True)
class ReceivedEvent(Event):
    """An event as a client received it.

    id: the stream's last id, of this event or of one before it; what the standard calls `lastEventId`.
    retry: milliseconds, where this event's block set the reconnection time; else None.
    origin: scheme, host and port of the final URL, after redirects; "" where there is none.
    """

    origin: str = ""

    def json(self) -> Json:
        """Return the data read as JSON. Raises InvalidValue if it is none."""
        try:
            return json.loads(self.data)
        except (ValueError, RecursionError) as error:
            raise InvalidValue("data", f"expected JSON, got {self.data[:100]!r} ({error})") from None


class _Draft(ReceivedEvent):
    """The fields of a ReceivedEvent, not frozen yet."""

    __slots__ = ()
    # What frozen=True forbids. Both: one slot in C stands for the two, and setting is three times slower while a
    # function in Python has any of it.
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__


def receive(event: Event, origin: str) -> ReceivedEvent:
    """Return what the parser read, with its origin; not checked again, as a type may hold NUL.

    A third of what the constructor with its checks takes.
    """
    draft: Any = object.__new__(_Draft)
    draft.data = event.data
    draft.type = event.type
    draft.id = event.id
    draft.retry = event.retry
    draft.origin = origin
    draft.__class__ = ReceivedEvent
    received: ReceivedEvent = draft
    return received
