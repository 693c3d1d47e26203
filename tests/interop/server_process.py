"""A server of somebody else in a process of its own, which can be killed and started again on the same port.

Not here: which servers there are (servers.py).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from integration.hub_process import HOST, SECONDS_TO_STOP, eventually

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TESTS = Path(__file__).resolve().parents[1]


class ServerProcess:
    """One server, with all the processes that it starts; for use in `with`, where it runs from the start.

    command: must keep the process in the foreground and listen on `port` of this machine.
    """

    def __init__(self, command: Sequence[str], port: int, environment: Mapping[str, str] | None = None) -> None:
        self.port = port
        self._command = command
        self._environment = {**os.environ, "PYTHONPATH": str(TESTS), **(environment or {})}
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._messages.close()

    def start(self) -> None:
        """Return once it takes connections."""
        assert self._process is None, "expected a server that does not run"
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=self._messages,
            stderr=self._messages,
            start_new_session=True,
        )
        listens = eventually(lambda: self._listens() or self._has_ended())
        if not listens or self._has_ended():
            self.kill()
            raise AssertionError(f"expected a server that listens, got: {self._said()}")

    def freeze(self) -> None:
        """Stop all its processes where they are: their connections stay open, and nothing comes."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "expected a server that runs"
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End all its processes without a chance to say goodbye; nothing happens if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(SECONDS_TO_STOP)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _said(self) -> str:
        return os.pread(self._messages.fileno(), os.fstat(self._messages.fileno()).st_size, 0).decode()
