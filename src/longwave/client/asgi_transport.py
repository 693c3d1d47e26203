"""An event source's requests to an ASGI application in this process: no socket, no server, no dependency.

Not here: one call of the application (asgi_exchange.py), where redirects lead (redirection.py), what a transport must
do (transport.py). The application's lifespan is not run: start what it needs yourself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.client.asgi_exchange import AsgiExchange
from longwave.client.content_coding import ContentDecoder
from longwave.client.redirection import MAX_REDIRECTS, redirect
from longwave.client.request import add_parameters, show
from longwave.errors import RequestFailed

if TYPE_CHECKING:
    from longwave.client.asgi_exchange import AsgiApp
    from longwave.client.request import Request
    from longwave.client.response import Response

GRACE = 1.0  # seconds
MAX_CHUNK = 1_048_576  # bytes of one read


class AsgiTransport:
    """Calls `app`, whatever host the URL names.

    grace: seconds that the application may take to end once its client has left; then it is cancelled.

    What the application raises is logged, and is for the event source what a server makes of it: status 500 if no head
    was sent, else a connection that broke.
    """

    def __init__(self, app: AsgiApp, *, grace: float = GRACE) -> None:
        self._app = app
        self._grace = grace

    async def open(self, request: Request) -> AsgiResponseStream:
        """Call the application and return its response once the head is there."""
        add_parameters(request.url, [])  # raises where it is no HTTP URL
        asked: Request = request
        for _ in range(MAX_REDIRECTS + 1):
            stream, following = await self._call(asked)
            if following is None:
                return stream
            await stream.close()
            asked = following
        raise RequestFailed(f"{show(request.url)}: expected at most {MAX_REDIRECTS} redirects, got more")

    async def close(self) -> None:
        """Do nothing, as nothing is held beyond a stream."""

    async def _call(self, request: Request) -> tuple[AsgiResponseStream, Request | None]:
        """Return a response, and the request that it redirects to."""
        exchange = AsgiExchange(self._app, request)
        try:
            response = await exchange.head()
            return AsgiResponseStream(exchange, response, self._grace), redirect(request, response)
        except BaseException:
            await exchange.leave(self._grace)
            raise


class AsgiResponseStream:
    """An application's response."""

    socket = None  # there is none

    def __init__(self, exchange: AsgiExchange, response: Response, grace: float) -> None:
        self.response = response
        self._exchange = exchange
        self._grace = grace
        self._decoder = ContentDecoder(response.headers.get("content-encoding", ""))
        self._coded = b""  # taken and not decoded yet

    async def read(self) -> bytes:
        """Return what has come; b"" at the end."""
        while True:
            coded = self._coded or await self._exchange.take(MAX_CHUNK)
            chunk, self._coded = self._decoder.decode(coded, MAX_CHUNK)
            if chunk or not coded:
                return chunk

    async def close(self) -> None:
        """Let the application know that its client has left, and see to it that its call ends."""
        await self._exchange.leave(self._grace)
