"""A stream that never began is not counted; the wire shows the rest (integration/test_limits_per_client.py)."""

from __future__ import annotations

import contextlib

import pytest

from longwave.logs.retention import Retention
from longwave.server.config import Limits
from longwave.server.limits.client_limits import BAD_TOKENS, ClientLimits, LimitReached
from longwave.server.limits.rate_limits import Rate
from longwave.transports.exchange import Request


class Left:
    """An exchange whose client is gone."""

    request = Request("GET", "/events", client="192.0.2.7")

    def start_stream(self, headers, first):
        raise BrokenPipeError


def test_stream_whose_client_left_before_it_began_is_not_counted():
    limits = ClientLimits(Limits(streams_per_address=1))
    for _ in range(3):
        with pytest.raises(BrokenPipeError):
            limits.counting(Left(), "", 1).start_stream((), b"")


def test_selectors_of_a_stream_that_never_began_are_not_counted():
    limits = ClientLimits(Limits(selectors_per_address=100))
    for _ in range(3):
        with pytest.raises(BrokenPipeError):
            limits.counting(Left(), "", 60).start_stream((), b"")


def test_bad_tokens_of_one_address_are_told_so_many_times_and_then_one_a_second():
    now = 0.0
    limits = ClientLimits(Limits(), now=lambda: now)
    for _ in range(BAD_TOKENS.burst):
        limits.bad_token("192.0.2.7")
    with pytest.raises(LimitReached) as caught:
        limits.bad_token("192.0.2.7")
    assert (caught.value.reason, caught.value.wait) == ("bad_tokens_address", 1.0)
    limits.bad_token("192.0.2.8")
    now = 1.0
    limits.bad_token("192.0.2.7")


def test_without_caps_an_exchange_stays_as_it_is():
    exchange = Left()
    assert ClientLimits(Limits()).counting(exchange, "ada", 1) is exchange


@pytest.mark.parametrize("address", ["", "127.0.0.1", "::1"])
def test_clients_on_this_machine_open_streams_as_often_as_they_like(address):
    limits = ClientLimits(Limits(connect_rate=Rate(1, 1)), now=lambda: 0.0)
    for _ in range(3):
        limits.connect(address)
    for _ in range(BAD_TOKENS.burst + 1):
        limits.bad_token(address)


@pytest.mark.parametrize(("address", "counts"), [("", 0), ("127.0.0.1", 0), ("192.0.2.7", 1)])
def test_clients_on_this_machine_are_told_of_as_often_as_they_like(address, counts):
    limits = ClientLimits(Limits(told_rate=Rate(1, 1)), now=lambda: 0.0)
    limits.tell(address, "", 100)
    assert limits.known()["told_rate_address"] == counts
    with pytest.raises(LimitReached) if counts else contextlib.nullcontext():
        limits.tell(address, "", 1)


def test_subject_is_told_of_so_often_wherever_it_is():
    limits = ClientLimits(Limits(told_rate_per_subject=Rate(1, 4)), now=lambda: 0.0)
    limits.tell("127.0.0.1", "ada", 2)
    limits.tell("192.0.2.7", "ada", 2)
    with pytest.raises(LimitReached, match="from one subject") as caught:
        limits.tell("192.0.2.8", "ada", 2)
    assert (caught.value.reason, caught.value.wait) == ("told_rate_subject", 2.0)
    limits.tell("192.0.2.8", "bob", 2)


def test_usual_rate_of_what_is_told_leaves_the_history_to_others():
    """The burst is a fiftieth of the updates that a log keeps by default, the rate takes hours for all of them."""
    kept, rate = Retention().events, Limits().told_rate
    assert rate.burst <= kept / 50
    assert kept / rate.per_second >= 8 * 3600
    assert Limits().told_rate_per_subject == rate


def test_address_may_open_streams_again_when_the_wait_is_over():
    now = 0.0
    limits = ClientLimits(Limits(connect_rate=Rate(1, 1)), now=lambda: now)
    limits.connect("192.0.2.7")
    with pytest.raises(LimitReached) as caught:
        limits.connect("192.0.2.7")
    assert caught.value.wait == 1.0
    now = 1.0
    limits.connect("192.0.2.7")
