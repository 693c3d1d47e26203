"""An event source's requests over aiohttp.

Not here: what a transport must do (transport.py), which library is chosen (transports.py).
"""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.http import HttpProcessingError

from longwave.client.header_fields import read_fields
from longwave.client.redirection import MAX_REDIRECTS
from longwave.client.request import show
from longwave.client.response import Response
from longwave.errors import InvalidValue, RequestFailed

if TYPE_CHECKING:
    from longwave.client.request import Request

CHUNK = 262_144  # bytes of one read; asking for more would make aiohttp buffer more

_FAILURES = (aiohttp.ClientError, HttpProcessingError, TimeoutError)


class AiohttpTransport:
    """Opens requests with `session`, an aiohttp.ClientSession, which stays yours to close.

    Without one it makes its own at the first request, in the loop that runs then; no connection is kept once its
    stream ended. Timeouts are the event source's, whatever the session's own are.
    """

    def __init__(self, session: aiohttp.ClientSession | None = None) -> None:
        self._owns = session is None
        self._session = session

    async def open(self, request: Request) -> AiohttpResponseStream:
        """Send a request and return its response once the head is there."""
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        try:
            response = await self._session.request(
                request.method,
                request.url,
                headers=_text_headers(request),
                data=request.body,
                timeout=_timeout_of(request),
                max_redirects=MAX_REDIRECTS + 1,  # aiohttp fails at this one
                skip_auto_headers=("Content-Type",),
                raise_for_status=False,
            )
        except (aiohttp.RedirectClientError, aiohttp.TooManyRedirects) as error:
            raise RequestFailed(f"{show(request.url)}: {_reason(error)}") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise InvalidValue("url", f"expected an HTTP URL, got {show(request.url)!r}") from None
        except _FAILURES as error:
            raise translate(error) from error
        except ValueError as error:
            raise InvalidValue(
                "request", f"expected what aiohttp can send, got {show(request.url)!r} ({error})"
            ) from None
        return AiohttpResponseStream(response)

    async def close(self) -> None:
        """Close the session that was made here."""
        if self._owns and self._session is not None:
            await self._session.close()


class AiohttpResponseStream:
    """An aiohttp.ClientResponse whose body was not read yet, or as a whole."""

    socket = None  # a task that reads is cancelled instead

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._whole: io.BytesIO | None = None  # what was read before this stream was made
        version = response.version
        self.response = Response(
            response.status,
            read_fields(response.raw_headers),
            str(response.url),
            f"HTTP/{version.major}.{version.minor}" if version is not None else "",
        )
        self._closed = self._watch()

    async def read(self) -> bytes:
        """Return what has come; b"" at the end."""
        content = self._response.content
        try:
            if self._whole is None:
                self._whole = io.BytesIO(await self._response.read() if content.at_eof() else b"")
            return self._whole.read(CHUNK) or await content.read(CHUNK)
        except _FAILURES as error:
            if rest := self._read_rest(error):
                return rest
            raise translate(error) from error

    async def close(self) -> None:
        """Drop the connection."""
        if self._closed is not None:
            self._closed.remove_done_callback(self._fail)
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()  # else TLS stays open until the server takes leave too
        self._response.close()
        await asyncio.sleep(0)  # the loop closes the socket in its next round

    def _watch(self) -> asyncio.Future[None] | None:
        """Have `_fail` called once the connection is closed; return the future that does it."""
        connection = self._response.connection
        if connection is None or connection.protocol is None:
            return None
        closed = connection.protocol.closed
        if closed is None:
            self._fail()
            return None
        closed.remove_done_callback(_retrieve)  # there is one for all streams over this connection
        closed.add_done_callback(_retrieve)
        closed.add_done_callback(self._fail)
        return closed

    def _fail(self, _: asyncio.Future[None] | None = None) -> None:
        """End a read where aiohttp would let it wait for ever: what came was no HTTP, so it closed the connection."""
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("expected a body in HTTP's framing, got other bytes"))

    def _read_rest(self, error: BaseException) -> bytes:
        """Return what came before the connection broke, which aiohttp holds but would not hand out."""
        content = self._response.content
        content.set_exception(None)  # type: ignore[arg-type]  # None takes the exception away, for this one look
        try:
            return content.read_nowait(CHUNK)
        finally:
            content.set_exception(error)


def _retrieve(closed: asyncio.Future[None]) -> None:
    """Look at how a connection was lost, as a future complains if nobody does."""
    if not closed.cancelled():
        closed.exception()


def translate(error: Exception) -> OSError:
    """Return what the rules of a transport say for an error of aiohttp: something that may get better."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return TimeoutError("the connection was not made in time")
    if isinstance(error, TimeoutError):
        return TimeoutError("no byte came in time")
    return ConnectionError(_reason(error))


def _reason(error: Exception) -> str:
    """Return the error's text without URLs, as those may hold secrets."""
    if isinstance(error, aiohttp.TooManyRedirects):
        return f"expected at most {MAX_REDIRECTS} redirects, got more"
    if isinstance(error, aiohttp.RedirectClientError):
        return "expected a redirect to an HTTP URL, got another"
    # Not its whole text, which quotes the URL; the parser's messages have several lines.
    text = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
    return " ".join(text.split()) or type(error).__name__


def _text_headers(request: Request) -> list[tuple[str, str]]:
    """Return the headers as text, which aiohttp sends as UTF-8."""
    try:
        return [(name.decode(), value.decode()) for name, value in request.headers]
    except UnicodeDecodeError:
        raise InvalidValue("headers", "expected UTF-8, as aiohttp sends nothing else, got other bytes") from None


def _timeout_of(request: Request) -> aiohttp.ClientTimeout:
    connect = request.connect_timeout
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect, sock_read=request.read_timeout)
