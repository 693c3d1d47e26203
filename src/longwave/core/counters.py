"""Counters: what a hub has done since it began, as plain numbers.

Not here: what there is at this moment (census.py), how both are shown (server/metrics/metrics.py).

Rules that always hold: numbers only rise; whoever does something adds to them itself, once for each pass or call and
never for each delivery; there are only so many, whatever clients do.
"""

from __future__ import annotations

from longwave.core.drop import Drop
from longwave.core.gap import Reason
from longwave.core.histogram import Histogram
from longwave.core.refusal import Refusal
from longwave.core.replay_outcome import ReplayOutcome


class Counters:
    """Numbers that anybody may read and that the hub's own parts add to.

    publishes: updates that were acknowledged to publishers of this hub.
    deliveries: events, times the subscribers that they were handed to in passes: sent, or held until they take more.
    replayed: the same for events that were sent from the log.
    bytes_sent: what sinks on a wire took, with heads and heartbeats.
    subscriptions: subscribers that began. untold: those of which nobody is told although the hub tells of subscribers.
    overflows: subscribers that held too much and were fed from the log again.
    unsettled: answers to an unknown id for which it was not found in time which update the client may see is the last.
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
        "unsettled",
        "untold",
    )

    def __init__(self) -> None:
        self.publishes = 0
        self.deliveries = 0
        self.replayed = 0
        self.bytes_sent = 0
        self.subscriptions = 0
        self.untold = 0
        self.unsettled = 0
        self.overflows = 0
        self.drops = dict.fromkeys(Drop, 0)
        self.gaps = dict.fromkeys(Reason, 0)
        self.replays = dict.fromkeys(ReplayOutcome, 0)
        self.refusals: dict[str, int] = dict.fromkeys(Refusal, 0)
        self.append = Histogram()
        self.first_write = Histogram()

    def refused(self, reason: str) -> None:
        """Count what was refused. reason: one of Refusal; any other word counts as `OTHER`."""
        self.refusals[reason if reason in self.refusals else Refusal.OTHER] += 1
