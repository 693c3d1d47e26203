"""Both event sources, asked in the same way: so many events, or the rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from longwave.client import EventSource, SyncEventSource

if TYPE_CHECKING:
    from collections.abc import Collection

    from longwave.client import ReceivedEvent


class ThreadConsumer:
    """Over a SyncEventSource. chatter: types that do not count."""

    def __init__(self, url: str, chatter: Collection[str], **options: object) -> None:
        self._source = SyncEventSource(url, **options)
        self._chatter = chatter

    def take(self, count: int) -> list[ReceivedEvent]:
        """Return the next events once there are so many."""
        taken = []
        while len(taken) < count:
            event = next(self._source)
            if event.type not in self._chatter:
                taken.append(event)
        return taken

    def rest(self) -> list[ReceivedEvent]:
        """Return all up to the end."""
        return [event for event in self._source if event.type not in self._chatter]

    @property
    def last_event_id(self) -> str:
        return self._source.last_event_id

    def close(self) -> None:
        self._source.close()


class TaskConsumer:
    """Over an EventSource, in a loop that runs while something is asked for. chatter: types that do not count."""

    def __init__(self, url: str, chatter: Collection[str], **options: object) -> None:
        self._runner = asyncio.Runner()
        self._closed = False
        self._source = EventSource(url, **options)
        self._chatter = chatter

    def take(self, count: int) -> list[ReceivedEvent]:
        """Return the next events once there are so many."""
        return self._runner.run(self._take(count))

    async def _take(self, count: int) -> list[ReceivedEvent]:
        taken = []
        while len(taken) < count:
            event = await anext(self._source)
            if event.type not in self._chatter:
                taken.append(event)
        return taken

    def rest(self) -> list[ReceivedEvent]:
        """Return all up to the end."""
        return self._runner.run(self._rest())

    async def _rest(self) -> list[ReceivedEvent]:
        return [event async for event in self._source if event.type not in self._chatter]

    @property
    def last_event_id(self) -> str:
        return self._source.last_event_id

    def close(self) -> None:
        """Close source and loop; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._runner.run(self._source.close())
            self._runner.close()
