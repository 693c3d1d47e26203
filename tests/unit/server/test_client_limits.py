"""A stream that never began is not counted; the wire shows the rest (integration/test_limits_per_client.py)."""

from __future__ import annotations

import pytest

from longwave.server.client_limits import ClientLimits, LimitReached
from longwave.server.config import Limits
from longwave.server.rate_limits import Rate
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
            limits.counting(Left(), "").start_stream((), b"")


def test_without_caps_an_exchange_stays_as_it_is():
    exchange = Left()
    assert ClientLimits(Limits()).counting(exchange, "ada") is exchange


@pytest.mark.parametrize("address", ["", "127.0.0.1", "::1"])
def test_clients_on_this_machine_open_streams_as_often_as_they_like(address):
    limits = ClientLimits(Limits(connect_rate=Rate(1, 1)), now=lambda: 0.0)
    for _ in range(3):
        limits.connect(address)


def test_address_may_open_streams_again_when_the_wait_is_over():
    now = 0.0
    limits = ClientLimits(Limits(connect_rate=Rate(1, 1)), now=lambda: now)
    limits.connect("192.0.2.7")
    with pytest.raises(LimitReached) as caught:
        limits.connect("192.0.2.7")
    assert caught.value.wait == 1.0
    now = 1.0
    limits.connect("192.0.2.7")
