"""How long to wait before the next connection, and when to give up: pure decisions.

Not here: connecting, sleeping, clocks and random numbers (event_source.py passes the last two in), what a response
means (policy.py). Rules that always hold: the first wait, and the first after a healthy stream, is the server's `retry`
give or take `JITTER`; each one more doubles the ceiling under which it is drawn (full jitter), up to `longest` or the
server's `retry` if that is longer; no wait is shorter than what `Retry-After` asked for, nor than `SHORTEST`, nor
longer than `LIMIT`. A stream that opens and ends without an event has not been healthy, so that a server which does
only that is not hammered.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#reestablish-the-connection
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import inf

from longwave.errors import InvalidValue

DEFAULT_RETRY = 3.0  # seconds; what Chromium uses
JITTER = 0.1  # of the first wait to either side, of a `Retry-After` upwards: clients must not return together
SHORTEST = 0.05  # seconds; also where a server says `retry: 0` and then closes every stream
LONGEST = 30.0  # seconds; ceiling of the exponential backoff
LIMIT = 3600.0  # seconds; whatever a server asks for
HEALTHY = 5.0  # seconds that make a stream healthy without an event
MAX_DOUBLINGS = 32


def read_retry_after(value: str, now: float) -> float:
    """Return the seconds that a `Retry-After` header asks for at Unix time `now`; 0 if it says nothing readable.

    Standard: RFC 9110, section 10.2.3.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
        date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)  # one form of it names no zone
        return max(0.0, date.timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client goes on trying.

    longest: seconds, ceiling of the exponential backoff.
    attempts: failed connections one after the other after which it gives up; None for no limit.
    retry: seconds, the first wait until a server says another.

    Raises InvalidValue.
    """

    longest: float = LONGEST
    attempts: int | None = None
    retry: float = DEFAULT_RETRY

    def __post_init__(self) -> None:
        if not 0 <= self.retry <= LIMIT:
            raise InvalidValue("retry", f"expected seconds from 0 to {LIMIT:g}, got {self.retry!r}")
        if not 0 < self.longest < inf:
            raise InvalidValue("longest", f"expected seconds above 0, got {self.longest!r}")
        if self.attempts is not None and (type(self.attempts) is not int or self.attempts < 1):
            raise InvalidValue("attempts", f"expected a whole number, at least 1, or None, got {self.attempts!r}")


class Reconnection:
    """How long to wait before the next attempt; one per client.

    retry: seconds, until the server says otherwise.
    """

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self.retry = self._patience.retry
        self._failures = 0
        self._waits = 0  # since the last healthy stream
        self._floor = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether as many attempts failed one after the other as there may be."""
        return self._patience.attempts is not None and self._failures >= self._patience.attempts

    @property
    def failures(self) -> int:
        """Attempts that failed one after the other."""
        return self._failures

    def healthy(self) -> None:
        """A stream works, so the next wait is a first one again."""
        self._failures = self._waits = 0

    def failed(self) -> None:
        """An attempt came to nothing."""
        self._failures += 1

    def postpone(self, seconds: float) -> None:
        """The server asked for at least `seconds` (`Retry-After`); holds for the next wait."""
        self._floor = seconds

    def wait(self, chance: float) -> float:
        """Return the seconds to wait now. `chance` is a random number from 0 to 1."""
        wait = self._first(chance) if self._waits == 0 else self._backoff(chance)
        floor = self._floor * (1 + JITTER * chance)
        self._waits += 1
        self._floor = 0.0
        return min(max(wait, floor, SHORTEST), LIMIT)

    def _first(self, chance: float) -> float:
        return self.retry * (1 - JITTER + 2 * JITTER * chance)

    def _backoff(self, chance: float) -> float:
        base = max(self.retry, SHORTEST)
        doubled = base * 2.0 ** min(self._waits, MAX_DOUBLINGS)
        return chance * min(doubled, max(base, self._patience.longest))
