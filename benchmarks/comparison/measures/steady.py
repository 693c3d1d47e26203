"""A steady load: one run of the load generator at one rate, and the figures that are read from it.

Not here: several rates (ladder.py), a server that is killed meanwhile (storm.py).
Rule that always holds: the figures have the same names in every measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.comparison.measures.watch import Watch
from benchmarks.comparison.record import Finding

from longwave.load import Result, Scenario, run
from longwave.load.distribution import is_stalled
from longwave.load.schedule import NANOSECONDS

if TYPE_CHECKING:
    from benchmarks.comparison.stand import Stand

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
        watch = Watch(stand, buffers=self.buffers)
        result = run(stand.pace(self.load), stand.target, name=stand.name, server_pids=stand.pids, observe=watch)
        figures = read_figures(result)
        figures["memory_peak"] = float(watch.peak_memory - before[0])
        if self.buffers:
            figures["buffers_peak"] = float(watch.peak_buffers - before[1])
            figures["stalled"] = float(count_stalled(self.load))
        return Finding(result.verdict, result.reasons, figures, keep(result))


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
