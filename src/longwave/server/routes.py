"""What is at which path, and how errors become responses.

Not here: bytes (http1.py), what updates look like (publish_api.py), the stream (transports/sse.py).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from longwave.auth.origins import may_publish
from longwave.errors import DuplicateId, HubClosed, InvalidValue, LogUnavailable, LongwaveError
from longwave.server.console import console_pages
from longwave.server.publish_api import UnsupportedType, read_batch
from longwave.transports import sse
from longwave.transports.exchange import Exchange, Response, refusal

if TYPE_CHECKING:
    from longwave.hub import Hub

logger = logging.getLogger("longwave.server")

EVENTS = ("/events", "/.well-known/mercure")
HEALTH = "/healthz"
RETRY_AFTER = ((b"Retry-After", b"1"),)  # seconds, when the log does not take writes

Answer = Response | Awaitable[Response] | None  # None: the exchange was taken over by a stream
Handler = Callable[[Exchange], Answer]

STATUSES: dict[type[LongwaveError], HTTPStatus] = {
    UnsupportedType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidValue: HTTPStatus.BAD_REQUEST,
    DuplicateId: HTTPStatus.CONFLICT,
    LogUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    HubClosed: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Routes:
    """Answers exchanges for one hub; max_topics: `topic` parameters of one subscription."""

    def __init__(self, hub: Hub, max_topics: int) -> None:
        self._hub = hub
        self._max_topics = max_topics
        self._table: dict[str, dict[str, Handler]] = {path: self._events() for path in EVENTS}
        self._table[HEALTH] = self._read_only(self._check_health)
        for path, page in console_pages().items():
            self._table[path] = self._read_only(always(page))

    def answer(self, exchange: Exchange) -> Answer:
        """Return the response, now or later, or None if a stream has begun."""
        request = exchange.request
        methods = self._table.get(request.path)
        if methods is None:
            return refusal(HTTPStatus.NOT_FOUND, f"expected one of {', '.join(self._table)}, got {request.path}")
        handler = methods.get(request.method)
        if handler is None:
            return self._without_handler(request.method, methods)
        try:
            return handler(exchange)
        except LongwaveError as error:
            return response_to(error)
        except OSError:  # the client left before its stream began
            return None

    def _without_handler(self, method: str, methods: dict[str, Handler]) -> Response:
        allow = ((b"Allow", ", ".join((*methods, "OPTIONS")).encode()),)
        if method == "OPTIONS":
            return Response(HTTPStatus.NO_CONTENT, headers=allow)
        return refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"expected {allow[0][1].decode()}, got {method}", allow)

    def _events(self) -> dict[str, Handler]:
        return {"GET": self._subscribe, "HEAD": self._subscribe, "POST": self._publish}

    def _read_only(self, handler: Handler) -> dict[str, Handler]:
        return {"GET": handler, "HEAD": handler}

    def _subscribe(self, exchange: Exchange) -> Answer:
        return sse.serve(exchange, self._hub, self._max_topics)

    def _publish(self, exchange: Exchange) -> Answer:
        origin = exchange.request.header(b"origin")
        host = (exchange.request.header(b"host") or b"").decode("latin-1")
        if not may_publish(None if origin is None else origin.decode("latin-1"), host):
            return refusal(HTTPStatus.FORBIDDEN, "expected a page of this hub's own origin, got one of another")
        return self._safely(self._append(exchange))

    async def _append(self, exchange: Exchange) -> Response:
        batch = read_batch(exchange.request)
        return batch.answer(await self._hub.append(batch.updates))

    def _check_health(self, _: Exchange) -> Answer:
        return self._safely(self._health())

    async def _health(self) -> Response:
        await self._hub.append([])
        return Response(HTTPStatus.OK, b"ok\n")

    async def _safely(self, answer: Awaitable[Response]) -> Response:
        try:
            return await answer
        except LongwaveError as error:
            return response_to(error)
        except Exception:
            logger.exception("answering a request failed")
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "this hub failed; its own messages say why")


def always(response: Response) -> Handler:
    """Return a handler that gives this response to every request."""
    return lambda _: response


def response_to(error: LongwaveError) -> Response:
    """Return the response that tells the client what was wrong."""
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    headers = RETRY_AFTER if status is HTTPStatus.SERVICE_UNAVAILABLE else ()
    return refusal(status, str(error), headers)
