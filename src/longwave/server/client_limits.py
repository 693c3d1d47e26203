"""What one client may do: how often it opens streams and publishes, and how many streams it has.

Not here: buckets (rate_limits.py), counts of streams (stream_limits.py), whose address it is (client_address.py), what
a refused client is told (coming_back.py).
Rules that always hold: clients on this machine may open streams as often as they like, as they are the operator, or all
clients of a proxy that was not declared; a stream that was counted is no more when it ends, and if it never began.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from longwave.core.pacing import overload_retry
from longwave.errors import LongwaveError
from longwave.server.client_address import address_group, is_local
from longwave.server.rate_limits import RateLimit
from longwave.server.stream_limits import NOT_COUNTED, StreamAdmission, StreamLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.core.frame import Format
    from longwave.core.subscriber import Sink, Subscriber
    from longwave.server.config import Limits
    from longwave.server.stream_limits import Key
    from longwave.transports.exchange import Exchange, Headers, Request, Stream

SOON = overload_retry(0) / 1000  # seconds, where nobody knows when a stream of the client ends


class LimitReached(LongwaveError):
    """A client did, or has, as much as it may. reason: the word for metrics. wait: seconds until it may again."""

    def __init__(self, sentence: str, reason: str, wait: float) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.wait = wait


class ClientLimits:
    """All limits of single clients. now: seconds on a clock that never goes back."""

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._limits = limits
        self._streams = StreamLimits(limits.streams_per_address, limits.streams_per_subject)
        self._connects = RateLimit(limits.connect_rate)
        self._connects_of_subject = RateLimit(limits.connect_rate_per_subject)
        self._publishes = RateLimit(limits.publish_rate)
        self._publishes_of_subject = RateLimit(limits.publish_rate_per_subject)

    def connect(self, address: str) -> None:
        """Count a stream that a client at this address asks for, whether or not it gets it. Raises LimitReached."""
        if not is_local(address):
            self._take(self._connects, address_group(address), 1, "connect_rate_address")

    def connect_as(self, subject: str) -> None:
        """Count a stream that a token's subject asks for. Raises LimitReached."""
        self._take(self._connects_of_subject, subject, 1, "connect_rate_subject")

    def publish(self, address: str, subject: str, updates: int) -> None:
        """Count updates. Raises LimitReached; then none of them may be published."""
        # The narrower one first: what it grants is lost if the other one refuses.
        self._take(self._publishes_of_subject, subject, updates, "publish_rate_subject")
        if self._limits.publish_rate.per_second:
            self._take(self._publishes, address_group(address), updates, "publish_rate_address")

    def check_room(self, exchange: Exchange, subject: str) -> None:
        """Raise LimitReached if a stream could not begin now; so that nobody is told of one that will not."""
        key = self._streams.key(exchange.request.client, subject)
        self.enter(key)
        self.leave(key)

    def counting(self, exchange: Exchange, subject: str) -> Exchange:
        """Return an exchange whose stream is counted, by its client's address and the subject of its token."""
        key = self._streams.key(exchange.request.client, subject)
        return exchange if key == NOT_COUNTED else CountedExchange(exchange, self, key)

    def enter(self, key: Key) -> None:
        """Count a stream. Raises LimitReached."""
        admission = self._streams.enter(key)
        if admission is StreamAdmission.WELCOME:
            return
        whom, most = "address", self._limits.streams_per_address
        if admission is StreamAdmission.SUBJECT_FULL:
            whom, most = "subject", self._limits.streams_per_subject
        raise LimitReached(f"expected at most {most} open streams from one {whom}, got more", f"streams_{whom}", SOON)

    def leave(self, key: Key) -> None:
        """Count a stream no more."""
        self._streams.leave(key)

    def _take(self, limit: RateLimit, key: str, cost: int, reason: str) -> None:
        wait = limit.take(key, self._now(), cost)
        if wait:
            what, _, whom = reason.partition("_rate_")
            things = "new streams" if what == "connect" else "updates"
            raise LimitReached(f"expected at most {limit.rate} {things} from one {whom}, got more", reason, wait)


class CountedExchange:
    """An exchange whose stream counts from its beginning to its end."""

    __slots__ = ("_exchange", "_key", "_limits", "request")

    def __init__(self, exchange: Exchange, limits: ClientLimits, key: Key) -> None:
        self._exchange = exchange
        self._limits = limits
        self._key = key
        self.request: Request = exchange.request

    @property
    def form(self) -> Format:
        """As of the exchange."""
        return self._exchange.form

    def start_stream(self, headers: Headers, first: bytes) -> Stream:
        """Answer with a stream if there may be one more. Raises LimitReached, or as the exchange does."""
        self._limits.enter(self._key)
        try:
            stream = self._exchange.start_stream(headers, first)
        except BaseException:
            self._limits.leave(self._key)
            raise
        return CountedStream(stream, self._limits, self._key)


class CountedStream:
    """A stream that is counted no more when it is released."""

    __slots__ = ("_key", "_limits", "_stream", "opening")

    def __init__(self, stream: Stream, limits: ClientLimits, key: Key) -> None:
        self._stream = stream
        self._limits = limits
        self._key = key
        self.opening = stream.opening

    @property
    def sink(self) -> Sink:
        """As of the stream."""
        return self._stream.sink

    def release(self, subscriber: Subscriber) -> None:
        """Close what carries the stream; called once."""
        self._limits.leave(self._key)
        self._stream.release(subscriber)

    def bind(self, subscriber: Subscriber) -> None:
        """As of the stream."""
        self._stream.bind(subscriber)
