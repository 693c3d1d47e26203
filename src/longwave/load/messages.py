"""Messages between the process that conducts a run and those that generate the load.

Not here: the pipes (processes.py), the order of a run (run.py).
Rule that always holds: plain values that can be pickled; histograms travel encoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from array import array
    from collections import Counter

    from longwave.load.sequence import Faults


@dataclass(frozen=True, slots=True)
class Window:
    """When events are published and which part is measured: nanoseconds of the monotonic clock."""

    begin: int
    measured: int
    end: int


@dataclass(frozen=True, slots=True)
class Expect:
    """To receivers: all is published. sent: how many events each (topic, publisher) sent.

    uncertain: (topic, publisher, number) of events that were not acknowledged, and so may be missing.
    """

    sent: dict[tuple[int, int], int]
    uncertain: frozenset[tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Stop:
    """To any process: end now."""


@dataclass(frozen=True, slots=True)
class Ready:
    """From a receiver: all are subscribed; from others: connected. begun, done: nanoseconds of the monotonic clock."""

    count: int
    begun: int
    done: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one process is: streams that are subscribed, events published, deliveries received."""

    subscribed: int = 0
    published: int = 0
    delivered: int = 0


@dataclass(frozen=True, slots=True)
class Broken:
    """From any process: it cannot go on."""

    reason: str


@dataclass(frozen=True, slots=True)
class Load:
    """What a process took of its processor in the measured window.

    cpu: nanoseconds that it ran. waited: nanoseconds that it could have run and another did. wall: of the window.
    """

    cpu: int
    waited: int
    wall: int

    @property
    def share(self) -> float:
        """Share of one processor, 0 to 1."""
        return self.cpu / self.wall if self.wall else 0.0


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """What the streams of one process got; see DeliveryRecord.

    missing: how often each (topic, publisher, number) never came. window_deliveries: those in the measured window.
    latencies, subscribe, passes, outages: encoded histograms of deliveries, of subscribing (from the connect to the
    head of the response), of the time for one pass over all ready sockets, and from the loss of a stream to its return.
    disconnects: streams that ended. reconnects: that came back. evicted: stalled ones that the server ended.
    """

    faults: Faults
    missing: Counter[tuple[int, int, int]]
    delivered: int
    window_deliveries: int
    received: array[int]
    last: array[int]
    latencies: bytes
    subscribe: bytes
    passes: bytes
    outages: bytes
    disconnects: int
    reconnects: int
    evicted: int
    load: Load


@dataclass(frozen=True, slots=True)
class PublisherReport:
    """What was published.

    acknowledged: events that the server took. refused: that it did not, with an example of its answer.
    unsent: that were due and never left.
    lag, acknowledgements: encoded histograms of the measured events: how late the publisher's own loop was, and the
    time from the moment an event was due to the server's acknowledgement. disconnects: connections that ended before
    an answer.
    """

    sent: dict[tuple[int, int], int]
    uncertain: frozenset[tuple[int, int, int]]
    acknowledged: int
    refused: int
    refusal: str
    unsent: int
    disconnects: int
    lag: bytes
    acknowledgements: bytes
    load: Load


@dataclass(frozen=True, slots=True)
class ChurnReport:
    """What passing subscribers met. latencies: encoded, from the connect to the response's first bytes."""

    done: int
    failed: int
    latencies: bytes
    load: Load
