"""What replays share: pages of the log that were read lately, and what each feed gets of them.

Not here: who is sent what, and when (replay.py).

When a hub was away, all its clients come back at once and lack the same entries: these are read, matched and encoded
once. An entry never changes, so a page is as good as a new one for as long as it holds what comes next; what was
trimmed meanwhile is still told, which is better than a gap.

Rule: nothing is kept for longer than `KEPT`, and no more than `PAGES` pages and `CHUNKS_SIZE` of chunks.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from longwave.core.feed import MAX_CHUNK
from longwave.core.frame import frame, join
from longwave.errors import LogUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from longwave.core.audience import Audience
    from longwave.core.entry import Entry
    from longwave.core.feed import Feed
    from longwave.core.frame import Format, Payload
    from longwave.logs.base import Log, Page

Found = TypeVar("Found")

logger = logging.getLogger("longwave.replay")

PAGE = 256  # entries of one read, at most; an SQLite log ends a page at 1 MiB as well
PAGES = 16
KEPT = 2.0  # seconds
CHUNKS_SIZE = 16 * 2**20  # bytes, or events for subscribers in this process
CHUNKS_LEAST = 1024  # of these, for what a feed gets of a page, even if that is nothing
READ_AGAIN_AFTER = 1.0  # seconds, when the log could not be read


class PageChunk(NamedTuple):
    """What a feed gets of some entries. events: how many these are. position: of the last one."""

    payload: Payload
    events: int
    position: int


Chunks = tuple[PageChunk, ...]


class Pages:
    """Reads a log for many; `turns` is how many looks at it go on at the same time."""

    def __init__(self, log: Log, turns: int) -> None:
        self._log = log
        self._turns = asyncio.Semaphore(turns)
        self._reading: dict[int, asyncio.Task[Page]] = {}
        self._pages: list[Page] = []  # none is empty; the newest stands last
        self._chunks: dict[tuple[Feed, int, int], Chunks] = {}
        self._chunks_size = 0
        self._timer: asyncio.TimerHandle | None = None

    async def close(self) -> None:
        """Stop reading and forget everything."""
        reading = list(self._reading.values())
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        self._forget()

    # Pages.

    def find(self, after: int) -> Page | None:
        """Return a page that holds the entry after this position and is at hand, if there is one."""
        for page in reversed(self._pages):
            if page.entries[0].position <= after + 1 <= page.entries[-1].position:
                return page
        return None

    async def read(self, after: int) -> Page:
        """Return a page that holds the entries after this position, among others, or none if the log has none.

        Waits for as long as the log cannot be read.
        """
        page = self.find(after)
        if page is not None:
            return page
        reading = self._reading.get(after)
        if reading is None:
            reading = self._reading[after] = asyncio.get_running_loop().create_task(self._read(after))
        return await asyncio.shield(reading)  # others may wait for it, too

    async def extent(self) -> Page:
        """Return a page for its `first` and `last`, read now."""
        return await self._patiently(lambda: self._log.read(0, 0))

    async def locate(self, event_id: str) -> int | None:
        """Return the position of the update with this id, if the log has it."""
        return await self._patiently(lambda: self._log.locate(event_id))

    async def _read(self, after: int) -> Page:
        try:
            page = await self._patiently(lambda: self._log.read(after, PAGE))
        finally:
            del self._reading[after]
        if page.entries:
            self._keep(page)
        return page

    async def _patiently(self, look: Callable[[], Coroutine[None, None, Found]]) -> Found:
        while True:
            try:
                async with self._turns:
                    return await look()
            except LogUnavailable as error:
                logger.warning("cannot read the log, trying again in %g s: %s", READ_AGAIN_AFTER, error)
                await asyncio.sleep(READ_AGAIN_AFTER)

    def _keep(self, page: Page) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(KEPT, self._forget)
        if len(self._pages) == PAGES:
            del self._pages[0]
        self._pages.append(page)

    def _forget(self) -> None:
        self._timer = None
        self._pages.clear()
        self._forget_chunks()

    # Chunks.

    def chunks(self, feed: Feed, page: Page, after: int, until: int) -> Chunks:
        """Return what the feed gets of a page's entries above `after` and up to `until`, in order."""
        made = self._chunks.get((feed, after, until))
        if made is None:
            first = page.entries[0].position
            entries = page.entries[max(after + 1 - first, 0) : until + 1 - first]
            made = tuple(chunks(entries, feed.audience, feed.form))
            self._keep_chunks((feed, after, until), made)
        return made

    def _keep_chunks(self, key: tuple[Feed, int, int], made: Chunks) -> None:
        size = CHUNKS_LEAST + sum(len(chunk.payload) for chunk in made)
        if self._timer is None or size > CHUNKS_SIZE:
            return
        if self._chunks_size + size > CHUNKS_SIZE:
            self._forget_chunks()
        self._chunks[key] = made
        self._chunks_size += size

    def _forget_chunks(self) -> None:
        self._chunks.clear()
        self._chunks_size = 0


def chunks(entries: Iterable[Entry], audience: Audience, form: Format) -> Iterator[PageChunk]:
    """Yield what the audience receives of the entries, a chunk at a time."""
    frames: list[Payload] = []
    size = position = 0
    for entry in entries:
        if not audience.receives(entry.update):
            continue
        made = frame(entry.update.event, form)
        if frames and size + len(made) > MAX_CHUNK:
            yield PageChunk(join(frames), len(frames), position)
            frames, size = [], 0
        frames.append(made)
        size += len(made)
        position = entry.position
    if frames:
        yield PageChunk(join(frames), len(frames), position)
