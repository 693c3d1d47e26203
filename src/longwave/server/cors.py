"""Which other sites' pages a browser lets read what this server answers.

Not here: lists of origins (auth/origins.py), whether a request is allowed at all (access.py).
Rules that always hold: credentials go with one exact origin, never with `*`, and never with `null`, which any page can
have by a sandboxed frame; where answers differ by origin, caches are told.
Standard: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.auth.origins import NULL, Origins

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longwave.transports.exchange import Headers, Request

ALLOWED_HEADERS = b"authorization, cache-control, content-type, last-event-id"
EXPOSED_HEADERS = b"etag, last-event-id, link, x-request-id, retry-after"
MAX_AGE = b"7200"  # seconds that a browser remembers a preflight's answer; the most that Chromium does
VARY = (b"Vary", b"Origin")
CREDENTIALS = ((b"Access-Control-Allow-Credentials", b"true"),)


class Cors:
    """Answers for a list of origins; without any, browsers keep other sites' pages out. Raises InvalidConfiguration."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = Origins.parse("cors_origins", origins)

    def headers(self, request: Request) -> Headers:
        """Return what a response to this request must say."""
        if not self._origins.patterns:
            return ()
        if self._origins.any:
            return ((b"Access-Control-Allow-Origin", b"*"), (b"Access-Control-Expose-Headers", EXPOSED_HEADERS))
        origin = request.header(b"origin")
        if origin is None or not self._origins.allow(origin.decode("latin-1")):
            return (VARY,)
        return (
            (b"Access-Control-Allow-Origin", origin),
            *(CREDENTIALS if origin != NULL.encode() else ()),
            (b"Access-Control-Expose-Headers", EXPOSED_HEADERS),
            VARY,
        )

    def preflight(self, request: Request, methods: bytes) -> Headers:
        """Return what else the answer to an OPTIONS request says, if its page may ask."""
        allowed = any(name == b"Access-Control-Allow-Origin" for name, _ in self.headers(request))
        if not allowed or request.header(b"access-control-request-method") is None:
            return ()
        return (
            (b"Access-Control-Allow-Methods", methods),
            (b"Access-Control-Allow-Headers", ALLOWED_HEADERS),
            (b"Access-Control-Max-Age", MAX_AGE),
        )
