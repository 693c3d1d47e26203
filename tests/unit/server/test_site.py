"""What connections share: deadlines, and the answer for those above the limit."""

from __future__ import annotations

import asyncio
import select

import pytest

from longwave.errors import InvalidConfiguration
from longwave.hub import Hub
from longwave.server.config import Limits, ServerConfig, SinkKind, Timeouts
from longwave.server.connection_limits import Admission
from longwave.server.site import Site, reactor_wanted
from longwave.transports.exchange import Request


class Waiting:
    """A connection as the clock sees it: `calls` is how often its deadline came, and when."""

    subscriber = None

    def __init__(self, site, deadline):
        self._site = site
        self.deadline = deadline
        self.late = asyncio.get_running_loop().create_future()

    def expire(self):
        if not self.late.done():
            self.late.set_result(self._site.now() - self.deadline)
        self.deadline = float("inf")


@pytest.fixture
async def site():
    async with Hub("memory:") as hub:
        one = Site(hub, ServerConfig(limits=Limits(connections=1), timeouts=Timeouts(send=0.2)))
        one.open()
        yield one
        one.close()


async def test_deadline_is_kept_within_a_tick_even_if_it_came_nearer_meanwhile(site):
    sooner, same = Waiting(site, site.now() + 1000), Waiting(site, site.now() + 0.1)
    site.watch(sooner)
    site.watch(same)
    sooner.deadline = site.now() + 0.2

    async with asyncio.timeout(5):
        assert await same.late < 1
        assert await sooner.late < 1


async def test_connection_that_was_forgotten_is_left_alone(site):
    gone, kept = Waiting(site, site.now()), Waiting(site, site.now() + 0.3)
    site.watch(gone)
    site.watch(kept)
    site.forget(gone)

    async with asyncio.timeout(5):
        await kept.late
    assert not gone.late.done()


async def test_nobody_is_admitted_while_draining(site):
    site.draining = True

    assert site.admit("a") is Admission.REFUSED
    assert site.limits.open == 0


@pytest.mark.parametrize(
    ("method", "accept", "status"),
    [("GET", b"text/event-stream", 200), ("GET", b"*/*", 503), ("POST", b"text/event-stream", 503)],
)
async def test_only_who_asks_for_a_stream_is_turned_away_with_one(site, method, accept, status):
    response = site.turn_away(Request(method, "/events", headers=((b"accept", accept),)))

    assert (response.status, response.close) == (status, True)


def test_reactor_is_used_where_there_is_epoll_unless_told_otherwise(monkeypatch):
    assert [reactor_wanted(kind) for kind in (SinkKind.AUTO, SinkKind.EPOLL, SinkKind.TRANSPORT)] == [True, True, False]
    monkeypatch.delattr(select, "epoll")
    assert not reactor_wanted(SinkKind.AUTO)
    with pytest.raises(InvalidConfiguration, match="expected a system with epoll"):
        reactor_wanted(SinkKind.EPOLL)
