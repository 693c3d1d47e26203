"""One request of an event source: what is sent, and how its headers and URL are put together.

Not here: sending it (transport.py), which id it resumes after (session.py).
Rules that always hold: a password stands in a header, not in a URL; what messages show of a URL holds no secret that
has a place of its own there, and errors quote no header's value.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlencode, urlsplit, urlunsplit

from longwave.errors import InvalidValue
from longwave.eventstream.event import check_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCHEMES = ("http", "https")
RESUME_HEADER = b"last-event-id"
ID_PARAMETER = "lastEventID"
SHOWN = frozenset({"topic", ID_PARAMETER})  # parameters that messages show with their values

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # of a method or a header: RFC 9110, section 5.6.2
_OUTER_SPACE = re.compile(r"^[ \t]|[ \t]$")  # an HTTP library refuses it with a message that quotes the value
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with everything that goes into it.

    headers: names and values as bytes, as ids are UTF-8. connect_timeout: seconds. read_timeout: seconds that a read
    may wait for a byte, the head's first one included; None for ever.
    """

    method: str
    url: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes | None
    connect_timeout: float
    read_timeout: float | None


def add_parameters(url: str, parameters: Sequence[tuple[str, str]]) -> str:
    """Return the URL with more query parameters, without its fragment. Raises InvalidValue if it is no HTTP URL."""
    if not isinstance(url, str):
        raise InvalidValue("url", f"expected str, got {type(url).__name__}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text may quote a password
        raise InvalidValue("url", f"expected a URL, got {show(url)!r}") from None
    if parts.scheme not in SCHEMES or not parts.hostname or port == 0:
        raise InvalidValue("url", f"expected http:// or https:// and a host, got {show(url)!r}")
    query = "&".join(filter(None, (parts.query, urlencode(parameters))))
    return urlunsplit(parts._replace(query=query, fragment=""))


def split_credentials(url: str) -> tuple[str, tuple[tuple[bytes, bytes], ...]]:
    """Return the URL without user and password, and the header that says them: of the scheme Basic; none without them.

    Standard: RFC 7617.
    """
    parts = urlsplit(url)
    credentials, at, address = parts.netloc.rpartition("@")
    if not at:
        return url, ()
    user, _, password = credentials.partition(":")
    value = b"Basic " + b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password))
    return urlunsplit(parts._replace(netloc=address)), ((b"Authorization", value),)


def show(url: str) -> str:
    """Return what messages and logs show of a URL: no user, no password, no fragment, no value of a parameter but
    topics and ids, as any other may be a token.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "one that cannot be read"
    query = "&".join(map(_show_parameter, parts.query.split("&")))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query, fragment=""))


def _show_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    if name in SHOWN or not parameter:
        return parameter
    return f"{name}=***" if equals else "***"


def merge_headers(
    own: Iterable[tuple[bytes, bytes]], given: Mapping[str, str], token: str | None
) -> tuple[tuple[bytes, bytes], ...]:
    """Return the client's own headers, replaced by the user's of the same name, and the token's.

    Only `Last-Event-ID` stays what the client says. Raises InvalidValue for a value or token that no header carries.
    """
    if not isinstance(given, Mapping):
        raise InvalidValue("headers", f"expected a mapping, got {type(given).__name__}")
    merged = {name.lower(): (name, value) for name, value in own}
    resume = merged.get(RESUME_HEADER)
    for name, text in given.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise InvalidValue("headers", f"expected the name of a header, got {name!r}")
        merged[name.lower().encode()] = (name.encode(), _encode(name, text))
    if token is not None:
        merged[b"authorization"] = (b"Authorization", b"Bearer " + _encode_token(token))
    merged.pop(RESUME_HEADER, None)
    return (*merged.values(), *([resume] if resume else []))


def _encode(name: str, text: str) -> bytes:
    """The errors do not quote the value, which may be a secret."""
    check_line(name, text)
    if _OUTER_SPACE.search(text):
        raise InvalidValue(name, "expected a value without spaces around it, got some")
    return text.encode()


def _encode_token(token: str) -> bytes:
    """Standard: RFC 6750, section 2.1, which allows less."""
    encoded = _encode("token", token)
    if not _TOKEN.fullmatch(token):
        raise InvalidValue("token", "expected visible ASCII characters, got something else")
    return encoded
