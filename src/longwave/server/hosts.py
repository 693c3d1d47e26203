"""By which names a hub may be asked for, in the `Host` header, where no key protects it.

A page anywhere can have its own name resolve to this machine after it was loaded (DNS rebinding). For the browser a hub
here is then of the page's own origin: it may read everything and publish. But the browser sends the page's name as
`Host`, so a hub that everybody may use answers to names that no such page can have: `localhost` and what ends in
`.localhost`, IP addresses, and those that it was told. Clients that are no browsers can send any `Host`.

Not here: pages of other origins (auth/origins.py).
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from longwave.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longwave.server.config import ServerConfig

ANY = "*"
LOCAL = "localhost"
MAX_REMEMBERED = 256  # values of `Host`
MAX_HOST = 1024  # bytes of one; a name of DNS has 253 at most

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE | re.ASCII)
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]*)?", re.IGNORECASE | re.ASCII)
# RFC 3986 section 3.2.2, but without the comma, by which two headers look like one.
_GRAMMAR = re.compile(
    rb"(?:\[([0-9a-f]*:[0-9a-f:.]+)\]|(?:[a-z0-9._~!$&'()*+;=-]|%[0-9a-f]{2})*)(?::[0-9]*)?", re.IGNORECASE
)


class Hosts:
    """A list of names without ports, beside the local ones and all addresses; `*` for any name, which `any` tells."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(map(str.lower, names))
        self.any = ANY in self._names
        self.allow = lru_cache(MAX_REMEMBERED)(self._allow)

    def _allow(self, host: bytes | None) -> bool:
        """Tell whether a `Host` header may be answered; browsers always send one."""
        if host is None or self.any:
            return True
        name = name_of(host.decode("latin-1"))
        return name in self._names or name == LOCAL or name.endswith(f".{LOCAL}") or is_address(name)


@lru_cache(MAX_REMEMBERED)
def is_host(host: bytes) -> bool:
    """Tell whether it can be the value of a `Host` header, which may be empty: RFC 9112 section 3.2."""
    found = _GRAMMAR.fullmatch(host)
    return found is not None and (found[1] is None or is_address(found[1].decode()))


def hosts_of(config: ServerConfig) -> Hosts:
    """Return those that a server answers to: any, unless it has no key and browsers reach it, or names are given."""
    exposed = not config.access.has_keys and config.listen.uds is None
    return Hosts(config.access.allowed_hosts or (() if exposed else (ANY,)))


def name_of(host: str) -> str:
    """Return the name or address in a `Host` header: lower case, no port, brackets or final dot; "" if it has none."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]).lower().removesuffix(".") if found is not None else ""


def is_address(name: str) -> bool:
    """Tell whether a name is an IP address; no page can have it resolve to another."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def check_hosts(option: str, names: Iterable[str]) -> None:
    """Raise InvalidConfiguration that names the option unless each is a host's name, or `*`."""
    for name in names:
        if name != ANY and not _NAME.fullmatch(name):
            raise InvalidConfiguration(option, f"expected a host name without a port, or *, got {name!r}")
