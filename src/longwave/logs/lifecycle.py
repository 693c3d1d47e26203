"""The life of a log object: new, opening, open, closing, closed.

Not here: what a log does on the way (memory.py, sqlite.py).

Rule: a log moves only along `_NEXT`, so it is opened at most once and never comes back from the dead.
"""

from __future__ import annotations

from enum import Enum

from longwave.errors import LogUnavailable


class State(Enum):
    """Where a log is in its life; the value completes the sentence "the log is ..."."""

    NEW = "not open yet"
    OPENING = "not open yet: it is being opened"
    OPEN = "open"
    CLOSING = "being closed"
    CLOSED = "closed"


_NEXT = {
    State.NEW: {State.OPENING, State.CLOSED},
    State.OPENING: {State.OPEN, State.NEW, State.CLOSED},
    State.OPEN: {State.CLOSING},
    State.CLOSING: {State.CLOSED},
    State.CLOSED: set[State](),
}
_READABLE = {State.OPEN, State.CLOSING}


class Lifecycle:
    """The state of one log."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = State.NEW

    @property
    def ended(self) -> bool:
        """Whether the log is closed for good."""
        return self.state is State.CLOSED

    def move(self, state: State) -> None:
        """Go on to `state`. Raises LogUnavailable if that cannot follow the present state."""
        if state not in _NEXT[self.state]:
            raise LogUnavailable(f"expected a log that can be {state.name.lower()} next, got one that is {self._now}")
        self.state = state

    def check_writable(self) -> None:
        """Raise LogUnavailable unless the log takes updates."""
        if self.state is not State.OPEN:
            raise LogUnavailable(f"expected an open log, got one that is {self._now}")

    def check_readable(self) -> None:
        """Raise LogUnavailable unless the log can be read; it can until it is closed."""
        if self.state not in _READABLE:
            raise LogUnavailable(f"expected an open log, got one that is {self._now}")

    @property
    def _now(self) -> str:
        return self.state.value
