"""What the operator is told of a request that was refused: one line, found by the request id that the answer has.

Not here: what a line says of a request (request_messages.py), what the client is told (routes.py, coming_back.py),
counting (core/counters.py).

Rule that always holds: whatever clients do, there are no more lines of `info` than `OF_ONE_CLIENT` and `OF_ALL` allow,
and the first one of a client is among them unless many clients are refused at once; the others are `debug`.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from longwave.server.limits.client_address import address_group
from longwave.server.limits.rate_limits import Rate, RateLimit
from longwave.server.messages.request_messages import fields_of, headers_of, new_request_id, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.transports.exchange import Headers, Request

logger = logging.getLogger("longwave.server")

OF_ONE_CLIENT = Rate(1 / 60, 5)  # lines for one address, or one subject, and one reason
OF_ALL = Rate(10, 100)
KEYS = 4096  # clients and reasons that are known; see rate_limits.py
ALL = "all"
LONGEST = 500  # characters of a sentence, which may quote what a client sent


class RefusalMessages:
    """Tells of refusals that clients can cause as often as they like. now: seconds on a clock that never goes back."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._of_one_client = RateLimit(OF_ONE_CLIENT, KEYS)
        self._of_all = RateLimit(OF_ALL, 1)

    def tell(self, request: Request, reason: str, sentence: str, subject: str = "") -> Headers:
        """Write the line, and return the headers by which the client's answer can be found with it.

        reason: its word for metrics; "" for what the client can see for itself, which is `debug` always. subject: of
        the client's token, "" if it is not known.
        """
        request_id = new_request_id()
        level = logging.INFO if reason and self._has_room(request, reason, subject) else logging.DEBUG
        if logger.isEnabledFor(level):
            fields = fields_of(request, request_id, reason, {"subject": subject})
            why = f"{reason}: {sentence}" if reason else sentence
            logger.log(level, "refused %s: %s (request %s)", place_of(fields), why[:LONGEST], request_id, extra=fields)
        return headers_of(request_id)

    def _has_room(self, request: Request, reason: str, subject: str) -> bool:
        now = self._now()
        whom = subject or address_group(request.client)
        # The narrower one first: who is refused often takes no room from others.
        return not (self._of_one_client.take(f"{reason} {whom}", now) or self._of_all.take(ALL, now))
