"""How often each client may do something: a token bucket for each key, in bounded memory.

Not here: what a client's key is (client_address.py: `address_group`; the subject of its token), how many streams it may
have at once (stream_limits.py), what it is told (routes.py).

A bucket holds `burst` tokens when it is full and gains `rate.per_second`. It is kept as one number, the time at
which it will be full again (the generic cell rate algorithm), so that nothing has to be filled up.

Rules that always hold:
- a key never gets more than its own bucket would give it, whatever happens to other keys;
- as long as there are no more than `MAX_KEYS` keys whose buckets are not full, each gets just what its bucket gives;
- above that the fullest buckets are forgotten, and a key that is not known starts with a bucket no fuller than
  the emptiest of those that were: who floods the table with keys gains nothing by it, and takes from newcomers no more
  than the little that the flood's own fullest keys had used;
- a look is one of a dict, and for a new key also a few steps in a heap; these are as many as the looks before at most.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from heapq import heappush, heapreplace
from math import ceil

from longwave.errors import InvalidValue

MAX_KEYS = 32_768  # buckets that are kept, about 250 bytes each
MOST_A_SECOND = 10**6  # more than one process can do; the clock's floats tell so many apart for 20 years
MOST_AT_ONCE = 10**9
ROUNDING = 1e-7  # seconds that count as none
TRIES = 1024  # stale places of the heap that one look puts right, at most: half a millisecond

_RATE = re.compile(r"([0-9]{1,10})(?:/(s|m|h))?(?: burst ([0-9]{1,10}))?")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of something is allowed.

    per_second: in the long run; 0 for any number. burst: at once, after a time of rest; at least 1 if there is a rate.

    Raises InvalidValue.
    """

    per_second: float = 0.0
    burst: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.per_second <= MOST_A_SECOND:
            raise InvalidValue("rate", f"expected 0 to {MOST_A_SECOND} a second, got {self.per_second:g}")
        if not (1 if self.per_second else 0) <= self.burst <= MOST_AT_ONCE:
            raise InvalidValue("rate", f"expected a burst of 1 to {MOST_AT_ONCE}, got {self.burst}")

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Return the rate that the text says: `100/s`, `60/m burst 10`, `0` for any number.

        Without a unit it is by the second, without a burst that many at once as the unit allows. Raises InvalidValue.
        """
        found = _RATE.fullmatch(text.strip())
        if found is None:
            raise InvalidValue("rate", f"expected a rate such as 100/s, 60/m burst 10, or 0 for none, got {text!r}")
        amount = int(found[1])
        burst = int(found[3]) if found[3] is not None else amount
        return cls(amount / _SECONDS[found[2] or "s"], burst) if amount else cls()

    def __str__(self) -> str:
        if not self.per_second:
            return "0"
        return f"{_amount(self.per_second)} burst {self.burst}"


def _amount(per_second: float) -> str:
    for unit, seconds in _SECONDS.items():
        amount = round(per_second * seconds)
        if amount / seconds == per_second:
            return f"{amount}/{unit}"
    return f"{per_second:g}/s"


NO_LIMIT = Rate()


class RateLimit:
    """One bucket for each key. keys: how many are kept at most."""

    __slots__ = ("_emptiest_forgotten", "_full_at", "_heap", "_interval", "_keys", "_span", "rate")

    def __init__(self, rate: Rate, keys: int = MAX_KEYS) -> None:
        self.rate = rate
        self._interval = 1 / rate.per_second if rate.per_second else 0.0  # seconds that a token takes to come
        self._span = self._interval * rate.burst  # seconds that a bucket takes to fill up
        self._keys = keys
        self._full_at: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []  # each key once, with its time when it was put there, or later
        self._emptiest_forgotten = float("-inf")

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, now: float, cost: int = 1) -> float:
        """Take `cost` tokens and return 0.0, or take none and return how many seconds it will be until they are there.

        key: "" is nobody in particular, and has no limit. now: seconds on a clock that never goes back.
        cost: may be above the burst: such a request needs a full bucket, and is paid for by those after it.
        """
        if not (self._interval and key):
            return 0.0
        full_at = self._full_at.get(key)
        start = max(full_at if full_at is not None else self._emptiest_forgotten, now)
        spent = cost * self._interval
        wait = start + min(spent, self._span) - self._span - now
        if wait > ROUNDING:
            return wait
        if full_at is None:
            self._remember(key, start + spent)
        self._full_at[key] = start + spent
        return 0.0

    def _remember(self, key: str, full_at: float) -> None:
        if len(self._heap) < self._keys:
            heappush(self._heap, (full_at, key))
            return
        forgotten = self._fullest()
        self._emptiest_forgotten = max(self._emptiest_forgotten, self._full_at.pop(forgotten))
        heapreplace(self._heap, (full_at, key))

    def _fullest(self) -> str:
        """Return the key at the heap's top, whose bucket is the fullest, or nearly so if many were used lately."""
        for _ in range(TRIES):
            noted, key = self._heap[0]
            actual = self._full_at[key]
            if actual <= noted:
                break
            heapreplace(self._heap, (actual, key))
        return self._heap[0][1]


def retry_after(wait: float) -> int:
    """Return the whole seconds for a `Retry-After` header, at least 1."""
    return max(ceil(wait), 1)
