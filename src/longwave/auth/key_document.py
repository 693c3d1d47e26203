"""The bytes at the address of a JWK set: a file's, or a server's answer.

Not here: what is in them (jwk.py), when they are read (key_set.py).
Rules that always hold: no redirection leaves HTTP, nor HTTPS once it is in use; at most `MAX_DOCUMENT` bytes are read.
"""

from __future__ import annotations

import asyncio
import time
import urllib.request
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit

from longwave.errors import InvalidConfiguration

if TYPE_CHECKING:
    from http.client import HTTPMessage, HTTPResponse

TIMEOUT = 10.0  # seconds without a byte of an answer, and of its whole body
MAX_DOCUMENT = 2**20  # bytes
CHUNK = 65_536  # bytes

_FILE = "file"


def check_address(option: str, address: str) -> None:
    """Raise InvalidConfiguration unless it is `https://`, `http://` with a host, or `file://` with an absolute path."""
    try:
        parts = urlsplit(address)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise InvalidConfiguration(option, "expected an address, got one that cannot be read") from None
    if "@" in parts.netloc:
        raise InvalidConfiguration(option, "expected an address without a user name or password, got one with")
    if parts.scheme == _FILE and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return
    if parts.scheme not in ("https", "http") or not named:
        raise InvalidConfiguration(
            option, f"expected https://HOST/PATH, http://HOST/PATH or file:///PATH, got {address!r}"
        )


def is_file(address: str) -> bool:
    """Tell whether an address that was checked names a file."""
    return urlsplit(address).scheme == _FILE


async def read_document(address: str) -> bytes:
    """Return what is at an address that was checked. Raises OSError or ValueError."""
    content = await asyncio.to_thread(_read_file if is_file(address) else _read_url, address)
    if len(content) > MAX_DOCUMENT:
        raise ValueError(f"expected at most {MAX_DOCUMENT} bytes, got more")
    return content


def _read_file(address: str) -> bytes:
    with Path(unquote(urlsplit(address).path)).open("rb") as file:
        return file.read(MAX_DOCUMENT + 1)


def _read_url(address: str) -> bytes:
    request = urllib.request.Request(address, headers={"Accept": "application/jwk-set+json, application/json"})
    opener = urllib.request.build_opener(_Redirections)
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            if response.status != HTTPStatus.OK:
                raise ValueError(f"expected status 200, got {response.status}")
            return _read_body(response)
    except HTTPError as error:
        error.close()
        raise ValueError(f"expected status 200, got {error.code}: {error.reason}") from None
    except URLError as error:
        raise OSError(getattr(error.reason, "strerror", None) or str(error.reason)) from None
    except HTTPException as error:
        raise ValueError(f"expected an answer of HTTP, got {type(error).__name__}") from None


def _read_body(response: HTTPResponse) -> bytes:
    deadline = time.monotonic() + TIMEOUT
    body = bytearray()
    while len(body) <= MAX_DOCUMENT and (chunk := response.read1(CHUNK)):
        body += chunk
        if time.monotonic() > deadline:
            raise TimeoutError(f"expected the whole answer in {TIMEOUT:g} s, got {len(body)} bytes")
    return bytes(body)


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Follows to https://, and from http:// to http://; urllib would also follow to ftp:// and out of https://."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and (scheme, req.type) != ("http", "http"):
            raise HTTPError(req.full_url, code, f"redirects to {scheme}://", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
