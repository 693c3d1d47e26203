"""A hub in a process of its own, and the folder in which a reader of a page works.

Not here: what is done with them (the tests).
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from meta.source_tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS_TO_STOP = 10
ADDRESS_IN_PAGES = "127.0.0.1:8080"
_ADDRESS = re.compile(r"listening on (?:http://)?(\S+?)/?\n")


def environment(folder: Path) -> dict[str, str]:
    """A reader's environment: `longwave` and `python3` are those of the tests, `folder` is home."""
    programs = folder / ".programs"
    programs.mkdir(exist_ok=True)
    for name, arguments in (("longwave", "-m longwave"), ("python3", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LONGWAVE_")}
    return inherited | {
        "PATH": f"{programs}:{inherited['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "HOME": str(folder),
        "NO_PROXY": "*",
        "no_proxy": "*",
    }


@contextmanager
def running_hub(folder: Path, *options: str) -> Iterator[str]:
    """Run a hub in `folder`, on a port that the system chooses if none is given, and yield where it listens.

    It is ended like a crash ends it, which is also quicker.
    """
    chosen = options if {"--port", "--uds"} & set(options) else (*options, "--port", "0")
    command = [sys.executable, "-m", "longwave", "serve", *chosen]
    process = subprocess.Popen(command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, text=True)
    try:
        found = _ADDRESS.search(process.stdout.readline())
        assert found, f"the hub ended with status {process.wait(SECONDS_TO_STOP)} before it listened"
        yield found[1]
    finally:
        process.kill()
        process.wait(SECONDS_TO_STOP)
        process.stdout.close()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
