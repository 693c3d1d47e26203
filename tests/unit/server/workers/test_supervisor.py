"""The supervisor gives up, and ends what does not end by itself. Its workers are real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from longwave.logs.retention import Retention
from longwave.server.config import Listen, ServerConfig, Timeouts
from longwave.server.workers import restarts, supervisor
from longwave.server.workers.assignment import Assignment
from longwave.server.workers.supervisor import supervise

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads a port over processes"),
]

PATIENCE = 30  # seconds


def children():
    return [int(pid) for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()]


@asynccontextmanager
async def supervised(folder, drain=1.0):
    """Two workers that listen; what is yielded is the task of their supervisor."""
    assignment = Assignment(
        config=ServerConfig(listen=Listen(port=0), timeouts=Timeouts(drain=drain), workers=2),
        log=f"sqlite:{folder}/log.db",
        durability="relaxed",
        retention=Retention(),
        log_level="critical",
    )
    announced = asyncio.Event()
    before = children()
    task = asyncio.create_task(supervise(assignment, announce=lambda _: announced.set()))
    async with asyncio.timeout(PATIENCE):
        await announced.wait()
        yield task, [pid for pid in children() if pid not in before]
    assert children() == before


async def test_place_that_cannot_be_filled_any_more_ends_all_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(restarts, "SHORTEST_PAUSE", 0.001)
    monkeypatch.setattr(restarts, "LONGEST_PAUSE", 0.001)
    folder = tmp_path / "logs"
    folder.mkdir()
    async with supervised(folder) as (task, pids):
        folder.rename(tmp_path / "elsewhere")
        os.kill(pids[0], signal.SIGKILL)
        with pytest.raises(ChildProcessError) as caught:
            await task

    assert caught.value.strerror.startswith("cannot start worker ")
    assert f"expected a log that can be opened at {folder}/log.db" in caught.value.strerror


async def test_worker_that_does_not_end_in_time_is_killed(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(supervisor, "STOP_GRACE", 0.1)
    async with supervised(tmp_path, drain=0.0) as (task, pids):
        os.kill(pids[0], signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGTERM)
        await task

    assert "workers that did not end in time are killed: 1" in caplog.messages


def test_worker_may_take_all_the_time_that_its_configuration_gives_it():
    assert supervisor.patience(Timeouts(shutdown_delay=20, drain=30)) == 50 + supervisor.STOP_GRACE


async def test_cancelled_supervisor_leaves_no_worker_behind(tmp_path):
    async with supervised(tmp_path) as (task, _):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
