"""Which web pages may make a browser publish, and which may read what a hub answers.

A form on any page can send a request to any address, this machine's own included. So what a browser sends for a page
of another origin is refused; clients that are no browsers send no `Origin` and are not concerned.
Not here: the headers that tell browsers (server/cors.py). Header: RFC 6454 section 7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from longwave.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterable

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
ANY = "*"
NULL = "null"  # of sandboxed pages, files and redirects

# A scheme with a host and perhaps a port, or, as `capacitor://`, without. One whole label may be a wildcard.
_ORIGIN = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:(?:\*\.)?(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?)?",
    re.IGNORECASE | re.ASCII,
)
_LABEL = "[a-z0-9_-]+"
_USUAL_PORTS = re.compile(r"(?<=^https)(://.*):443$|(?<=^http)(://.*):80$")


@dataclass(frozen=True, slots=True)
class Origins:
    """A list of origins: exact, with one wildcard label (`https://*.example.com`), `null`, or `*` for all."""

    patterns: tuple[str, ...] = ()

    @classmethod
    def parse(cls, option: str, texts: Iterable[str]) -> Origins:
        """Return the list. Raises InvalidConfiguration that names the option for what no browser sends as an origin."""
        return cls(tuple(dict.fromkeys(_check(option, text) for text in texts)))

    @property
    def any(self) -> bool:
        """Whether every origin is in the list."""
        return ANY in self.patterns

    def allow(self, origin: str) -> bool:
        """Tell whether an `Origin` header's value is in the list."""
        return self.any or any(_fits(pattern, _plain(origin)) for pattern in self.patterns)


def may_publish(origin: str | None, host: str) -> bool:
    """Tell whether a page of `origin` may publish to the hub that it reached as `host` (`name:port`).

    Allowed are the hub's own pages, and pages served by this machine when the hub was reached as local, such as a
    development server's.
    """
    if origin is None:
        return True
    try:
        page, hub = urlsplit(origin), urlsplit(f"//{host}")
        names = page.hostname, hub.hostname
    except ValueError:
        return False
    if not page.netloc:
        return False
    return page.netloc == host or all(name in LOCAL_HOSTS for name in names)


def origin_of(url: str) -> str | None:
    """Return the origin of a `Referer`; None if it has none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if not parts.scheme or not parts.netloc or "@" in parts.netloc:
        return None
    return f"{parts.scheme}://{parts.netloc}"


def _check(option: str, text: str) -> str:
    if text in (ANY, NULL):
        return text
    if not _ORIGIN.fullmatch(text) or text.lower() in ("http://", "https://"):
        raise InvalidConfiguration(
            option, f"expected scheme://host[:port] without a path, scheme://*.host, scheme://, null or *, got {text!r}"
        )
    return _plain(text)


def _plain(origin: str) -> str:
    """Return an origin as browsers write it: lower case, without the scheme's own port."""
    return _USUAL_PORTS.sub(lambda match: match[1] or match[2], origin.lower())


def _fits(pattern: str, origin: str) -> bool:
    if "://*." not in pattern:
        return origin == pattern
    before, _, after = pattern.partition("*")
    return re.fullmatch(re.escape(before) + _LABEL + re.escape(after), origin) is not None
