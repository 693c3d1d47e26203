"""The answer to a client that is to come back later, as clients of its kind understand it.

Not here: who is told (site.py for the whole server, client_limits.py for one client).
"""

from __future__ import annotations

import random
from http import HTTPStatus
from typing import TYPE_CHECKING

from longwave.core.pacing import overload_retry
from longwave.eventstream.encoder import encode_retry
from longwave.eventstream.event import MAX_RETRY
from longwave.server.limits.rate_limits import retry_after
from longwave.transports.exchange import Response, refusal

if TYPE_CHECKING:
    from longwave.transports.exchange import Headers, Request


def come_back(
    request: Request, status: HTTPStatus, sentence: str, *, wait: float = 0.0, headers: Headers = (), close: bool = True
) -> Response:
    """Return the answer to a client that may come back in `wait` seconds; 0 where nobody knows.

    Browsers are told 30 to 60 seconds more, as all of an address may be told together; and others, where nobody knows.
    status, sentence: for clients that heed them. close: their connections, too.
    """
    pause = overload_retry(random.random())  # milliseconds; so that not all come back together
    if request.method == "GET" and b"text/event-stream" in (request.header(b"accept") or b""):
        # A browser's EventSource never comes back after an error status, so it gets a stream that ends at once.
        retry = encode_retry(min(int(wait * 1000) + pause, MAX_RETRY))
        return Response(
            HTTPStatus.OK, retry, "text/event-stream", (*headers, (b"Cache-Control", b"no-store")), close=True
        )
    seconds = retry_after(wait) if wait else pause // 1000
    return refusal(status, sentence, (*headers, (b"Retry-After", b"%d" % seconds)), close=close)
