"""How many streams are open for each client, by its address and by the subject of its token, and whether one more may.

Not here: connections (connection_limits.py), how often streams may be opened (rate_limits.py), the client's
address (client_address.py).

What is counted where, and why:

- Connections count by the peer's address, known when they are accepted, before a byte is read; those of trusted
  proxies by none.
- Requests that open streams and publishes count by the client's address, known when the head was read, and by the
  subject of the token, known when that was verified.
- Streams count by both, too; a connection that carries a stream counts as well.

Behind a proxy many clients share the peer's address, and one connection may carry requests of several clients in turn,
so only what is known from a request can be held against its client. IPv6 addresses count by their /64.
With workers each process counts for itself: the kernel spreads a client's connections, so all workers together let it
have up to that many times more.

Rules that always hold: what entered leaves once, under the same key; nothing is kept about a client without streams;
an empty address (a Unix socket) and an empty subject (no token, or one without) are nobody's and not counted.
"""

from __future__ import annotations

from enum import Enum

from longwave.server.client_address import address_group

Key = tuple[str, str]  # address group and subject; "" for what is not counted

NOT_COUNTED: Key = ("", "")


class StreamAdmission(Enum):
    """What becomes of a new stream."""

    WELCOME = "welcome"
    ADDRESS_FULL = "address full"  # its address has as many as it may
    SUBJECT_FULL = "subject full"  # the subject of its token has


class StreamLimits:
    """Counts open streams; per_address, per_subject: how many of one are welcome, 0 for any number."""

    __slots__ = ("_by_address", "_by_subject", "_per_address", "_per_subject")

    def __init__(self, per_address: int, per_subject: int) -> None:
        self._per_address = per_address
        self._per_subject = per_subject
        self._by_address: dict[str, int] = {}
        self._by_subject: dict[str, int] = {}

    def key(self, address: str, subject: str) -> Key:
        """Return what a stream of this client is counted by, to be kept until it leaves; `NOT_COUNTED` if by nothing.

        address: the client's, "" for none. subject: "" for none.
        """
        if not (self._per_address or self._per_subject):
            return NOT_COUNTED
        return address_group(address) if self._per_address else "", subject if self._per_subject else ""

    def enter(self, key: Key) -> StreamAdmission:
        """Count a stream, if it is WELCOME."""
        address, subject = key
        if address and self._by_address.get(address, 0) >= self._per_address:
            return StreamAdmission.ADDRESS_FULL
        if subject and self._by_subject.get(subject, 0) >= self._per_subject:
            return StreamAdmission.SUBJECT_FULL
        if address:
            self._by_address[address] = self._by_address.get(address, 0) + 1
        if subject:
            self._by_subject[subject] = self._by_subject.get(subject, 0) + 1
        return StreamAdmission.WELCOME

    def leave(self, key: Key) -> None:
        """Count a stream that was WELCOME no more."""
        address, subject = key
        if address:
            _count_down(self._by_address, address)
        if subject:
            _count_down(self._by_subject, subject)


def _count_down(counts: dict[str, int], name: str) -> None:
    left = counts[name] - 1
    if left:
        counts[name] = left
    else:
        del counts[name]
