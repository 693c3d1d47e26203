"""What is at which path, and how errors become responses.

Not here: bytes (http1.py), what updates look like (publish_api.py), the stream (transports/sse.py).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from longwave.auth.grants import NOTHING, Grants
from longwave.auth.origins import may_publish
from longwave.core.audience import SelectorsTooCostly, SelectorsTooLong
from longwave.core.refusal import Refusal
from longwave.core.update import ReservedType
from longwave.errors import DuplicateId, HubClosed, InvalidValue, LogUnavailable, LongwaveError, TokenRefused
from longwave.server import mercure
from longwave.server.authorisation import Authorisation
from longwave.server.console import console_pages
from longwave.server.cors import Cors
from longwave.server.hosts import hosts_of
from longwave.server.limits.client_limits import ClientLimits, LimitReached
from longwave.server.limits.coming_back import come_back
from longwave.server.messages.refusal_messages import RefusalMessages
from longwave.server.messages.request_messages import headers_of
from longwave.server.messages.token_messages import TokenMessages
from longwave.server.presence.subscriptions_api import SubscriptionsApi
from longwave.server.presence.told_stream import serve_told
from longwave.server.publish_api import ReservedTopic, UnsupportedType, check_not_reserved, read_batch
from longwave.server.revoke_api import revoke
from longwave.transports import sse
from longwave.transports.exchange import Exchange, Request, Response, refusal

if TYPE_CHECKING:
    from longwave.hub import Hub
    from longwave.server.access import Access
    from longwave.server.config import ServerConfig
    from longwave.server.presence.presence_node import PresenceNode
    from longwave.server.publish_api import Authorise, Batch
    from longwave.server.revoking import Revoking
    from longwave.server.subscriptions import Subscriptions
    from longwave.transports.exchange import Headers

logger = logging.getLogger("longwave.server")

EVENTS = "/events"
MERCURE = "/.well-known/mercure"
REVOKE = "/events/revoke"
HEALTH = "/healthz"
READY = "/readyz"
METRICS = "/metrics"
RETRY_AFTER = ((b"Retry-After", b"1"),)  # seconds, when the log does not take writes
MOST_REPEATED = 200  # bytes of what a client sent that an answer repeats

Answer = Response | Awaitable[Response | None] | None  # None: the exchange was taken over by a stream
Handler = Callable[[Exchange], Answer]

STATUSES: dict[type[LongwaveError], HTTPStatus] = {
    UnsupportedType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ReservedTopic: HTTPStatus.FORBIDDEN,
    ReservedType: HTTPStatus.FORBIDDEN,
    InvalidValue: HTTPStatus.BAD_REQUEST,
    DuplicateId: HTTPStatus.CONFLICT,
    LogUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    HubClosed: HTTPStatus.SERVICE_UNAVAILABLE,
    TokenRefused: HTTPStatus.UNAUTHORIZED,
}

# What is counted, and by which word.
REFUSALS: dict[type[LongwaveError], str] = {
    SelectorsTooLong: Refusal.SELECTOR_SIZE,
    SelectorsTooCostly: Refusal.SELECTOR_COST,
    sse.TooManyTopics: Refusal.TOPICS,
    ReservedTopic: Refusal.RESERVED_TOPIC,
    ReservedType: Refusal.RESERVED_TYPE,
}


class Dialect(Enum):
    """How one resource is spoken with, at its two paths."""

    PLAIN = EVENTS  # forms, JSON and NDJSON, and a full sentence where something is wrong
    MERCURE = MERCURE  # the protocol's forms, and its terse texts

    __hash__ = object.__hash__  # a member equals only itself; Enum's own is a call in Python for each look-up

    def read(self, request: Request, authorise: Authorise) -> Batch:
        """Return what the request publishes. Raises InvalidValue, or as `authorise`."""
        return (
            mercure.read_publication(request, authorise) if self is Dialect.MERCURE else read_batch(request, authorise)
        )

    def respond(self, error: LongwaveError, method: str, headers: Headers = ()) -> Response:
        """Return the response that tells the client what was wrong."""
        status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
        headers += RETRY_AFTER if status is HTTPStatus.SERVICE_UNAVAILABLE else ()
        if self is Dialect.MERCURE:
            status, text = mercure.describe(error, status, method)
            return refusal(status, text, headers)
        return refusal(status, str(error), headers)

    def unauthorised(self, request_id: str) -> Response:
        """Return the response to a token that is refused; why is for the operator, who finds it by the request id."""
        headers = ((b"WWW-Authenticate", b"Bearer"), *headers_of(request_id))
        text = f"expected a token that counts; the hub's own messages say what was wrong (request {request_id})"
        status = HTTPStatus.UNAUTHORIZED
        return refusal(status, status.phrase if self is Dialect.MERCURE else text, headers)


class Routes:
    """Answers exchanges for one hub."""

    def __init__(
        self,
        hub: Hub,
        access: Access,
        subscriptions: Subscriptions,
        config: ServerConfig,
        *,
        presence: PresenceNode | None = None,
        revoking: Revoking | None = None,
    ) -> None:
        self._hub = hub
        self._access = access
        self._subscriptions = subscriptions
        self._presence = presence
        self._subscriptions_api = SubscriptionsApi(hub, presence) if presence is not None else None
        self._listing = self._read_only(partial(self._guarded, Dialect.MERCURE, self._list_subscriptions))
        self._cors = Cors(config.access.cors_origins)
        self._hosts = hosts_of(config)
        self._messages = RefusalMessages()
        self._token_messages = TokenMessages()
        limits = config.limits
        self._client_limits = ClientLimits(limits)
        self._selector_limits = sse.SelectorLimits(
            topics=limits.topics, size=limits.selector_bytes, cost=limits.selector_cost
        )
        self._usual_terms = {
            dialect: sse.Terms(limits=self._selector_limits, tells_start=dialect is Dialect.PLAIN)
            for dialect in Dialect
        }
        self._table = {dialect.value: self._events(dialect) for dialect in Dialect}
        self._table[HEALTH] = self._read_only(self._check_health)
        if revoking is not None:
            self._table[REVOKE] = {"POST": partial(self._guarded, Dialect.PLAIN, partial(self._revoke, revoking))}
        for path, page in console_pages().items():
            self._table[path] = self._read_only(always(page))

    def add_page(self, path: str, handler: Handler) -> None:
        """Answer with what the handler returns at one more path, which can be read only."""
        guarded = partial(self._guarded, Dialect.PLAIN, lambda _, exchange: handler(exchange))
        self._table[path] = self._read_only(guarded)

    def limit_keys(self) -> dict[str, int]:
        """Return of how many clients the limits know, by limit."""
        return self._client_limits.known()

    def answer(self, exchange: Exchange) -> Answer:
        """Return the response, now or later, or None if a stream has begun."""
        headers = self.headers(exchange.request)
        answer = self._answer(exchange)
        return self._with_headers(answer, headers) if headers else answer

    def headers(self, request: Request) -> Headers:
        """Return what every response to this request must say."""
        return self._cors.headers(request)

    def _answer(self, exchange: Exchange) -> Answer:
        request = exchange.request
        if not self._hosts.any and not self._hosts.allow(host := request.header(b"host")):
            return self._forbid(request, Refusal.HOST, misdirected(host or b""))
        methods = self._table.get(request.path) or self._methods_of_listing(request.path)
        if methods is None:
            came = request.path[:MOST_REPEATED]  # somebody may have put a token into it
            return refusal(HTTPStatus.NOT_FOUND, f"expected one of {', '.join(self._table)}, got {came}")
        handler = methods.get(request.method)
        if handler is None:
            return self._without_handler(request, methods)
        return handler(exchange)

    def serves(self, request: Request) -> bool:
        """Tell whether something is at the request's path, for its method."""
        methods = self._table.get(request.path) or self._methods_of_listing(request.path)
        return methods is not None and request.method in methods

    def _with_headers(self, answer: Answer, headers: Headers) -> Answer:
        if isinstance(answer, Response):
            return replace(answer, headers=answer.headers + headers)
        return answer if answer is None else self._later_with_headers(answer, headers)

    async def _later_with_headers(self, answer: Awaitable[Response | None], headers: Headers) -> Response | None:
        response = await answer
        return response if response is None else replace(response, headers=response.headers + headers)

    def _without_handler(self, request: Request, methods: dict[str, Handler]) -> Response:
        names = ", ".join((*methods, "OPTIONS"))
        allow = ((b"Allow", names.encode()),)
        if request.method == "OPTIONS":
            preflight = self._cors.preflight(request, names.encode())
            return Response(HTTPStatus.NO_CONTENT, headers=allow + preflight)
        return refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"expected {names}, got {request.method}", allow)

    def _events(self, dialect: Dialect) -> dict[str, Handler]:
        subscribe = partial(self._guarded, dialect, self._subscribe)
        methods: dict[str, Handler] = {}
        if self._access.may_subscribe:
            methods |= {"GET": subscribe, "HEAD": subscribe}
        if self._access.may_publish:
            methods["POST"] = partial(self._guarded, dialect, self._publish)
        return methods

    def _read_only(self, handler: Handler) -> dict[str, Handler]:
        return {"GET": handler, "HEAD": handler}

    def _guarded(self, dialect: Dialect, handle: Callable[[Dialect, Exchange], Answer], exchange: Exchange) -> Answer:
        """Answer, and turn what is raised, now or later, into a response."""
        try:
            answer = handle(dialect, exchange)
        except LongwaveError as error:
            return self._refuse(dialect, exchange.request, error)
        except OSError:  # the client left before its stream began
            return None
        except Exception:
            return fail(dialect)
        if answer is None or isinstance(answer, Response):
            return answer
        return self._guarded_later(dialect, exchange.request, answer)

    async def _guarded_later(
        self, dialect: Dialect, request: Request, answer: Awaitable[Response | None]
    ) -> Response | None:
        try:
            return await answer
        except LongwaveError as error:
            return self._refuse(dialect, request, error)
        except OSError:
            return None
        except Exception:
            return fail(dialect)

    def _refuse(self, dialect: Dialect, request: Request, error: LongwaveError) -> Response:
        if isinstance(error, TokenRefused):
            try:
                self._client_limits.bad_token(request.client)
            except LimitReached as limit:
                return self._refuse(dialect, request, limit)
            self._hub.counters.refused(error.reason)
            return dialect.unauthorised(self._token_messages.tell(request, error))
        if isinstance(error, LimitReached):
            self._hub.counters.refused(error.reason)
            headers = self._messages.tell(request, error.reason, str(error), error.subject)
            status = HTTPStatus.TOO_MANY_REQUESTS
            return come_back(request, status, str(error), wait=error.wait, headers=headers, close=False)
        reason = REFUSALS.get(type(error))
        if reason is not None:
            self._hub.counters.refused(reason)
        return dialect.respond(error, request.method, self._messages.tell(request, reason or "", str(error)))

    def tell(self, request: Request, reason: Refusal, sentence: str) -> Headers:
        """Tell the operator of a request that is refused, and return the headers by which that is found."""
        return self._messages.tell(request, reason, sentence)

    def _forbid(self, request: Request, reason: Refusal, response: Response) -> Response:
        """Count a request that is refused for where it comes from, and let the operator find it."""
        self._hub.counters.refused(reason)
        headers = self.tell(request, reason, response.body.decode().rstrip())
        return replace(response, headers=response.headers + headers)

    # Subscribing.

    def _subscribe(self, dialect: Dialect, exchange: Exchange) -> Answer:
        request = exchange.request
        self._client_limits.connect(request.client)  # before the token, or it could be guessed at any speed
        grants = self._access.subscriber(request)
        if request.method == "HEAD":
            return sse.serve(exchange, self._hub, self._terms(dialect, grants, ()))
        if grants.subject:
            self._client_limits.connect_as(grants.subject)
        asked = sse.asked_by(request, self._selector_limits)
        weight = len(asked[0].selectors) + asked[0].cost
        counted = self._client_limits.counting(exchange, grants.subject, weight)
        terms = self._terms(dialect, grants, self._cors.headers(request))
        if self._presence is None:
            return sse.serve(counted, self._hub, terms, asked)
        # Before anybody is told of the client.
        self._client_limits.check_room(exchange, grants.subject, weight)
        selectors = tuple([selector.text for selector in asked[0].selectors])
        attendance = self._presence.attendance(selectors, grants, request.client)
        self._client_limits.tell(request.client, grants.subject, 2 * attendance.cost)  # it comes, and it leaves
        return serve_told(counted, self._hub, terms, asked, self._presence, self._subscriptions, attendance)

    def _terms(self, dialect: Dialect, grants: Grants, headers: Headers) -> sse.Terms:
        if grants is NOTHING and not headers:
            return self._usual_terms[dialect]
        has_token = grants is not NOTHING
        return sse.Terms(
            limits=self._selector_limits,
            grants=grants,
            headers=headers,
            tells_start=dialect is Dialect.PLAIN,
            still=partial(self._subscriptions.check, grants) if has_token else None,
            attached=partial(self._subscriptions.add, grants=grants) if has_token else None,
        )

    # Subscriptions that are active.

    def _methods_of_listing(self, path: str) -> dict[str, Handler] | None:
        return self._listing if self._subscriptions_api is not None and self._subscriptions_api.serves(path) else None

    def _list_subscriptions(self, _: Dialect, exchange: Exchange) -> Answer:
        assert self._subscriptions_api is not None, "or else there are no methods for its paths"
        self._client_limits.connect(exchange.request.client)
        self._access.check_listing(exchange.request)
        return self._subscriptions_api.answer(exchange.request)

    # Revoking.

    def _revoke(self, revoking: Revoking, _: Dialect, exchange: Exchange) -> Answer:
        return revoke(exchange.request, self._access.revoker(exchange.request), revoking)

    # Publishing.

    def _publish(self, dialect: Dialect, exchange: Exchange) -> Answer:
        request = exchange.request
        if not self._access.is_open:
            grants = self._access.publisher(request)
            return self._append_authorised(dialect, request, grants)
        if not self._is_own_page(request):
            sentence = "expected a page of this hub's own origin, got one of another"
            return self._forbid(request, Refusal.ORIGIN, refusal(HTTPStatus.FORBIDDEN, sentence))
        return self._append(dialect, request, check_not_reserved)

    def _is_own_page(self, request: Request) -> bool:
        origin, host = request.header(b"origin"), request.header(b"host") or b""
        if origin is None:
            return True
        page = origin.decode("latin-1")
        return may_publish(page, host.decode("latin-1")) or self._access.allows_page(page)

    async def _append_authorised(self, dialect: Dialect, request: Request, grants: Grants) -> Response:
        authorisation = Authorisation(grants)
        try:
            batch = dialect.read(request, authorisation)
        finally:
            await authorisation.finish()  # what is not authorised is refused before what is wrong after it
        return await self._take(batch, request.client, grants.subject)

    async def _append(self, dialect: Dialect, request: Request, authorise: Authorise) -> Response:
        return await self._take(dialect.read(request, authorise), request.client)

    async def _take(self, batch: Batch, client: str, subject: str = "") -> Response:
        self._client_limits.publish(client, subject, len(batch.updates))
        return batch.answer(await self._hub.append(batch.updates))

    # Health.

    def _check_health(self, exchange: Exchange) -> Answer:
        return self._guarded_later(Dialect.PLAIN, exchange.request, self._health())

    async def _health(self) -> Response:
        await self._hub.append([])
        return Response(HTTPStatus.OK, b"ok\n")


def fail(dialect: Dialect) -> Response:
    """Log the exception that is being handled, and tell the client no more than that there was one."""
    logger.exception("answering a request failed")
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return refusal(status, status.phrase if dialect is Dialect.MERCURE else "this hub failed; its own messages say why")


def always(response: Response) -> Handler:
    """Return a handler that gives this response to every request."""
    return lambda _: response


def misdirected(host: bytes) -> Response:
    """Tell a client that this hub is not known by that name."""
    came = host[:MOST_REPEATED].decode("latin-1")
    sentence = f"expected localhost, an IP address or a name of --allowed-host as Host, got {came!a}"
    return refusal(HTTPStatus.MISDIRECTED_REQUEST, sentence)
