"""The fault proxy between two bare sockets, both of them the test's."""

from __future__ import annotations

import gc
import socket
import threading
import time
from contextlib import ExitStack

import pytest

from longwave.testing.fault_proxy import HOST, FaultProxy
from longwave.testing.faults import Fault, Faults

WAIT = 5.0  # seconds, for what never comes
A_MOMENT = 0.05  # seconds in which nothing comes
AT_EVERY_BYTE = 1e9  # the distance to the next is a byte, but in one of a million cases
TEXT = bytes(range(200))


class Wire:
    """A proxy before a target that the test plays itself."""

    def __init__(self, stack, options):
        self._stack = stack
        self._listener = stack.enter_context(socket.create_server((HOST, 0)))
        self._listener.settimeout(WAIT)
        options = {"seed": 7} | options
        self.proxy = stack.enter_context(FaultProxy(HOST, self._listener.getsockname()[1], **options))

    def dial(self):
        """A client's socket on a connection to the proxy."""
        return self._stack.enter_context(socket.create_connection((HOST, self.proxy.port), WAIT))

    def connect(self):
        """Both ends of a connection: the client's and the target's."""
        client = self.dial()
        server = self._stack.enter_context(self._listener.accept()[0])
        server.settimeout(WAIT)
        return client, server

    def leave(self):
        """Take the target away."""
        self._listener.close()


@pytest.fixture
def wire():
    """Make a proxy and its target; at the end no thread of a proxy may be left."""
    with ExitStack() as stack:
        yield lambda faults=None, **options: Wire(stack, options | ({"faults": faults} if faults else {}))
    assert not [thread for thread in threading.enumerate() if thread.name == "FaultProxy"]


def read_to_end(sock):
    """All that comes, and how it ends: `reset` or `end`."""
    came = b""
    try:
        while piece := sock.recv(65_536):
            came += piece
    except ConnectionResetError:
        return came, "reset"
    return came, "end"


def receive(sock, count):
    came = b""
    while len(came) < count:
        piece = sock.recv(count - len(came))
        assert piece, f"expected {count} bytes, got the end after {len(came)}"
        came += piece
    return came


def pour(sock, count):
    """Send so many bytes; each piece may take the socket's time, not all of them together."""
    sent = 0
    while sent < count:
        sent += sock.send(bytes(65_536))


# Without faults.


def test_bytes_pass_both_ways(wire):
    client, server = wire().connect()

    client.sendall(TEXT)
    assert receive(server, len(TEXT)) == TEXT
    server.sendall(TEXT[::-1])
    assert receive(client, len(TEXT)) == TEXT[::-1]


def test_much_passes_unchanged(wire):
    client, server = wire(Faults(split=0.1, delay=0.01, longest_delay=0.001)).connect()
    sent = TEXT * 5000
    sending = threading.Thread(target=server.sendall, args=(sent,))
    sending.start()
    came = receive(client, len(sent))
    sending.join(WAIT)

    assert came == sent


def test_the_end_of_one_direction_leaves_the_other_open(wire):
    client, server = wire().connect()

    client.shutdown(socket.SHUT_WR)
    assert read_to_end(server) == (b"", "end")
    server.sendall(b"answer")
    server.close()
    assert read_to_end(client) == (b"answer", "end")


def test_a_target_that_takes_no_connection_has_its_clients_dropped(wire):
    before = wire()
    before.leave()

    assert read_to_end(before.dial())[0] == b""


def test_a_target_that_breaks_breaks_its_client(wire):
    client, server = wire().connect()

    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    server.close()
    assert read_to_end(client)[0] == b""


def test_more_connections_than_may_be_are_dropped(wire):
    between = wire(max_connections=1)
    client, server = between.connect()

    assert read_to_end(between.dial())[0] == b""
    client.sendall(b"still here")
    assert receive(server, 10) == b"still here"


def test_a_slow_side_slows_the_other(wire):
    client, server = wire().connect()
    server.settimeout(A_MOMENT)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    with pytest.raises(TimeoutError):
        pour(server, 50_000_000)


# Faults.


def test_a_cut_breaks_the_connection_for_both(wire):
    client, server = wire(Faults(cut=AT_EVERY_BYTE)).connect()

    server.sendall(TEXT)
    assert read_to_end(client)[0] in (TEXT[:1], b"")  # a reset may overtake the byte
    assert read_to_end(server)[0] == b""


def test_some_cuts_are_resets_and_some_are_ends(wire):
    between = wire(Faults(cut=AT_EVERY_BYTE))

    ends = []
    for _ in range(20):
        client, server = between.connect()
        server.sendall(TEXT)
        ends.append(read_to_end(client)[1])
    assert set(ends) == {"reset", "end"}
    assert between.proxy.counts[Fault.CUT] == 20


