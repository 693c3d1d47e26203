"""A scenario: everything that decides what one run does to a server, as one frozen value.

Not here: which server (target.py), what came of it (result.py).
Rules that always hold: a scenario that was made is possible and bounded; times are in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from longwave.errors import InvalidValue
from longwave.load.distribution import Distribution
from longwave.load.stamp import LEAST_PAYLOAD, MAX_PUBLISHERS, MAX_TOPICS

MAX_SUBSCRIBERS = 1_000_000
MAX_PROCESSES = 256
MAX_PAYLOAD = 2**20  # bytes
MAX_RATE = 1_000_000.0  # events or connections a second
MAX_SECONDS = 86_400.0  # of each phase
MAX_BURST = 100_000
MAX_SEQUENCES = 100_000  # topics of one subscriber times publishers: so many numbers are kept for each stream
SUBSCRIBERS_PER_PROCESS = 10_000  # by default


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a run does. Raises InvalidValue for what cannot be done.

    subscribers: how many streams. topics: how many topics (unicast has one for each subscriber instead).
    distribution: who subscribes to which topic. zipf: exponent of the topics' popularity, 0 for all alike.
    rate: events a second, published on a fixed schedule, or with random (Poisson) distances if `poisson`.
    burst: so many events are due at the same moment; the rate stays. They arrive at once only over as many publishers.
    duration, warmup: seconds that are measured, and before them. patience: seconds for any wait after them.
    payload: bytes of an event's data. publishers: kept connections that publish.
    processes: that receive; 0 for one per 10,000 subscribers. connect_rate: connections a second, 0 without limit.
    stalled: share of the subscribers that stop reading once they are subscribed.
    churn: more connections a second that subscribe and leave at once. reconnect: subscribers and publishers whose
    connection ends come back, with Last-Event-ID. seed: of all that is random.
    """

    subscribers: int = 1000
    topics: int = 1
    distribution: Distribution = Distribution.BROADCAST
    zipf: float = 0.0
    rate: float = 100.0
    poisson: bool = False
    burst: int = 1
    duration: float = 10.0
    warmup: float = 2.0
    patience: float = 10.0
    payload: int = 200
    publishers: int = 8
    processes: int = 0
    connect_rate: float = 0.0
    stalled: float = 0.0
    churn: float = 0.0
    reconnect: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least, most in _BOUNDS:
            value = getattr(self, name)
            if not (least <= value <= most and math.isfinite(value)):
                raise InvalidValue(name, f"expected {least:,} to {most:,}, got {value:,}")
        if self.rate <= 0 or self.duration <= 0:
            raise InvalidValue("rate", "expected a rate and a duration of more than 0, got 0")
        mine = self.topics if self.distribution is Distribution.BROADCAST else 1
        if mine * self.publishers > MAX_SEQUENCES:
            raise InvalidValue("topics", f"expected at most {MAX_SEQUENCES:,} topics times publishers to one stream")

    @property
    def topic_count(self) -> int:
        """How many topics there are."""
        return self.subscribers if self.distribution is Distribution.UNICAST else self.topics

    @property
    def receivers(self) -> int:
        """How many processes receive: never more than subscribers."""
        wanted = self.processes or math.ceil(self.subscribers / SUBSCRIBERS_PER_PROCESS)
        return min(wanted, self.subscribers)


_BOUNDS: tuple[tuple[str, float, float], ...] = (
    ("subscribers", 1, MAX_SUBSCRIBERS),
    ("topics", 1, MAX_TOPICS),
    ("zipf", 0, 10),
    ("rate", 0, MAX_RATE),
    ("burst", 1, MAX_BURST),
    ("duration", 0, MAX_SECONDS),
    ("warmup", 0, MAX_SECONDS),
    ("patience", 0, MAX_SECONDS),
    ("payload", LEAST_PAYLOAD, MAX_PAYLOAD),
    ("publishers", 1, MAX_PUBLISHERS),
    ("processes", 0, MAX_PROCESSES),
    ("connect_rate", 0, MAX_RATE),
    ("stalled", 0, 1),
    ("churn", 0, MAX_RATE),
)
