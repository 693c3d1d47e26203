"""What the small applications serve: events in memory, from any id on, and what comes after.

Not here: how they become a stream (the applications, each with its library), asking for them (test_servers.py).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

END = "end"  # the type of the event after which there is nothing more
RETRY = 20  # milliseconds after which clients should come back
PING = 0.05  # seconds


@dataclass(frozen=True)
class Published:
    """An event as it was published; whoever publishes counts the ids, so that they go on after a restart."""

    id: int
    type: str
    data: str


class History:
    """All events since the start of the process."""

    def __init__(self) -> None:
        self._events: list[Published] = []
        self._changed = asyncio.Condition()

    async def add(self, event: Published) -> None:
        async with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def has_ended(self, last_event_id: str | None) -> bool:
        """Whether a client that has this id has seen the end."""
        return any(event.type == END and event.id <= int(last_event_id or 0) for event in self._events)

    async def follow(self, last_event_id: str | None) -> AsyncIterator[Published]:
        """Yield what comes after the id, up to the end."""
        last = int(last_event_id or 0)
        while True:
            for event in await self._wait(last):
                yield event
                last = event.id
                if event.type == END:
                    return

    async def _wait(self, last: int) -> list[Published]:
        """Return what comes after the id, once there is something."""
        async with self._changed:
            return await self._changed.wait_for(lambda: self._after(last))

    def _after(self, last: int) -> list[Published]:
        return [event for event in self._events if event.id > last]
