"""The processes of one server of the comparison: started together, pinned, ended together.

Not here: which programs (each peer's launcher.py), when the server is up (launched_peer.py).
Rules that always hold: what was started, with its children, ends with `stop` or `kill`; what it says goes into a file
of its folder.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from longwave.load.accounting import with_children

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECONDS_TO_STOP = 10.0
LOOK_AGAIN = 0.01  # seconds
OPEN_FILES = 262_144  # at most; more costs programs that walk over all possible ones
SHOWN = 2000  # characters of a program's last words
_BEGAN = 19  # in /proc/PID/stat, after the name


@dataclass(frozen=True, slots=True)
class Command:
    """One program, which must stay in the foreground.

    environment: added to ours. counted: whether it is the server itself, and not what stands behind it.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    counted: bool = True


@dataclass(frozen=True, slots=True)
class _Program:
    command: Command
    process: subprocess.Popen[bytes]
    output: Path


class ServerProcesses:
    """The programs of one server."""

    def __init__(self) -> None:
        self._programs: list[_Program] = []

    def start(self, commands: Sequence[Command], folder: Path, *, cpu: int | None) -> None:
        """Start the programs in this order, in `folder`. cpu: the processor that they all keep to, if given."""
        for number, command in enumerate(commands):
            output = folder / f"output-{number}.txt"
            with output.open("ab") as file:
                process = subprocess.Popen(
                    [*_fences(cpu), *command.arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    env=os.environ | dict(command.environment),
                    start_new_session=True,
                )
            self._programs.append(_Program(command, process, output))

    @property
    def running(self) -> bool:
        """Whether there is anything to be stopped."""
        return bool(self._programs)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of the server itself: those that were started, then their children."""
        return tuple(with_children(one.process.pid for one in self._programs if one.command.counted))

    def check(self) -> None:
        """Raise RuntimeError with a program's last words if it has ended."""
        for program in self._programs:
            status = program.process.poll()
            if status is not None:
                name = os.path.basename(program.command.arguments[0])
                raise RuntimeError(f"expected {name} to go on, got its exit status {status}: {_last_words(program)}")

    def last_words(self) -> str:
        """Return the end of what each program said."""
        return " | ".join(filter(None, map(_last_words, self._programs)))

    def stop(self) -> None:
        """End them in order, the last one first; those that do not obey are killed."""
        family = self._family()
        for program in reversed(self._programs):
            program.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                program.process.wait(SECONDS_TO_STOP)
        self._end(family)

    def kill(self) -> None:
        """End them without a chance to say goodbye."""
        self._end(self._family())

    def _family(self) -> dict[int, str]:
        # The number of what has ended may be another's by now; its children may live on.
        return {pid: _birth(pid) for pid in with_children(one.process.pid for one in self._programs)}

    def _end(self, family: Mapping[int, str]) -> None:
        for pid in _living(family):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for program in self._programs:
            program.process.wait()
        self._programs.clear()
        _wait_for_end(family)


def _fences(cpu: int | None) -> list[str]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    limits = ["prlimit", f"--nofile={max(files, soft)}:{max(files, soft)}"]
    return limits if cpu is None else [*limits, "taskset", "--cpu-list", str(cpu)]


def _last_words(program: _Program) -> str:
    return program.output.read_text(errors="replace")[-SHOWN:].strip()


def _living(family: Mapping[int, str]) -> list[int]:
    return [pid for pid, birth in family.items() if birth and _birth(pid) == birth]


def _birth(pid: int) -> str:
    """Return when a process began, which no later one of its number shares; "" if it has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[_BEGAN]
    except OSError:
        return ""


def _wait_for_end(family: Mapping[int, str]) -> None:
    end = time.monotonic() + SECONDS_TO_STOP
    while _living(family) and time.monotonic() < end:
        time.sleep(LOOK_AGAIN)
