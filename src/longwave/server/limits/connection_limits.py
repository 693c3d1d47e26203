"""How many connections are open, in total and by the peer's address, and whether one more is welcome.

Not here: what counts by the client's address, which a proxy tells in each request (stream_limits.py, which also says
what is counted where; rate_limits.py).
"""

from __future__ import annotations

import logging
from enum import Enum
from typing import TYPE_CHECKING

from longwave.server.limits.client_address import address_group, remote_group

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]  # the module does not exist there

logger = logging.getLogger("longwave.server")

RESERVED_FILES = 512  # descriptors for everything that is no connection, and for those that are told to go away
TURNED_AWAY = 128  # connections over the limit that get an answer; any more are closed at once
TURNED_AWAY_OF_ADDRESS = 8  # the same of one address
FALLBACK_FILES = 1024  # where the system does not tell


class Admission(Enum):
    """What becomes of a new connection."""

    WELCOME = "welcome"
    FULL = "full"  # its requests are answered with the advice to come back later
    ADDRESS_FULL = "address full"  # the same, as its address has as many as it may
    REFUSED = "refused"  # closed at once


class ConnectionLimits:
    """Counts connections.

    total: how many are welcome. per_address: how many from one address, IPv6 by /64; 0 for half of all, and any number
    from this machine. An empty address is nobody's: of clients on a Unix socket, and of trusted proxies, which connect
    for many.
    key: returns what a connection from an address is counted by, to be kept until it leaves; "" if by nothing.
    """

    def __init__(self, total: int, per_address: int) -> None:
        self.total = total
        self.per_address = per_address or max(total // 2, 1)
        self.key: Callable[[str], str] = address_group if per_address else remote_group
        self.open = 0
        self._by_address: dict[str, int] = {}

    def enter(self, key: str) -> Admission:
        """Count a connection, unless it is REFUSED: whoever has too many takes no room from others."""
        if self.open >= self.total + TURNED_AWAY:
            return Admission.REFUSED
        admission = Admission.WELCOME if self.open < self.total else Admission.FULL
        if key:
            count = self._by_address.get(key, 0)
            if count >= self.per_address + TURNED_AWAY_OF_ADDRESS:
                return Admission.REFUSED
            self._by_address[key] = count + 1
            if count >= self.per_address:
                admission = Admission.ADDRESS_FULL
        self.open += 1
        return admission

    def leave(self, key: str) -> None:
        """Count a connection that was not REFUSED no more."""
        self.open -= 1
        if not key:
            return
        count = self._by_address[key] - 1
        if count:
            self._by_address[key] = count
        else:
            del self._by_address[key]


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
