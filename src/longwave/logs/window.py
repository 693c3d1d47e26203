"""A window of the log in memory: what stands at consecutive positions, oldest first.

Not here: what that is and when it leaves the window (memory.py, recent.py).

Rules: adding, dropping the oldest and finding a position cost constant time; what is dropped is released at once.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

_COMPACT = 1024  # dropped places that a window keeps before it closes the gap


class Window(Generic[T]):
    """Items at positions `first` to `last`, which hold `size` bytes together."""

    __slots__ = ("_dropped", "_items", "_sizes", "first", "size")

    def __init__(self, first: int = 1) -> None:
        self.restart(first)

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def last(self) -> int:
        """Position of the newest item; `first - 1` when there is none."""
        return self.first + len(self._sizes) - 1

    def restart(self, first: int) -> None:
        """Drop everything; the next item is at position `first`."""
        self.first = first
        self.size = 0
        self._dropped = 0  # places at the front of `_items` that hold nothing any more
        self._items: list[T | None] = []
        self._sizes: deque[int] = deque()

    def extend(self, items: Sequence[T], sizes: Sequence[int]) -> None:
        """Add items that follow `last`, with the bytes that each counts for."""
        self._items.extend(items)
        self._sizes.extend(sizes)
        self.size += sum(sizes)

    def drop(self) -> T:
        """Remove and return the oldest item; there must be one."""
        self.size -= self._sizes.popleft()
        item = self._items[self._dropped]
        self._items[self._dropped] = None
        self._dropped += 1
        self.first += 1
        self._compact()
        return cast("T", item)

    def after(self, position: int, limit: int) -> list[T]:
        """Return up to `limit` items above `position`, oldest first."""
        start = max(position + 1 - self.first, 0) + self._dropped
        return cast("list[T]", self._items[start : start + max(limit, 0)])  # only the front holds None

    def _compact(self) -> None:
        # Only when half of the list is empty, so that moving the rest costs constant time per drop.
        if self._dropped >= _COMPACT and self._dropped * 2 >= len(self._items):
            del self._items[: self._dropped]
            self._dropped = 0
