"""Notes on the log of a hub: handed to who listens, also those of before it started.

Not here: what a note is (core/note.py), what notes say, who writes them (server/).
Rules that always hold: whoever listens gets the notes in the order of the log, each once, first those among the last
`WINDOW` entries, and is done with one before anything that follows is delivered; a note that cannot be understood, or
makes a listener fail, stops nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from longwave.core.cursor import EARLIEST, Cursor
from longwave.core.note import Note, is_note, read_note
from longwave.core.statements import WINDOW

if TYPE_CHECKING:
    from longwave.core.entry import Entry
    from longwave.logs.base import Log

logger = logging.getLogger("longwave.hub")

PAGE = 5000  # entries of one read, at most

Listener = Callable[[int, Note], Awaitable[object] | None]  # of a position and the note there; done once awaited


class Notes:
    """The notes on one log. head: tells up to which position the log was handed to feeds."""

    def __init__(self, log: Log, head: Callable[[], int]) -> None:
        self._log = log
        self._head = head
        self._listeners: list[Listener] = []
        self._last_told = 0  # position of the last entry before the latest notes that follow each other
        self._last_note = 0

    def listen(self, listener: Listener) -> None:
        """Call it with each note; to be called before the hub is opened."""
        self._listeners.append(listener)

    async def recall(self) -> None:
        """Take the notes up to the head, where following begins. Raises LogUnavailable; then it may be called again."""
        if not self._listeners:
            return
        last = self._head()
        after = max(last - WINDOW, 0)
        while after < last:
            page = await self._log.read(after, min(PAGE, last - after))
            if not page.entries:
                return
            for entry in page.entries:
                # The first ones may have been trimmed, so a page may go further.
                if entry.position <= last and is_note(entry.update):
                    await self.take(entry)
            after = page.entries[-1].position

    async def take(self, entry: Entry) -> None:
        """Hand an entry that is a note, which nobody else may get, to the listeners, and wait until they are done."""
        note = read_note(entry.update)
        if note is None:
            logger.warning("cannot read the note at position %d of the log", entry.position)
        else:
            for listener in self._listeners:
                await self._hand(listener, entry.position, note)
        if entry.position != self._last_note + 1:
            self._last_told = entry.position - 1
        self._last_note = entry.position

    @property
    def last_told(self) -> int:
        """The position of the last update that is no note and was handed to feeds; 0 if there is none."""
        head = self._head()
        return self._last_told if self._last_note == head else head

    def last_event_id(self) -> str:
        """Return an id for the last update that is no note and was handed to feeds; `earliest` if there is none."""
        position = self.last_told
        return str(Cursor(self._log.epoch, position)) if position else EARLIEST

    async def _hand(self, listener: Listener, position: int, note: Note) -> None:
        try:
            waiting = listener(position, note)
            if waiting is not None:
                await waiting
        except Exception:
            logger.exception("taking the note at position %d of the log failed", position)
