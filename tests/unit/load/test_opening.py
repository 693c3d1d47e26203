"""Connections begin at a pace, from addresses that have ports left."""

from __future__ import annotations

import socket

import pytest

from longwave.load.opening import CLIENTS_PER_ADDRESS, Pace, begin_connection, resolve, source_address

SECOND = 1_000_000_000


def test_pace_without_limit_lets_all_begin():
    assert Pace(0, 0).take(0, 250) == 250


def test_pace_spreads_beginnings_evenly():
    pace = Pace(100, 0)

    assert [pace.take(moment, 50) for moment in (0, SECOND // 200, SECOND // 10, SECOND // 10)] == [1, 0, 10, 0]


def test_pace_makes_up_for_what_had_no_room():
    pace = Pace(100, 0)

    assert [pace.take(SECOND, most) for most in (3, -1, 1000)] == [3, 0, 98]


@pytest.mark.parametrize(
    ("host", "client", "source"),
    [
        ("127.0.0.1", 0, None),
        ("127.0.0.1", CLIENTS_PER_ADDRESS - 1, None),
        ("127.0.0.1", CLIENTS_PER_ADDRESS, "127.0.0.2"),
        ("127.0.0.1", 300 * CLIENTS_PER_ADDRESS, "127.0.1.45"),
        ("192.0.2.1", 10 * CLIENTS_PER_ADDRESS, None),
        ("::1", 10 * CLIENTS_PER_ADDRESS, None),
    ],
)
def test_many_clients_come_from_several_loopback_addresses(host, client, source):
    assert source_address(host, client) == source


def test_connection_comes_from_the_address_of_its_client():
    with socket.create_server(("127.0.0.1", 0)) as server:
        sock = begin_connection(server.getsockname(), 2 * CLIENTS_PER_ADDRESS)
        with sock, server.accept()[0] as accepted:
            assert accepted.getpeername()[0] == "127.0.0.3"


def test_names_become_addresses():
    assert resolve(("localhost", 80))[0] in ("127.0.0.1", "::1")
