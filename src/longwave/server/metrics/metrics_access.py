"""Who may read the metrics.

Not here: what they are (metrics.py), the answer (metrics_page.py).

Rule that always holds: nobody beyond this machine may unless it was asked for; whoever comes through a proxy is beyond
it, as the proxy's own address says nothing about whom it lets in.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from longwave.server.limits.client_address import is_local

if TYPE_CHECKING:
    from longwave.transports.exchange import Request

ADDED_BY_PROXIES = frozenset(
    {b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip"}
)


class MetricsAccess(Enum):
    """What `/metrics` is to whom."""

    OFF = "off"  # not there
    LOCAL = "local"  # for clients on this machine: a loopback address, or the Unix socket
    PUBLIC = "public"  # for everybody who reaches the server

    def objection(self, request: Request) -> str:
        """Return in one sentence why the client may not read them, "" if it may."""
        if self is MetricsAccess.PUBLIC:
            return ""
        if not is_local(request.client):
            return f"expected a client on this machine, got one at {request.client}; see the option --metrics"
        if any(name in ADDED_BY_PROXIES for name, _ in request.headers):
            return "expected a client that asks directly, got one behind a proxy; see the option --metrics"
        return ""
