"""Replay: feeding subscribers from the log until they can join their feed without a seam.

Not here: where a subscription starts (core/resume.py), live frames (delivery.py).

Rules that always hold: positions sent to a subscriber only rise; what the log no longer has is told as a gap;
the step from the log to the feed is taken without an await, at exactly the feed's floor.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import takewhile
from typing import TYPE_CHECKING, TypeVar

from longwave.core.cursor import EARLIEST, Cursor
from longwave.core.feed import MAX_CHUNK
from longwave.core.frame import frame, join
from longwave.core.gap import Gap, Reason
from longwave.core.resume import start_after
from longwave.core.subscriber import State, Subscriber
from longwave.errors import LogUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from longwave.core.audience import Audience
    from longwave.core.entry import Entry
    from longwave.core.frame import Format, Payload
    from longwave.delivery import Delivery
    from longwave.logs.base import Log, Page

Found = TypeVar("Found")

logger = logging.getLogger("longwave.replay")

PAGE = 256  # entries of one read, at most
PAGE_WORK = 20_000  # selectors times entries that are matched without a break
READ_AGAIN_AFTER = 1.0  # seconds, when the log could not be read


class Replays:
    """The replays under way, one task each; `attach` and `close` belong to the hub's life.

    head: tells up to which position the log was handed to feeds.
    """

    def __init__(self, log: Log, delivery: Delivery, head: Callable[[], int]) -> None:
        self._log = log
        self._delivery = delivery
        self._head = head
        self._turns = asyncio.Semaphore(delivery.limits.replays)
        self._tasks: dict[Subscriber, asyncio.Task[None]] = {}
        self._unfinished: set[asyncio.Task[None]] = set()  # those of subscribers that were closed, too
        self._waiting: dict[Subscriber, asyncio.Future[None]] = {}
        self._advanced = asyncio.Event()

    def resume(self, subscriber: Subscriber, last_event_id: str) -> None:
        """Start a subscriber after the last event that it has."""
        self._run(subscriber, self._resume(subscriber, last_event_id))

    def behind(self, subscriber: Subscriber) -> None:
        """Feed a subscriber that its feed left behind."""
        self._run(subscriber, self._replay(subscriber, self._id_at(subscriber.position), Reason.SLOW))

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
        self._delivery.drop(subscriber)

    async def _resume(self, subscriber: Subscriber, last_event_id: str) -> None:
        located = await self._locate(last_event_id)
        page = await self._read(0, 1)  # after the look for the id, so that `last` is not older than what was found
        start = start_after(last_event_id, located=located, last=page.last)
        if start.position is None:
            self._go_live(subscriber, last_event_id, start.gap)
            return
        subscriber.position = page.first - 1 if last_event_id == EARLIEST else start.position
        await self._replay(subscriber, last_event_id, Reason.EXPIRED)

    def _go_live(self, subscriber: Subscriber, since: str, gap: Reason | None) -> None:
        if subscriber.state is not State.REPLAYING:
            return
        floor = subscriber.feed.floor(self._head())
        if gap is not None:
            self._tell(subscriber, Gap(gap, since, self._id_at(floor)))
        if subscriber.state is State.REPLAYING:
            subscriber.feed.join(subscriber)

    async def _replay(self, subscriber: Subscriber, since: str, reason: Reason) -> None:
        """Send page after page until the subscriber has joined its feed or is closed."""
        limit = max(1, min(PAGE, PAGE_WORK // len(subscriber.feed.audience.selectors)))
        while subscriber.state is State.REPLAYING:
            # No page is kept while a client takes its time: pages may be large, and many may be stalled.
            self._send_page(subscriber, await self._read(subscriber.position, limit), since, reason)
            since = self._id_at(subscriber.position)
            await self._ready(subscriber)

    def _send_page(self, subscriber: Subscriber, page: Page, since: str, reason: Reason) -> None:
        """Send what the page has up to the feed's floor, and what it lacks as a gap; join when it is reached."""
        if subscriber.state is not State.REPLAYING:
            return
        floor = subscriber.feed.floor(self._head())
        missing_until = min(page.first - 1, floor)  # what lies above the floor comes from the feed, trimmed or not
        if missing_until > subscriber.position:
            subscriber.position = missing_until
            self._tell(subscriber, Gap(reason, since, self._id_at(missing_until)))
        self._send_entries(subscriber, list(takewhile(lambda entry: entry.position <= floor, page.entries)))
        if subscriber.state is State.REPLAYING and subscriber.position == floor:
            subscriber.feed.join(subscriber)

    def _send_entries(self, subscriber: Subscriber, entries: list[Entry]) -> None:
        """Send what the subscriber receives of the entries, until the sink takes no more."""
        feed = subscriber.feed
        for payload, position in chunks(entries, feed.audience, feed.form):
            if subscriber.holding or subscriber.state is not State.REPLAYING:
                return
            self._delivery.write(subscriber, payload)
            subscriber.position = position
        if entries:
            subscriber.position = entries[-1].position

    async def _ready(self, subscriber: Subscriber) -> None:
        """Wait until the subscriber took what it was sent, and until feeds are as far as it is."""
        if subscriber.state is not State.REPLAYING:
            return
        if subscriber.holding:
            waiting = self._waiting[subscriber] = asyncio.get_running_loop().create_future()
            await waiting
        await asyncio.sleep(0)
        while subscriber.feed.floor(self._head()) < subscriber.position:
            if self._head() < subscriber.position:
                await self._advanced.wait()
            await asyncio.sleep(0)

    def _tell(self, subscriber: Subscriber, gap: Gap) -> None:
        self._delivery.write(subscriber, frame(gap.event(), subscriber.feed.form))

    def _id_at(self, position: int) -> str:
        return str(Cursor(self._log.epoch, position))

    # The log.

    async def _read(self, after: int, limit: int) -> Page:
        return await self._patiently(lambda: self._log.read(after, limit))

    async def _locate(self, event_id: str) -> int | None:
        return await self._patiently(lambda: self._log.locate(event_id))

    async def _patiently(self, look: Callable[[], Coroutine[None, None, Found]]) -> Found:
        while True:
            try:
                async with self._turns:
                    return await look()
            except LogUnavailable as error:
                logger.warning("cannot read the log, trying again in %g s: %s", READ_AGAIN_AFTER, error)
                await asyncio.sleep(READ_AGAIN_AFTER)


def chunks(entries: Iterable[Entry], audience: Audience, form: Format) -> Iterator[tuple[Payload, int]]:
    """Yield what the audience receives of the entries, a chunk at a time, with the position of its last entry."""
    frames: list[Payload] = []
    size = position = 0
    for entry in entries:
        if not audience.receives(entry.update):
            continue
        made = frame(entry.update.event, form)
        if frames and size + len(made) > MAX_CHUNK:
            yield join(frames), position
            frames, size = [], 0
        frames.append(made)
        size += len(made)
        position = entry.position
    if frames:
        yield join(frames), position
