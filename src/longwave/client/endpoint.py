"""Where a hub's event resource is, and one HTTP client that reaches it.

Not here: what is asked of it (publisher.py, listener.py).
Rules that always hold: a base address without a path means `/events`; what httpx2 raises becomes RequestFailed;
an answer that is not a stream is read up to a bound.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2

from longwave.errors import InvalidValue, RequestFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/events"
CONNECT_TIMEOUT = 10.0  # seconds
MAX_ANSWER = 2**20  # bytes; a thousand ids of a kilobyte
MAX_REASON = 500  # characters of the server's text in an error


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A hub's event resource.

    url: absolute, with the path. uds: path of the Unix socket that leads there, or None for TCP.
    """

    url: str
    uds: str | None = None

    @classmethod
    def parse(cls, address: str) -> Endpoint:
        """Read `http://host:port` (then `/events` is added), a full URL, or `unix:PATH` of a socket.

        Raises InvalidValue.
        """
        if address.startswith("unix:") and address != "unix:":
            return cls(f"http://localhost{PATH}", address.removeprefix("unix:"))
        url = _parse_url(address)
        if url.scheme not in ("http", "https") or not url.host:
            raise InvalidValue("url", f"expected http://, https:// or unix:, got {address!r}")
        return cls(str(url.copy_with(path=PATH) if url.path == "/" else url))

    def open_client(self, *, idle: float, keep: int) -> httpx2.Client:
        """Return a client that gives up when no byte comes or goes for `idle` seconds.

        keep: how many connections may wait for another request; one that waits may be dead by then.
        """
        timeout = httpx2.Timeout(idle, connect=CONNECT_TIMEOUT)
        limits = httpx2.Limits(max_keepalive_connections=keep)
        if self.uds is None:
            return httpx2.Client(timeout=timeout, limits=limits, follow_redirects=True)
        transport = httpx2.HTTPTransport(uds=self.uds, limits=limits)
        return httpx2.Client(timeout=timeout, transport=transport, follow_redirects=True)


def _parse_url(address: str) -> httpx2.URL:
    try:
        return httpx2.URL(address)
    except httpx2.InvalidURL as error:
        raise InvalidValue("url", f"expected a URL, got {address!r} ({error})") from None


@contextmanager
def translated(endpoint: Endpoint) -> Iterator[None]:
    """Turn what httpx2 raises into RequestFailed with one sentence."""
    try:
        yield
    except httpx2.HTTPError as error:
        raise RequestFailed(f"{endpoint.uds or endpoint.url}: {_reason(error)}") from error


def _reason(error: httpx2.HTTPError) -> str:
    names: dict[type[httpx2.HTTPError], str] = {
        httpx2.ConnectTimeout: "no answer to the connection",
        httpx2.ReadTimeout: "no byte came in time",
    }
    return names.get(type(error)) or str(error) or type(error).__name__


def read_answer(response: httpx2.Response) -> bytes:
    """Return the whole body. Raises RequestFailed past `MAX_ANSWER` bytes."""
    answer = bytearray()
    for chunk in response.iter_bytes():
        answer += chunk
        if len(answer) > MAX_ANSWER:
            raise RequestFailed(f"expected an answer of at most {MAX_ANSWER} bytes, got more", response.status_code)
    return bytes(answer)


def read_refusal(response: httpx2.Response) -> RequestFailed:
    """Return the error that a response means, with the server's own text."""
    text = read_answer(response).decode(errors="replace")
    reason = " ".join(text.split())[:MAX_REASON] or response.reason_phrase
    return RequestFailed(f"the hub answered {response.status_code}: {reason}", response.status_code)
