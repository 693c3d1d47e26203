"""One call of an ASGI application by a client in the same process: what it is given, and what it sends that is unread.

Not here: redirects, content codings (asgi_transport.py).
Rules that always hold: what the application sent can be read at once; it waits in `send` while more than `BUFFER`
bytes are unread; once its client has left, `receive` gives `http.disconnect`, `send` raises OSError, and the call ends
or is cancelled.
Standard: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, unquote, urlsplit

from longwave.client.header_fields import read_fields
from longwave.client.request import show
from longwave.client.response import Response

if TYPE_CHECKING:
    from longwave.client.request import Request

logger = logging.getLogger("longwave.client")

Message: TypeAlias = MutableMapping[str, Any]  # the names of the standard's own types, and their shapes
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

BUFFER = 65_536  # bytes; with one part more, which may be of any size

# From 2.4 on frameworks notice that a client left by a failing `send` alone, which a silent stream never calls.
_VERSIONS = {"version": "3.0", "spec_version": "2.3"}
_URL_CHARACTERS = "/:@!$&'()*+,;=~%?"


class Phase(Enum):
    """How far a response is."""

    HEAD = "head"  # it has not begun
    BODY = "body"  # its head is there
    ENDED = "ended"  # it is whole
    BROKEN = "broken"  # the application stopped in its middle


class AsgiExchange:
    """Calls `app` with `request`, in a task of its own, from now on."""

    def __init__(self, app: AsgiApp, request: Request) -> None:
        self._app = app
        self._request = request
        self._response: Response | None = None
        self._phase = Phase.HEAD
        self._asked = False  # whether the application has the request's body
        self._unread = bytearray()
        self._news = asyncio.Event()  # something to read, or the end
        self._room = asyncio.Event()  # the application may send more
        self._over = asyncio.Event()  # the response is whole, or its client has left
        self._left = False
        self._task = asyncio.create_task(self._run())

    async def head(self) -> Response:
        """Return the head once it is there. Raises TimeoutError."""
        await self._wait(lambda: self._response is not None)
        assert self._response is not None
        return self._response

    async def take(self, limit: int) -> bytes:
        """Return what has been sent, at most `limit` bytes of it; b"" at the end.

        Raises ConnectionError if the application stopped in the middle, TimeoutError if it sends nothing in time.
        """
        await self._wait(lambda: bool(self._unread) or self._phase is not Phase.BODY)
        if not self._unread and self._phase is Phase.BROKEN:
            raise ConnectionError("the application ended in the middle of its response")
        taken = bytes(self._unread[:limit])
        del self._unread[:limit]
        if len(self._unread) <= BUFFER:
            self._room.set()
        return taken

    async def leave(self, grace: float) -> None:
        """End the call; safe to do twice. The application has `grace` seconds to end by itself, then is cancelled."""
        self._left = True
        self._unread.clear()
        for event in (self._over, self._room, self._news):
            event.set()
        try:
            await asyncio.wait([self._task], timeout=grace)
        finally:
            self._task.cancel()
        _, pending = await asyncio.wait([self._task], timeout=grace)
        if pending:
            logger.warning("%s: the application goes on although it was cancelled", show(self._request.url))

    async def _wait(self, ready: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(self._request.read_timeout):
                while not ready():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError("no byte came in time") from None

    # The application's side.

    async def _run(self) -> None:
        try:
            await self._app(scope_of(self._request), self._receive, self._send)
        except Exception as error:  # as a server would do: what went wrong is the application's, and is told in the log
            level = logging.DEBUG if self._left else logging.ERROR
            logger.log(level, "%s: the application raised %r", show(self._request.url), error, exc_info=error)
        finally:
            self._settle()

    def _settle(self) -> None:
        """The application has returned: say what that makes of the response."""
        if self._phase is Phase.HEAD:
            self._response = Response(500, {}, self._request.url)
            self._phase = Phase.ENDED
        elif self._phase is Phase.BODY:
            self._phase = Phase.BROKEN
        self._news.set()

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._request.body or b"", "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._left:
            raise ConnectionResetError("the client has left")
        kind = message["type"]
        if kind == "http.response.start" and self._response is None:
            self._begin(message)
        elif kind == "http.response.body" and self._phase is Phase.BODY:
            await self._add(message)
        else:
            raise RuntimeError(f"expected another message than {kind!r} while the response's phase is {self._phase}")

    def _begin(self, message: Message) -> None:
        # A server sends the head with the first part of the body; here that would only be later.
        headers = read_fields((bytes(name), bytes(value)) for name, value in message.get("headers", ()))
        self._response = Response(message["status"], headers, self._request.url)
        self._phase = Phase.BODY
        self._news.set()

    async def _add(self, message: Message) -> None:
        self._unread += message.get("body", b"")
        if not message.get("more_body", False):
            self._phase = Phase.ENDED
            self._over.set()
        self._news.set()
        if len(self._unread) > BUFFER:
            self._room.clear()
            await self._room.wait()


def scope_of(request: Request) -> MutableMapping[str, Any]:
    """Return what an application is told of a request."""
    parts = urlsplit(request.url)
    path = quote(parts.path or "/", safe=_URL_CHARACTERS)
    return {
        "type": "http",
        "asgi": dict(_VERSIONS),
        "http_version": "1.1",
        "method": request.method,
        "scheme": parts.scheme,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": quote(parts.query, safe=_URL_CHARACTERS).encode(),
        "root_path": "",
        "headers": _headers_of(request, parts.netloc.rpartition("@")[2]),
        "client": ("127.0.0.1", 0),
        "server": (parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]),
    }


def _headers_of(request: Request, host: str) -> list[tuple[bytes, bytes]]:
    given = [(name.lower(), value) for name, value in request.headers]
    own = [(b"host", host.encode())]
    if request.body is not None:
        own.append((b"content-length", b"%d" % len(request.body)))
    names = {name for name, _ in given}
    return [*(field for field in own if field[0] not in names), *given]
