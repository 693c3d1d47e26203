"""How workers tell each other their samples, so that any of them can answer for all.

Not here: what samples are (samples.py), who asks (metrics.py).

Each worker listens on a Unix socket in a folder that only their user can enter, and writes one line to whoever
connects. Rules that always hold: a worker that does not answer in time is left out; nothing is kept between questions;
the last worker takes the folder along, as their supervisor may have been killed, and the next one makes it anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("longwave.server")

PATIENCE = 1.0  # seconds for a worker to answer
LONGEST_LINE = 4 * 2**20  # bytes


class SampleExchange:
    """One worker's end. folder: of the sockets. number: the worker's own. workers: how many there are."""

    def __init__(self, folder: str, number: int, workers: int) -> None:
        self.number = number
        self._folder = folder
        self._workers = workers
        self._server: asyncio.Server | None = None

    async def open(self, own: Callable[[], bytes]) -> None:
        """Answer from now on with what `own` returns, one line without its end.

        Where that is impossible, this worker says so once and is left out of what others tell.
        """
        path = self._path(self.number)
        try:
            self._enter_folder()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)  # of whoever was in this place before
            self._server = await asyncio.start_unix_server(lambda _, writer: self._tell(writer, own), path)
        except OSError as error:
            logger.warning("other workers cannot tell the metrics of this one: %s", error)

    async def close(self) -> None:
        """Answer no more; safe to call again."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        with contextlib.suppress(OSError):
            os.unlink(self._path(self.number))
        with contextlib.suppress(OSError):  # others are in it, mostly
            os.rmdir(self._folder)

    async def ask(self) -> dict[int, bytes | None]:
        """Return the lines of all other workers by number, None for those that did not answer."""
        others = [number for number in range(self._workers) if number != self.number]
        lines = await asyncio.gather(*map(self._ask, others))
        return dict(zip(others, lines, strict=True))

    def _enter_folder(self) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(self._folder, 0o700)
        if os.stat(self._folder).st_uid != os.geteuid():
            raise PermissionError(f"expected {self._folder} to be this user's own folder, got another's")

    async def _ask(self, number: int) -> bytes | None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_unix_connection(self._path(number), limit=LONGEST_LINE)
                with contextlib.closing(writer):
                    return await reader.readuntil(b"\n")
        return None

    async def _tell(self, writer: asyncio.StreamWriter, own: Callable[[], bytes]) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                writer.write(own() + b"\n")
                await writer.drain()

    def _path(self, number: int) -> str:
        return os.path.join(self._folder, f"{number}.sock")
