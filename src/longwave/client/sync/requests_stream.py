"""A response of requests, as `SyncEventSource.from_response` reads it.

Not here: a transport, as requests gives no way to end a request that waits for its head (httpx_transport.py has one).
"""

from __future__ import annotations

import io
import os
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError, ReadTimeoutError

from longwave.client.header_fields import read_fields
from longwave.client.response import Response
from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

CHUNK = 65_536  # bytes of one read
VERSIONS = {10: "HTTP/1.0", 11: "HTTP/1.1", 20: "HTTP/2"}


class RequestsStream:
    """A requests.Response opened with `stream=True`, or one whose `content` was read.

    How long a read may wait is what the request was made with (`timeout=`). Raises InvalidValue for a response whose
    body is gone, or that is read with a urllib3 older than 2.
    """

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self._read1 = _reader_of(response)
        self._duplicate: socket.socket | None = None
        # requests reads each byte of a header as one character.
        fields = (
            (name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in response.headers.items()
        )
        version = VERSIONS.get(response.raw.version, "")
        self.response = Response(response.status_code, read_fields(fields), response.url or "", version)

    def read(self) -> bytes:
        """Return what has come; b"" at the end."""
        try:
            return self._read1(CHUNK) or b""
        except ReadTimeoutError as error:
            raise TimeoutError("no byte came in time") from error
        except HTTPError as error:
            raise ConnectionError(str(error)) from error

    def close(self) -> None:
        """Drop the connection."""
        with suppress(OSError):
            self._response.close()
        if self._duplicate is not None:
            self._duplicate.close()

    @property
    def socket(self) -> socket.socket | None:
        """The socket below, by a descriptor of its own, which `close` closes; None where there is none."""
        if self._duplicate is None:
            with suppress(OSError, ValueError):
                self._duplicate = socket.socket(fileno=os.dup(self._response.raw.fileno()))
        return self._duplicate


def _reader_of(response: requests.Response) -> Callable[[int], bytes | None]:
    """Return what reads a body without waiting for more than there is, which requests' own iteration does."""
    raw = response.raw
    if not hasattr(raw, "read1"):
        raise InvalidValue("response", "expected a response of requests over urllib3 2 or later, got one without read1")
    if not raw.closed:
        return partial(raw.read1, decode_content=True)
    try:
        return io.BytesIO(response.content).read1
    except RuntimeError as error:
        raise InvalidValue("response", f"expected a response that can be read, got a used one ({error})") from None
