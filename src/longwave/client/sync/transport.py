# Written by scripts/sync-client from ../transport.py; change that file.
"""What an event source needs of an HTTP library: open a request, read its response, close.

Not here: the libraries (httpx_transport.py, aiohttp_transport.py, asgi_transport.py).
Rules for whoever writes one: what may get better is raised as OSError (ConnectionError, TimeoutError), what cannot as
RequestFailed or InvalidValue; redirects are followed, and no `Authorization` goes to another origin; content codings
are undone; bytes are handed out as soon as they are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket

    from longwave.client.request import Request
    from longwave.client.response import Response


class SyncResponseStream(Protocol):
    """A response whose body is read piece by piece."""

    @property
    def response(self) -> Response:
        """The head."""

    def read(self) -> bytes:
        """Return what has come, at least a byte, at most 1 MiB; b"" at the end of the body.

        Raises OSError if the connection broke, TimeoutError if no byte came in time.
        """

    def close(self) -> None:
        """Drop the connection, whatever is left of the body; safe to call twice, never raises OSError."""

    @property
    def socket(self) -> socket.socket | None:
        """The socket below, which another thread may shut down to end a `read`; None where there is none."""


class SyncTransport(Protocol):
    """An HTTP library."""

    def open(self, request: Request) -> SyncResponseStream:
        """Send a request and return its response once the head is there, whatever its status.

        Raises OSError, RequestFailed or InvalidValue.
        """

    def close(self) -> None:
        """Give back what it holds; safe to call twice."""
