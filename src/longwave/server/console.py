"""The console page: its files are shipped with the package, and read once."""

from __future__ import annotations

from http import HTTPStatus
from importlib.resources import files

from longwave.transports.exchange import Response

CONTENT_TYPES = {
    "console.html": "text/html; charset=utf-8",
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "console.svg": "image/svg+xml",
}

# Nothing from elsewhere runs on the page, and no other page may frame it.
HEADERS = (
    (b"Cache-Control", b"no-cache"),
    (b"Content-Security-Policy", b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    (b"Referrer-Policy", b"no-referrer"),
)


def console_pages() -> dict[str, Response]:
    """Return the responses by path."""
    folder = files("longwave.web")
    return {
        path_of(name): Response(HTTPStatus.OK, (folder / name).read_bytes(), content_type, HEADERS)
        for name, content_type in CONTENT_TYPES.items()
    }


def path_of(name: str) -> str:
    """Return the path at which a file of the page is served."""
    return "/" if name.endswith(".html") else f"/{name}"
