"""What a hub tells a client about the last event id that it sent: that it is known, or where its stream begins instead.

Not here: what the client is sent then (replay.py). The protocol's rule (draft 07, Reconciliation), in this order:
- the id itself, if the log has all that comes after it;
- `earliest`, if the client asked for that, or is fed all that the log still has, because what came next was trimmed;
- else the stream begins live: the id of the last update that the client may see, never of one that it may not, looked
  for among the `RECENT` latest ones; `earliest` if there is none.

Rules that always hold: a million clients asking at once make the log be looked at once; an answer's cost is bounded.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from longwave.core.audience import matches_any
from longwave.core.cursor import EARLIEST, parse_id
from longwave.core.resume import start_after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from longwave.core.audience import Audience
    from longwave.core.gap import Reason
    from longwave.core.update import Update
    from longwave.logs.base import Log, Page

RECENT = 256  # updates
FRESH = 1.0  # seconds for which the log's first position is believed; it rises as the log is trimmed
MOST_WORK = 10_000  # about microseconds, for finding what one client may see

Found = TypeVar("Found")


class Resumption(NamedTuple):
    """What a client sent, what it is told, and why its place is lost, if it is: then its stream begins live."""

    sent: str = ""
    told: str = ""
    gap: Reason | None = None


class KnownIds:
    """head: tells up to which position the log was handed to feeds; now: a monotonic clock in seconds."""

    def __init__(self, log: Log, head: Callable[[], int], now: Callable[[], float]) -> None:
        self._log = log
        self._head = head
        self._now = now
        self._first = 0  # the log's first position, as it was seen lately
        self._seen_at = float("-inf")
        self._extents = SharedLook(self._look_at_extent)
        self._latest = SharedLook(self._look_at_latest)

    def at_hand(self, event_id: str) -> Resumption | None:
        """Return what to tell, if that is known without a look at the log; else None, and `find` will know."""
        if event_id == EARLIEST:
            return Resumption(EARLIEST, EARLIEST)
        cursor = parse_id(event_id)
        if cursor is None or cursor.epoch != self._log.epoch or cursor.position > self._head():
            return None
        return self._resume(event_id, cursor.position) if self._now() - self._seen_at < FRESH else None

    async def find(self, event_id: str, audience: Audience) -> Resumption:
        """Return what to tell a client of this audience. Raises LogUnavailable."""
        located = await self._log.locate(event_id)
        extent = await self._extents.take()
        start = start_after(event_id, located=located, last=extent.last)
        if start.position is None:
            return Resumption(event_id, last_seen(await self._latest.take(), audience), start.gap)
        return self._resume(event_id, start.position)

    def _resume(self, event_id: str, position: int) -> Resumption:
        return Resumption(event_id, event_id if position >= self._first - 1 else EARLIEST)

    async def _look_at_extent(self) -> Page:
        page = await self._log.read(0, 0)
        self._first, self._seen_at = page.first, self._now()
        return page

    async def _look_at_latest(self) -> tuple[Outline, ...]:
        """Return the latest updates, the last one first."""
        extent = await self._look_at_extent()
        after = max(extent.last - RECENT, extent.first - 1)
        found: list[Outline] = []
        while after < extent.last:
            entries = (await self._log.read(after, extent.last - after)).entries
            if not entries:
                break
            found += [Outline.of(entry.update) for entry in entries]
            after = entries[-1].position
        return tuple(reversed(found))


@dataclass(frozen=True, slots=True)
class Outline:
    """What decides who may see an update, and its id; without its data, which may be large."""

    id: str
    topics: tuple[str, ...]
    private: bool

    @property
    def length(self) -> int:
        """Characters of all topics."""
        return sum(map(len, self.topics))

    @classmethod
    def of(cls, update: Update) -> Outline:
        """Return the outline of an update on the log."""
        return cls(update.event.id, update.topics, update.private)


def last_seen(latest: tuple[Outline, ...], audience: Audience) -> str:
    """Return the id of the first of these that the audience's grants let it see, `earliest` if there is none."""
    grants = audience.grants
    cost = len(grants) + sum(grant.cost for grant in grants)
    left = MOST_WORK
    for outline in latest:
        if not outline.private:
            return outline.id
        left -= cost * (len(outline.topics) + outline.length // 100)
        if left < 0:
            break
        if matches_any(grants, outline.topics):
            return outline.id
    return EARLIEST


class SharedLook(Generic[Found]):
    """A look at the log that is shared by all who ask for it at the same time; it begins after each of them asked."""

    def __init__(self, look: Callable[[], Awaitable[Found]]) -> None:
        self._look = look
        self._running: asyncio.Task[Found] | None = None

    async def take(self) -> Found:
        """Return what is found. Raises what `look` raises."""
        if self._running is not None:
            await asyncio.wait([self._running])  # it may have begun before what the caller knows of was on the log
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())
            self._running.add_done_callback(_retrieve)
        return await asyncio.shield(self._running)  # others may wait for it, too

    async def _run(self) -> Found:
        try:
            return await self._look()
        finally:
            self._running = None


def _retrieve(task: asyncio.Task[Found]) -> None:
    """Take note of a failure, also where everybody who asked has left."""
    if not task.cancelled():
        task.exception()
