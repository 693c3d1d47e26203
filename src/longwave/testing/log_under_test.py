"""What the suites of the log contract stand on: how a log is made, updates to append, a clock to move.

Not here: the tests (log_append_contract.py, log_read_contract.py, log_tail_contract.py).
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.logs.base import TAIL_BATCH
from longwave.logs.retention import Retention

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from longwave.core.entry import Entry
    from longwave.logs.base import Log

PATIENCE = 20.0  # seconds that a test waits for what must come
GENEROUS = Retention()


class ManualClock:
    """A clock that only the test moves; seconds."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def make_update(data: str = "x", event_id: str = "") -> Update:
    """Return an update of 3 bytes and its data (and its id): topic "t", type "ty"."""
    return Update(("t",), Event(data, "ty", event_id))


def make_updates(count: int) -> list[Update]:
    """Return updates whose data are "0", "1" and so on."""
    return [make_update(str(number)) for number in range(count)]


def positions_of(entries: Iterable[Entry]) -> list[int]:
    """Return the positions of entries."""
    return [entry.position for entry in entries]


async def take(tail: AsyncIterator[tuple[Entry, ...]], last: int) -> list[Entry]:
    """Return what a tail yields up to position `last`."""
    taken: list[Entry] = []
    async with asyncio.timeout(PATIENCE):
        while not taken or taken[-1].position < last:
            batch = await anext(tail)
            assert 0 < len(batch) <= TAIL_BATCH
            taken.extend(batch)
    return taken


@pytest.mark.asyncio
class LogUnderTest:
    """Base of the suites.

    durable: whether a log that was closed can be opened again, in the same place.
    """

    durable: ClassVar[bool] = True

    def make_log(self, place: Path, retention: Retention, clock: Callable[[], float]) -> Log:
        """Return a log, not open yet, that is the same one for the same (empty at first) directory."""
        raise NotImplementedError

    @asynccontextmanager
    async def open_log(
        self, place: Path, retention: Retention = GENEROUS, clock: Callable[[], float] | None = None
    ) -> AsyncIterator[Log]:
        """Open the log of `place`; close it in the end."""
        log = self.make_log(place, retention, clock or ManualClock())
        await log.open()
        try:
            yield log
        finally:
            await log.close()
