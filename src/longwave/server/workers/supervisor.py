"""Workers: several processes that listen at one address, over one log, and the supervisor that keeps them running.

Not here: what a worker does (worker.py), when one is started again (restarts.py), what spreads connections (the kernel,
by `SO_REUSEPORT`), how workers learn of each other's appends (logs/bell.py).

Rules: the supervisor serves nothing and never touches the log; it ends only when all workers have; a worker that fails
before the first announcement ends all, as the next one would fail too.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import secrets
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from longwave.logs.bell import hang_bells
from longwave.server.server import signals_to
from longwave.server.wire.listener import reserve, url_of
from longwave.server.workers.restarts import Restarts
from longwave.server.workers.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.server.config import Timeouts
    from longwave.server.workers.assignment import Assignment

logger = logging.getLogger("longwave.server")

STOP_GRACE = 10.0  # seconds beyond those of its configuration for a worker to end before it is killed


async def supervise(assignment: Assignment, announce: Callable[[str], None]) -> None:
    """Run as many workers as configured until SIGTERM or SIGINT, which they drain at; a second signal kills them.

    assignment: for all of them; ports, numbers, bells and its own name are added here.
    announce: called with the address once all workers accept connections.
    Raises OSError that names the address, or says why a worker does not start.
    """
    config = assignment.config
    with contextlib.ExitStack() as held:
        reserved = reserve(config)
        for sock in reserved:
            held.callback(sock.close)
        shared = replace(
            assignment,
            config=config.of_worker(port=reserved[0].getsockname()[1]),
            bells=held.enter_context(hang_bells(config.workers)),
            supervisor=secrets.token_hex(8),
        )
        supervisor = Supervisor(shared, partial(announce, url_of(reserved[0])))
        held.enter_context(signals_to(supervisor.stop, supervisor.kill))
        await supervisor.run()


class Supervisor:
    """Keeps all places filled until `stop` is set. announce: called once, when all listen for the first time."""

    def __init__(self, assignment: Assignment, announce: Callable[[], None]) -> None:
        self.stop = asyncio.Event()
        self._assignment = assignment
        self._announce = announce
        self._announced = False
        self._processes: dict[int, WorkerProcess] = {}  # those that run, by number
        self._listening: set[int] = set()
        self._failure: OSError | None = None

    async def run(self) -> None:
        """Return when all workers have ended after `stop`. Raises OSError if one cannot be started."""
        config = self._assignment.config
        async with asyncio.TaskGroup() as group:
            places = [group.create_task(self._fill(number)) for number in range(config.workers)]
            await self.stop.wait()
            for process in self._processes.values():
                process.release()
            _, late = await asyncio.wait(places, timeout=patience(config.timeouts))
            if late:
                logger.warning("workers that did not end in time are killed: %d", len(late))
                self.kill()
        if self._failure is not None:
            raise self._failure

    def kill(self) -> None:
        """End all workers at once."""
        for process in self._processes.values():
            process.kill()

    # One place.

    async def _fill(self, number: int) -> None:
        """Have one worker after another in a place."""
        restarts = Restarts()
        while not self.stop.is_set():
            life = await self._live(number)
            pause = self._next_pause(number, life, restarts)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.stop.wait()

    async def _live(self, number: int) -> Life:
        """Run one worker to its end."""
        try:
            process = await WorkerProcess.start(replace(self._assignment, number=number))
        except OSError as error:
            return Life(f"expected a new process, got: {error.strerror or error}")
        self._processes[number] = process
        try:
            if self.stop.is_set():
                process.release()
            return await self._watch(number, process)
        finally:
            process.kill()
            await process.ended()
            del self._processes[number]

    async def _watch(self, number: int, process: WorkerProcess) -> Life:
        fault = await process.fault()
        if fault is not None:
            return Life(fault)
        began = time.monotonic()
        self._note_listening(number, process.pid)
        end = await process.ended()
        return Life(None, time.monotonic() - began, end)

    def _note_listening(self, number: int, pid: int) -> None:
        logger.info("worker %d listens, in process %d", number, pid)
        self._listening.add(number)
        if len(self._listening) == self._assignment.config.workers and not self._announced:
            self._announced = True
            self._announce()

    def _next_pause(self, number: int, life: Life, restarts: Restarts) -> float | None:
        """Return how long the place stays empty; None: until the stop, which has come then."""
        if self.stop.is_set():
            return None
        if life.fault is None:
            pause = restarts.after_life(life.seconds)
            logger.warning("worker %d ended with %s; the next one starts in %g s", number, life.end, pause)
            return pause
        next_pause = restarts.after_failed_start() if self._announced else None
        if next_pause is None:
            self._failure = OSError(errno.ECHILD, f"cannot start worker {number}: {life.fault}")
            self.stop.set()
        else:
            logger.error("worker %d did not start, the next try is in %g s: %s", number, next_pause, life.fault)
        return next_pause


def patience(timeouts: Timeouts) -> float:
    """Return the seconds that a worker may take to end."""
    return timeouts.shutdown_delay + timeouts.drain + STOP_GRACE


@dataclass(frozen=True, slots=True)
class Life:
    """What became of one worker.

    fault: why it never listened, None if it did. seconds: for how long then. end: how it ended.
    """

    fault: str | None
    seconds: float = 0.0
    end: str = ""
