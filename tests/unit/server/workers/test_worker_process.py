"""How a worker's start and end are told. The processes are real, what they do is not a worker's."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from longwave.server.workers import worker_process
from longwave.server.workers.worker_process import WorkerProcess, signal_name

LISTENS = "print('listening', flush=True)\n"


async def start(program):
    pipe = asyncio.subprocess.PIPE
    return WorkerProcess(await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=pipe, stdout=pipe))


@pytest.mark.parametrize(
    ("program", "fault", "end"),
    [
        (LISTENS, None, "status 0"),
        (LISTENS + "exit(3)", None, "status 3"),
        (LISTENS + "print('no disk'); exit(1)", None, "status 1: no disk"),
        (LISTENS + "import os; os.kill(os.getpid(), 9)", None, "SIGKILL"),
        ("print('no log'); exit(1)", "no log", "status 1"),
        ("exit(7)", "expected it to listen, got its end with status 7", "status 7"),
    ],
)
async def test_start_and_end_are_told(program, fault, end):
    process = await start(program)

    assert (await process.fault(), await process.ended()) == (fault, end)
    process.kill()


async def test_released_process_sees_the_end_of_its_input():
    process = await start(LISTENS + "input_ended = not __import__('sys').stdin.read(); exit(5 * input_ended)")
    assert await process.fault() is None
    process.release()

    assert await process.ended() == "status 5"


async def test_process_that_never_says_a_word_is_waited_for_no_longer_than_the_limit(monkeypatch):
    monkeypatch.setattr(worker_process, "START_TIMEOUT", 0.01)
    process = await start("input()")
    assert await process.fault() == "expected it to listen within 0.01 s, got no word"
    process.kill()

    assert await process.ended() == "SIGKILL"


@pytest.mark.parametrize(("number", "name"), [(signal.SIGKILL, "SIGKILL"), (40, "signal 40")])
def test_signal_is_told_by_its_name_where_it_has_one(number, name):
    assert signal_name(number) == name
