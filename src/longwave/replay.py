"""Replay: feeding subscribers from the log until they can join their feed without a seam.

Not here: where a subscription starts (core/resume.py), reading the log (replay_pages.py), live frames (delivery.py).

Whoever lacks no more than what is at hand is served at once, without a task; that is nearly everybody when all
clients of a hub come back together. The others get a task each, for as long as it takes.

Rules that always hold: positions sent to a subscriber only rise; what the log no longer has is told as a gap;
the step from the log to the feed is taken without an await, at exactly the feed's floor.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from longwave.core.cursor import EARLIEST, Cursor, parse_id
from longwave.core.drop import Drop
from longwave.core.frame import frame
from longwave.core.gap import Gap, Reason
from longwave.core.replay_outcome import ReplayOutcome
from longwave.core.resume import Resumption, start_after
from longwave.core.subscriber import State, Subscriber
from longwave.replay_pages import Pages

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from longwave.core.audience import Audience
    from longwave.core.feed import Feed
    from longwave.delivery import Delivery
    from longwave.logs.base import Log, Page
    from longwave.replay_pages import PageChunk

logger = logging.getLogger("longwave.replay")

PAGE_WORK = 20_000  # selectors times entries that are matched without a break
TEMPLATE_WORK = 10  # of a template that costs 1, in those: topics may be long
COSTLY_AUDIENCE = 50  # cost; whoever has more waits for its turn before each page
COSTLY_PAUSE = 0.002  # seconds between two such turns
TOGETHER = 2  # chunks offered in one write, as a write costs more than what is in it


class Replays:
    """The replays under way, at most one task each; `attach` and `close` belong to the hub's life.

    head: tells up to which position the log was handed to a feed.
    """

    def __init__(self, log: Log, delivery: Delivery, head: Callable[[Feed], int]) -> None:
        self._log = log
        self._delivery = delivery
        self._counters = delivery.counters
        self._head = head
        self._pages = Pages(log, delivery.limits.replays)
        self._tasks: dict[Subscriber, asyncio.Task[None]] = {}
        self._unfinished: set[asyncio.Task[None]] = set()  # those of subscribers that were closed, too
        self._waiting: dict[Subscriber, asyncio.Future[None]] = {}
        self._advanced = asyncio.Event()
        self._turn = asyncio.Lock()  # of those whose audience takes long to match

    def resume(self, subscriber: Subscriber, resumption: Resumption, opening: bytes = b"") -> None:
        """Start a subscriber where its client goes on; `opening` is sent before anything else."""
        position = resumption.position
        if position is None:
            position = self._place(subscriber.feed, resumption.sent)
        if position is None:
            subscriber.position = self._head(subscriber.feed)  # until it is known, the subscriber lacks nothing
            self._open(subscriber, opening)
            self._run(subscriber, self._resume(subscriber, resumption.sent))
            return
        subscriber.position = position
        if resumption.gap is not None:
            self._open(subscriber, opening)
            self._begin_live(subscriber, resumption.sent, resumption.gap, resumption.told)
            return
        if self._send_at_hand(subscriber, opening):
            self._counters.replays[ReplayOutcome.HIT] += 1
            if subscriber.state is State.REPLAYING:
                self._run(subscriber, self._replay(subscriber, Reason.EXPIRED))
        elif subscriber.state is State.REPLAYING:
            self._run(subscriber, self._replay_from(subscriber, resumption.sent))

    def behind(self, subscriber: Subscriber) -> None:
        """Feed a subscriber that its feed left behind."""
        self._run(subscriber, self._replay(subscriber, Reason.SLOW))

    def drained(self, subscriber: Subscriber) -> None:
        """Go on: the subscriber took what was held for it."""
        waiting = self._waiting.pop(subscriber, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def advanced(self) -> None:
        """Note that feeds were handed more of the log."""
        self._advanced.set()
        self._advanced.clear()

    def forget(self, subscriber: Subscriber) -> None:
        """Stop: the subscriber was closed."""
        self._waiting.pop(subscriber, None)
        task = self._tasks.pop(subscriber, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def close(self) -> None:
        """Stop all replays and wait until they have."""
        for task in self._unfinished:
            task.cancel()
        await asyncio.gather(*self._unfinished, return_exceptions=True)
        await self._pages.close()

    # One subscriber.

    def _run(self, subscriber: Subscriber, steps: Coroutine[None, None, None]) -> None:
        task = self._tasks[subscriber] = asyncio.get_running_loop().create_task(steps)
        self._unfinished.add(task)
        task.add_done_callback(lambda task: self._ended(subscriber, task))

    def _ended(self, subscriber: Subscriber, task: asyncio.Task[None]) -> None:
        self._unfinished.discard(task)
        if self._tasks.get(subscriber) is task:
            del self._tasks[subscriber]
        if task.cancelled() or task.exception() is None:
            return
        logger.error("replay failed; the subscriber was cut off", exc_info=task.exception())
        self._delivery.drop(subscriber, Drop.FAILED)

    def _place(self, feed: Feed, last_event_id: str) -> int | None:
        """Return the position of an id that the feed was handed, without looking; None for any other."""
        cursor = parse_id(last_event_id)
        known = cursor is not None and cursor.epoch == self._log.epoch and cursor.position <= self._head(feed)
        return cursor.position if cursor is not None and known else None

    def _open(self, subscriber: Subscriber, opening: bytes) -> None:
        if opening:
            self._delivery.write(subscriber, opening)

    def _send_at_hand(self, subscriber: Subscriber, opening: bytes) -> bool:
        """Send the opening, and a page's worth if it is here already; join if that was all.

        Return whether the log is known to have what comes next.
        """
        feed = subscriber.feed
        floor = feed.floor(self._head(feed))
        known = subscriber.position >= floor
        page = self._pages.find(subscriber.position) if subscriber.position < floor else None
        if page is None:
            self._open(subscriber, opening)
        else:
            self._send_entries(subscriber, page, min(page.entries[-1].position, floor), opening)
        if subscriber.state is State.REPLAYING and subscriber.position == floor:
            feed.join(subscriber)
        return known or page is not None

    async def _resume(self, subscriber: Subscriber, last_event_id: str) -> None:
        located = None if last_event_id == EARLIEST else await self._pages.locate(last_event_id)
        page = await self._pages.extent()  # after the look for the id, so that `last` is not older than what was found
        start = start_after(last_event_id, located=located, last=page.last)
        if start.position is not None:
            subscriber.position = page.first - 1 if last_event_id == EARLIEST else start.position
            await self._replay_from(subscriber, last_event_id)
        elif start.gap is not None:
            subscriber.position = page.last
            self._begin_live(subscriber, last_event_id, start.gap)

    def _begin_live(self, subscriber: Subscriber, since: str, gap: Reason, told: str = EARLIEST) -> None:
        """Tell a subscriber that its place is lost, and feed it what came and comes after its position.

        told: the id of the last update before that which it may see, if there is one: as good a place to resume from.
        """
        if subscriber.state is not State.REPLAYING:
            return
        restarted = gap is Reason.RESTARTED
        self._counters.replays[ReplayOutcome.RESTARTED if restarted else ReplayOutcome.UNKNOWN] += 1
        self._tell(subscriber, Gap(gap, since, self._id_at(subscriber.position) if told == EARLIEST else told))
        if subscriber.state is State.REPLAYING:
            self._send_at_hand(subscriber, b"")
        if subscriber.state is State.REPLAYING:
            self._run(subscriber, self._replay(subscriber, Reason.EXPIRED))

    async def _replay_from(self, subscriber: Subscriber, last_event_id: str) -> None:
        """Replay from the place that was found for an id."""
        self._send_first_page(subscriber, await self._read(subscriber), last_event_id)
        await self._ready(subscriber)
        await self._replay(subscriber, Reason.EXPIRED)

    async def _replay(self, subscriber: Subscriber, reason: Reason) -> None:
        """Send page after page until the subscriber has joined its feed or is closed."""
        while subscriber.state is State.REPLAYING:
            since = self._id_at(subscriber.position)
            # No page is kept while a client takes its time: pages may be large, and many may be stalled.
            self._send_page(subscriber, await self._read(subscriber), since, reason)
            await self._ready(subscriber)

    async def _read(self, subscriber: Subscriber) -> Page:
        """Return a page with what comes next, to be sent at once.

        A thousand who take a millisecond each must not take it in the same round of the loop.
        """
        if subscriber.feed.audience.cost > COSTLY_AUDIENCE:
            async with self._turn:
                await asyncio.sleep(COSTLY_PAUSE)
        return await self._pages.read(subscriber.position)

    def _send_first_page(self, subscriber: Subscriber, page: Page, last_event_id: str) -> None:
        """Send a page, which tells whether the log still has all that the subscriber lacks."""
        if subscriber.state is State.REPLAYING:
            whole = self._missing_until(subscriber, page) <= subscriber.position
            found = ReplayOutcome.EARLIEST if last_event_id == EARLIEST else ReplayOutcome.HIT
            self._counters.replays[found if whole else ReplayOutcome.EXPIRED] += 1
        self._send_page(subscriber, page, last_event_id, Reason.EXPIRED)

    def _missing_until(self, subscriber: Subscriber, page: Page) -> int:
        """Return up to where the page lacks what was trimmed; above the floor that comes from the feed all the same."""
        return min(page.first - 1, self._floor(subscriber))

    def _send_page(self, subscriber: Subscriber, page: Page, since: str, reason: Reason) -> None:
        """Send what the page has up to the feed's floor, and what it lacks as a gap; join when it is reached."""
        if subscriber.state is not State.REPLAYING:
            return
        floor = self._floor(subscriber)
        missing_until = self._missing_until(subscriber, page)
        if missing_until > subscriber.position:
            subscriber.position = missing_until
            self._tell(subscriber, Gap(reason, since, self._id_at(missing_until)))
        if page.entries:
            self._send_entries(subscriber, page, min(page.entries[-1].position, floor))
        if subscriber.state is State.REPLAYING and subscriber.position == floor:
            subscriber.feed.join(subscriber)

    def _send_entries(self, subscriber: Subscriber, page: Page, until: int, opening: bytes = b"") -> None:
        """Send what the subscriber receives of a page up to a position, until the sink takes no more."""
        feed = subscriber.feed
        until = min(until, subscriber.position + max(1, PAGE_WORK // _work_of(feed.audience)))
        if until <= subscriber.position:
            return
        chunks = self._pages.chunks(feed, page, subscriber.position, until)
        if not chunks:
            self._open(subscriber, opening)
        for start in range(0, len(chunks), TOGETHER):
            if subscriber.holding or subscriber.state is not State.REPLAYING:
                return
            self._send_chunks(subscriber, chunks[start : start + TOGETHER], opening)
            opening = b""
        done = not chunks or subscriber.position == chunks[-1].position
        if done and subscriber.state is State.REPLAYING:
            subscriber.position = until

    def _send_chunks(self, subscriber: Subscriber, chunks: Sequence[PageChunk], opening: bytes) -> None:
        payloads = [chunk.payload for chunk in chunks]
        if opening:
            payloads.insert(0, opening)
        begun = self._delivery.write_together(subscriber, payloads)
        for chunk in chunks[: max(begun - bool(opening), 0)]:
            self._counters.replayed += chunk.events
            subscriber.position = chunk.position

    async def _ready(self, subscriber: Subscriber) -> None:
        """Wait until the subscriber took what it was sent, and until feeds are as far as it is."""
        if subscriber.state is not State.REPLAYING:
            return
        if subscriber.holding:
            waiting = self._waiting[subscriber] = asyncio.get_running_loop().create_future()
            await waiting
        await asyncio.sleep(0)
        while self._floor(subscriber) < subscriber.position:
            if self._head(subscriber.feed) < subscriber.position:
                await self._advanced.wait()
            await asyncio.sleep(0)

    def _floor(self, subscriber: Subscriber) -> int:
        feed = subscriber.feed
        return feed.floor(self._head(feed))

    def _tell(self, subscriber: Subscriber, gap: Gap) -> None:
        self._counters.gaps[gap.reason] += 1
        self._delivery.write(subscriber, frame(gap.event(), subscriber.feed.form))

    def _id_at(self, position: int) -> str:
        return str(Cursor(self._log.epoch, position))


def _work_of(audience: Audience) -> int:
    """Return the work of one entry, as `PAGE_WORK` counts it."""
    return len(audience.selectors) + TEMPLATE_WORK * audience.cost
