"""Listening sockets, with the options that every accepted connection inherits.

Not here: accepting (the event loop), counting connections (connection_limits.py).
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable
from functools import partial
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longwave.server.config import Listen, ServerConfig

Step = Callable[[socket.socket], None]  # of opening a socket

NOTSENT_LOWAT = 16_384  # bytes not yet sent above which the kernel says that a socket has no room


def listen(config: ServerConfig) -> list[socket.socket]:
    """Return sockets that listen as configured. Raises OSError that names the address."""
    if config.listen.uds is not None:
        return [_listen_unix(config.listen.uds, config)]
    return _open_all(config.listen, partial(_prepare, config=config), partial(_start, config=config))


def reserve(config: ServerConfig) -> list[socket.socket]:
    """Return sockets that keep the configured address for workers, and do not listen themselves.

    Raises OSError that names the address, also if it is in use by workers of another hub.
    """
    return _open_all(config.listen, lambda _: None, _admit_workers)


def url_of(listening: socket.socket) -> str:
    """Return the address under which a listening socket is reached, as users write it."""
    path = unix_path(listening)
    if path is not None:
        return f"unix:{path}"
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def unix_path(listening: socket.socket) -> str | None:
    """Return the file of a listening Unix socket, None for any other."""
    unix = getattr(socket, "AF_UNIX", None)
    return str(listening.getsockname()) if listening.family == unix else None


def _open_all(wanted: Listen, prepare: Step, begin: Step) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(wanted):
            # With port 0 the system chooses once; every further address gets the same port.
            port = sockets[0].getsockname()[1] if sockets else address[1]
            sockets.append(_open(family, (address[0], port, *address[2:]), prepare, begin))
    except OSError:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def _addresses(wanted: Listen) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    host = wanted.host.strip("[]")
    try:
        infos = socket.getaddrinfo(host, wanted.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        reason = f"cannot listen on {wanted.host}:{wanted.port}: {error.strerror}"
        raise OSError(errno.EADDRNOTAVAIL, reason) from None
    return list(dict.fromkeys((info[0], info[4]) for info in infos))  # type: ignore[misc]  # of these families only


def _open(family: socket.AddressFamily, address: tuple[str | int, ...], prepare: Step, begin: Step) -> socket.socket:
    """Return a socket that is bound, after `prepare` before that and `begin` after."""
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        prepare(opened)
        opened.bind(address)
        begin(opened)
    except OSError as error:
        opened.close()
        raise OSError(
            error.errno, f"cannot listen on {address[0]}:{address[1]}: {os.strerror(error.errno or 0)}"
        ) from None
    return opened


def _prepare(listening: socket.socket, config: ServerConfig) -> None:
    if config.workers > 1:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    _set_tcp_options(listening, config)


def _set_tcp_options(listening: socket.socket, config: ServerConfig) -> None:
    """Bound what a client that stops reading holds in the kernel: measured 3.9 MB without, under 60 KB with."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, config.send_buffer)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOTSENT_LOWAT)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, ceil(config.timeouts.send * 1000))


def _listen_unix(path: str, config: ServerConfig) -> socket.socket:
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, config.send_buffer)
        listening.bind(path)
        _start(listening, config)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"cannot listen on unix:{path}: {error.strerror or error}") from None
    return listening


def _admit_workers(reserved: socket.socket) -> None:
    """Let sockets with `SO_REUSEPORT` share the address from now on.

    Bound without that option, the address is known to be free even of another hub's workers; and as the option that
    allowed it is taken back, the next one that tries the same fails.
    """
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)


def _start(listening: socket.socket, config: ServerConfig) -> None:
    listening.setblocking(False)
    listening.listen(config.listen.backlog)


def _remove_stale(path: str) -> None:
    """Remove the file of a socket that nobody listens on any more; anything else at the path stays."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a server that is too busy to accept is a server
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            return  # binding fails, and says why
