"""When to connect again: pure decisions about an answer's status and about waiting.

Not here: connecting, sleeping, clocks and random numbers (listener.py passes the last three in).
Rules that always hold: the first reconnection after a working stream waits for the server's `retry` give or take
`JITTER`; each failure after it doubles the ceiling under which the wait is drawn (full jitter), up to `LONGEST`
or the server's `retry` if that is longer; no wait is shorter than `SHORTEST` or longer than `LIMIT`.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from enum import Enum

DEFAULT_RETRY = 3.0  # seconds; what Chromium uses
JITTER = 0.2  # of the first wait, to either side, so that clients of a lost server do not return together
SHORTEST = 0.05  # seconds; also where a server says `retry: 0` and then closes every stream
LONGEST = 30.0  # seconds; ceiling of the exponential backoff
LIMIT = 3600.0  # seconds; whatever a server asks for
MAX_DOUBLINGS = 32


class Verdict(Enum):
    """What to do about a response."""

    STREAM = "stream"  # read events from it
    RETRY = "retry"  # come back later
    END = "end"  # the server says that there is nothing more
    STOP = "stop"  # it will not get better by itself


def judge(status: int, content_type: str) -> Verdict:
    """Tell what to do about a response with this status and `Content-Type`.

    Unlike a browser, which gives up for ever, 429 and 5xx mean that the server will be back.
    """
    if status == 204:
        return Verdict.END
    if status == 429 or status >= 500:
        return Verdict.RETRY
    if status == 200 and is_event_stream(content_type):
        return Verdict.STREAM
    return Verdict.STOP


def is_event_stream(content_type: str) -> bool:
    """Tell whether a `Content-Type` says event stream, whatever its parameters."""
    return content_type.partition(";")[0].strip().lower() == "text/event-stream"


def read_retry_after(value: str, now: float) -> float:
    """Return the seconds that a `Retry-After` header asks for at Unix time `now`; 0 if it says nothing readable.

    Standard: RFC 9110, section 10.2.3.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0


class Reconnection:
    """How long to wait before the next attempt; one per listener.

    retry: seconds, until the server says otherwise.
    """

    def __init__(self, retry: float = DEFAULT_RETRY) -> None:
        self.retry = retry
        self._failures = 0
        self._floor = 0.0

    def opened(self) -> None:
        """A stream was opened, so the next wait is a first one again."""
        self._failures = 0

    def postpone(self, seconds: float) -> None:
        """The server asked for at least `seconds` (`Retry-After`); holds for the next wait."""
        self._floor = seconds

    def lost(self, chance: float) -> float:
        """A stream or an attempt was lost: return the seconds to wait. `chance` is a random number from 0 to 1."""
        wait = self._first(chance) if self._failures == 0 else self._backoff(chance)
        wait = min(max(wait, self._floor, SHORTEST), LIMIT)
        self._failures += 1
        self._floor = 0.0
        return wait

    def _first(self, chance: float) -> float:
        return self.retry * (1 - JITTER + 2 * JITTER * chance)

    def _backoff(self, chance: float) -> float:
        base = max(self.retry, SHORTEST)
        doubled = base * 2.0 ** min(self._failures, MAX_DOUBLINGS)
        return chance * min(doubled, max(base, LONGEST))
