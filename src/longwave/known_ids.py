"""What a hub tells a client about the last event id that it sent: that it is known, or where its stream begins instead.

Not here: what the client is sent then (replay.py), which update is the last that it may see (last_seen.py).
The protocol's rule (draft 07, Reconciliation), in this order:
- the id itself, if the log has all that comes after it;
- `earliest`, if the client asked for that, or is fed all that the log still has, because what came next was trimmed;
- else the stream begins live, after the last update on the whole log that the client may see: the id of that, or
  `earliest` if there is none; `earliest` as well if that could not be found within `PATIENCE`.

So all that the client may see, and that comes after the update whose id it is told in the last case, follows.

Rules that always hold: nobody is told the id of an update that it may not see. But a default id is a place in the log,
which counts all updates: whoever is told one learns how many there are, private ones too. However many ask at once, the
log is looked at once; whoever asks again makes it be looked at for what is new only.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from longwave.core.cursor import EARLIEST, parse_id
from longwave.core.resume import Resumption, start_after
from longwave.last_seen import LastSeen, Seen
from longwave.logs.shared_look import SharedLook

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.core.audience import Audience
    from longwave.core.counters import Counters
    from longwave.logs.base import Log, Page

FRESH = 1.0  # seconds for which the log's first position is believed; it rises as the log is trimmed
PATIENCE = 2.0  # seconds that a client waits to be told which update is the last that it may see

THE_EARLIEST = Resumption(EARLIEST, EARLIEST)


class KnownIds:
    """head: tells up to which position the log was handed to feeds; now: a monotonic clock in seconds."""

    def __init__(self, log: Log, head: Callable[[], int], now: Callable[[], float], counters: Counters) -> None:
        self._log = log
        self._head = head
        self._now = now
        self._counters = counters
        self._first = 0  # the log's first position, as it was seen lately
        self._seen_at = float("-inf")
        self._extents = SharedLook(self._look_at_extent)
        self._locating: dict[str, SharedLook[int | None]] = {}
        self._last_seen = LastSeen(log, self._look_at_extent)

    def at_hand(self, event_id: str) -> Resumption | None:
        """Return what to tell, if that is known without a look at the log; else None, and `find` will know."""
        if event_id == EARLIEST:
            return THE_EARLIEST
        if self._now() - self._seen_at >= FRESH:
            return None
        position = self._handed(event_id)
        return None if position is None else self._resume(event_id, position)

    async def find(self, event_id: str, audience: Audience) -> Resumption:
        """Return what to tell a client of this audience of an id that is not at hand. Raises LogUnavailable."""
        located = self._handed(event_id)
        if located is None:
            located = await self._locate(event_id)
        extent = await self._extents.take()  # after the look for the id, so that it is not older than what was found
        start = start_after(event_id, located=located, last=extent.last)
        if start.position is not None:
            return self._resume(event_id, start.position)
        seen = await self._find_last(audience)
        if seen is None:
            self._counters.unsettled += 1
            seen = Seen(extent.last, None)
        return Resumption(event_id, EARLIEST if seen.found is None else seen.found.id, start.gap, seen.until)

    def _handed(self, event_id: str) -> int | None:
        """Return the position of one of the hub's own ids that feeds were handed, None for any other."""
        cursor = parse_id(event_id)
        if cursor is None or cursor.epoch != self._log.epoch or cursor.position > self._head():
            return None
        return cursor.position

    def _resume(self, event_id: str, position: int) -> Resumption:
        return Resumption(event_id, event_id if position >= self._first - 1 else EARLIEST, None, position)

    async def _locate(self, event_id: str) -> int | None:
        """Look for an id, once for all who ask for it at the same time."""
        look = self._locating.get(event_id)
        if look is None:
            look = self._locating[event_id] = SharedLook(lambda: self._look_for(event_id))
        return await look.take()

    async def _look_for(self, event_id: str) -> int | None:
        try:
            return await self._log.locate(event_id)
        finally:
            self._locating.pop(event_id, None)

    async def _find_last(self, audience: Audience) -> Seen | None:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._last_seen.find(audience.grants)
        except TimeoutError:
            return None  # the look goes on, so that it is known next time

    async def _look_at_extent(self) -> Page:
        page = await self._log.read(0, 0)
        self._first, self._seen_at = page.first, self._now()
        return page
