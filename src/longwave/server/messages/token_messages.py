"""What the operator is told of tokens that were refused: why, under the request id that the client's answer has.

Not here: the answer (routes.py), what a line says of a request (request_messages.py), refusals that tell the client why
(refusal_messages.py), how often one client may try (client_limits.py).

Rules that always hold: there are no more lines than `LINES` in each `SPAN`, and one that says how many more tokens were
refused, whoever sends them; those above are `debug`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from longwave.server.messages.request_messages import fields_of, new_request_id, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.errors import TokenRefused
    from longwave.transports.exchange import Request

logger = logging.getLogger("longwave.server")

SPAN = 10.0  # seconds
LINES = 100  # of one span


class TokenMessages:
    """Tells of refused tokens; in a running loop. now: seconds on a clock that never goes back."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._ends = now()  # of the span
        self._left = 0  # lines
        self._more = 0  # tokens without a line

    def tell(self, request: Request, error: TokenRefused) -> str:
        """Write the line, and return the request id."""
        request_id = new_request_id()
        level = logging.WARNING if self._has_room() else logging.DEBUG
        if logger.isEnabledFor(level):
            fields = fields_of(request, request_id, error.reason, error.facts)
            place = place_of(fields)
            logger.log(level, "refused a token of %s: %s (request %s)", place, error, request_id, extra=fields)
        return request_id

    def _has_room(self) -> bool:
        now = self._now()
        if now >= self._ends:
            self._sum_up()
            self._ends, self._left = now + SPAN, LINES
        if self._left:
            self._left -= 1
            return True
        if not self._more:
            asyncio.get_running_loop().call_later(self._ends - now, self._sum_up)
        self._more += 1
        return False

    def _sum_up(self) -> None:
        if self._more:
            logger.warning("refused %d more tokens in %g s", self._more, SPAN, extra={"more": self._more})
            self._more = 0
