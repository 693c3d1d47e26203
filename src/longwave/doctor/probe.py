"""Asks a server and writes down what it sees: watches the stream, resumes it, asks as a page of another origin would.

Not here: what is thought of it (checks.py). Rules that always hold: every request has a limit in time and in bytes; a
server that answers nothing, or everything, is an observation and no error; nothing stays open.
Standard: https://fetch.spec.whatwg.org/#cors-preflight-fetch
"""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import aclosing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

from longwave.client.response import Response
from longwave.doctor.content_coding import Decoder
from longwave.doctor.framing import Piece, read_framing
from longwave.doctor.observation import NOTHING, Ending, Head, Observation, Resumption, Watch
from longwave.errors import InvalidValue, StreamError
from longwave.eventstream import Parser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longwave.doctor.framing import Framing
    from longwave.doctor.inquiry import Inquiry

CONNECT_TIMEOUT = 10.0  # seconds
EXTRA = 5.0  # seconds, at most, of each request after the first
REFUSAL = 2.0  # seconds, at most, for the body of an answer that is no stream
MAX_REFUSAL = 500  # bytes of it
MAX_WATCHED = 8 * 2**20  # bytes of the first connection
MAX_RESUMED = 2**20  # bytes of the second
MAX_PIECES = 100_000  # pieces of one connection, however small
MAX_REDIRECTS = 20
ASKED_HEADERS = ("authorization", "last-event-id")  # which a page must be let send

Headers = tuple[tuple[bytes, bytes], ...]


async def observe(inquiry: Inquiry) -> Observation:
    """Return what is seen, after at most the inquiry's `seconds` + 20. Raises InvalidValue for an impossible URL."""
    async with _open_client(inquiry) as client:
        watch = await _watch(client, inquiry, _with_id(inquiry.headers, inquiry.last_event_id.encode()), None)
        if not watch.is_stream:
            return Observation(inquiry, watch)
        resumption = await _resume(client, inquiry, watch.framing)
        seconds = min(inquiry.seconds, EXTRA)
        origin = (b"Origin", inquiry.asked_origin.encode())
        cross_origin = await _ask(client, inquiry.url, "GET", (*inquiry.headers, origin), seconds)
        preflight = await _ask(client, inquiry.url, "OPTIONS", (origin, *_preflight_headers()), seconds)
    protocol = await negotiate(_final_url(watch)) if inquiry.uds is None else ""
    return Observation(inquiry, watch, resumption, cross_origin, preflight, protocol)


def _open_client(inquiry: Inquiry) -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_keepalive_connections=0)
    transport = httpx2.AsyncHTTPTransport(uds=inquiry.uds, limits=limits) if inquiry.uds is not None else None
    timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT)
    return httpx2.AsyncClient(
        transport=transport, limits=limits, timeout=timeout, follow_redirects=True, max_redirects=MAX_REDIRECTS
    )


def _with_id(headers: Headers, event_id: bytes) -> Headers:
    return (*headers, (b"Last-Event-ID", event_id)) if event_id else headers


def _preflight_headers() -> Headers:
    return (
        (b"Access-Control-Request-Method", b"GET"),
        (b"Access-Control-Request-Headers", ",".join(ASKED_HEADERS).encode()),
    )


def _final_url(watch: Watch) -> str:
    return watch.head.response.url if watch.head is not None else ""


# Watching a connection.


class _Recording:
    """What has been seen of a connection so far.

    limit: bytes that are read, and that are kept. question: ends the watch once it is answered.
    """

    def __init__(self, limit: int, question: Question | None) -> None:
        self.started = time.monotonic()
        self.head: Head | None = None
        self.pieces: list[Piece] = []
        self.received = 0
        self._room = self._limit = limit
        self._question = question
        self._decoder = Decoder("")

    @property
    def elapsed(self) -> float:
        """Seconds since the request."""
        return time.monotonic() - self.started

    @property
    def is_stream(self) -> bool:
        return Watch(self.head).is_stream

    def begin(self, response: httpx2.Response) -> None:
        """Take the head."""
        self.head = _read_head(response, self.elapsed)
        self._decoder = Decoder(self.head.header("content-encoding"))
        if not self.is_stream:
            self._room = self._limit = MAX_REFUSAL

    def take(self, chunk: bytes) -> Ending | None:
        """Take some bytes of the body; return how the watch ends if it ends with them."""
        self.received += len(chunk)
        data = self._decoder.feed(chunk, self._room)
        if data:
            self._room -= len(data)
            self.pieces.append(Piece(self.elapsed, data))
        if self._room <= 0 or self.received >= self._limit or len(self.pieces) >= MAX_PIECES:
            return Ending.FULL
        if self._question is not None and self._question.is_answered(data):
            return Ending.ENOUGH
        return None

    def end(self, ending: Ending, problem: str) -> Watch:
        """Return what was seen."""
        stream = self.is_stream
        excerpt = b"" if stream else b"".join(piece.data for piece in self.pieces)
        return Watch(
            head=self.head,
            framing=read_framing(self.pieces) if stream else NOTHING,
            arrivals=tuple(piece.at for piece in self.pieces),
            received=self.received,
            readable=self._decoder.readable,
            ending=ending,
            ended_at=self.elapsed,
            problem=problem,
            excerpt=" ".join(excerpt.decode(errors="replace").split()),
        )


