"""A bell between processes that share a log: whoever appended rings, and the others look at once.

Not here: what they do when they hear it (lookout.py), the look that does not need a bell (sqlite_writer.py).

Rules: a ring carries nothing and may get lost, as every log also looks without one; rings that nobody has heard yet are
one ring; ringing never waits.
See https://man7.org/linux/man-pages/man2/eventfd.2.html
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Bell(Protocol):
    """One process's end of the bell; belongs to the event loop that `open` was called in."""

    def open(self, heard: Callable[[], None]) -> None:
        """From now on call `heard` soon after another process rang, also if it did so before."""

    def ring(self) -> None:
        """Let all other processes hear it."""

    def close(self) -> None:
        """Hear no more; safe to call again."""


class NoBell:
    """For a log that nobody else shares, or whose others look by themselves."""

    def open(self, heard: Callable[[], None]) -> None:
        """Nobody rings."""

    def ring(self) -> None:
        """Nobody hears."""

    def close(self) -> None:
        """Nothing was open."""


class EventBell:
    """A bell of Linux's eventfd descriptors, which belong to whoever hung them.

    own: the one that this process hears. others: those that it rings.
    """

    def __init__(self, own: int, others: Sequence[int]) -> None:
        self._own = own
        self._others = tuple(others)
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self, heard: Callable[[], None]) -> None:
        """As in the protocol."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._own, self._hear, heard)

    def ring(self) -> None:
        """As in the protocol."""
        for other in self._others:
            with contextlib.suppress(BlockingIOError):  # it rings already, 2**64 times
                os.eventfd_write(other, 1)

    def close(self) -> None:
        """As in the protocol."""
        if self._loop is not None:
            self._loop.remove_reader(self._own)
            self._loop = None

    def _hear(self, heard: Callable[[], None]) -> None:
        with contextlib.suppress(BlockingIOError):  # whoever was here before in its place has heard it
            os.eventfd_read(self._own)
        heard()


@contextlib.contextmanager
def hang_bells(count: int) -> Iterator[tuple[int, ...]]:
    """Give descriptors, one for each of so many processes to inherit; closes ours at the end. Raises OSError."""
    with contextlib.ExitStack() as hung:
        bells = []
        for _ in range(count):
            bells.append(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))
            hung.callback(os.close, bells[-1])
        yield tuple(bells)
