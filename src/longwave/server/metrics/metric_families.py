"""What is measured: one table of metrics, and how each is read.

Not here: counting (core/counters.py, request_counts.py), the text (metrics.py).

Rules that always hold: names are stable; each metric has all its labels from the beginning, at zero, where they are
known; a row of `docs/reference/metrics.md` says the same.
Names follow https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longwave.core.census import Census
    from longwave.core.counters import Counters
    from longwave.core.histogram import Histogram


class Kind(Enum):
    """The types of metrics; the value is what Prometheus calls them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything that metrics are read from, at one moment.

    counters, census, following: of the hub. requests: counts by method, path and status. connections: that are open.
    limit_keys: of how many clients each limit knows.
    """

    counters: Counters
    census: Census
    following: bool
    requests: Mapping[tuple[str, str, str], int]
    connections: int
    limit_keys: Mapping[str, int]


Values = Iterable[tuple[tuple[str, ...], float]]  # each after the values of the labels


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. labels: their names. read: returns its values, or its histogram."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    read: Callable[[Reading], Values | Histogram]


def plain(read: Callable[[Reading], float]) -> Callable[[Reading], Values]:
    """Return how a metric without labels is read."""
    return lambda reading: [((), read(reading))]


def by_member(read: Callable[[Reading], Iterable[tuple[Enum, float]]]) -> Callable[[Reading], Values]:
    """Return how a metric is read whose label is one of an enum's values."""
    return lambda reading: [((str(member.value),), value) for member, value in read(reading)]


COUNTER, GAUGE, HISTOGRAM = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

FAMILIES: tuple[Family, ...] = (
    Family(
        "longwave_subscribers",
        GAUGE,
        ("state",),
        "Subscribers, by what they are fed from.",
        by_member(lambda reading: reading.census.subscribers.items()),
    ),
    Family("longwave_feeds", GAUGE, (), "Different subscriptions.", plain(lambda reading: reading.census.feeds)),
    Family("longwave_connections", GAUGE, (), "Open connections.", plain(lambda reading: reading.connections)),
    Family(
        "longwave_log_position",
        GAUGE,
        (),
        "Position of the last update that was handed to subscribers.",
        plain(lambda reading: reading.census.position),
    ),
    Family(
        "longwave_log_following",
        GAUGE,
        (),
        "1 while the hub follows the log, 0 while it cannot.",
        plain(lambda reading: reading.following),
    ),
    Family(
        "longwave_slowest_lag_updates",
        GAUGE,
        (),
        "Updates on the log that the slowest of the subscribers fed from it was not sent yet.",
        plain(lambda reading: reading.census.lag),
    ),
    Family(
        "longwave_slowest_held_bytes",
        GAUGE,
        (),
        "The most that is held for one subscriber on a connection.",
        plain(lambda reading: reading.census.held_bytes),
    ),
    Family(
        "longwave_slowest_held_events",
        GAUGE,
        (),
        "The most events that are held for one subscriber in the hub's own process.",
        plain(lambda reading: reading.census.held_events),
    ),
    Family(
        "longwave_publishes_total",
        COUNTER,
        (),
        "Updates that were acknowledged to publishers.",
        plain(lambda reading: reading.counters.publishes),
    ),
    Family(
        "longwave_deliveries_total",
        COUNTER,
        ("source",),
        "Events handed to subscribers, each times the subscribers: live, or replayed from the log.",
        lambda reading: [(("live",), reading.counters.deliveries), (("replay",), reading.counters.replayed)],
    ),
    Family(
        "longwave_sent_bytes_total",
        COUNTER,
        (),
        "Bytes of streams that connections took.",
        plain(lambda reading: reading.counters.bytes_sent),
    ),
    Family(
        "longwave_subscriptions_total",
        COUNTER,
        (),
        "Subscribers that began.",
        plain(lambda reading: reading.counters.subscriptions),
    ),
    Family(
        "longwave_untold_subscriptions_total",
        COUNTER,
        (),
        "Subscribers that were served and that nobody was told of, as there was no room for that.",
        plain(lambda reading: reading.counters.untold),
    ),
    Family(
        "longwave_drops_total",
        COUNTER,
        ("reason",),
        "Subscribers that ended.",
        by_member(lambda reading: reading.counters.drops.items()),
    ),
    Family(
        "longwave_overflows_total",
        COUNTER,
        (),
        "Times that a subscriber fell so far behind that it was fed from the log again.",
        plain(lambda reading: reading.counters.overflows),
    ),
    Family(
        "longwave_replays_total",
        COUNTER,
        ("outcome",),
        "Subscribers that came with a last event id, by what the log had of it.",
        by_member(lambda reading: reading.counters.replays.items()),
    ),
    Family(
        "longwave_replays_unsettled_total",
        COUNTER,
        (),
        "Clients with an unknown id that were told `earliest` as looking for the last update took too long.",
        plain(lambda reading: reading.counters.unsettled),
    ),
    Family(
        "longwave_gaps_total",
        COUNTER,
        ("reason",),
        "Gap events, each times the subscribers that were told.",
        by_member(lambda reading: reading.counters.gaps.items()),
    ),
    Family(
        "longwave_refusals_total",
        COUNTER,
        ("reason",),
        "Requests and connections that were refused.",
        lambda reading: [((str(reason),), count) for reason, count in reading.counters.refusals.items()],
    ),
    Family(
        "longwave_limit_keys",
        GAUGE,
        ("limit",),
        "Clients of whom a limit knows what they did lately.",
        lambda reading: [((limit,), count) for limit, count in reading.limit_keys.items()],
    ),
    Family(
        "longwave_requests_total",
        COUNTER,
        ("method", "path", "status"),
        "Answers to HTTP requests; a stream counts when it begins.",
        lambda reading: reading.requests.items(),
    ),
    Family(
        "longwave_append_seconds",
        HISTOGRAM,
        (),
        "Time from a publish call until its updates were durable on the log.",
        lambda reading: reading.counters.append,
    ),
    Family(
        "longwave_first_write_seconds",
        HISTOGRAM,
        (),
        "Time from a publish call until its first update began to be sent to subscribers of this process.",
        lambda reading: reading.counters.first_write,
    ),
)

WORKER = "worker"  # the label that all samples have where there are several workers
WORKER_UP = Family(
    "longwave_worker_up",
    GAUGE,
    (WORKER,),
    "1 for each worker whose samples are here, 0 for one that did not answer.",
    lambda _: (),
)
