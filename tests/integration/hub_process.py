"""A hub as an operator runs it: a process of its own that can be killed and started again at the same place.

Not here: clients; the hub inside the test's own process (tests of server/).
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(__file__).resolve().parents[2] / "src"
HOST = "127.0.0.1"
ATTEMPTS_AT_A_PORT = 100
SECONDS_TO_STOP = 20
LOOK_AGAIN = 0.02  # seconds, for what another process or the kernel does and nobody announces

INHERITED = {name: value for name, value in os.environ.items() if not name.startswith("LONGWAVE_")}
ENVIRONMENT = {**INHERITED, "PYTHONPATH": str(SOURCE), "NO_PROXY": "*"}


_given: set[int] = set()  # ports; who was given one may not listen yet


class HubProcess:
    """One hub, on the same port and over the same log each time it is started.

    log: its address. options: more of `longwave serve`.
    Use it in `with`: it runs from there on, and is killed at the end.
    """

    def __init__(self, log: str, *options: str) -> None:
        self.log = log
        self.port = free_port()
        self._options = options
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the hub
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> HubProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._messages.close()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/"

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def messages(self) -> str:
        """All that it said on standard error, over all its lives."""
        return os.pread(self._messages.fileno(), os.fstat(self._messages.fileno()).st_size, 0).decode()

    # Life.

    def start(self) -> None:
        """Return once it accepts connections."""
        assert self._process is None, "expected a hub that does not run"
        command = [sys.executable, "-m", "longwave", "serve", "--port", str(self.port), "--log", self.log]
        self._process = subprocess.Popen(
            [*command, *self._options], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=self._messages
        )
        assert self._process.stdout is not None
        if not self._process.stdout.readline().startswith(b"Longwave is listening"):
            self.kill()
            raise AssertionError(f"expected a hub that listens, got: {self.messages}")

    def kill(self) -> None:
        """End it without a chance to say goodbye; nothing happens if it does not run."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(SECONDS_TO_STOP)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "expected a hub that runs"
        return self._process

    # What it does.

    def publish(self, topic: str, data: str, **fields: str) -> str:
        """Publish one update and return its id."""
        body = urllib.parse.urlencode({"topic": topic, "data": data, **fields}).encode()
        with urllib.request.urlopen(f"{self.url}events", body, timeout=SECONDS_TO_STOP) as response:
            return response.read().decode()

    def descriptors(self) -> int:
        """Return how many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory(self) -> int:
        """Return the bytes of memory that are its own; its share of files changes as other processes come and go."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(rollup.partition("\nPss_Anon:")[2].split()[0]) * 1024


def free_port() -> int:
    """Return a port that nobody listens on, never the same twice, from below those that the kernel gives to clients.

    A client that asks for a port of the kernel's range while nobody listens there may be given the same port and
    so be connected to itself; the hub could not come back then.
    """
    for _ in range(ATTEMPTS_AT_A_PORT):
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise AssertionError(f"expected a free port, got none in {ATTEMPTS_AT_A_PORT} attempts")


def eventually(holds: Callable[[], bool], seconds: float = SECONDS_TO_STOP) -> bool:
    """Return whether it holds before the time is over; for what can only be looked at."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_AGAIN)
    return True
