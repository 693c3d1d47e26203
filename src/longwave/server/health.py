"""Whether a hub should be sent clients.

Not here: whether its log takes updates (`/healthz` in routes.py).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from longwave.transports.exchange import Response, refusal

if TYPE_CHECKING:
    from longwave.hub import Hub

READY = Response(HTTPStatus.OK, b"ready\n")


def readiness(hub: Hub, *, stopping: bool, keys: bool = True) -> Response:
    """Return 200, or 503 and why not, in one sentence. keys: whether tokens can be verified, if that is needed."""
    if stopping:
        problem = "expected a hub that stays, got one that is stopping"
    elif not hub.is_following:
        problem = "expected a hub that follows its log, got one that cannot read it now"
    elif not keys:
        problem = "expected the keys that verify tokens, got none yet"
    else:
        return READY
    return refusal(HTTPStatus.SERVICE_UNAVAILABLE, problem)
