"""The publisher: updates to a hub over HTTP, one or several at a time, on connections that are kept.

Not here: what is sent and how an answer reads (publication.py), whether it is sent again (attempts.py).
Rules that always hold: what is returned is on the hub's log, once; what is sent again has ids, or cannot have been
stored; a token goes into a header and nowhere else.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from longwave.client.attempts import STORED, Attempts, Outcome, Verdict
from longwave.client.endpoint import Endpoint
from longwave.client.httpx_transport import library_of, translate
from longwave.client.observer import LoggingObserver
from longwave.client.publication import MAX_ANSWER, describe_refusal, new_id, prepare
from longwave.client.request import merge_headers, show, split_credentials
from longwave.client.source_options import CONNECT_TIMEOUT
from longwave.client.waiting import Interrupted, Waiting, ask
from longwave.core.update import Update, text_of, topics_of
from longwave.errors import InvalidValue, RequestFailed
from longwave.eventstream.event import DEFAULT_TYPE, Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from longwave.client.observer import Observer
    from longwave.client.publication import Publication
    from longwave.client.source_options import TokenOption

ATTEMPTS = 3
TIMEOUT = 30.0  # seconds without a byte
MAX_CONNECTIONS = 100  # what needs one more waits for one, as long as for a byte
KEEP_ALIVE = 30.0  # seconds that an idle connection is kept; less than a hub's 75

CLOSED = "expected an open publisher, got one that was closed"

Client: TypeAlias = Any  # AsyncClient of httpx2 or httpx
LibraryResponse: TypeAlias = Any  # a Response of either


class Publisher:
    """Publishes to the hub at `url`: its base address, its event resource, or `unix:PATH`.

        async with Publisher("https://hub.example.org", token=token) as publisher:
            await publisher.publish("orders/17", {"state": "paid"}, type="order")

    token: sent as `Authorization: Bearer`; text, or a callable that is asked anew for each attempt, and once more after
        a 401.
    timeout: seconds without a byte after which an attempt has failed.
    attempts: how many may fail, where it makes sense to try again: no connection, no answer, 408, 425, 429 and 5xx.
    gives_ids: whether updates without an id get a random one here, so that a request whose answer was lost can be sent
        again and is stored once. Without, the hub gives ids, and only what surely was not stored is sent again. With
        one attempt the hub gives ids in any case.
    observer: is told of each wait before another attempt (Observer.retry).
    client: of httpx2 or httpx (AsyncClient), for proxies, certificates and the like; it stays yours to close.

    May be used from any task at the same time. Close it, or use it as a context manager. Raises InvalidValue for
    arguments that cannot be.
    """

    def __init__(
        self,
        url: str,
        *,
        token: TokenOption | None = None,
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        gives_ids: bool = True,
        observer: Observer | None = None,
        client: Client | None = None,
    ) -> None:
        if not timeout > 0:
            raise InvalidValue("timeout", f"expected seconds above 0, got {timeout!r}")
        if attempts < 1:
            raise InvalidValue("attempts", f"expected 1 at least, got {attempts!r}")
        self.endpoint = Endpoint.parse(url)
        self._url, self._credentials = split_credentials(self.endpoint.url)
        self._token = token
        self._timeout = timeout
        self._attempts = attempts
        self._make_id = new_id if gives_ids and attempts > 1 else None
        self._observer = observer if observer is not None else LoggingObserver()
        self._owns_client = client is None
        self._client = _make_client(self.endpoint.uds) if client is None else _check_client(client, self.endpoint)
        self._library = library_of(self._client)
        self._waits: set[Waiting] = set()
        self._closed = False

    async def publish(
        self,
        topic: str | Iterable[str],
        data: object = "",
        *,
        type: str = DEFAULT_TYPE,
        id: str = "",
        private: bool = False,
        retry: int | None = None,
    ) -> str:
        """Publish one update and return its id once it is on the hub's log.

        topic: one topic or several; the first is the canonical one.
        data: a str goes as it is, anything else as JSON.
        type, id, retry: of the event.
        private: for subscribers with a grant only.

        Raises InvalidValue before anything is sent; RequestFailed if the hub refuses, or no attempt got an answer. Its
        message says so where the update may be stored all the same.
        """
        update = Update(topics_of(topic), Event(text_of(data), type, id, retry), private)
        ids = await self.append([update])
        return ids[0]

    async def append(self, updates: Sequence[Update]) -> list[str]:
        """Publish all updates or none, in order and next to each other, and return their ids. Raises as `publish`.

        At most `MAX_BATCH` updates, and several only up to `MAX_BATCH_SIZE` bytes; `batches` cuts them so.
        """
        if not updates:
            return []
        publication = prepare(updates, self._make_id)
        attempts = Attempts(publication, self._attempts, refreshable=callable(self._token))
        while True:
            outcome = await self._attempt(publication)
            verdict = attempts.judge(outcome, time.time())
            if verdict is Verdict.STORED:
                known = outcome.status != STORED
                return list(publication.ids) if known else publication.read_ids(outcome.body)
            if verdict is Verdict.FAIL:
                raise attempts.failure(outcome)
            if verdict is Verdict.RETRY and not await self._wait(outcome.reason, attempts.wait(random.random())):
                raise attempts.failure(Outcome(CLOSED))

    async def close(self) -> None:
        """Close the connections, from any task; safe to call twice.

        What waits for another attempt fails at once; what waits for an answer too, but in a thread after `timeout`.
        """
        self._closed = True
        for waiting in list(self._waits):
            waiting.end()
        if self._owns_client:
            await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # One attempt, and the wait before the next.

    async def _attempt(self, publication: Publication) -> Outcome:
        """Send the request and return what it came to. Raises RequestFailed for what no other attempt makes better."""
        if self._closed:
            return Outcome(CLOSED)
        token = await ask(self._token)
        own = ((b"Content-Type", publication.content_type.encode()), (b"Accept-Encoding", b"identity"))
        headers = merge_headers((*own, *self._credentials), {}, token)
        library, name = self._library, self.endpoint.name
        try:
            return await self._send(publication.body, headers)
        except library.InvalidURL as error:
            raise InvalidValue("url", f"expected a URL, got {name!r} ({error})") from None
        except (library.UnsupportedProtocol, library.LocalProtocolError, library.TooManyRedirects) as error:
            raise RequestFailed(f"{name}: {error}") from error
        except RuntimeError:  # what a library says of a client that was closed
            if not self._closed:
                raise
            return Outcome(CLOSED)
        except library.HTTPError as error:
            not_sent = (library.ConnectError, library.ConnectTimeout, library.PoolTimeout, library.ProxyError)
            return Outcome(f"{name}: {translate(library, error)}", in_doubt=not isinstance(error, not_sent))

    async def _send(self, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> Outcome:
        timeout = self._library.Timeout(self._timeout, connect=min(self._timeout, CONNECT_TIMEOUT))
        request = self._client.build_request("POST", self._url, headers=list(headers), content=body, timeout=timeout)
        response = await self._client.send(request, stream=True, follow_redirects=True)
        try:
            _check_method(response)
            answer = await _read(response)
        finally:
            await response.aclose()
        status = response.status_code
        reason = describe_refusal(status, response.reason_phrase, answer)
        return Outcome(reason, status, answer, response.headers.get("Retry-After", ""))

    async def _wait(self, reason: str, delay: float) -> bool:
        """Wait, and return True; False at once if the publisher is, or gets, closed."""
        waiting = Waiting()
        self._waits.add(waiting)
        try:
            if self._closed:
                return False
            self._observer.retry(reason, delay)
            await waiting.sleep(delay)
        except Interrupted:
            return False
        finally:
            self._waits.discard(waiting)
        return True


def _make_client(uds: str | None) -> Client:
    import httpx2

    limits = httpx2.Limits(
        max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=KEEP_ALIVE
    )
    transport = httpx2.AsyncHTTPTransport(uds=uds, limits=limits) if uds is not None else None
    return httpx2.AsyncClient(limits=limits, transport=transport)


def _check_client(client: Client, endpoint: Endpoint) -> Client:
    if endpoint.uds is not None:
        raise InvalidValue("client", "expected none for a unix: address, got one")
    if not isinstance(client, library_of(client).AsyncClient):
        came = f"{type(client).__module__}.{type(client).__qualname__}"
        raise InvalidValue("client", f"expected httpx2.AsyncClient or httpx.AsyncClient, got {came}")
    return client


def _check_method(response: LibraryResponse) -> None:
    """A 301, 302 or 303 turns a POST into a GET, which publishes nothing."""
    if response.request.method != "POST":
        status = response.history[-1].status_code
        raise RequestFailed(
            f"expected no redirection but 307 and 308, got {status} to {show(str(response.url))}", status
        )


async def _read(response: LibraryResponse) -> bytes:
    """Return the body, or its start if it is more than any answer may be."""
    answer = bytearray()
    async for chunk in response.aiter_bytes():
        answer += chunk
        if len(answer) > MAX_ANSWER:
            break
    return bytes(answer)
