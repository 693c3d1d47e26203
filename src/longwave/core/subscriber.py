"""A subscriber: one client's cursor, and what it has been sent but has not taken.

Not here: sending (delivery.py), reading the log (replay.py), the frames that many share (feed.py).

While a subscriber keeps up it owns nothing but its place among the feed's live ones. What it does not take at
once is held as references to shared payloads, up to a bound; past it, only the position is kept.

A payload that was begun is always finished, so a frame is never torn.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Protocol, cast

from longwave.core.frame import end_of_begun, rest

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.core.feed import Feed
    from longwave.core.frame import Payload

PROGRESS = 16_384  # bytes (or events) to take before each deadline; less is a stall


class Sink(Protocol):
    """Where a subscriber's payloads go; a non-blocking socket is one."""

    def send(self, payload: Payload, flags: int, /) -> int:
        """Take as much of the payload from its start as fits now and return how much.

        flags: as for a socket's `send`; other sinks ignore them.
        Raises BlockingIOError when nothing fits, any other OSError when the client is gone or the sink was
        released. Whoever owns the sink calls `Delivery.writable` when it takes more after it took too little.
        """


class State(Enum):
    """What a subscriber is fed from."""

    REPLAYING = "replaying"  # the log
    LIVE = "live"  # its feed; everything was taken
    LAGGING = "lagging"  # its feed; something is held
    BEHIND = "behind"  # nothing, until what is held is taken; then the log
    CLOSING = "closing"  # nothing; it is closed once what is held is taken
    CLOSED = "closed"

    __hash__ = object.__hash__  # a member equals only itself; Enum's own is a call in Python for each look-up


TRANSITIONS: dict[State, frozenset[State]] = {
    State.REPLAYING: frozenset({State.LIVE, State.LAGGING, State.CLOSING, State.CLOSED}),
    State.LIVE: frozenset({State.LAGGING, State.CLOSING, State.CLOSED}),
    State.LAGGING: frozenset({State.LIVE, State.BEHIND, State.CLOSING, State.CLOSED}),
    State.BEHIND: frozenset({State.REPLAYING, State.CLOSING, State.CLOSED}),
    State.CLOSING: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}


class Subscriber:
    """One client's place in a feed.

    sink: where its payloads go.
    release: called once with the subscriber when it is closed; frees the sink.
    position: once everything held is taken, the client has seen the log up to here; while REPLAYING or BEHIND.
    touched: when it was last sent something of its own, or joined.
    deadline: when it must have taken `PROGRESS` more; meaningful while something is held.
    """

    __slots__ = ("_held", "_taken", "deadline", "feed", "position", "release", "sink", "size_held", "state", "touched")

    def __init__(self, feed: Feed, sink: Sink, release: Callable[[Subscriber], None], now: float) -> None:
        self.feed = feed
        self.sink = sink
        self.release = release
        self.state = State.REPLAYING
        self.position = 0
        self.touched = now
        self.deadline = 0.0
        self.size_held = 0
        self._held: deque[Payload] | None = None
        self._taken = 0

    def become(self, state: State) -> None:
        """Change the state; an AssertionError says that the table forbids it."""
        assert state in TRANSITIONS[self.state], f"{self.state} -> {state}"
        self.state = state

    @property
    def holding(self) -> bool:
        """Whether something sent was not taken yet."""
        return self._held is not None

    def hold(self, payload: Payload, deadline: float) -> None:
        """Keep a payload, or the rest of one, until the sink takes it; `deadline` counts if it is the first."""
        if not payload:
            return  # nothing to take, so nothing would ever note that it was taken
        if self._held is None:
            self._held = deque()
            self.deadline = deadline
            self._taken = 0
        self._held.append(payload)
        self.size_held += len(payload)

    def next_held(self) -> Payload | None:
        """Return what the sink must take next, or None if nothing is held."""
        return self._held[0] if self._held else None

    def took(self, count: int, deadline: float) -> None:
        """Note that the sink took `count` of the next payload; enough progress moves the deadline."""
        held = self._held
        assert held, "something must be held"
        if count < len(held[0]):
            held[0] = rest(held[0], count)
        else:
            held.popleft()
        self.size_held -= count
        self._taken += count
        if self._taken >= PROGRESS:
            self._taken = 0
            self.deadline = deadline
        if not held:
            self._held = None

    def cut_short(self, farewell: bytes) -> None:
        """Hold no more than the rest of the frame that was begun, if one was, and then a last payload; call it once."""
        begun = self._held[0] if self._held else None
        self.let_go()
        if isinstance(begun, memoryview):  # the rest of some bytes, up to their end
            payload = cast("bytes", begun.obj)
            taken = len(payload) - len(begun)
            end = end_of_begun(payload, taken, self.feed.form)
            self.hold(begun[: end - taken], self.deadline)
            if self.holding and payload.endswith(farewell, 0, end):
                return  # it was begun already
        self.hold(farewell, self.deadline)

    def let_go(self) -> None:
        """Drop what is held."""
        self._held = None
        self.size_held = 0
