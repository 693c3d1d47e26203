"""Reading: one reader takes a number of events, in one process, and every event is checked.

Not here: the clients (readers.py), their turns (turns.py), what is made of the marks (memory.py, here `Pace`).
Rules that always hold: an event that is missing, twice, or out of order ends the reading; every client pays the same
for that check. As a program it prints what one reading cost, as JSON, and is told an address of server.py:

    python -m benchmarks.clients.reading NAME URL COUNT
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

from benchmarks.clients.readers import READERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from benchmarks.clients.readers import Reader


class WrongEvent(AssertionError):
    """A client did not hand out the next event."""


class Pace:
    """What reading costs, from the first event to the last, so that neither imports nor connecting are in it."""

    def __init__(self) -> None:
        self._marks: list[tuple[float, float]] = []

    def mark(self) -> None:
        """Take the time now."""
        self._marks.append((time.perf_counter(), time.process_time()))

    def figures(self, count: int) -> dict[str, float]:
        """Return events a second by the clock, and µs of this process's processor time an event."""
        (clock, cpu), (clock_at_end, cpu_at_end) = self._marks[0], self._marks[-1]
        return {"rate": count / (clock_at_end - clock), "cpu": (cpu_at_end - cpu) / count * 1e6}


def read(reader: Reader, url: str, legs: Sequence[int], mark: Callable[[], object]) -> None:
    """Read as many events as the legs say, and call `mark` after each leg. Raises WrongEvent."""
    if reader.is_async:
        asyncio.run(_read_async(reader, url, legs, mark))
        return
    with reader.open(url) as source:  # type: ignore[union-attr]  # a reader that is not async opens without await
        events, due = iter(source), _ids(sum(legs))
        for leg in legs:
            _take(events, islice(due, leg), attrgetter(reader.event_id))
            mark()


async def _read_async(reader: Reader, url: str, legs: Sequence[int], mark: Callable[[], object]) -> None:
    async with reader.open(url) as source:  # type: ignore[union-attr]  # a reader that is async opens with await
        events, due = aiter(source), _ids(sum(legs))
        for leg in legs:
            await _take_async(events, islice(due, leg), attrgetter(reader.event_id))
            mark()


def _ids(count: int) -> Iterator[str]:
    return map(str, range(1, count + 1))


# These two loops are in every figure: they do the least that is a check.


def _take(events: Iterator[object], due: Iterator[str], id_of: Callable[[object], str]) -> None:
    expected: str | None = next(due)
    for event in events:
        if id_of(event) != expected:
            raise WrongEvent(f"expected the event {expected}, got {id_of(event)}")
        if (expected := next(due, None)) is None:
            return
    raise WrongEvent(f"expected the event {expected}, got the end")


async def _take_async(events: AsyncIterator[object], due: Iterator[str], id_of: Callable[[object], str]) -> None:
    expected: str | None = next(due)
    async for event in events:
        if id_of(event) != expected:
            raise WrongEvent(f"expected the event {expected}, got {id_of(event)}")
        if (expected := next(due, None)) is None:
            return
    raise WrongEvent(f"expected the event {expected}, got the end")


def main() -> None:
    """Read once and print the figures."""
    name, url, count = sys.argv[1:]
    pace = Pace()
    read(READERS[name], url, (1, int(count) - 1), pace.mark)
    print(json.dumps(pace.figures(int(count) - 1)))


if __name__ == "__main__":
    main()
