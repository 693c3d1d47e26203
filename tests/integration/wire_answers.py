"""Bytes that a server sent on one connection to its answers; whatever is not well formed is an assertion.

Not here: sending (raw_client.py), which answers are allowed (the tests).
Rules: RFC 9112 sections 4, 5 and 7.1; and ours: no header comes twice, and none that this server does not have.
"""

from __future__ import annotations

import re

from integration.raw_client import Answer

STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Za-z'\- ]+")
HEADER = re.compile(rb"([A-Za-z-]+): ([\x20-\x7e]*)")
ID_HEADER = re.compile(rb"(Last-Event-ID): ([\x20-\x7e\x80-\xff]*)")  # an id may be any text: RFC 9110 obs-text
CHUNK = re.compile(rb"([0-9a-f]+)\r\n")
HEADERS = frozenset(
    {
        "access-control-allow-credentials",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-origin",
        "access-control-expose-headers",
        "access-control-max-age",
        "allow",
        "cache-control",
        "connection",
        "content-length",
        "content-security-policy",
        "content-type",
        "date",
        "etag",
        "expires",
        "last-event-id",
        "link",
        "pragma",
        "referrer-policy",
        "retry-after",
        "transfer-encoding",
        "vary",
        "www-authenticate",
        "x-accel-buffering",
        "x-content-type-options",
        "x-frame-options",
        "x-request-id",
    }
)


def read_answers(data: bytes, *, heads: bool = False) -> list[Answer]:
    """All answers in order; the body of a stream, which is the last, is what came of it.

    heads: whether some may be to HEAD requests, so that their bodies may not have come.
    """
    found = []
    while data:
        head, mark, data = data.partition(b"\r\n\r\n")
        assert mark, f"a head that does not end: {head!r}"
        status, headers = _read_head(head)
        if status == 100:
            continue
        if headers.get("transfer-encoding") == "chunked":
            return [*found, Answer(status, headers, _read_chunks(data))]
        if "content-length" not in headers and status == 200:  # a stream to HTTP/1.0, or the head of one
            size = 0 if heads and data[:9] in (b"", b"HTTP/1.1 ") else len(data)
        else:
            size = _length(headers, data, heads=heads)
        found.append(Answer(status, headers, data[:size]))
        data = data[size:]
    return found


def _read_head(head: bytes) -> tuple[int, dict[str, str]]:
    line, *lines = head.split(b"\r\n")
    status = STATUS_LINE.fullmatch(line)
    assert status, f"no status line: {line!r}"
    headers: dict[str, str] = {}
    for text in lines:
        pair = HEADER.fullmatch(text) or ID_HEADER.fullmatch(text)
        assert pair, f"no header: {text!r}"
        name = pair[1].decode().lower()
        assert name in HEADERS, f"a header that this server does not have: {text!r}"
        assert name not in headers, f"a header that comes twice: {text!r}"
        headers[name] = pair[2].decode("latin-1")
    return int(status[1]), headers


def _length(headers: dict[str, str], data: bytes, *, heads: bool) -> int:
    size = int(headers.get("content-length", 0))
    if heads and (not data or data.startswith(b"HTTP/1.1 ")):
        return 0
    assert size <= len(data), f"a body of {len(data)} bytes where {size} were announced"
    return size


def _read_chunks(data: bytes) -> bytes:
    """The content of the chunks, the last of which may have come in part, as the test hung up."""
    content = b""
    while data:
        size = CHUNK.match(data)
        if size is None:
            assert re.fullmatch(rb"[0-9a-f]*\r?", data), f"no chunk: {data[:100]!r}"
            return content
        length = int(size[1], 16)
        piece, end = data[size.end() :][:length], data[size.end() + length :][:2]
        assert b"\r\n".startswith(end), f"a chunk that ends with {end!r}"
        content += piece
        data = data[size.end() + length + 2 :]
    return content
