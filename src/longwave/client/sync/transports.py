"""Which HTTP library a synchronous event source uses: the default, and the one that a response belongs to.

Not here: the libraries (httpx_transport.py, requests_stream.py), the same for tasks (../transports.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from longwave.errors import InvalidValue

if TYPE_CHECKING:
    import requests

    from longwave.client.sync.transport import SyncResponseStream, SyncTransport


def default_transport() -> SyncTransport:
    """Return a transport over httpx2. Raises ImportError if that is not installed."""
    from longwave.client.sync.httpx_transport import SyncHttpxTransport

    return SyncHttpxTransport()


def wrap_response(response: object) -> SyncResponseStream:
    """Return a library's response as a stream. Raises InvalidValue for one of a library that is not known."""
    libraries = {kind.__module__.partition(".")[0] for kind in type(response).__mro__}
    if libraries & {"httpx2", "httpx"}:
        from longwave.client.sync.httpx_transport import SyncHttpxResponseStream

        return SyncHttpxResponseStream(response)
    if "requests" in libraries:
        from longwave.client.sync.requests_stream import RequestsStream

        return RequestsStream(cast("requests.Response", response))
    came = f"{type(response).__module__}.{type(response).__qualname__}"
    raise InvalidValue("response", f"expected a response of httpx2, httpx or requests, got {came}")
