"""One request as a scripted server got it, and how it is read off the connection.

Not here: what is answered (script.py, scripted_connection.py).
Rules that always hold: header values and bodies are the bytes that came, undecoded; nothing larger than the limits is
kept.
Standard: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSIONS = ("HTTP/1.0", "HTTP/1.1")
MAX_DIGITS = 12  # of a length


@dataclass(frozen=True, slots=True)
class Limits:
    """What a scripted server takes before it refuses; each refusal is one of its `problems`.

    head, body: bytes of one request. connections: open at a time. requests: in all, as every one is kept.
    """

    head: int = 65_536
    body: int = 1_048_576
    connections: int = 100
    requests: int = 10_000

    def __post_init__(self) -> None:
        for name in ("head", "body", "connections", "requests"):
            if getattr(self, name) < 1:
                raise InvalidValue(name, f"expected at least 1, got {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request.

    headers: by lower-case name; values that came several times are joined with a comma. body: without its chunks.
    time: of the monotonic clock, in seconds, when the whole request was there. connection: the number of the connection
    that it came on, from 0 in the order in which they were made.
    """

    method: str
    target: str
    headers: Mapping[str, bytes]
    body: bytes
    time: float
    version: str = "HTTP/1.1"
    connection: int = 0

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        """The parameters of the target, decoded, in order."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def keeps_connection(self) -> bool:
        """Whether the client would send another request on this connection."""
        return self.version == "HTTP/1.1" and b"close" not in self.headers.get("connection", b"").lower()


async def read_request(stream: asyncio.StreamReader, limits: Limits, connection: int) -> RecordedRequest | None:
    """Return the next request of the connection of that number; None if the client left before it was whole.

    Raises InvalidValue for what is none.
    """
    try:
        return await _read_request(stream, limits, connection)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError:
        raise InvalidValue("head", f"expected at most {limits.head} bytes, got more") from None


async def _read_request(stream: asyncio.StreamReader, limits: Limits, connection: int) -> RecordedRequest:
    head = await stream.readuntil(b"\r\n\r\n")
    start, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    parts = start.decode("latin-1").split(" ")
    if len(parts) != 3 or parts[2] not in VERSIONS:
        raise InvalidValue("head", f"expected a method, a target and HTTP/1.1, got {start[:100]!r}")
    headers = _read_headers(lines)
    body = await _read_body(stream, headers, limits.body)
    return RecordedRequest(parts[0], parts[1], headers, body, time.monotonic(), parts[2], connection)


def _read_headers(lines: list[bytes]) -> dict[str, bytes]:
    headers: dict[str, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise InvalidValue("head", f"expected a header, got {line[:100]!r}")
        key = name.decode("latin-1").lower()
        value = value.strip(b" \t")
        headers[key] = b"%b, %b" % (headers[key], value) if key in headers else value
    return headers


async def _read_body(stream: asyncio.StreamReader, headers: Mapping[str, bytes], limit: int) -> bytes:
    if "transfer-encoding" in headers:
        return await _read_chunks(stream, limit)
    length = _read_number(headers.get("content-length", b"0"), 10)
    _check_size(length, limit)
    return await stream.readexactly(length)


async def _read_chunks(stream: asyncio.StreamReader, limit: int) -> bytes:
    body = b""
    while size := _read_number((await stream.readuntil(b"\r\n")).partition(b";")[0].strip(), 16):
        _check_size(len(body) + size, limit)
        body += (await stream.readexactly(size + 2))[:-2]
    if (trailer := await stream.readexactly(2)) != b"\r\n":
        raise InvalidValue("body", f"expected its end after the last chunk, got {trailer!r}")
    return body


def _read_number(text: bytes, base: int) -> int:
    try:
        if len(text) > MAX_DIGITS or not text.isalnum():
            raise ValueError
        return int(text, base)
    except ValueError:
        raise InvalidValue("body", f"expected the number of its bytes, got {text[:100]!r}") from None


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise InvalidValue("body", f"expected at most {limit} bytes, got {size}")
