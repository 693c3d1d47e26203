"""A worker opens the log with its own bell."""

from __future__ import annotations

import asyncio
import os
import pickle
from dataclasses import replace

import pytest

from longwave.logs.bell import hang_bells
from longwave.logs.retention import Retention
from longwave.server.config import ServerConfig
from longwave.server.workers.assignment import Assignment
from longwave.testing.log_under_test import make_update

pytestmark = pytest.mark.skipif(not hasattr(os, "eventfd"), reason="no eventfd")


async def test_each_worker_rings_all_bells_but_its_own(tmp_path):
    with hang_bells(3) as bells:
        for_all = Assignment(
            config=ServerConfig(workers=3),
            log=f"sqlite:{tmp_path}/log.db",
            durability="relaxed",
            retention=Retention(),
            log_level="info",
            bells=bells,
        )
        log = pickle.loads(pickle.dumps(replace(for_all, number=1))).open_log()
        await log.open()
        await asyncio.wait_for(log.append([make_update()]), 10)
        await log.close()

        assert os.eventfd_read(bells[0]) == os.eventfd_read(bells[2]) == 1
        with pytest.raises(BlockingIOError):
            os.eventfd_read(bells[1])


def test_workers_ask_each_other_for_metrics_where_they_have_a_folder_for_it():
    for_all = Assignment(
        config=ServerConfig(workers=3), log="memory:", durability="full", retention=Retention(), log_level="info"
    )

    assert for_all.sample_exchange() is None
    assert replace(for_all, number=2, folder="somewhere").sample_exchange().number == 2
