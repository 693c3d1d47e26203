"""The page answers who may read it, and does not read the hub more often than it has to."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from longwave.server.metrics.metrics_access import MetricsAccess
from longwave.server.metrics.metrics_page import FRESH, MetricsPage
from longwave.transports.exchange import Request

HERE = Request("GET", "/metrics", client="127.0.0.1")
ELSEWHERE = Request("GET", "/metrics", client="192.0.2.1")


class NumberedMetrics:
    """Metrics that tell how often they were read, after as long a wait as the test wants."""

    def __init__(self):
        self.read = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def text(self):
        self.read += 1
        text = b"%d\n" % self.read
        await self.go_on.wait()
        return text


class Clock:
    """Seconds as the test says."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def metrics():
    return NumberedMetrics()


@pytest.fixture
def clock():
    return Clock()


async def body(answer):
    assert inspect.isawaitable(answer)
    return (await answer).body


async def test_who_may_not_read_them_is_told_why_and_nothing_is_read(metrics):
    response = MetricsPage(metrics, MetricsAccess.LOCAL).answer(ELSEWHERE)

    assert (response.status, response.body.partition(b",")[0]) == (403, b"expected a client on this machine")
    assert metrics.read == 0


async def test_the_answer_is_what_prometheus_expects(metrics):
    response = await MetricsPage(metrics, MetricsAccess.LOCAL).answer(HERE)

    assert (response.status, response.body) == (200, b"1\n")
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert (b"Cache-Control", b"no-store") in response.headers


async def test_metrics_are_read_again_only_when_they_are_not_fresh_any_more(metrics, clock):
    page = MetricsPage(metrics, MetricsAccess.PUBLIC, clock)

    assert await body(page.answer(ELSEWHERE)) == b"1\n"
    clock.now += FRESH * 0.99
    assert await body(page.answer(ELSEWHERE)) == b"1\n"
    clock.now += FRESH * 0.02
    assert await body(page.answer(ELSEWHERE)) == b"2\n"


async def test_many_who_ask_at_once_share_one_reading(metrics, clock):
    page = MetricsPage(metrics, MetricsAccess.PUBLIC, clock)
    metrics.go_on.clear()
    asked = [asyncio.create_task(body(page.answer(HERE))) for _ in range(5)]
    await asyncio.sleep(0)
    metrics.go_on.set()

    assert await asyncio.gather(*asked) == [b"1\n"] * 5


async def test_one_that_leaves_while_it_waits_takes_nothing_from_the_others(metrics, clock):
    page = MetricsPage(metrics, MetricsAccess.PUBLIC, clock)
    metrics.go_on.clear()
    one, two = (asyncio.create_task(body(page.answer(HERE))) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    metrics.go_on.set()

    assert await two == b"2\n"
