"""A feed: the stream of frames for one audience in one format.

Not here: which updates go to it (index.py), the loop that sends (delivery.py).

Rules that always hold: frames are pushed in the order of the log; a subscriber that joins has seen exactly what
lies up to `floor`, so it misses nothing and gets nothing twice; each member stands in exactly one of `live`,
`lagging` and `apart`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from longwave.core.frame import join
from longwave.core.subscriber import State, Subscriber

if TYPE_CHECKING:
    from longwave.core.audience import Audience
    from longwave.core.frame import Format, Payload

MAX_CHUNK = 16_384  # bytes (or events) of several frames sent together; a larger frame goes alone

_TURN = 0.618_033_988_749_895  # the golden ratio's part: its multiples visit every place of a round equally often


class Chunk(NamedTuple):
    """Frames that go out together.

    payload: of all. afters: for each frame, the position up to which its receivers have seen the log by then.
    """

    payload: Payload
    afters: tuple[int, ...]


class Feed:
    """Subscribers with one audience and one format, and the frames that they are to be sent.

    live: those that took everything. lagging: those for which payloads are held.
    apart: those that get none of the frames: REPLAYING, BEHIND and CLOSING.
    sent_at: when the live ones were last sent something.
    running: whether a pass over the subscribers is under way or due.
    """

    __slots__ = ("_pending", "_turn", "apart", "audience", "form", "lagging", "live", "running", "sent_at")

    def __init__(self, audience: Audience, form: Format) -> None:
        self.audience = audience
        self.form = form
        self.live: dict[Subscriber, None] = {}
        self.lagging: dict[Subscriber, None] = {}
        self.apart: dict[Subscriber, None] = {}
        self.sent_at = 0.0
        self.running = False
        self._turn = 0.0
        self._pending: deque[tuple[int, Payload]] | None = None

    # Frames.

    @property
    def pending(self) -> bool:
        """Whether frames wait to be sent."""
        return self._pending is not None

    def push(self, after: int, frame: Payload) -> None:
        """Add a frame for those who have seen the log up to the position `after`; it never falls."""
        if self._pending is None:
            self._pending = deque()
        self._pending.append((after, frame))

    def take(self) -> Chunk:
        """Remove the frames that go out in the next pass; something must be pending."""
        pending = self._pending
        assert pending, "something must be pending"
        after, frame = pending.popleft()
        if not pending:
            self._pending = None
            return Chunk(frame, (after,))
        taken = [(after, frame)]
        size = len(frame)
        while pending and size + len(pending[0][1]) <= MAX_CHUNK:
            taken.append(pending.popleft())
            size += len(taken[-1][1])
        if not pending:
            self._pending = None
        afters, frames = zip(*taken, strict=True)
        return Chunk(join(frames), afters)

    def floor(self, head: int) -> int:
        """Return the position up to which a subscriber must have seen the log in order to join.

        head: up to where the log was handed to feeds. What lies above the floor comes with the next passes; a
        pass that is under way does not reach those who join now.
        """
        return self._pending[0][0] if self._pending else head

    # Members.

    @property
    def deserted(self) -> bool:
        """Whether nobody is left."""
        return not (self.live or self.lagging or self.apart)

    def members(self) -> list[Subscriber]:
        """Return all who are not closed."""
        return [*self.live, *self.lagging, *self.apart]

    def set_apart(self, subscriber: Subscriber) -> None:
        """Make the subscriber a member that gets no frames; it may be one already."""
        self.leave(subscriber)
        self.apart[subscriber] = None

    def join(self, subscriber: Subscriber) -> None:
        """Feed a REPLAYING member from now on; it has been sent everything up to the floor."""
        del self.apart[subscriber]
        self._admit(subscriber)

    def _admit(self, subscriber: Subscriber) -> None:
        if subscriber.holding:
            subscriber.become(State.LAGGING)
            self.lagging[subscriber] = None
            return
        subscriber.become(State.LIVE)
        self.live[subscriber] = None

    def leave(self, subscriber: Subscriber) -> None:
        """Forget the subscriber, member or not."""
        self.live.pop(subscriber, None)
        self.lagging.pop(subscriber, None)
        self.apart.pop(subscriber, None)

    def hold_for_lagging(self, chunk: Chunk, limit: int) -> None:
        """Hold a chunk for those that lag; past `limit` a subscriber is BEHIND, and will have seen what came before."""
        overflowing = []
        for subscriber in self.lagging:
            if subscriber.size_held + len(chunk.payload) > limit:
                overflowing.append(subscriber)
                continue
            subscriber.hold(chunk.payload, subscriber.deadline)
        for subscriber in overflowing:
            subscriber.become(State.BEHIND)
            subscriber.position = chunk.afters[0]
            self.set_apart(subscriber)

    def fell_short(self, subscriber: Subscriber) -> None:
        """Note that a live subscriber did not take all that it was sent; the rest is held."""
        del self.live[subscriber]
        self._admit(subscriber)

    def caught_up(self, subscriber: Subscriber) -> None:
        """Note that a lagging subscriber took all that was held for it."""
        del self.lagging[subscriber]
        self._admit(subscriber)

    def rotated(self) -> list[Subscriber]:
        """Return the live subscribers of this moment, beginning at another place each time."""
        members = list(self.live)
        self._turn = (self._turn + _TURN) % 1.0
        start = int(self._turn * len(members))
        return members[start:] + members[:start]
