"""Starts a bare loop of `send`: in C where there is a compiler, else in Python.

Not here: the loops (server.c, server.py).
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.http_target import AppTarget
from benchmarks.comparison.launched_peer import Launch, LaunchedPeer
from benchmarks.comparison.peer import Ability, Missing
from benchmarks.comparison.server_processes import Command

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = Path(__file__).resolve().with_name("server.c")
SERVER = SOURCE.with_suffix(".py")
COMPILERS = ("gcc", "cc", "clang")
SECONDS_TO_COMPILE = 60.0


class BarePeer(LaunchedPeer):
    """No hub at all: what the operating system allows. in_c: whether to take the C program if it can be made."""

    name = "bare"
    abilities = frozenset({Ability.MANY_TOPICS})

    def __init__(self, *, in_c: bool = True) -> None:
        super().__init__()
        found = (shutil.which(name) for name in COMPILERS) if in_c else iter(())
        self._compiler = next(filter(None, found), None)

    def missing(self) -> Missing | None:
        """Return None: Python is there."""
        return None

    def versions(self) -> Mapping[str, str]:
        """Return the compiler's version, or Python's."""
        if self._compiler is None:
            return {"python": platform.python_version()}
        asked = subprocess.run([self._compiler, "--version"], capture_output=True, text=True, check=False, timeout=10)
        return {"compiler": asked.stdout.partition("\n")[0]}

    def tuning(self) -> str:
        """Return how it is configured."""
        language = "Python" if self._compiler is None else "C, compiled with -O2"
        return f"no hub: one send of the same bytes for each subscriber, in {language}; the socket options of Longwave"

    def launch(self, folder: Path, ports: tuple[int, ...], *, durable: bool) -> Launch:
        """Compile it if need be."""
        target = AppTarget(port=ports[0])
        if self._compiler is None:
            return Launch((Command((sys.executable, str(SERVER), str(ports[0]))),), target)
        return Launch((Command((str(self._compile(folder, self._compiler)), str(ports[0]))),), target)

    def _compile(self, folder: Path, compiler: str) -> Path:
        program = folder / "server"
        command = [compiler, "-O2", "-o", str(program), str(SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS_TO_COMPILE)
        if done.returncode:
            raise RuntimeError(f"expected {SOURCE.name} to compile, got: {done.stderr[-1000:]}")
        return program


PEER = BarePeer()
