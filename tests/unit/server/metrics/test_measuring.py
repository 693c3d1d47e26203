"""Metrics that are off cost nothing and tell nobody; others are told to whom they are for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from longwave.hub import Hub
from longwave.server.metrics.measuring import Measuring
from longwave.server.metrics.metrics_access import MetricsAccess
from longwave.server.metrics.sample_exchange import SampleExchange
from longwave.transports.exchange import Request
from meta.source_tree import ROOT

HERE = Request("GET", "/metrics", client="127.0.0.1")


@pytest.fixture
async def hub():
    async with Hub("memory:") as hub:
        yield hub


async def test_the_page_tells_what_the_site_counted(hub):
    measuring = Measuring(hub, MetricsAccess.LOCAL, lambda: 3)
    await measuring.open()
    measuring.requests.answered("GET", "/events", 200)
    body = (await measuring.page.answer(HERE)).body.decode()
    await measuring.close()

    assert 'longwave_requests_total{method="GET",path="events",status="200"} 1.0' in body
    assert "longwave_connections 3.0" in body


async def test_where_metrics_are_off_there_is_no_page_and_nobody_can_ask(hub, tmp_path):
    measuring = Measuring(hub, MetricsAccess.OFF, lambda: 0, SampleExchange(str(tmp_path), 0, 2))
    await measuring.open()

    assert measuring.page is None
    assert os.listdir(tmp_path) == []
    await measuring.close()


async def test_other_workers_can_ask_from_opening_to_closing(hub, tmp_path):
    folder = tmp_path / "exchange"
    measuring = Measuring(hub, MetricsAccess.LOCAL, lambda: 0, SampleExchange(str(folder), 0, 2))
    await measuring.open()
    assert os.listdir(folder) == ["0.sock"]
    await measuring.close()
    await measuring.close()

    assert not folder.exists()


def test_a_server_is_imported_without_what_only_metrics_need():
    program = "import sys, longwave.server.metrics.measuring; print('prometheus_client' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert found.stdout == "False\n"
