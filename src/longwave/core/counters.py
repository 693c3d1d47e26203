"""Counters: what a hub has done since it began, as plain numbers.

Not here: what there is at this moment (census.py), how both are shown (server/metrics.py).

Rules that always hold: numbers only rise; whoever does something adds to them itself, once for each pass or call and
never for each delivery; there are only so many, whatever clients do.
"""

from __future__ import annotations

from longwave.core.drop import Drop
from longwave.core.gap import Reason
from longwave.core.histogram import Histogram
from longwave.core.replay_outcome import ReplayOutcome

MAX_REFUSAL_REASONS = 64
OTHER = "other"


class Counters:
    """Numbers that anybody may read and that the hub's own parts add to.

    publishes: updates that were acknowledged to publishers of this hub.
    deliveries: events, times the subscribers that they were handed to in passes: sent, or held until they take more.
    replayed: the same for events that were sent from the log.
    bytes_sent: what sinks on a wire took, with heads and heartbeats.
    subscriptions: subscribers that began. overflows: subscribers that held too much and were fed from the log again.
    drops, gaps, replays, refusals: how often, by reason. A gap counts for each subscriber that was told.
    append: seconds from a publish call to its acknowledgement, so until the log has it durably.
    first_write: seconds from a publish call until the first pass with its first update began to send.
    """

    __slots__ = (
        "append",
        "bytes_sent",
        "deliveries",
        "drops",
        "first_write",
        "gaps",
        "overflows",
        "publishes",
        "refusals",
        "replayed",
        "replays",
        "subscriptions",
    )

    def __init__(self) -> None:
        self.publishes = 0
        self.deliveries = 0
        self.replayed = 0
        self.bytes_sent = 0
        self.subscriptions = 0
        self.overflows = 0
        self.drops = dict.fromkeys(Drop, 0)
        self.gaps = dict.fromkeys(Reason, 0)
        self.replays = dict.fromkeys(ReplayOutcome, 0)
        self.refusals: dict[str, int] = {}
        self.append = Histogram()
        self.first_write = Histogram()

    def refused(self, reason: str) -> None:
        """Count a request that was refused; the reasons are a fixed few words, never what a client sent."""
        if reason not in self.refusals and len(self.refusals) >= MAX_REFUSAL_REASONS:
            reason = OTHER
        self.refusals[reason] = self.refusals.get(reason, 0) + 1
