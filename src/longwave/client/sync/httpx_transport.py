# Written by scripts/sync-client from ../httpx_transport.py; change that file.
"""An event source's requests over httpx2, or over httpx, which has the same interface.

Not here: what a transport must do (transport.py), which library is chosen (transports.py).
"""

from __future__ import annotations

import importlib
import io
from typing import TYPE_CHECKING, Any, TypeAlias

from longwave.client.header_fields import read_fields
from longwave.client.redirection import MAX_REDIRECTS
from longwave.client.request import show
from longwave.client.response import Response
from longwave.errors import InvalidValue, RequestFailed

if TYPE_CHECKING:
    import socket

    from longwave.client.request import Request

LIBRARIES = ("httpx2", "httpx")
MAX_CHUNK = 1_048_576  # bytes of one read

Library: TypeAlias = Any  # the module httpx2 or httpx
Client: TypeAlias = Any  # Client of either
LibraryResponse: TypeAlias = Any  # Response of either


class SyncHttpxTransport:
    """Opens requests with `client`, an httpx2.Client or httpx.Client, which stays yours to close.

    Without one it makes its own, of httpx2: redirects are followed, no connection is kept once its stream ended.
    uds: path of a Unix socket to connect to, whatever the URL's host; only without a client.
    Raises ImportError where httpx2 is needed and not installed.
    """

    def __init__(self, client: Client | None = None, *, uds: str | None = None) -> None:
        self._owns = client is None
        self._client = client if client is not None else _make_client(uds)
        self._library = library_of(self._client)

    def open(self, request: Request) -> SyncHttpxResponseStream:
        """Send a request and return its response once the head is there."""
        library, client = self._library, self._client
        timeout = library.Timeout(request.read_timeout, connect=request.connect_timeout)
        try:
            made = client.build_request(
                request.method, request.url, headers=list(request.headers), content=request.body, timeout=timeout
            )
            return SyncHttpxResponseStream(client.send(made, stream=True, follow_redirects=True))
        except library.InvalidURL as error:
            raise InvalidValue("url", f"expected a URL, got {show(request.url)!r} ({error})") from None
        except (library.UnsupportedProtocol, library.LocalProtocolError, library.TooManyRedirects) as error:
            raise RequestFailed(f"{show(request.url)}: {error}") from error
        except library.HTTPError as error:
            raise translate(library, error) from error

    def close(self) -> None:
        """Close the client that was made here."""
        if self._owns:
            self._client.close()


class SyncHttpxResponseStream:
    """A response of httpx2 or httpx, opened for streaming."""

    def __init__(self, response: LibraryResponse) -> None:
        self._response = response
        self._library = library_of(response)
        self._chunks = response.iter_bytes()
        self._large = io.BytesIO()  # the last chunk that was too large to hand out at once
        fields = read_fields(response.headers.raw)
        self.response = Response(response.status_code, fields, _url_of(response), response.http_version)

    def read(self) -> bytes:
        """Return what has come; b"" at the end."""
        if rest := self._large.read(MAX_CHUNK):
            return rest
        try:
            chunk = next(self._chunks, b"")
        except self._library.HTTPError as error:
            raise translate(self._library, error) from error
        if len(chunk) <= MAX_CHUNK:
            return chunk
        self._large = io.BytesIO(chunk)
        return self._large.read(MAX_CHUNK)

    def close(self) -> None:
        """Drop the connection."""
        try:
            self._response.close()
        except (self._library.HTTPError, OSError):
            return  # it is gone, which is what was wanted

    @property
    def socket(self) -> socket.socket | None:
        """The socket below; None where there is none."""
        stream = self._response.extensions.get("network_stream")
        return stream.get_extra_info("socket") if stream is not None else None


def translate(library: Library, error: Exception) -> OSError:
    """Return what the rules of a transport say for an error of the library: something that may get better."""
    names = {library.ConnectTimeout: "the connection was not made in time", library.ReadTimeout: "no byte came in time"}
    reason = names.get(type(error)) or str(error) or type(error).__name__
    return TimeoutError(reason) if isinstance(error, library.TimeoutException) else ConnectionError(reason)


def _make_client(uds: str | None) -> Client:
    import httpx2

    limits = httpx2.Limits(max_keepalive_connections=0)
    transport = httpx2.HTTPTransport(uds=uds, limits=limits) if uds is not None else None
    return httpx2.Client(limits=limits, transport=transport, max_redirects=MAX_REDIRECTS)


def library_of(thing: object) -> Library:
    """Return httpx2 or httpx, whichever the thing, or a class above its own, is of. Raises InvalidValue."""
    names = (kind.__module__.partition(".")[0] for kind in type(thing).__mro__)
    name = next((name for name in names if name in LIBRARIES), None)
    if name is None:
        raise InvalidValue("client", f"expected an object of httpx2 or httpx, got {type(thing).__qualname__}")
    return importlib.import_module(name)


def _url_of(response: LibraryResponse) -> str:
    try:
        return str(response.url)
    except RuntimeError:  # a response that was built by hand has no request
        return ""
