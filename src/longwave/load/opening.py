"""Opening connections: sockets that connect and send their request without waiting for each other.

Not here: what comes back (receiver.py, churn.py), what is asked (target.py).
Rules that always hold: nothing blocks; a pace is kept; so many connections that one address has not enough ports for
them come from several addresses of the loopback network.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import select
import socket

from longwave.load.schedule import NANOSECONDS

CLIENTS_PER_ADDRESS = 20_000  # the kernel has some 28,000 ports for one address
MAX_OPENING = 250  # connections of one process that wait for a response's head
RECEIVE_BUFFER = 65_536
IP_BIND_ADDRESS_NO_PORT = 24  # of Linux; Python 3.11 has no name for it


class Pace:
    """How many connections may be begun: evenly at a rate (a second, 0 without limit) from a moment on."""

    def __init__(self, rate: float, begun: int) -> None:
        self._rate = rate
        self._begun = begun
        self._taken = 0

    def take(self, now: int, most: int) -> int:
        """Return how many may begin at `now` (nanoseconds of the clock of `begun`), at most `most`."""
        if self._rate:
            due = int((now - self._begun) * self._rate / NANOSECONDS) + 1
            most = min(most, due - self._taken)
        most = max(most, 0)
        self._taken += most
        return most


class Opening:
    """One connection on its way: `begun` in nanoseconds of the monotonic clock."""

    __slots__ = ("begun", "client", "request", "sock")

    def __init__(self, sock: socket.socket, client: int, request: bytes, begun: int) -> None:
        self.sock = sock
        self.client = client
        self.request = request  # what of it was not sent
        self.begun = begun

    def send(self) -> bool:
        """Send on, now that the socket is writable; True when all is sent. Raises OSError."""
        problem = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            raise OSError(problem, os.strerror(problem))
        try:
            self.request = self.request[self.sock.send(self.request) :]
        except BlockingIOError:
            return False
        return not self.request


def resolve(address: tuple[str, int]) -> tuple[str, int]:
    """Return the address with an IP address for its name. Raises OSError."""
    family, _, _, _, found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
    if family not in (socket.AF_INET, socket.AF_INET6):
        raise OSError(errno.EAFNOSUPPORT, "expected an IP address")
    return str(found[0]), int(found[1])


def begin_connection(address: tuple[str, int], client: int) -> socket.socket:
    """Return a socket that is connecting. address: with an IP address. Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        source = source_address(address[0], client)
        if source is not None:
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))
        problem = sock.connect_ex(address)
        if problem not in (0, errno.EINPROGRESS):
            raise OSError(problem, os.strerror(problem))
    except BaseException:
        sock.close()
        raise
    return sock


def source_address(host: str, client: int) -> str | None:
    """Return the address that a client comes from; None where only the kernel can tell."""
    address = ipaddress.ip_address(host)
    if address.version == 6 or not address.is_loopback or client < CLIENTS_PER_ADDRESS:
        return None
    return str(ipaddress.IPv4Address("127.0.0.1") + client // CLIENTS_PER_ADDRESS)


WRITABLE = select.EPOLLOUT
READABLE = select.EPOLLIN
