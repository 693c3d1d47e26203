"""The generating processes of one run, as seen from the process that conducts it.

Not here: what they do (process.py), in which order (run.py).
Rules that always hold: they end with the `with` block, whatever happens in it; should the conducting process be
killed, their pipes end and so do they; Ctrl-C reaches the conducting process only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Protocol

from longwave.errors import LongwaveError
from longwave.load.messages import Broken, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SECONDS_TO_END = 2.0


class Job(Protocol):
    """What a process does; it can be pickled."""

    def execute(self, pipe: Connection) -> None:
        """Do it."""


class LoadFailed(LongwaveError):
    """A run could not be carried out; the message says why."""


class Processes:
    """One process for each job; for use in `with`."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._processes: list[subprocess.Popen[bytes]] = []
        self._pipes: list[Connection] = []

    def __enter__(self) -> Processes:
        try:
            for job in self._jobs:
                self._start(job)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            with suppress(OSError):
                pipe.send(Stop())
            pipe.close()
        end = time.monotonic() + SECONDS_TO_END
        for process in self._processes:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def pids(self) -> list[int]:
        """Their process ids, in the order of the jobs."""
        return [process.pid for process in self._processes]

    def tell(self, message: object, numbers: Sequence[int] | None = None) -> None:
        """Send a message to these processes, by the number of their job; to all by default."""
        for number in range(len(self._pipes)) if numbers is None else numbers:
            try:
                self._pipes[number].send(message)
            except OSError:
                raise LoadFailed(f"expected generating process {number} to go on, got its end") from None

    def hear(self, seconds: float) -> Iterator[tuple[int, Any]]:
        """Yield (number of the job, message) of what comes, waiting so long for the first. Raises LoadFailed."""
        for pipe in wait(self._pipes, max(0.0, seconds)):
            assert isinstance(pipe, Connection)
            number = self._pipes.index(pipe)
            try:
                message = pipe.recv()
            except (EOFError, OSError):
                message = Broken("it ended")
            if isinstance(message, Broken):
                raise LoadFailed(f"generating process {number} stopped: {message.reason}")
            yield number, message

    def _start(self, job: Job) -> None:
        ours, theirs = Pipe()
        self._pipes.append(ours)
        command = [sys.executable, "-m", "longwave.load.process", str(theirs.fileno())]
        # The same import path as ours, so that the job's class is found.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        with theirs:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._processes.append(process)
        ours.send(job)
