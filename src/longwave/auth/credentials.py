"""Where a request carries its token: header, query or cookie, the first that is there and no other.

Not here: the token itself (tokens.py), which pages are allowed (origins.py).
Protocol: https://mercure.rocks/spec#authorization (draft 07). Cookies: RFC 6265.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.auth.origins import origin_of
from longwave.auth.refusal import Reason
from longwave.errors import InvalidConfiguration, TokenRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longwave.auth.origins import Origins

SCHEME = "Bearer "
SHORTEST = 41  # characters of a token that can be one
PARAMETER = "authorization"
DEFAULT_COOKIE = "mercureAuthorization"
COOKIE_PATH = "/.well-known/mercure"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 section 9.2.1; they change nothing

_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request presents.

    headers: the values of all its `Authorization` headers. parameters: those of all its query parameters
    `authorization`. cookies: its `Cookie` header; several are joined with `; `, "" for none.
    """

    headers: Sequence[str] = ()
    parameters: Sequence[str] = ()
    cookies: str = ""


@dataclass(frozen=True, slots=True)
class Credential:
    """A token and whether a browser sent it by itself, as a cookie, so that any page can have it sent."""

    token: str
    ambient: bool = False


def find_credential(presented: Presented, cookie_name: str = DEFAULT_COOKIE) -> Credential | None:
    """Return the token that counts, or None if there is none. Raises TokenRefused; then no other place is looked at."""
    if presented.headers:
        return Credential(_from_header(presented.headers))
    if presented.parameters:
        return Credential(_from_query(presented.parameters))
    token = read_cookie(presented.cookies, cookie_name)
    return Credential(token, ambient=True) if token is not None else None


def check_page(credential: Credential, method: str, page: tuple[str | None, str | None], allowed: Origins) -> None:
    """Raise TokenRefused if a page that is not in the list may have made a browser send the cookie.

    page: the headers `Origin` and `Referer`, None for none; the second counts only without the first. Safe methods need
    no check, as they change nothing, nor does a token that a browser does not add by itself.
    """
    if not credential.ambient or method in SAFE_METHODS:
        return
    origin, referer = page
    source = origin or origin_of(referer or "")
    if source is None:
        raise TokenRefused(Reason.ORIGIN, "expected Origin or Referer beside a cookie, got neither that can be read")
    if not allowed.allow(source):
        raise TokenRefused(Reason.ORIGIN, f"expected a page of an allowed origin, got {source[:100]!a}")


def read_cookie(header: str, name: str) -> str | None:
    """Return the value of the first cookie of this name in a `Cookie` header, unquoted, or None."""
    for pair in header.split(";"):
        key, separator, value = pair.strip(" \t").partition("=")
        if separator and key == name:
            return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    return None


def format_cookie(token: str, name: str = DEFAULT_COOKIE, max_age: int | None = None) -> str:
    """Return the value of a `Set-Cookie` header that gives a browser the token. max_age: seconds; None: a session."""
    age = "" if max_age is None else f"; Max-Age={max_age}"
    return f"{name}={token}; Path={COOKIE_PATH}{age}; Secure; HttpOnly; SameSite=Strict"


def check_cookie_name(option: str, name: str) -> None:
    """Raise InvalidConfiguration unless a cookie can be called so."""
    if not _COOKIE_NAME.fullmatch(name):
        raise InvalidConfiguration(
            option, f"expected a name of up to 256 letters, digits and !#$%&'*+-.^_`|~, got {name[:100]!r}"
        )


def _from_header(values: Sequence[str]) -> str:
    if len(values) > 1:
        raise TokenRefused(Reason.MALFORMED, f"expected one Authorization header, got {len(values)}")
    value = values[0]
    if not value.startswith(SCHEME):
        raise TokenRefused(Reason.MALFORMED, f"expected the Authorization header to begin with {SCHEME!r}, got another")
    return _long_enough(value.removeprefix(SCHEME), "in the Authorization header")


def _from_query(values: Sequence[str]) -> str:
    if len(values) > 1:
        raise TokenRefused(Reason.MALFORMED, f"expected one {PARAMETER!r} parameter, got {len(values)}")
    return _long_enough(values[0], "in the query")


def _long_enough(token: str, place: str) -> str:
    if len(token) < SHORTEST:
        raise TokenRefused(Reason.MALFORMED, f"expected at least {SHORTEST} characters {place}, got {len(token)}")
    return token
