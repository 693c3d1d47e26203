"""What connections share: deadlines, and the answer for those above the limit."""

from __future__ import annotations

import asyncio
import select
from http import HTTPStatus

import pytest

from longwave.errors import InvalidConfiguration
from longwave.hub import Hub
from longwave.server.config import Limits, ServerConfig, SinkKind, Timeouts
from longwave.server.limits.connection_limits import Admission
from longwave.server.site import Site, reactor_wanted
from longwave.transports.exchange import Request, Response


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
    response = site.turn_away(Request(method, "/events", headers=((b"accept", accept),)), Admission.FULL)

    assert (response.status, response.close) == (status, True)


@pytest.mark.parametrize(("accept", "status"), [(b"text/event-stream", 200), (b"*/*", 429)])
async def test_client_of_an_address_with_too_many_connections_is_told_that(site, accept, status):
    response = site.turn_away(Request("GET", "/events", headers=((b"accept", accept),)), Admission.ADDRESS_FULL)

    assert (response.status, response.close) == (status, True)
    if status == 429:
        assert response.body == b"expected at most %d connections from one address, got more\n" % (
            site.limits.per_address
        )
    assert site.hub.counters.refusals["connections_address"] == 1


LIST = Request("GET", "/.well-known/mercure/subscriptions")


async def test_large_answers_that_nobody_reads_have_a_limit(site):
    answer = Response(HTTPStatus.OK, bytes(site.answers.share))
    for number in range(site.answers.limit // site.answers.share):
        assert site.if_room(LIST, answer, f"192.0.2.{number}") is answer
        site.answers.hold(len(answer.body), f"192.0.2.{number}")

    refused = site.if_room(LIST, answer, "192.0.2.9")
    assert (refused.status, refused.close) == (503, True)
    assert 30 <= int(dict(refused.headers)[b"Retry-After"]) <= 60
    assert site.hub.counters.refusals["answers_full"] == 1


async def test_large_answers_that_one_address_does_not_read_take_no_room_from_others(site):
    answer = Response(HTTPStatus.OK, bytes(site.answers.share // 2 + 1))
    site.answers.hold(len(answer.body), "192.0.2.7")

    assert site.if_room(LIST, answer, "192.0.2.7").status == 429
    assert site.if_room(LIST, answer, "192.0.2.8") is answer


async def test_answer_that_is_larger_than_all_room_is_given_to_who_holds_nothing(site):
    answer = Response(HTTPStatus.OK, bytes(site.answers.limit + 1))

    assert site.if_room(LIST, answer, "192.0.2.7") is answer
    site.answers.hold(len(answer.body), "192.0.2.7")
    assert site.if_room(LIST, answer, "192.0.2.8").status == 503


def test_reactor_is_used_where_there_is_epoll_unless_told_otherwise(monkeypatch):
    assert [reactor_wanted(kind) for kind in (SinkKind.AUTO, SinkKind.EPOLL, SinkKind.TRANSPORT)] == [True, True, False]
    monkeypatch.delattr(select, "epoll")
    assert not reactor_wanted(SinkKind.AUTO)
    with pytest.raises(InvalidConfiguration, match="expected a system with epoll"):
        reactor_wanted(SinkKind.EPOLL)
