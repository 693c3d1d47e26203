"""What one client may do: how often it opens streams and publishes, and how many streams it has.

Not here: buckets (rate_limits.py), counts of streams (stream_limits.py), whose address it is (client_address.py), what
a refused client is told (coming_back.py).
Rules that always hold: limits that nobody asked for leave clients on this machine alone, as they are the operator, or
all clients of a proxy that was not declared; a stream that was counted is no more when it ends, and if it never began;
a good token counts, however many bad ones come from its address.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from longwave.errors import LongwaveError
from longwave.server.limits.client_address import address_group, remote_group
from longwave.server.limits.rate_limits import Rate, RateLimit
from longwave.server.limits.stream_limits import LIGHT, NOT_COUNTED, StreamAdmission, StreamLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.core.frame import Format
    from longwave.core.subscriber import Sink, Subscriber
    from longwave.server.config import Limits
    from longwave.server.limits.stream_limits import Key
    from longwave.transports.exchange import Exchange, Headers, Request, Stream

THINGS = {  # that have rates
    "connect": "new streams and lists",
    "told": "updates about subscriptions",
    "publish": "updates",
}
BAD_TOKENS = Rate(1, 60)  # that one address is told of; a client that waits as it is told to never gets so far
WHENEVER = 0.0  # seconds to wait, where nobody knows when a stream of the client ends


class LimitReached(LongwaveError):
    """A client did, or has, as much as it may. reason: the word for metrics. wait: seconds until it may again.

    subject: of the token, where it is that which had too much; "" where it is the address.
    """

    def __init__(self, sentence: str, reason: str, wait: float, subject: str = "") -> None:
        super().__init__(sentence)
        self.reason = reason
        self.wait = wait
        self.subject = subject


class ClientLimits:
    """All limits of single clients. now: seconds on a clock that never goes back."""

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._limits = limits
        self._streams = StreamLimits(
            limits.streams_per_address, limits.streams_per_subject, limits.selectors_per_address
        )
        self._counts_streams = bool(limits.streams_per_address or limits.streams_per_subject)
        self._connects = RateLimit(limits.connect_rate)
        self._connects_of_subject = RateLimit(limits.connect_rate_per_subject)
        self._told = RateLimit(limits.told_rate)
        self._told_of_subject = RateLimit(limits.told_rate_per_subject)
        self._publishes = RateLimit(limits.publish_rate)
        self._publishes_of_subject = RateLimit(limits.publish_rate_per_subject)
        self._bad_tokens = RateLimit(BAD_TOKENS)

    def connect(self, address: str) -> None:
        """Count a stream or list that is asked for from this address, given or not. Raises LimitReached."""
        group = remote_group(address)
        if group:
            self._take(self._connects, group, 1, "connect_rate_address")

    def connect_as(self, subject: str) -> None:
        """Count a stream that a token's subject asks for. Raises LimitReached."""
        self._take(self._connects_of_subject, subject, 1, "connect_rate_subject")

    def tell(self, address: str, subject: str, updates: int) -> None:
        """Count updates that tell of a client's coming and leaving. Raises LimitReached; then nobody may be told."""
        self._take(self._told_of_subject, subject, updates, "told_rate_subject")
        self._take(self._told, remote_group(address), updates, "told_rate_address")

    def publish(self, address: str, subject: str, updates: int) -> None:
        """Count updates. Raises LimitReached; then none of them may be published."""
        # The narrower one first: what it grants is lost if the other one refuses.
        self._take(self._publishes_of_subject, subject, updates, "publish_rate_subject")
        if self._limits.publish_rate.per_second:
            self._take(self._publishes, address_group(address), updates, "publish_rate_address")

    def bad_token(self, address: str) -> None:
        """Count a token that was refused. Raises LimitReached; then that is what is told of it."""
        wait = self._bad_tokens.take(remote_group(address), self._now())
        if wait:
            sentence = f"expected at most {BAD_TOKENS} bad tokens from one address, got more"
            raise LimitReached(sentence, "bad_tokens_address", wait)

    def check_room(self, exchange: Exchange, subject: str, weight: int) -> None:
        """Raise LimitReached if a stream could not begin now; so that nobody is told of one that will not."""
        key = self._streams.key(exchange.request.client, subject, weight)
        self.enter(key)
        self.leave(key)

    def counting(self, exchange: Exchange, subject: str, weight: int) -> Exchange:
        """Return an exchange whose stream is counted, by its client's address and the subject of its token.

        weight: of what it asks for; see stream_limits.py.
        """
        if weight <= LIGHT and not self._counts_streams:
            return exchange
        key = self._streams.key(exchange.request.client, subject, weight)
        return exchange if key is NOT_COUNTED else CountedExchange(exchange, self, key)

    def enter(self, key: Key) -> None:
        """Count a stream. Raises LimitReached."""
        admission = self._streams.enter(key)
        if admission is StreamAdmission.WELCOME:
            return
        if admission is StreamAdmission.SELECTORS_FULL:
            most = self._limits.selectors_per_address
            sentence = f"expected selectors of at most {most} in the open streams of one address, got more"
            raise LimitReached(sentence, "selectors_address", WHENEVER)
        whom, most = "address", self._limits.streams_per_address
        if admission is StreamAdmission.SUBJECT_FULL:
            whom, most = "subject", self._limits.streams_per_subject
        sentence = f"expected at most {most} open streams from one {whom}, got more"
        raise LimitReached(sentence, f"streams_{whom}", WHENEVER, key.subject if whom == "subject" else "")

    def leave(self, key: Key) -> None:
        """Count a stream no more."""
        self._streams.leave(key)

    def known(self) -> dict[str, int]:
        """Return of how many clients it is known what they did lately, by the word for each rate."""
        return {
            "connect_rate_address": len(self._connects),
            "connect_rate_subject": len(self._connects_of_subject),
            "told_rate_address": len(self._told),
            "told_rate_subject": len(self._told_of_subject),
            "publish_rate_address": len(self._publishes),
            "publish_rate_subject": len(self._publishes_of_subject),
            "bad_tokens_address": len(self._bad_tokens),
        }

    def _take(self, limit: RateLimit, key: str, cost: int, reason: str) -> None:
        wait = limit.take(key, self._now(), cost)
        if wait:
            what, _, whom = reason.partition("_rate_")
            things = THINGS[what]
            sentence = f"expected at most {limit.rate} {things} from one {whom}, got more"
            raise LimitReached(sentence, reason, wait, key if whom == "subject" else "")


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
