"""A server under measurement: a process, with its children, that keeps to one processor.

Not here: what it is (micro/, comparison/), what it has taken of the machine (footprint.py).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

SECONDS_TO_START = 20.0
SECONDS_TO_STOP = 20.0
LOOK_AGAIN = 0.02  # seconds


class ServerProcess:
    """A server on a port of this machine; for use in `with`, where it accepts connections.

    command: its program and arguments; it must stay in the foreground. environment: in place of our own.
    """

    def __init__(self, command: list[str], port: int, *, cpu: int, environment: dict[str, str] | None = None) -> None:
        self.port = port
        self._command = command
        self._cpu = cpu
        self._environment = environment

    def __enter__(self) -> ServerProcess:
        pinned = ["taskset", "--cpu-list", str(self._cpu), *self._command]
        self._process = subprocess.Popen(
            pinned, stdout=subprocess.DEVNULL, env=self._environment, start_new_session=True
        )
        try:
            self._wait_until_it_accepts()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def pids(self) -> list[int]:
        """It and its children."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def _wait_until_it_accepts(self) -> None:
        end = time.monotonic() + SECONDS_TO_START
        while True:
            if self._process.poll() is not None:
                raise OSError(f"expected a server, got its exit status {self._process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise
                time.sleep(LOOK_AGAIN)


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
