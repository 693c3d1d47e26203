"""The newest entries of a log that lives in a file, kept in memory for those who follow it closely.

Not here: the file (sqlite.py), who follows (tail.py).

Rule: holds at most `RECENT_ENTRIES` entries and `RECENT_SIZE` bytes, however many tails there are and however slow
they are; a tail that falls behind reads the file again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.logs.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longwave.core.entry import Entry

RECENT_ENTRIES = 10_000
RECENT_SIZE = 32 * 2**20  # bytes


class Recent:
    """A bounded window that ends at the newest entry known to this process."""

    __slots__ = ("_window",)

    def __init__(self) -> None:
        self._window: Window[Entry] = Window()

    def add(self, entries: Sequence[Entry], sizes: Sequence[int]) -> None:
        """Take entries at consecutive positions; what does not join on to the newest one replaces it."""
        if entries[0].position != self._window.last + 1:
            self._window.restart(entries[0].position)
        self._window.extend(entries, sizes)
        while len(self._window) > RECENT_ENTRIES or self._window.size > RECENT_SIZE:
            self._window.drop()

    def forget(self, last: int) -> None:
        """Hold nothing; the next entry to come is above `last`."""
        self._window.restart(last + 1)

    def after(self, position: int, limit: int) -> tuple[Entry, ...]:
        """Return up to `limit` entries from `position + 1` on, or nothing if that one is not held."""
        if position + 1 < self._window.first:
            return ()
        return tuple(self._window.after(position, limit))
