"""How many connections are open, in total and by the peer's address, and whether one more is welcome.

Not here: what counts by the client's address, which a proxy tells in each request (stream_limits.py, which also says
what is counted where; rate_limits.py).
"""

from __future__ import annotations

import logging
from enum import Enum

from longwave.server.client_address import address_group

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]  # the module does not exist there

logger = logging.getLogger("longwave.server")

RESERVED_FILES = 512  # descriptors for everything that is no connection, and for those that are told to go away
TURNED_AWAY = 128  # connections over the limit that get an answer; any more are closed at once
FALLBACK_FILES = 1024  # where the system does not tell


class Admission(Enum):
    """What becomes of a new connection."""

    WELCOME = "welcome"
    FULL = "full"  # its requests are answered with the advice to come back later
    REFUSED = "refused"  # closed at once


class ConnectionLimits:
    """Counts connections.

    total: how many are welcome. per_address: how many from one address, IPv6 by /64, 0 for any number. An empty address
    is nobody's: of clients on a Unix socket, and of trusted proxies, which connect for many.
    """

    def __init__(self, total: int, per_address: int) -> None:
        self.total = total
        self.per_address = per_address
        self.open = 0
        self._by_address: dict[str, int] = {}

    def enter(self, address: str) -> Admission:
        """Count a connection, unless it is REFUSED."""
        if self.open >= self.total + TURNED_AWAY:
            return Admission.REFUSED
        self.open += 1
        if not (self.per_address and address):
            return Admission.WELCOME if self.open <= self.total else Admission.FULL
        group = address_group(address)
        count = self._by_address[group] = self._by_address.get(group, 0) + 1
        return Admission.WELCOME if self.open <= self.total and count <= self.per_address else Admission.FULL

    def leave(self, address: str) -> None:
        """Count a connection no more."""
        self.open -= 1
        if not (self.per_address and address):
            return
        group = address_group(address)
        count = self._by_address[group] - 1
        if count:
            self._by_address[group] = count
        else:
            del self._by_address[group]


def connections_allowed(configured: int) -> int:
    """Return how many connections are welcome: as configured, but not more than the process may open, less a reserve.

    configured: 0 asks for as many as possible.
    """
    possible = max(open_files_allowed() - RESERVED_FILES, 1)
    if configured > possible:
        logger.warning("%d connections are asked for, but open files allow %d", configured, possible)
    return min(configured or possible, possible)


def open_files_allowed() -> int:
    """Return how many files this process may open, having raised the limit as far as it may."""
    if resource is None:
        return FALLBACK_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:  # of some systems, which still do not allow any number
        return FALLBACK_FILES if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
