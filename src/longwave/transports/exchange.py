"""An exchange: one HTTP request and its response, whatever the HTTP version or server.

Not here: bytes on a connection (server/wire/http1.py), what is at which path (server/routes.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import unquote

from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable
    from http import HTTPStatus

    from longwave.core.frame import Format
    from longwave.core.subscriber import Sink, Subscriber

Headers = tuple[tuple[bytes, bytes], ...]

MAX_PARAMETERS = 10_000  # of a query or form


class Request(NamedTuple):
    """A complete request.

    path: percent-decoded never; without query. query: raw. headers: names in lower case, in order.
    version: `1.0` or `1.1`. client: its address, which is the peer's or what a trusted proxy tells; "" if it has none.
    """

    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = b""
    version: str = "1.1"
    client: str = ""

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of a header, or None."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def parameters(self) -> list[tuple[str, str]]:
        """Return the query's parameters in order. Raises InvalidValue."""
        return parse_parameters("query", self.query)


def parse_parameters(field: str, text: str) -> list[tuple[str, str]]:
    """Return the parameters of a query or form in order. Raises InvalidValue naming `field`.

    As `application/x-www-form-urlencoded` is read: https://url.spec.whatwg.org/#urlencoded-parsing; but what is no
    UTF-8 is refused.
    """
    if text.count("&") >= MAX_PARAMETERS:
        raise InvalidValue(field, f"expected at most {MAX_PARAMETERS} parameters, got more")
    pairs = [pair.partition("=") for pair in text.replace("+", " ").split("&") if pair]
    if "%" not in text:
        return [(name, value) for name, _, value in pairs]
    try:
        return [(unquote(name, errors="strict"), unquote(value, errors="strict")) for name, _, value in pairs]
    except UnicodeDecodeError as error:
        raise InvalidValue(field, f"expected percent-encoded UTF-8, got {error.object[error.start :][:1]!r}") from None


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response.

    close: end the connection after it. sized: whether the body's length is known, as it is not for the head
    of a stream.
    """

    status: HTTPStatus
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Headers = field(default=())
    close: bool = False
    sized: bool = True


def refusal(status: HTTPStatus, sentence: str, headers: Headers = (), *, close: bool = False) -> Response:
    """Return a response that says in one sentence what was wrong."""
    return Response(status, sentence.encode() + b"\n", headers=headers, close=close)


class Stream(Protocol):
    """A response whose body is fed by a hub, until either side ends it.

    opening: what its sink must be sent before anything else, as it is: the head, unless that was sent already.
    """

    opening: bytes

    @property
    def sink(self) -> Sink:
        """Where the hub's frames go."""

    @property
    def release(self) -> Callable[[Subscriber], None]:
        """Close what carries the stream; called once."""

    def bind(self, subscriber: Subscriber) -> None:
        """Tell the hub from now on when the sink takes more and when the client is gone."""


class Exchange(Protocol):
    """What a transport needs of a server."""

    request: Request

    @property
    def form(self) -> Format:
        """How frames of a stream on this exchange are carried."""

    def start_stream(self, headers: Headers, first: bytes) -> Stream:
        """Answer 200 with these headers and the first bytes of an event stream, and keep the response open.

        Raises OSError if the client is gone.
        """
