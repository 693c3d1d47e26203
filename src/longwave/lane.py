"""A lane: follows the log and hands what appears there to the feeds of one kind, at a pace of its own.

Not here: which feeds are of which kind (hub.py), matching (core/index.py), sending (delivery.py).

A hub has one lane for feeds whose audience is matched in no time, and others by what an audience costs: who asks for a
thousand templates that are made to be slow delays those of the same lane only, who ask for as much.

Rules that always hold: between two awaits no more is matched than `STEP` costs; the head never falls; the search for an
entry's feeds ends, the entry is pushed and the head is raised without an await between, so that a feed which is added
meanwhile misses nothing and gets nothing twice; what follows a note is delivered once the hub is done with the note.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from longwave.core.cursor import Cursor
from longwave.core.frame import Frames, frame
from longwave.core.gap import Gap, Reason
from longwave.core.index import FeedIndex, Search
from longwave.core.note import is_note
from longwave.errors import LogUnavailable
from longwave.logs.tail import News

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from longwave.core.entry import Entry
    from longwave.core.feed import Feed
    from longwave.delivery import Delivery
    from longwave.logs.base import Log

logger = logging.getLogger("longwave.hub")

FOLLOW_AGAIN_AFTER = 1.0  # seconds, when the log could not be followed
STEP = 500  # of matching, about microseconds, before others get their turn


@dataclass(frozen=True, slots=True)
class Costs:
    """What the audiences in a lane may cost; see `Audience.cost`. audience: each of them. total: all together."""

    audience: float = inf
    total: float = inf


class Lane:
    """Feeds, and how far the log was handed to them.

    advanced: called when the head was raised. take_note: called with each note, once and in order. rest: called for
    a break between two steps of matching. Both are awaited before it goes on.
    feeds: those that were added. head: position up to which the log was handed to them; counts while it is `started`.
    cost: of all their audiences together.
    """

    def __init__(
        self,
        log: Log,
        delivery: Delivery,
        advanced: Callable[[], None],
        *,
        take_note: Callable[[Entry], Awaitable[None]],
        rest: Callable[[], Awaitable[None]],
        most: Costs,
    ) -> None:
        self._log = log
        self._take_note = take_note
        self._delivery = delivery
        self._advanced = advanced
        self._rest = rest
        self._most = most
        self._news = News()
        self._index = FeedIndex()
        self._follower: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._log_is_followed = False
        self._budget = STEP
        self.feeds: dict[Feed, int] = {}  # with the cost of each
        self.head = 0
        self.cost = 0

    # Life.

    @property
    def started(self) -> bool:
        """Whether it is between `start` and `pause` or `close`."""
        return self._follower is not None

    @property
    def is_following(self) -> bool:
        """Whether what appears on the log reaches the feeds: not while the log cannot be read."""
        return self._log_is_followed and self._follower is not None and not self._follower.done()

    def start(self, head: int) -> None:
        """Follow the log from this position on."""
        self.head = head
        self._log_is_followed = True
        self._follower = asyncio.get_running_loop().create_task(self._follow())

    def pause(self) -> None:
        """Follow the log no more, until `start`."""
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.cancel()
            self._ending.add(follower)
            follower.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Follow the log no more, and wait until that has ended."""
        self.pause()
        await asyncio.gather(*self._ending, return_exceptions=True)

    # Feeds.

    def has_room(self, cost: int) -> bool:
        """Tell whether one more audience may be here; one that costs nothing always may."""
        return not cost or (cost <= self._most.audience and self.cost + cost <= self._most.total)

    def add(self, feed: Feed) -> None:
        """Hand to the feed what it is to get from now on."""
        self.feeds[feed] = cost = feed.audience.cost
        self.cost += cost
        self._index.add(feed)

    def remove(self, feed: Feed) -> None:
        """Hand it nothing any more."""
        self.cost -= self.feeds.pop(feed)
        self._index.remove(feed)

    # Following.

    async def reach(self, position: int) -> None:
        """Wait until the log was handed over up to a position."""
        while self.head < position:
            await self._news.wait()

    async def _follow(self) -> None:
        """Hand to feeds whatever appears on the log, whoever appended it."""
        while True:
            try:
                if not self._log_is_followed:
                    await self._log.read(self.head, 0)
                    self._log_is_followed = True
                async for entries in self._log.tail(self.head):
                    await self._deliver_all(entries)
                return
            except LogUnavailable as error:
                self._log_is_followed = False
                logger.warning("cannot follow the log, trying again in %g s: %s", FOLLOW_AGAIN_AFTER, error)
                await asyncio.sleep(FOLLOW_AGAIN_AFTER)

    async def _deliver_all(self, entries: Iterable[Entry]) -> None:
        """Deliver entries that follow each other as fast as there is room for them."""
        for entry in entries:
            if self._delivery.full:
                await self._delivery.room()
            if is_note(entry.update):
                await self._keep(entry)
                continue
            search = self._index.search(entry.update)
            while not self._step(search):
                await self._rest()
            self._deliver(entry, search)
        self._news.announce()
        self._advanced()

    async def _keep(self, note: Entry) -> None:
        """Hand an entry to the hub, as it is for no feed."""
        if note.position > self.head + 1:
            self._deliver_gap(note.position - 1)
        await self._take_note(note)
        self.head = note.position

    def _step(self, search: Search) -> bool:
        """Take a step of a search; return whether it has no more to do."""
        left = search.step(self._budget)
        self._budget = left if left > 0 else STEP
        return left > 0

    def _deliver(self, entry: Entry, search: Search) -> None:
        if entry.position > self.head + 1:
            self._deliver_gap(entry.position - 1)
        frames = Frames(entry)
        for feed in search.feeds():
            self._delivery.push(feed, entry.position - 1, frames.get(feed.form))
        self.head = entry.position

    def _deliver_gap(self, until: int) -> None:
        """Tell all feeds that this hub was too slow for the log's retention."""
        epoch = self._log.epoch
        event = Gap(Reason.SLOW, str(Cursor(epoch, self.head)), str(Cursor(epoch, until))).event()
        for feed in self.feeds:
            self._delivery.counters.gaps[Reason.SLOW] += len(feed.live) + len(feed.lagging)
            self._delivery.push(feed, self.head, frame(event, feed.form))
        self.head = until