class Question:
    """What a second connection is opened for: an event with an id, and a `retry`, each only if it is wanted."""

    def __init__(self, *, wants_id: bool, wants_retry: bool) -> None:
        self._wants_id = wants_id
        self._wants_retry = wants_retry
        self._parser = Parser(max_line=MAX_RESUMED, max_event=MAX_RESUMED)

    def is_answered(self, data: bytes) -> bool:
        """Take some bytes of the stream, and tell whether all that is wanted has come."""
        try:
            events = self._parser.feed(data)
        except StreamError:
            return True
        self._wants_id = self._wants_id and not any(event.id for event in events)
        self._wants_retry = self._wants_retry and self._parser.retry is None
        return not (self._wants_id or self._wants_retry)


async def _watch(client: httpx2.AsyncClient, inquiry: Inquiry, headers: Headers, question: Question | None) -> Watch:
    """Open the stream and write down what comes; a question bounds it more closely."""
    recording = _Recording(MAX_WATCHED if question is None else MAX_RESUMED, question)
    seconds = inquiry.seconds if question is None else min(inquiry.seconds, EXTRA)
    ending, problem = Ending.OPEN, ""
    try:
        async with asyncio.timeout(seconds):
            ending = await _record(client, inquiry.url, headers, recording)
    except TimeoutError:
        pass  # it was still open
    except (httpx2.HTTPError, OSError) as error:
        ending, problem = Ending.BROKEN, _describe(error)
    except httpx2.InvalidURL as error:
        raise InvalidValue("url", f"expected a URL, got {inquiry.url!r} ({error})") from None
    return recording.end(ending, problem)


async def _record(client: httpx2.AsyncClient, url: str, headers: Headers, recording: _Recording) -> Ending:
    async with client.stream("GET", url, headers=list(headers)) as response:
        recording.begin(response)
        if recording.is_stream:
            return await _read(response, recording.take)
        async with asyncio.timeout(REFUSAL):
            return await _read(response, recording.take)


async def _read(response: httpx2.Response, take: Callable[[bytes], Ending | None]) -> Ending:
    async with aclosing(response.aiter_raw()) as chunks:
        async for chunk in chunks:
            if (ending := take(chunk)) is not None:
                return ending
    return Ending.CLOSED


def _read_head(response: httpx2.Response, at: float) -> Head:
    headers = {name.lower(): value for name, value in response.headers.items()}
    hops = tuple((hop.status_code, hop.headers.get("location", "")) for hop in response.history)
    return Head(Response(response.status_code, headers, str(response.url), response.http_version), at, hops)


def _describe(error: Exception) -> str:
    if isinstance(error, httpx2.ConnectTimeout):
        return f"the connection was not made in {CONNECT_TIMEOUT:g} s"
    return str(error) or type(error).__name__


# The requests after the first.


async def _resume(client: httpx2.AsyncClient, inquiry: Inquiry, framing: Framing) -> Resumption | None:
    """Open the stream once more, after an event that was seen; None where there is nothing to find out."""
    after, expected = choose_resume(framing.ids)
    if not after and not framing.retries:
        return None
    question = Question(wants_id=bool(after), wants_retry=bool(framing.retries))
    watch = await _watch(client, inquiry, _with_id(inquiry.headers, after), question)
    return Resumption(watch, after, expected)


def choose_resume(ids: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the id to resume after, and the one that came next: the last two; b"" for what there is not.

    An id that no header carries is none.
    """
    distinct = [event_id for event_id in dict.fromkeys(ids) if is_sendable(event_id)]
    if len(distinct) < 2:
        return (distinct or [b""])[0], b""
    return distinct[-2], distinct[-1]


def is_sendable(event_id: bytes) -> bool:
    """Tell whether a header can carry the id unchanged."""
    return event_id == event_id.strip(b" \t") and not any(byte < 0x20 or byte == 0x7F for byte in event_id)


async def _ask(client: httpx2.AsyncClient, url: str, method: str, headers: Headers, seconds: float) -> Head | None:
    """Return the head of the answer; None if none came."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(seconds), client.stream(method, url, headers=list(headers)) as response:
            return _read_head(response, time.monotonic() - started)
    except (TimeoutError, httpx2.HTTPError, OSError):
        return None


async def negotiate(url: str) -> str:
    """Return the protocol that a server chooses in the TLS handshake: `h2` or `http/1.1`; "" without TLS or answer.

    Its certificate does not matter here.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return ""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        async with asyncio.timeout(EXTRA):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
    except (TimeoutError, OSError):
        return ""
    chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    writer.transport.abort()
    return chosen or "http/1.1"
