"""Longwave's two event sources, as the measures use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clients.client import Client
from longwave.client import EventSource, FileCursor, Observer, SyncEventSource

if TYPE_CHECKING:
    from clients.client import Wish
    from clients.reading import Reading


class _Told(Observer):
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def comment(self, text: str) -> None:
        self._reading.comment(text)

    def retry(self, reason: str, delay: float) -> None:
        if not self._reading.stopped:
            self._reading.lost(delay)


def _options(wish: Wish, reading: Reading) -> dict[str, Any]:
    options = {
        "method": wish.method,
        "body": wish.body,
        "token": wish.token,
        "observer": _Told(reading),
        "idle": wish.idle,
        "event_idle": wish.event_idle,
        "last_event_id": wish.last_event_id,
        "cursor": FileCursor(wish.cursor) if wish.cursor else None,
    }
    return options if wish.max_event is None else options | {"max_event": wish.max_event, "max_line": wish.max_event}


class LongwaveSync(Client):
    def read(self, url, wish, reading):
        with SyncEventSource(url, **_options(wish, reading)) as self.source:
            for event in self.source:
                reading.event(event.data, event.type, event.id)

    def close(self):
        self.source.close()


class LongwaveAsync(Client):
    is_async = True
    others = (LongwaveSync,)

    async def read(self, url, wish, reading):
        async with EventSource(url, **_options(wish, reading)) as self.source:
            async for event in self.source:
                reading.event(event.data, event.type, event.id)

    async def close(self):
        await self.source.close()


LongwaveSync.others = (LongwaveAsync,)