def test_a_client_that_is_cut_by_an_end_got_all_that_passed(wire):
    between = wire(Faults(cut=20))

    lengths = []
    for _ in range(20):
        client, server = between.connect()
        server.sendall(TEXT)
        server.close()
        came, end = read_to_end(client)
        assert TEXT.startswith(came)
        lengths += [len(came)] * (end == "end")
    assert len(set(lengths)) > 2


def test_the_same_seed_cuts_at_the_same_bytes(wire):
    def lengths(seed):
        between, found = wire(Faults(cut=100, split=100), seed=seed), []
        for _ in range(10):
            client, server = between.connect()
            client.sendall(TEXT)
            found.append(len(read_to_end(server)[0]))
        return found

    assert lengths(7) == lengths(7) != lengths(8)


def test_a_stall_passes_nothing_either_way_until_the_client_goes(wire):
    between = wire(Faults(stall=AT_EVERY_BYTE))
    client, server = between.connect()

    server.sendall(TEXT)
    assert receive(client, 1) == TEXT[:1]
    client.sendall(TEXT)
    client.settimeout(A_MOMENT)
    with pytest.raises(TimeoutError):
        client.recv(1)
    server.settimeout(A_MOMENT)
    with pytest.raises(TimeoutError):
        server.recv(1)
    client.close()
    server.settimeout(WAIT)
    assert read_to_end(server)[0] == b""
    assert between.proxy.counts[Fault.STALL] == 1


def test_a_split_makes_a_piece_of_its_own(wire):
    between = wire(Faults(split=AT_EVERY_BYTE))
    client, server = between.connect()

    server.sendall(TEXT)
    first = client.recv(len(TEXT))
    assert len(first) < len(TEXT)
    assert first + receive(client, len(TEXT) - len(first)) == TEXT
    assert between.proxy.counts[Fault.SPLIT] >= len(TEXT) - 1


def test_a_delay_makes_bytes_late(wire):
    client, server = wire(Faults(delay=AT_EVERY_BYTE, longest_delay=0.02)).connect()

    begin = time.monotonic()
    server.sendall(TEXT[:20])
    assert receive(client, 20) == TEXT[:20]
    assert time.monotonic() - begin > 0.05  # 19 delays of 0.01 s on average


def test_faults_come_in_both_directions(wire):
    between = wire(Faults(split=AT_EVERY_BYTE))
    client, server = between.connect()

    client.sendall(TEXT)
    assert receive(server, len(TEXT)) == TEXT
    assert between.proxy.counts[Fault.SPLIT] >= len(TEXT) - 1


# Calm, and the end.


def test_once_calm_nothing_goes_wrong(wire):
    between = wire(Faults(cut=AT_EVERY_BYTE, stall=AT_EVERY_BYTE))
    between.proxy.calm()
    between.proxy.calm()
    client, server = between.connect()

    server.sendall(TEXT)
    assert receive(client, len(TEXT)) == TEXT
    assert set(between.proxy.counts.values()) == {0}
    assert between.proxy.connections == 1


def test_calm_does_not_mend_what_stalls(wire):
    between = wire(Faults(stall=AT_EVERY_BYTE))
    client, server = between.connect()

    server.sendall(TEXT)
    assert receive(client, 1) == TEXT[:1]
    between.proxy.calm()
    client.settimeout(A_MOMENT)
    with pytest.raises(TimeoutError):
        client.recv(1)


def test_close_drops_what_is_open_and_keeps_the_counts(wire):
    between = wire(Faults(split=AT_EVERY_BYTE))
    client, server = between.connect()
    client.sendall(b"1")
    assert receive(server, 1) == b"1"

    between.proxy.close()
    between.proxy.close()
    between.proxy.calm()
    assert read_to_end(client)[0] == read_to_end(server)[0] == b""
    assert between.proxy.connections == 1
    with pytest.raises(ConnectionRefusedError):
        between.dial()


def test_connection_that_came_just_before_the_end_is_closed_too(wire):
    for _ in range(50):
        between = wire()
        client = between.dial()
        between.proxy.close()
        assert read_to_end(client)[0] == b""
    gc.collect()


def test_its_addresses_are_the_targets_with_another_port(wire):
    proxy = wire().proxy

    assert proxy.origin == f"http://127.0.0.1:{proxy.port}"
    assert proxy.url() == f"{proxy.origin}/"
    assert proxy.url("/events?topic=t") == f"{proxy.origin}/events?topic=t"


def test_a_port_may_be_chosen(wire):
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]

    assert wire(listen_port=port).proxy.port == port


def test_a_proxy_is_for_one_with():
    proxy = FaultProxy(HOST, 1, seed=7)
    with pytest.raises(RuntimeError, match="not started"):
        _ = proxy.port
    with pytest.raises(RuntimeError, match="not started"):
        proxy.calm()
    proxy.close()
    with proxy:
        pass
    with pytest.raises(RuntimeError, match="started before"):
        proxy.__enter__()
