"""The contract of a log; `longwave.testing.log_contract` holds the suite that every log passes.

A log belongs to the event loop that opened it. All its methods are called from that loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from longwave.core.entry import Entry
    from longwave.core.outline import Outline
    from longwave.core.update import Update


@dataclass(frozen=True, slots=True)
class Page:
    """What one read found, all from one moment of the log.

    entries: in order of position.
    first: the lowest position that the log still has; `last + 1` when it has none.
    last: the highest position that was ever given out; 0 for a new log.

    Positions have no holes, so `first > after + 1` says that some after `after` were trimmed.
    """

    entries: tuple[Entry, ...]
    first: int
    last: int


class Log(Protocol):
    """Ordered history of updates, shared by all hubs that open the same address."""

    @property
    def epoch(self) -> str:
        """Random name of this life of the log; stays for as long as its history does. Known once open."""

    async def open(self) -> None:
        """Get ready; create the storage if there is none. Raises LogUnavailable."""

    async def close(self) -> None:
        """Finish what was begun and release everything; safe to call twice. Tails end."""

    async def append(self, updates: Sequence[Update]) -> list[int]:
        """Store all updates or none, in order and at consecutive positions; durable on return.

        An update without an id gets the default one. Once begun an append is finished even if the caller
        is cancelled. No tail sees an entry before it is durable; tails have been told when this returns.
        An empty sequence stores nothing but proves that the log takes writes.
        Raises DuplicateId (also for a default id of this epoch, which only the log gives out) and
        LogUnavailable; nothing was stored then.
        """

    async def read(self, after: int, limit: int) -> Page:
        """Return up to `limit` entries with positions above `after`, oldest first.

        A page may end early, but holds at least one entry if there is one: compare with `Page.last`.
        Raises LogUnavailable.
        """

    def tail(self, after: int) -> AsyncIterator[tuple[Entry, ...]]:
        """Yield batches of entries above `after` as they appear, whoever appended them, in order.

        Each entry comes once. A first position above the expected one says that the entries between were
        trimmed before this tail came to them. Ends when the log is closed. A batch holds at most `TAIL_BATCH`.
        Raises LogUnavailable if the log cannot be read now; asked again, it goes on where it stopped.
        """

    async def locate(self, event_id: str) -> int | None:
        """Return the position of the update with this id, or None if the log does not have it (any more).

        A default id of this epoch is located without looking, also when it was trimmed; `read` tells.
        """

    async def outlines(self, after: int, before: int, limit: int, *, private: bool) -> tuple[Outline, ...]:
        """Return up to `limit` private updates, or public ones, above `after` and below `before`, newest first.

        Ends early above `OUTLINES_SIZE`, but holds at least one if there is one. What is passed over costs little, and
        blocks the loop for no longer than a page of `read` does. Raises LogUnavailable.
        """


TAIL_BATCH = 1000  # entries
OUTLINES_SIZE = 64 * 2**10  # characters of the topics of all but the first
