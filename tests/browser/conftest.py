"""A real hub in its own process, and pages of a real Chromium.

Not here: the skip of these tests where there is no Chromium (tests/conftest.py).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

import longwave
from integration.hub_process import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/")
SECONDS_TO_STOP = 10
SOON = 20_000  # ms, for what must come

expect.set_options(timeout=SOON)


@dataclass(frozen=True, slots=True)
class RunningHub:
    """A hub process that accepts connections at `url`."""

    url: str
    process: subprocess.Popen[str]

    def publish(self, topic: str, data: str, **fields: str) -> str:
        """Publish one update and return its id."""
        body = urllib.parse.urlencode({"topic": topic, "data": data, **fields}).encode()
        with urllib.request.urlopen(f"{self.url}events", body, timeout=10) as response:
            return response.read().decode().strip()

    def kill(self) -> None:
        """End it without a chance to say goodbye."""
        self.process.kill()
        self._reap()

    def stop(self) -> None:
        """Ask it to end, if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._reap()

    def _reap(self) -> None:
        self.process.wait(SECONDS_TO_STOP)
        self.process.stdout.close()


def start_hub(*, port: int = 0, log: str = "memory:") -> RunningHub:
    """Start a hub and return once it says where it listens."""
    command = [sys.executable, "-m", "longwave", "serve", "--port", str(port), "--log", log]
    environment = {**os.environ, "PYTHONPATH": str(Path(longwave.__file__).parents[1])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    for line in process.stdout:
        if address := ADDRESS.search(line):
            return RunningHub(address[0], process)
    process.stdout.close()
    pytest.fail(f"the hub ended with status {process.wait(SECONDS_TO_STOP)} before it listened")


@pytest.fixture(scope="session")
def hub() -> Iterator[RunningHub]:
    """One hub for all tests that do not restart it; each test has topics of its own."""
    running = start_hub()
    yield running
    running.stop()


@pytest.fixture
def hub_url(hub: RunningHub) -> str:
    """The address of the console page."""
    return hub.url


@pytest.fixture
def restart_hub(tmp_path: Path) -> Iterator[Callable[[str], RunningHub]]:
    """Start a hub over a `memory` or `sqlite` log; once more after it was killed, on the same port and file."""
    port = free_port()
    addresses = {"memory": "memory:", "sqlite": f"sqlite:{tmp_path / 'log.db'}"}
    hubs: list[RunningHub] = []

    def start(log: str) -> RunningHub:
        hubs.append(start_hub(port=port, log=addresses[log]))
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.stop()


# Not for the whole session: while Playwright runs, no other test of this thread could run an event loop.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def browser_page(chromium: Browser) -> Iterator[Page]:
    """A page of a fresh profile, as wide as a laptop."""
    context = chromium.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.set_default_timeout(SOON)
    yield page
    context.close()
