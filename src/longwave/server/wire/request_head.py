"""The head of a request as it is received: collected, bounded, and checked for what could be read in two ways.

Not here: the grammar of a line (httptools). Rules: RFC 9112 sections 3.2, 6.1 and 6.3.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from longwave.server.hosts import MAX_HOST, is_host
from longwave.transports.exchange import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longwave.transports.exchange import Headers

LINE = 4  # bytes around a header's name and value: ": " and CRLF
MAX_HEADERS = 128  # of one head; each takes over 100 bytes of memory, however short it is
# What is looked at before anybody asks for it: who is meant, where the body ends, and what becomes of the connection.
FRAMING = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect", b"connection"})
NONE: list[bytes] = []
# Of no request to a server of HTTP that answers for itself. The parser takes these of RTSP (RFC 7826) and ICE, too, and
# does not tell by which protocol a request calls itself.
RTSP = ["DESCRIBE", "ANNOUNCE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "RECORD", "GET_PARAMETER", "SET_PARAMETER"]
FOREIGN = frozenset(["CONNECT", "SOURCE", "REDIRECT", "FLUSH", *RTSP])

_ABSOLUTE = re.compile(r"https?://([^/?]+)(/[^?]*)?(?:\?(.*))?", re.IGNORECASE)


class RequestHead:
    """One head.

    limit: bytes that it may have. headers: names in lower case, in order, once it is complete. received: bytes of the
    body so far. complete: whether the head is.
    """

    __slots__ = (
        "_framing",
        "_headers",
        "_limit",
        "_parts",
        "_size",
        "_target",
        "complete",
        "headers",
        "method",
        "received",
        "version",
    )

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._target = b""
        self._parts = ("", "")  # of the target: path and query
        self._headers: list[tuple[bytes, bytes]] = []
        self._framing: dict[bytes, list[bytes]] = {}  # the values of each of these headers
        self.headers: Headers = ()
        self.method = ""
        self.version = ""
        self.complete = False
        self.received = 0

    def add_target(self, part: bytes) -> None:
        """Take a part of the target."""
        self._size += len(part)
        if self._size <= self._limit:
            self._target += part

    def add(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._size += len(name) + len(value) + LINE
        if self._size <= self._limit and len(self._headers) <= MAX_HEADERS:  # `fits`, without a call for each header
            # Space after a value is no part of it: RFC 9112 section 5. The parser leaves it there.
            name, value = name.lower(), value.rstrip(b" \t")
            self._headers.append((name, value))
            if name in FRAMING:
                self._framing.setdefault(name, []).append(value)

    def finish(self, method: bytes, version: str) -> None:
        """Take what the request line said; the head is complete."""
        self.method = method.decode("ascii")
        self.version = version
        self.headers = tuple(self._headers)
        self.complete = True

    @property
    def fits(self) -> bool:
        """Whether the head is within its limits so far."""
        return self._size <= self._limit and not self.too_many

    @property
    def too_many(self) -> bool:
        """Whether it has more headers than one may."""
        return len(self._headers) > MAX_HEADERS

    @property
    def length(self) -> int:
        """The body's length as announced; 0 if it was not."""
        values = self._values(b"content-length")
        return int(values[0]) if values else 0

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a word before it sends the body: RFC 9110 section 10.1.1."""
        return self.version == "1.1" and any(value.lower() == b"100-continue" for value in self._values(b"expect"))

    def problem(self) -> str | None:
        """Return in one sentence why the head must not be trusted, or None."""
        if self.version not in ("1.0", "1.1"):
            return f"expected HTTP/1.0 or HTTP/1.1, got HTTP/{self.version}"
        if self.method in FOREIGN:
            return f"expected a request of HTTP to this server itself, got {self.method}"
        hosts = self._values(b"host")
        if len(hosts) == 1:
            if len(hosts[0]) > MAX_HOST or not is_host(hosts[0]):
                return "expected a name or an address, and perhaps a port, as Host, got something else"
        elif hosts or self.version == "1.1":
            return f"expected exactly one Host header, got {len(hosts)}"
        return self._target_problem(hosts) or self._framing_problem()

    def _target_problem(self, hosts: Sequence[bytes]) -> str | None:
        try:
            target = self._target.decode("ascii")
        except UnicodeDecodeError:
            return "expected a request target in ASCII, got other bytes; percent-encode them"
        if "#" in target:
            return "expected a request target without a fragment, got one with '#'"
        if not target.startswith("/") and target != "*":
            return self._absolute_problem(target, hosts)
        path, _, query = target.partition("?")
        self._parts = (path, query)
        return None

    def _absolute_problem(self, target: str, hosts: Sequence[bytes]) -> str | None:
        """Look at a target with the address of a server, which would count, whatever `Host` says.

        Somebody before this server may have gone by either, so another `Host` is refused.
        """
        found = _ABSOLUTE.fullmatch(target)
        host = found[1].encode() if found is not None else b""
        if found is None or len(host) > MAX_HOST or not is_host(host):
            return "expected a path, or an address with http:// and a host, as request target, got something else"
        if hosts and hosts[0].lower() != host.lower():
            return "expected the host of the request target as Host, got another"
        self._parts = (found[2] or "/", found[3] or "")
        return None

    def _framing_problem(self) -> str | None:
        lengths, codings = self._values(b"content-length"), self._values(b"transfer-encoding")
        if not (lengths or codings):
            return None
        if len(lengths) > 1 or any(not value.isdigit() or len(value) > 18 for value in lengths):
            return "expected at most one Content-Length header, a plain number"
        if not codings:
            return None
        if lengths:
            return "expected Content-Length or Transfer-Encoding, got both"
        if self.version == "1.0":
            return "expected no Transfer-Encoding from an HTTP/1.0 client, got one"
        if [value.strip().lower() for value in codings] != [b"chunked"]:
            return "expected Transfer-Encoding: chunked and no other coding"
        return None

    def request(self, body: bytes, client: str) -> Request:
        """Return the complete request; its head must have been found without a problem."""
        path, query = self._parts
        return Request(self.method, path, query, self.headers, body, self.version, client)

    def without_upgrade(self) -> bytes:
        """Return a head that announces the same body, and the same about the connection, but offers no upgrade."""
        options = b",".join(self._values(b"connection")).lower().split(b",")
        kept = [option.strip() for option in options if option.strip() in (b"close", b"keep-alive")]
        framing = [pair for pair in self._headers if pair[0] in (b"content-length", b"transfer-encoding")]
        lines = [b"%b: %b\r\n" % pair for pair in (*framing, (b"Connection", b", ".join(kept)))]
        return b"".join([b"POST / HTTP/%b\r\n" % self.version.encode(), *lines, b"\r\n"])

    def _values(self, name: bytes) -> list[bytes]:
        return self._framing.get(name, NONE)
