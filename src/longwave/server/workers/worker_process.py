"""One worker as its supervisor sees it: a process to start, to wait for, to let go and to kill.

Not here: when that happens (supervisor.py), what the process does (worker.py).

Rules: a worker is a fresh interpreter with the module path, the environment and the standard error of this process;
it has a session of its own, so that Ctrl-C reaches its supervisor only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
from typing import TYPE_CHECKING

from longwave.server.workers.worker import LISTENING

if TYPE_CHECKING:
    from longwave.server.workers.assignment import Assignment

PROGRAM = "from longwave.server.workers.worker import main; main()"
START_TIMEOUT = 60.0  # seconds until it listens


class WorkerProcess:
    """A process that was started with `start`; await `ended` in any case."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, assignment: Assignment) -> WorkerProcess:
        """Start a process and tell it what to do. Raises OSError."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", PROGRAM),  # -P: the working directory holds no modules of ours
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            pass_fds=assignment.bells,
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(assignment))
        return cls(process)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def _output(self) -> asyncio.StreamReader:
        assert self._process.stdout is not None
        return self._process.stdout

    async def fault(self) -> str | None:
        """Wait until it listens, and return None; or else a sentence that says why it does not."""
        try:
            async with asyncio.timeout(START_TIMEOUT):
                line = (await self._output.readline()).decode().strip()
        except TimeoutError:
            return f"expected it to listen within {START_TIMEOUT:g} s, got no word"
        if line == LISTENING:
            return None
        return line or f"expected it to listen, got its end with {await self.ended()}"

    async def ended(self) -> str:
        """Wait for its end, and return how it was, with its last words if there are any: `status 0`, `SIGKILL`."""
        words = (await self._output.read()).decode().strip()
        status = await self._process.wait()
        how = signal_name(-status) if status < 0 else f"status {status}"
        return f"{how}: {words}" if words else how

    def release(self) -> None:
        """Have it stop as it does at a signal."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """End it at once; safe to call again."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


def signal_name(number: int) -> str:
    """Return what a signal is called."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
