"""Listening sockets: where, with which options, and what is said when it fails."""

from __future__ import annotations

import socket
from contextlib import contextmanager

import pytest

from longwave.server.config import Listen, ServerConfig, Timeouts
from longwave.server.wire.listener import NOTSENT_LOWAT, listen, reserve, unix_path, url_of


@contextmanager
def listening(**options):
    more = {name: options.pop(name) for name in ("send_buffer", "timeouts") if name in options}
    sockets = listen(ServerConfig(listen=Listen(**{"port": 0, **options}), **more))
    try:
        yield sockets
    finally:
        for sock in sockets:
            sock.close()


def test_options_are_set_that_accepted_connections_inherit():
    with listening(send_buffer=20_000, timeouts=Timeouts(send=1.5)) as (sock,):
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 40_000
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1500
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == NOTSENT_LOWAT
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_shortest_send_timeout_is_not_no_timeout():
    with listening(timeouts=Timeouts(send=0.0001)) as (sock,):
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1


def test_address_is_told_as_users_write_it():
    with listening() as (sock,):
        port = sock.getsockname()[1]
        assert url_of(sock) == f"http://127.0.0.1:{port}/"
        assert unix_path(sock) is None


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_address_stands_in_brackets(host):
    with listening(host=host) as (sock,):
        assert url_of(sock) == f"http://[::1]:{sock.getsockname()[1]}/"


def test_all_addresses_of_a_name_get_the_same_port():
    with listening(host="localhost") as sockets:
        assert len({sock.getsockname()[1] for sock in sockets}) == 1


def test_address_in_use_is_named():
    with listening() as (sock,):
        port = sock.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            listen(ServerConfig(listen=Listen(port=port)))


def test_name_that_is_none_is_named():
    with pytest.raises(OSError, match=r"cannot listen on no\.such\.host\.invalid:0: "):
        listen(ServerConfig(listen=Listen(host="no.such.host.invalid", port=0, insecure=True)))


def test_path_that_is_too_long_is_named(tmp_path):
    with pytest.raises(OSError, match=r"cannot listen on .*aaa: .*too long"):
        listen(ServerConfig(listen=Listen(uds=str(tmp_path / ("a" * 200)))))


def test_unix_socket_is_told_by_its_path(tmp_path):
    with listening(uds=str(tmp_path / "s")) as (sock,):
        assert (url_of(sock), unix_path(sock)) == (f"unix:{tmp_path}/s", f"{tmp_path}/s")


# Workers


@contextmanager
def reserved(port=0):
    sockets = reserve(ServerConfig(listen=Listen(port=port), workers=2))
    try:
        yield sockets[0].getsockname()[1]
    finally:
        for sock in sockets:
            sock.close()


def listen_as_worker(port):
    return listen(ServerConfig(listen=Listen(port=port), workers=2))


def test_workers_share_the_address_that_was_reserved():
    with reserved() as port:
        sockets = [sock for _ in range(3) for sock in listen_as_worker(port)]
        assert {sock.getsockname()[1] for sock in sockets} == {port}
        for sock in sockets:
            sock.close()


def test_reserved_address_takes_no_connections():
    with reserved() as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize("serving", [False, True])
@pytest.mark.parametrize("other", [reserve, listen])
def test_reserved_address_is_taken_for_any_other_hub(other, serving):
    workers = 2 if other is reserve else 1
    with reserved() as port:
        sockets = listen_as_worker(port) if serving else []
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            other(ServerConfig(listen=Listen(port=port), workers=workers))
        for sock in sockets:
            sock.close()


def test_address_of_a_hub_without_workers_cannot_be_reserved():
    with listening() as (sock,):
        port = sock.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            reserve(ServerConfig(listen=Listen(port=port), workers=2))


def test_address_can_be_reserved_again_right_after_a_hub_that_had_clients():
    """Their connections linger in TIME_WAIT."""
    with reserved() as port:
        (worker,) = listen_as_worker(port)
        with socket.create_connection(("127.0.0.1", port)):
            worker.setblocking(True)
            worker.accept()[0].close()
        worker.close()
    with reserved(port) as again:
        assert again == port
