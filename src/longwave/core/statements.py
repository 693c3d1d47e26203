"""What hubs must find again when they start: things that were stated on the log, and which of them to state anew.

A hub that starts reads the last `WINDOW` entries of the log, so whatever matters stands there, for as long as it
matters. So each thing is stated anew once it is in the older half of what will be read, or of what the log keeps, and
every `OLDEST` seconds at least, as the log also trims by age.
Not here: the things themselves, the log (notes.py).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Thing = TypeVar("Thing")

WINDOW = 100_000  # entries; reading them takes half a second
OLDEST = 3600.0  # seconds


class Statements(Generic[Key, Thing]):
    """Things by key, in the order of their latest statements. Times are seconds on a clock that never goes back."""

    __slots__ = ("_stated",)

    def __init__(self) -> None:
        self._stated: OrderedDict[Key, tuple[int, float, Thing]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._stated)

    def find(self, key: Key) -> Thing | None:
        """Return the thing as it was stated last, None if it was not."""
        stated = self._stated.get(key)
        return stated[2] if stated is not None else None

    def state(self, key: Key, thing: Thing, position: int, now: float) -> None:
        """Note that a thing was stated; `position` is that of the statement, and never lower than one before."""
        self._stated[key] = (position, now, thing)
        self._stated.move_to_end(key)

    def forget(self, key: Key) -> None:
        """Note that a thing matters no more; it may be unknown."""
        self._stated.pop(key, None)

    def due(self, *, first: int, last: int, now: float, limit: int) -> list[tuple[int, Thing]]:
        """Return up to `limit` things to state anew, each with its latest position; the oldest first.

        first, last: the positions that the log holds.
        """
        readable = WINDOW if first <= 1 else min(WINDOW, last - first + 1)  # from 1 on nothing was trimmed yet
        due: list[tuple[int, Thing]] = []
        for position, stated_at, thing in self._stated.values():
            if len(due) == limit or (position > last - readable / 2 and now - stated_at < OLDEST):
                break
            due.append((position, thing))
        return due
