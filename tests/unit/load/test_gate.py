"""Connections come out of the gate once: with the first bytes, or with the reason."""

from __future__ import annotations

import select
import socket
from contextlib import closing, contextmanager

import pytest

from longwave.load.gate import Gate, OpeningFailed
from longwave.load.opening import MAX_OPENING, Pace

WAIT = 5.0  # seconds


@contextmanager
def gate_to(address, pace=None):
    with select.epoll() as epoll:
        gate = Gate(epoll, address, lambda client: b"hello %d" % client, pace or Pace(0, 0))
        with closing(gate):
            yield gate, epoll


def advance(gate, epoll):
    """Go on until one comes out."""
    for _ in range(20):
        for descriptor, _ in epoll.poll(WAIT):
            opened = gate.advance(descriptor)
            if opened is not None:
                return opened
    raise AssertionError("expected a connection to come out")


def test_connection_comes_out_with_the_first_bytes():
    with socket.create_server(("127.0.0.1", 0)) as server, gate_to(server.getsockname()) as (gate, epoll):
        gate.ask([7])
        ((descriptor, _),) = gate.begin(5)
        assert descriptor in gate
        with server.accept()[0] as accepted:
            gate.advance(epoll.poll(WAIT)[0][0])
            assert accepted.recv(100) == b"hello 7"
            accepted.sendall(b"welcome")
            opened = advance(gate, epoll)
            opened.sock.close()

    assert (opened.client, opened.begun, opened.received) == (7, 5, b"welcome")
    assert gate.idle


def test_end_before_the_first_bytes_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as server, gate_to(server.getsockname()) as (gate, epoll):
        gate.ask([7])
        gate.begin(0)
        server.accept()[0].close()
        with pytest.raises(OpeningFailed) as caught:
            advance(gate, epoll)

    assert caught.value.client == 7
    assert gate.idle


def test_refused_connection_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with gate_to(address) as (gate, epoll):
        gate.ask([3])
        ((descriptor, error),) = gate.begin(0)
        if error is None:
            with pytest.raises(OpeningFailed, match="Connection refused"):
                advance(gate, epoll)

    assert descriptor not in gate


def test_few_are_on_their_way_at_a_time():
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as server, gate_to(server.getsockname()) as (gate, _):
        gate.ask(range(MAX_OPENING + 10))

        assert [len(gate.begin(0)) for _ in range(2)] == [MAX_OPENING, 0]


def test_client_that_comes_later_waits_for_its_moment():
    with socket.create_server(("127.0.0.1", 0)) as server, gate_to(server.getsockname()) as (gate, _):
        gate.ask_later(1, 1000)

        assert not gate.idle
        assert [len(gate.begin(moment)) for moment in (999, 1000, 1001)] == [0, 1, 0]


def test_connection_that_takes_too_long_can_be_given_up():
    with socket.create_server(("127.0.0.1", 0)) as server, gate_to(server.getsockname()) as (gate, _):
        gate.ask([4])
        ((descriptor, _),) = gate.begin(100)

        assert gate.overdue(100) == []
        assert gate.overdue(101) == [descriptor]
        assert str(gate.abandon(descriptor, "no response")) == "no response"
        assert gate.idle
