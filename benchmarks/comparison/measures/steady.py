"""A steady load: one run of the load generator at one rate, and the figures that are read from it.

Not here: several rates (ladder.py), a server that is killed meanwhile (storm.py), the figures of a whole run (span.py).
Rules that always hold: the figures have the same names in every measure; they are of the measured window, but of the
whole run, to the last delivery, for a server that fell behind in it: that one has the figure `carried`, too. It has not
failed by being late alone, only by a loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.comparison.measures.span import Span
from benchmarks.comparison.measures.watch import Watch
from benchmarks.comparison.record import Finding

from longwave.load import Result, Scenario, run
from longwave.load.distribution import is_stalled
from longwave.load.schedule import NANOSECONDS
from longwave.load.verdict import Evidence, judge

if TYPE_CHECKING:
    from benchmarks.comparison.stand import Stand

    from longwave.load import State

KEEPS_UP = 0.95  # of the deliveries that are due in the window; the rest may come a little after its end
NOT_KEPT = ("histograms", "format", "target")  # of a result: large, or said elsewhere


@dataclass(frozen=True, slots=True)
class Steady:
    """A load at one rate. buffers: whether the kernel's buffers of the server's sockets are watched."""

    load: Scenario
    buffers: bool = False

    def take(self, stand: Stand) -> Finding:
        """Measure a peer."""
        stand.start()
        before = stand.memory(), stand.socket_buffers() if self.buffers else 0
        watch, span = Watch(stand, buffers=self.buffers), Span(stand.account)

        def observe(state: State) -> None:
            span(state)
            watch(state)

        result = run(stand.pace(self.load), stand.target, name=stand.name, server_pids=stand.pids, observe=observe)
        finding = read(result, span.end(result.counts.delivered))
        finding.figures["memory_peak"] = float(watch.peak_memory - before[0])
        if self.buffers:
            finding.figures["buffers_peak"] = float(watch.peak_buffers - before[1])
            finding.figures["stalled"] = float(count_stalled(self.load))
        return finding


def read(result: Result, whole: dict[str, float]) -> Finding:
    """Return what a run came to. whole: figures of the whole of it, for a server that fell behind."""
    figures, carried = read_figures(result), find_carried(result)
    if carried >= KEEPS_UP or not lost_nothing(result):
        return Finding(result.verdict, result.reasons, figures, keep(result))
    shares = {one.name: one.share for one in result.generators}
    verdict, bounds = judge(Evidence(result.faults, {}, shares, result.publisher_lag.p99))
    late = f"fell behind: {carried:.0%} of the deliveries that were due in the measured window came in it"
    return Finding(verdict, (*bounds, late), figures | whole | {"carried": carried}, keep(result))


def find_carried(result: Result) -> float:
    """Return which share of the deliveries that were due in the measured window came in it."""
    counts, rates = result.counts, result.rates
    sent = counts.published + counts.uncertain
    if not counts.expected:
        return 0.0 if counts.unsent else 1.0
    return rates.deliveries / (rates.intended * counts.expected / sent)


def lost_nothing(result: Result) -> bool:
    """Return whether a server did everything right that it did at all. It may have had no time to take all events."""
    counts = result.counts
    broken = counts.refused + counts.disconnects + counts.publisher_disconnects + counts.churn_failures
    return not broken and not result.faults


def count_stalled(load: Scenario) -> int:
    """Return how many subscribers of a load stop reading."""
    return sum(is_stalled(subscriber, load.stalled) for subscriber in range(load.subscribers))


def read_figures(result: Result) -> dict[str, float]:
    """Return the figures of a run: milliseconds, microseconds of processor time, a second, shares."""
    delivery, last = result.delivery, result.last_subscriber
    figures = {
        "rate": result.rates.intended,
        "deliveries": result.rates.deliveries,
        "p50": delivery.p50,
        "p99": delivery.p99,
        "p999": delivery.p999,
        "max": delivery.max,
        "last_p50": last.p50,
        "last_p99": last.p99,
        "ack_p99": result.acknowledgement.p99,
        "connects": result.rates.connects,
        "generator": max(one.share for one in result.generators),
    }
    if result.counts.churned:
        figures |= {"churned": float(result.counts.churned), "churn_p99": result.churn.p99}
    if result.server is not None and result.server.cpu_per_delivery:
        cost = result.server.cpu_per_delivery
        figures |= {"cpu": cost, "server": result.server.share, "per_core": 1_000_000 / cost}
        figures["waiting"] = result.server.used.waited / NANOSECONDS / result.scenario.duration
    return figures


def keep(result: Result) -> dict[str, Any]:
    """Return all of a result that goes into the record."""
    return {name: value for name, value in result.to_json().items() if name not in NOT_KEPT}
