"""How many streams are open for each client, by its address and by the subject of its token, and whether one more may.

And how much these ask for together: a subscription with many selectors holds a hundred times the memory of one with a
few, and each update is matched against its templates.

Not here: connections (connection_limits.py), how often streams may be opened (rate_limits.py), the client's
address (client_address.py).

What is counted where, and why:

- Connections count by the peer's address, known when they are accepted, before a byte is read; those of trusted
  proxies by none.
- Requests that open streams and publishes count by the client's address, known when the head was read, and by the
  subject of the token, known when that was verified.
- Streams count by both, too; a connection that carries a stream counts as well.
- Selectors count by the client's address, unless the subscription is light: then its connection is what it costs.

Behind a proxy many clients share the peer's address, and one connection may carry requests of several clients in turn,
so only what is known from a request can be held against its client. IPv6 addresses count by their /64.
With workers each process counts for itself: the kernel spreads a client's connections, so all workers together let it
have up to that many times more.

Rules that always hold: what entered leaves once, under the same key; nothing is kept about a client without streams;
an empty address (a Unix socket) and an empty subject (no token, or one without) are nobody's and not counted.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from longwave.server.limits.client_address import address_group, remote_group

LIGHT = 10  # a subscription of this weight costs about as much as its connection, and connections have a limit


class Key(NamedTuple):
    """What a stream is counted by; "" and 0 for what is not counted.

    address: its group. subject: of the token. holder, weight: whose selectors these are, and how many.
    """

    address: str = ""
    subject: str = ""
    holder: str = ""
    weight: int = 0


NOT_COUNTED = Key()


class StreamAdmission(Enum):
    """What becomes of a new stream."""

    WELCOME = "welcome"
    ADDRESS_FULL = "address full"  # its address has as many as it may
    SUBJECT_FULL = "subject full"  # the subject of its token has
    SELECTORS_FULL = "selectors full"  # those of its address ask for as much as they may


class StreamLimits:
    """Counts open streams, and what they ask for.

    per_address, per_subject: how many of one are welcome. selectors: weight of those of one address together, but for
    light ones and clients on this machine. 0 is any number.
    """

    __slots__ = ("_by_address", "_by_subject", "_per_address", "_per_subject", "_selectors", "_weights")

    def __init__(self, per_address: int, per_subject: int, selectors: int = 0) -> None:
        self._per_address = per_address
        self._per_subject = per_subject
        self._selectors = selectors
        self._by_address: dict[str, int] = {}
        self._by_subject: dict[str, int] = {}
        self._weights: dict[str, int] = {}

    def key(self, address: str, subject: str, weight: int = 0) -> Key:
        """Return what a stream of this client is counted by, to be kept until it leaves; `NOT_COUNTED` if by nothing.

        address: the client's, "" for none. subject: "" for none. weight: its selectors, and what matching them costs.
        """
        holder = remote_group(address) if weight > LIGHT and self._selectors else ""
        if not (self._per_address or self._per_subject or holder):
            return NOT_COUNTED
        return Key(
            address_group(address) if self._per_address else "",
            subject if self._per_subject else "",
            holder,
            weight if holder else 0,
        )

    def enter(self, key: Key) -> StreamAdmission:
        """Count a stream, if it is WELCOME."""
        address, subject, holder, weight = key
        if address and self._by_address.get(address, 0) >= self._per_address:
            return StreamAdmission.ADDRESS_FULL
        if subject and self._by_subject.get(subject, 0) >= self._per_subject:
            return StreamAdmission.SUBJECT_FULL
        if holder and self._weights.get(holder, 0) + weight > self._selectors:
            return StreamAdmission.SELECTORS_FULL
        for counts, name, more in self._counts(key):
            counts[name] = counts.get(name, 0) + more
        return StreamAdmission.WELCOME

    def leave(self, key: Key) -> None:
        """Count a stream that was WELCOME no more."""
        for counts, name, less in self._counts(key):
            _count_down(counts, name, less)

    def _counts(self, key: Key) -> list[tuple[dict[str, int], str, int]]:
        address, subject, holder, weight = key
        every = ((self._by_address, address, 1), (self._by_subject, subject, 1), (self._weights, holder, weight))
        return [count for count in every if count[1]]


def _count_down(counts: dict[str, int], name: str, by: int) -> None:
    left = counts[name] - by
    if left:
        counts[name] = left
    else:
        del counts[name]
