"""The client's address: the peer's, or what trusted proxies tell about it; and the address that limits count by.

Not here: what is counted by it (rate_limits.py, stream_limits.py), connections, which are the peer's
(connection_limits.py).

Anybody can write a `Forwarded` or `X-Forwarded-For` header, and each proxy appends to what it was sent. So a header
counts only if the peer is a trusted proxy, and is read from its end: what the peer appended is true; if that names
another trusted proxy, what that one appended before is true as well; the first address that is no trusted proxy is the
client, and all before it is the client's own invention.

Rules that always hold:
- what cannot be read in the part that counts makes the client `UNKNOWN`: all such clients share one set of limits, and
  none gets out of them, as one at the proxy's own address might, which may be of this machine;
- a proxy writes one of the two headers and passes on what a client wrote into the other, so where both came they must
  tell the same, or the client is unknown;
- the work is bounded by `LONGEST_HEADER` and `MOST_HOPS`; nothing is ever raised for a header.

Standard: https://www.rfc-editor.org/rfc/rfc7239
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from longwave.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from longwave.transports.exchange import Headers

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"  # in the list of proxies: whoever connects to the Unix socket
UNKNOWN = "unknown"  # a client of which a trusted proxy tells what cannot be believed: RFC 7239 section 6.2
FORWARDED = b"forwarded"
X_FORWARDED_FOR = b"x-forwarded-for"
LONGEST_HEADER = 4096  # bytes of all lines of one of them
MOST_HOPS = 16  # addresses that are looked at, from the end
MAPPED_BITS = 96  # of an IPv6 address: what stands before an IPv4 address in it
SITE_BITS = 64  # of an IPv6 address: the part that one customer has at least

_NODE = re.compile(r"(?:(\d[\d.]*)|\[([0-9A-Fa-f:.]+)\])(?::(?:\d{1,5}|_[A-Za-z0-9._-]+))?|([0-9A-Fa-f:.]+)", re.ASCII)
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# A backslash and a closing quote cannot be read in two ways, so both possessive loops fail in linear time.
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_ELEMENT = re.compile(rf"[ \t]*(?:({_TOKEN})=({_TOKEN}|{_QUOTED}))?[ \t]*([;,]|$)")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The peers whose word about clients counts; with none of them every client is its peer.

    networks: of their addresses. unix: whether whoever connects to the Unix socket is one.
    """

    networks: tuple[Network, ...] = ()
    unix: bool = False

    @classmethod
    def parse(cls, option: str, texts: Iterable[str]) -> TrustedProxies:
        """Return the proxies that these say: addresses, networks (`10.0.0.0/8`), or `unix`.

        Raises InvalidConfiguration that names the option.
        """
        texts = tuple(texts)
        return cls(tuple(_network(option, text) for text in texts if text != UNIX), UNIX in texts)

    def trust(self, peer: str) -> bool:
        """Tell whether the peer is one; "" is a peer on the Unix socket."""
        if not peer:
            return self.unix
        if not self.networks:
            return False
        address = parse_address(peer)
        return address is not None and self._has(address)

    def client(self, peer: str, headers: Headers) -> str:
        """Return the client's address, as short as it can be written; the peer's, if nobody trusted tells of any.

        UNKNOWN, if what a trusted proxy tells cannot be believed.
        headers: of the request, names in lower case.
        """
        if not self.trust(peer):
            return peer
        told = {
            self._origin(read(text))
            for name, read in ((FORWARDED, _forwarded), (X_FORWARDED_FOR, _x_forwarded_for))
            if (text := _value(headers, name)) is not None
        }
        if not told:
            return peer
        client = told.pop() if len(told) == 1 else None
        return str(client) if client is not None else UNKNOWN

    def _origin(self, nodes: Iterator[str]) -> Address | None:
        """Return the client, given the hops from the last to the first; None if that cannot be told."""
        address = None
        for _, node in zip(range(MOST_HOPS), nodes, strict=False):
            address = _address_of_node(node)
            if address is None or not self._has(address):
                return address
        # All are proxies: the first of them asks for itself, unless there are more than were looked at.
        return address if next(nodes, None) is None else None

    def _has(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


NO_PROXIES = TrustedProxies()


@lru_cache(4096)
def parse_address(text: str) -> Address | None:
    """Return the address that the text is, IPv4 if it is that in the clothes of IPv6; None if it is none.

    A zone (`fe80::1%eth0`) is left out.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address


def address_group(address: str) -> str:
    """Return what limits count an address by: IPv4 as it is, IPv6 by its /64, which one client has for itself.

    An empty address, of a client on a Unix socket, stays one; what is no address counts as it is.
    """
    return address if ":" not in address else _site(address)


@lru_cache(4096)
def remote_group(address: str) -> str:
    """Return what limits that nobody asked for count an address by: as `address_group`, "" for clients on this machine.

    These are the operator, or all clients of a proxy that was not declared.
    """
    return "" if is_local(address) else address_group(address)


@lru_cache(4096)
def is_local(address: str) -> bool:
    """Tell whether the client is on this machine: at a loopback address, or, with none, on a Unix socket."""
    parsed = parse_address(address)
    return not address or (parsed is not None and parsed.is_loopback)


@lru_cache(4096)
def _site(address: str) -> str:
    parsed = parse_address(address)
    if parsed is None or parsed.version == 4:
        return address if parsed is None else str(parsed)
    return str(ipaddress.ip_network((parsed, SITE_BITS), strict=False))


def _network(option: str, text: str) -> Network:
    try:
        network = _without_mapping(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise InvalidConfiguration(
            option, f"expected an address, a network such as 10.0.0.0/8, or {UNIX}, got {text!r}"
        ) from None
    if _has_bits_behind(text):
        raise InvalidConfiguration(option, f"expected {network}, got {text!r}, which has bits set behind its prefix")
    if not network.prefixlen:
        raise InvalidConfiguration(
            option, f"expected the addresses of proxies, got {text!r}, which is everybody: then anybody's word counts"
        )
    return network


def _has_bits_behind(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return True
    return False


def _without_mapping(network: Network) -> Network:
    """Return the IPv4 network that is meant where one is written in the clothes of IPv6, as addresses are compared."""
    mapped = network.network_address.ipv4_mapped if network.version == 6 else None
    if mapped is None or network.prefixlen < MAPPED_BITS:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - MAPPED_BITS), strict=False)


# Headers.


def _value(headers: Headers, name: bytes) -> str | None:
    """Return all lines of a header as one, None if it did not come; what is too long is made unreadable."""
    lines = [value for key, value in headers if key == name]
    if not lines:
        return None
    text = b",".join(lines).decode("latin-1")
    return text if len(text) <= LONGEST_HEADER else ""


def _x_forwarded_for(text: str) -> Iterator[str]:
    """Yield the hops, the last first."""
    while True:
        text, comma, hop = text.rpartition(",")
        yield hop.strip(" \t")
        if not comma:
            return


def _forwarded(text: str) -> Iterator[str]:
    """Yield the `for` of each hop, the last first; "" of one that has none, or if the header cannot be read.

    It can be read from its start only, as a comma may stand between quotes.
    """
    hops = [""]
    place = 0
    while True:
        found = _ELEMENT.match(text, place)
        if found is None:
            return iter([""])
        name, value, end = found.groups()
        if name is not None and name.lower() == "for":
            if hops[-1]:
                return iter([""])
            hops[-1] = _unquoted(value)
        if not end:
            return reversed(hops)
        if end == ",":
            hops.append("")
        place = found.end()


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value


def _address_of_node(node: str) -> Address | None:
    """Return the address of a hop, which may have a port: `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`.

    None for what names no address: `unknown`, an obfuscated name, nonsense.
    """
    found = _NODE.fullmatch(node)
    return parse_address(found[1] or found[2] or found[3]) if found is not None else None
