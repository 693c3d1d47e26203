"""Delivery: the passes that send pending frames to subscribers' sinks, heartbeats, and cutting off stalled clients.

Not here: who gets what and what a short write means (core/), which sinks there are (server/, subscription.py),
reading the log for those that are behind (replay.py).

A pass sends one chunk to all live subscribers of one feed. What is published meanwhile goes out together in the
feed's next pass: flushing is immediate when idle and batches itself under load. A large pass is cut into slices
so that other feeds and requests get their turn. It begins a few rounds of the loop later, so that what others publish
at the same moment is in the same write to each of many.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from dataclasses import dataclass
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING

from longwave.core.counters import Counters
from longwave.core.drop import Drop
from longwave.core.first_writes import FirstWrites
from longwave.core.frame import Format, join, rest, wrap
from longwave.core.pacing import Wheel
from longwave.core.subscriber import State, Subscriber
from longwave.errors import InvalidValue
from longwave.eventstream.encoder import HEARTBEAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from longwave.core.feed import Chunk, Feed
    from longwave.core.frame import Payload

logger = logging.getLogger("longwave.delivery")

SLICE = 0.001  # seconds of sending before others get their turn; a publish takes a few turns
BATCH = 64  # subscribers between two looks at the clock
LARGE = 256  # subscribers of a feed whose passes take a millisecond or more
GATHER = 0.001  # seconds that a large pass waits at most for what is published together with its first frame
QUIET = 3  # rounds of the loop without a frame after which it waits no more; from a publisher's socket it takes two
MAX_PENDING = 4 * 2**20  # bytes of frames that wait for passes; past it the log is read no further
# Linux appends to a segment that waits to be sent, up to 64 KiB, whatever `SO_SNDBUF` says; not to one marked whole.
# Measured for a client that does not read: 81 KB without, 49 KB with, at the same cost of a delivery.
WHOLE = getattr(socket, "MSG_EOR", 0)
CUT = 1.0  # seconds for a client that is cut short to take the frame that was begun
LAG_EVENTS = 4096  # events held for a subscriber in this process, at most
TICKS = 16  # in the shorter of heartbeat and send timeout
SINK_FAILED = "a sink failed; its subscriber was cut off"  # it breaks its contract, which must harm nobody else

HEARTBEATS: dict[Format, bytes] = {form: wrap(HEARTBEAT, form) for form in (Format.CHUNKED, Format.BARE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLimits:
    """Bounds for subscribers on a wire; those in this process have only `lag`, counted in events up to `LAG_EVENTS`.

    lag: bytes held for a subscriber that does not keep up (default 256 KiB); then the log feeds it again.
    heartbeat: seconds of silence before a comment is sent (default 15).
    send_timeout: seconds to take what was sent, 16 KiB at a time (default 30); then it is cut off.
    replays: pages of the log that are read at the same time (default 64).

    Raises InvalidValue for what is not more than 0 and finite.
    """

    lag: int = 256 * 2**10
    heartbeat: float = 15.0
    send_timeout: float = 30.0
    replays: int = 64

    def __post_init__(self) -> None:
        for name in ("lag", "heartbeat", "send_timeout", "replays"):
            if not 0 < getattr(self, name) < inf:
                raise InvalidValue(name, f"expected a number above 0, got {getattr(self, name)!r}")


@dataclass(slots=True)
class Pass:
    """One chunk on its way to those who were live when it began; `place` is who is next.

    lost: how many of them had gone. untaken: bytes (or events) that others did not take at once.
    """

    feed: Feed
    chunk: Chunk
    subscribers: list[Subscriber]
    place: int = 0
    lost: int = 0
    untaken: int = 0


class Delivery:
    """Sends; all methods are called from the event loop that `open` was called in.

    counters: of the whole hub. first_writes: told by whoever publishes.
    behind: called when a subscriber must be fed from the log again (its state is REPLAYING).
    drained: called when a REPLAYING subscriber took what was held for it.
    closed: called when a subscriber was closed, whatever the reason.
    """

    def __init__(
        self,
        limits: DeliveryLimits,
        *,
        behind: Callable[[Subscriber], None],
        drained: Callable[[Subscriber], None],
        closed: Callable[[Subscriber], None],
    ) -> None:
        self.limits = limits
        self.counters = Counters()
        self.first_writes = FirstWrites(self.counters.first_write)
        self._behind = behind
        self._when_drained = drained
        self._when_closed = closed
        self._ready: deque[Feed] = deque()
        self._gathering: list[Feed] = []  # large ones, before their pass
        self._gathering_ends = 0.0
        self._quiet = 0
        self._passes: deque[Pass] = deque()
        self._due: deque[Subscriber] = deque()
        self._farewells: dict[Feed, dict[Subscriber, Payload]] = {}  # to be sent when the feed's pass is done
        self._cut: dict[Subscriber, asyncio.TimerHandle] = {}  # those that are cut short, and when that ends
        self._pending = 0
        self._room: asyncio.Event = asyncio.Event()
        self._scheduled = False

    def open(self) -> None:
        """Start the clock of heartbeats and deadlines."""
        self._loop = asyncio.get_running_loop()
        tick = min(self.limits.heartbeat, self.limits.send_timeout) / TICKS
        self._wheel: Wheel[Subscriber] = Wheel(tick, self._loop.time())
        self._timer = self._loop.call_later(tick, self._tick)
        self._room.set()

    def close(self) -> None:
        """Stop the clock; subscribers stay as they are."""
        self._timer.cancel()
        for timer in self._cut.values():
            timer.cancel()

    def now(self) -> float:
        """Return the time on the loop's clock."""
        return self._loop.time()

    # Frames.

    def push(self, feed: Feed, after: int, frame: Payload) -> None:
        """Send a frame in a feed's next pass, to all subscribers that have seen the log up to the position `after`."""
        feed.push(after, frame)
        self._pending += len(frame)
        if self.full:
            self._room.clear()
        self._quiet = 0
        if not feed.running:
            feed.running = True
            self._await_pass(feed)
            self._schedule()

    def _await_pass(self, feed: Feed) -> None:
        if len(feed.live) < LARGE:
            self._ready.append(feed)
            return
        if not self._gathering:
            self._gathering_ends = self.now() + GATHER
        self._gathering.append(feed)

    @property
    def full(self) -> bool:
        """Whether so much is pending that nothing should be pushed before `room` returns."""
        return self._pending > MAX_PENDING

    async def room(self) -> None:
        """Wait until more frames may be pushed."""
        await self._room.wait()

    def watch(self, subscriber: Subscriber) -> None:
        """Send the subscriber heartbeats, and cut it off when it stalls."""
        self._wheel.add(subscriber, self._next_check(self.now()))

    def write(self, subscriber: Subscriber, payload: Payload) -> None:
        """Send something to one subscriber, after what is held for it; what it does not take is held."""
        now = self.now()
        subscriber.touched = now
        deadline = now + self.limits.send_timeout
        if subscriber.holding:
            subscriber.hold(payload, deadline)
            return
        taken = self._send(subscriber, payload)
        if taken is not None and taken < len(payload):
            subscriber.hold(rest(payload, taken), deadline)

    def write_together(self, subscriber: Subscriber, payloads: Sequence[Payload]) -> int:
        """Send payloads in one write to a subscriber for whom nothing is held; return how many were begun.

        What is left of the last of these is held, and of those after it nothing; so little is held, however much was
        offered. None were begun if the client is gone.
        """
        now = self.now()
        subscriber.touched = now
        taken = self._send(subscriber, join(payloads))
        if taken is None:
            return 0
        for begun, payload in enumerate(payloads, 1):
            if taken < len(payload):
                subscriber.hold(rest(payload, taken), now + self.limits.send_timeout)
                return begun
            taken -= len(payload)
        return len(payloads)

    def writable(self, subscriber: Subscriber) -> None:
        """Go on sending what is held, because the sink takes more now."""
        while (payload := subscriber.next_held()) is not None:
            taken = self._send(subscriber, payload)
            if taken is None:
                return
            if taken:
                subscriber.took(taken, self.now() + self.limits.send_timeout)
            if taken < len(payload):
                return
        self._drained(subscriber)

    def finish(self, subscriber: Subscriber, farewell: Payload) -> None:
        """Send a last payload, then close the subscriber as soon as everything is taken; safe to call again."""
        if subscriber.state in (State.CLOSING, State.CLOSED):
            return
        feed = subscriber.feed
        if subscriber.state is State.LIVE and feed.running:
            self._farewells.setdefault(feed, {}).setdefault(subscriber, farewell)
            return
        subscriber.become(State.CLOSING)
        feed.set_apart(subscriber)
        self.write(subscriber, farewell)
        if not subscriber.holding:
            self.drop(subscriber, Drop.ENDED)

    def cut(self, subscriber: Subscriber, farewell: bytes) -> None:
        """Send no frame that was not begun, but a last payload, and close the subscriber; safe to call again.

        That takes no time as a rule, and `CUT` seconds at most, however much of the frame that was begun is taken then.
        """
        if subscriber.state is State.CLOSED or subscriber in self._cut:
            return
        if subscriber.state is State.LIVE:
            # It took all that it was sent. A pass may still come to it, so what it does not take now cannot be held.
            if farewell:
                self._send(subscriber, farewell)
            self.drop(subscriber, Drop.ENDED)
            return
        if subscriber.state is not State.CLOSING:
            subscriber.become(State.CLOSING)
            subscriber.feed.set_apart(subscriber)
        self._cut[subscriber] = self._loop.call_later(CUT, self.drop, subscriber, Drop.STALLED)
        subscriber.cut_short(farewell)
        self.writable(subscriber)

    def drop(self, subscriber: Subscriber, reason: Drop = Drop.GONE) -> None:
        """Close the subscriber now; safe to call again, and only the first reason counts."""
        if subscriber.state is State.CLOSED:
            return
        cut = self._cut.pop(subscriber, None)
        if cut is not None:
            cut.cancel()
        subscriber.feed.leave(subscriber)
        subscriber.become(State.CLOSED)
        subscriber.let_go()
        self.counters.drops[reason] += 1
        subscriber.release(subscriber)
        self._when_closed(subscriber)

    # Passes. While one is under way nothing else writes to the live subscribers of its feed, unless it closes them.

    def _begin(self, feed: Feed) -> Pass:
        chunk = feed.take()
        self._pending -= len(chunk.payload)
        if not self.full:
            self._room.set()
        if self.first_writes.waiting:
            self.first_writes.sent(chunk.afters, perf_counter())
        if feed.lagging:
            self._hold_for_lagging(feed, chunk)
        feed.sent_at = self.now()
        return Pass(feed, chunk, feed.rotated())

    def _hold_for_lagging(self, feed: Feed, chunk: Chunk) -> None:
        lag = min(self.limits.lag, LAG_EVENTS) if feed.form is Format.EVENT else self.limits.lag
        lagging = len(feed.lagging)
        feed.hold_for_lagging(chunk, lag)
        held = len(feed.lagging)
        self.counters.deliveries += held * len(chunk.afters)
        self.counters.overflows += lagging - held

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        """Send for about one slice, the feeds in turn; go on in the loop's next round if work is left.

        Feeds that just became ready come first, as most are small. However many there are, a pass that is under way
        and the checks that are due advance by a batch each round.
        """
        self._scheduled = False
        if self._gathering:
            self._gather()
        if self._passes:
            self._continue(self._passes.popleft(), self.now())
        if self._due:
            self._check_some()
        end = self.now() + SLICE
        while (self._ready or self._passes) and self.now() < end:
            self._continue(self._begin(self._ready.popleft()) if self._ready else self._passes.popleft(), end)
        while self._due and self.now() < end:
            self._check_some()
        if self._ready or self._passes or self._due or self._gathering:
            self._schedule()

    def _gather(self) -> None:
        """Let large passes begin, unless frames still come in and nothing else is being sent."""
        self._quiet += 1
        if self._quiet > QUIET or self._passes or self.now() >= self._gathering_ends:
            self._ready.extend(self._gathering)
            self._gathering.clear()

    def _check_some(self) -> None:
        for _ in range(min(BATCH, len(self._due))):
            self._check(self._due.popleft())

    def _continue(self, current: Pass, end: float) -> None:
        self._advance(current, end)
        if current.place < len(current.subscribers):
            self._passes.append(current)
            return
        self._count(current)
        feed = current.feed
        feed.running = False
        for subscriber, farewell in self._farewells.pop(feed, {}).items():
            self.finish(subscriber, farewell)
        if feed.pending:
            feed.running = True
            self._passes.append(self._begin(feed))

    def _count(self, done: Pass) -> None:
        """Count a pass when it is done: what is counted may not fall, and only then it is known."""
        chunk = done.chunk
        served = len(done.subscribers) - done.lost
        self.counters.deliveries += served * len(chunk.afters)
        if done.feed.form is not Format.EVENT:
            self.counters.bytes_sent += served * len(chunk.payload) - done.untaken

    def _advance(self, current: Pass, end: float) -> None:
        """Send a pass's chunk to its next subscribers until the slice ends."""
        while current.place < len(current.subscribers):
            stop = current.place + BATCH
            batch = current.subscribers[current.place : stop]
            current.place = stop
            self._send_chunk(current, batch)
            if self.now() >= end:
                return

    def _send_chunk(self, current: Pass, subscribers: Iterable[Subscriber]) -> None:
        payload = current.chunk.payload
        size = len(payload)
        short: list[tuple[Subscriber, int]] = []
        gone: list[tuple[Subscriber, Drop]] = []
        # The hot loop: one Python-level call a delivery, everything else is for after it.
        for subscriber in subscribers:
            try:
                taken = subscriber.sink.send(payload, WHOLE)
            except BlockingIOError:
                taken = 0
            except OSError:
                gone.append((subscriber, Drop.GONE))
                continue
            except Exception:
                logger.exception(SINK_FAILED)
                gone.append((subscriber, Drop.FAILED))
                continue
            if taken != size:
                short.append((subscriber, taken))
        for subscriber, taken in short:
            current.untaken += size - taken
            subscriber.hold(rest(payload, taken), self.now() + self.limits.send_timeout)
            current.feed.fell_short(subscriber)
        current.lost += len(gone)
        for subscriber, reason in gone:
            self.drop(subscriber, reason)

    # One subscriber.

    def _send(self, subscriber: Subscriber, payload: Payload) -> int | None:
        """Return how much the sink took, or None if the client is gone and was dropped."""
        try:
            taken = subscriber.sink.send(payload, WHOLE)
        except BlockingIOError:
            return 0
        except OSError:
            reason = Drop.GONE
        except Exception:
            logger.exception(SINK_FAILED)
            reason = Drop.FAILED
        else:
            if subscriber.feed.form is not Format.EVENT:
                self.counters.bytes_sent += taken
            return taken
        self.drop(subscriber, reason)
        return None

    def _drained(self, subscriber: Subscriber) -> None:
        match subscriber.state:
            case State.LAGGING:
                subscriber.feed.caught_up(subscriber)
            case State.BEHIND:
                subscriber.become(State.REPLAYING)
                self._behind(subscriber)
            case State.REPLAYING:
                self._when_drained(subscriber)
            case State.CLOSING:
                self.drop(subscriber, Drop.ENDED)
            case _:
                pass  # LIVE or CLOSED: nothing was held

    # Heartbeats and deadlines.

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._wheel.tick, self._tick)
        self._due.extend(self._wheel.expired(self.now()))
        if self._due:
            self._schedule()

    def _check(self, subscriber: Subscriber) -> None:
        if subscriber.state is State.CLOSED:
            return
        now = self.now()
        if subscriber.holding:
            self._check_deadline(subscriber, now)
            return
        due = self._last_sent(subscriber) + self.limits.heartbeat
        if now >= due and not (subscriber.state is State.LIVE and subscriber.feed.running):
            self._beat(subscriber)
            due = now + self.limits.heartbeat
        self._wheel.add(subscriber, min(max(due, now), self._next_check(now)))

    def _check_deadline(self, subscriber: Subscriber, now: float) -> None:
        if now < subscriber.deadline:
            self._wheel.add(subscriber, min(subscriber.deadline, self._next_check(now)))
            return
        logger.info("cut off a subscriber that took too little of %d bytes in time", subscriber.size_held)
        self.drop(subscriber, Drop.STALLED)

    def _last_sent(self, subscriber: Subscriber) -> float:
        if subscriber.state is State.LIVE:
            return max(subscriber.touched, subscriber.feed.sent_at)
        return subscriber.touched

    def _beat(self, subscriber: Subscriber) -> None:
        self.write(subscriber, HEARTBEATS[subscriber.feed.form])
        if subscriber.state is State.LIVE and subscriber.holding:
            subscriber.feed.fell_short(subscriber)

    def _next_check(self, now: float) -> float:
        return now + min(self.limits.heartbeat, self.limits.send_timeout)
