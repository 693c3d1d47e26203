"""Notes on the log of a hub: handed to who listens, also those of before it started.

Not here: what a note is (core/note.py), what notes say, who writes them (server/).
Rules that always hold: whoever listens gets the notes in the order of the log, each once, first those among the last
`WINDOW` entries; a note that cannot be understood, or makes a listener fail, stops nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from longwave.core.cursor import EARLIEST, Cursor
from longwave.core.note import Note, is_note, read_note
from longwave.core.statements import WINDOW

if TYPE_CHECKING:
    from longwave.core.entry import Entry
    from longwave.logs.base import Log

logger = logging.getLogger("longwave.hub")

PAGE = 5000  # entries of one read, at most

Listener = Callable[[int, Note], None]  # of a position and the note there


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
                if entry.position <= last:  # the first ones may have been trimmed, so a page may go further
                    self.take(entry)
            after = page.entries[-1].position

    def take(self, entry: Entry) -> bool:
        """Hand an entry to the listeners if it is a note, which nobody else may get; return whether it is."""
        if not is_note(entry.update):
            return False
        if entry.position != self._last_note + 1:
            self._last_told = entry.position - 1
        self._last_note = entry.position
        note = read_note(entry.update)
        if note is None:
            logger.warning("cannot read the note at position %d of the log", entry.position)
            return True
        for listener in self._listeners:
            self._hand(listener, entry.position, note)
        return True

    def last_event_id(self) -> str:
        """Return an id for the last update that is no note and was handed to feeds; `earliest` if there is none."""
        head = self._head()
        position = self._last_told if self._last_note == head else head
        return str(Cursor(self._log.epoch, position)) if position else EARLIEST

    def _hand(self, listener: Listener, position: int, note: Note) -> None:
        try:
            listener(position, note)
        except Exception:
            logger.exception("taking the note at position %d of the log failed", position)
