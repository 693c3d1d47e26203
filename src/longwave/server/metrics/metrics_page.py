"""The answer at `/metrics`.

Not here: what it says (metrics.py), who may ask (metrics_access.py).

Rule that always holds: however many ask, metrics are read at most once in `FRESH` seconds.
"""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from longwave.server.metrics.metrics import CONTENT_TYPE
from longwave.transports.exchange import Response, refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from longwave.server.metrics.metrics import Metrics
    from longwave.server.metrics.metrics_access import MetricsAccess
    from longwave.transports.exchange import Request

FRESH = 0.5  # seconds


class MetricsPage:
    """Answers for one server. clock: returns seconds."""

    def __init__(self, metrics: Metrics, access: MetricsAccess, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._access = access
        self._clock = clock
        self._reading = asyncio.Lock()
        self._text = b""
        self._fresh_until = float("-inf")

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        """Return the metrics, or why the client may not read them."""
        objection = self._access.objection(request)
        return refusal(HTTPStatus.FORBIDDEN, objection) if objection else self._respond()

    async def _respond(self) -> Response:
        async with self._reading:
            if self._clock() >= self._fresh_until:
                self._text = await self._metrics.text()
                self._fresh_until = self._clock() + FRESH
        return Response(HTTPStatus.OK, self._text, CONTENT_TYPE, ((b"Cache-Control", b"no-store"),))
