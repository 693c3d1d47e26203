"""The tutorial's own page and program, in a real Chromium, through a real crash of the hub."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from docs.pages import page
from docs.running_hub import ADDRESS_IN_PAGES, SECONDS_TO_STOP, environment, free_port, running_hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PAGE = page("docs/tutorial/first-steps.md")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]
PATIENCE = 20_000  # milliseconds; a browser waits some seconds before it reconnects


@contextmanager
def site(folder: Path, hub: str) -> Iterator[str]:
    """Save the tutorial's files and run its `site.py`."""
    for block in PAGE.blocks():
        if block.title:
            (folder / block.title).write_text(block.text.replace(ADDRESS_IN_PAGES, hub), encoding="utf-8")
    port = free_port()
    command = [sys.executable, "site.py", str(port)]
    with (folder / "site.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment(folder), stdout=log, stderr=log)
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.kill()
            process.wait(SECONDS_TO_STOP)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS_TO_STOP
    while True:
        assert process.poll() is None, "site.py ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "site.py does not listen"
            time.sleep(0.02)  # it does not tell when it has begun to listen
        else:
            return


def publish(hub: str, data: str) -> None:
    body = urllib.parse.urlencode({"topic": "hello", "data": data}).encode()
    urllib.request.urlopen(f"http://{hub}/events", body, timeout=10).close()


def test_the_tutorials_page_shows_events_survives_a_killed_hub_and_catches_up(tmp_path):
    from playwright.sync_api import expect, sync_playwright

    port = free_port()
    options = ("--port", str(port), "--log", f"sqlite:{tmp_path / 'longwave.db'}")
    with (
        sync_playwright() as playwright,
        site(tmp_path, f"127.0.0.1:{port}") as address,
    ):
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        view = browser.new_page()
        state, items = view.locator("b"), view.locator("li")
        with running_hub(tmp_path, *options) as hub:
            publish(hub, "Hello, world")
            view.goto(address)
            expect(state).to_have_text("here", timeout=PATIENCE)
            expect(items).to_have_text([ended_by("Hello, world")], timeout=PATIENCE)
            publish(hub, "Hello again")
            expect(items).to_have_count(2, timeout=PATIENCE)
        expect(state).to_have_text("gone; trying again", timeout=PATIENCE)
        with running_hub(tmp_path, *options) as hub:
            publish(hub, "While you were away")
            expect(items.nth(2)).to_have_text(ended_by("-3 While you were away"), timeout=PATIENCE)
            expect(state).to_have_text("here", timeout=PATIENCE)
            expect(items).to_have_count(3)
        browser.close()


def ended_by(text: str) -> re.Pattern[str]:
    """What an item of the page's list, an id and then data, must match."""
    return re.compile(re.escape(text) + "$")
