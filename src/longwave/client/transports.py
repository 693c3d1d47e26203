"""Which HTTP library an event source uses: the default, and the one that a response belongs to.

Not here: the libraries (httpx_transport.py, aiohttp_transport.py), the same for threads (sync/transports.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from longwave.client.transport import ResponseStream, Transport


def default_transport() -> Transport:
    """Return a transport over httpx2. Raises ImportError if that is not installed."""
    from longwave.client.httpx_transport import HttpxTransport

    return HttpxTransport()


def wrap_response(response: object) -> ResponseStream:
    """Return a library's response as a stream. Raises InvalidValue for one of a library that is not known."""
    libraries = {kind.__module__.partition(".")[0] for kind in type(response).__mro__}
    if libraries & {"httpx2", "httpx"}:
        from longwave.client.httpx_transport import HttpxResponseStream

        return HttpxResponseStream(response)
    if "aiohttp" in libraries:
        from longwave.client.aiohttp_transport import AiohttpResponseStream

        return AiohttpResponseStream(cast("ClientResponse", response))
    came = f"{type(response).__module__}.{type(response).__qualname__}"
    raise InvalidValue("response", f"expected a response of httpx2, httpx or aiohttp, got {came}")
