"""Idle connections: what subscribers who get nothing take of memory and processor, and what it cost to let them in.

Not here: what deliveries cost (steady.py).
Rules that always hold: each subscriber gets one event, before anything is measured, so that what a first event
allocates counts; the kernel's memory is that of both ends of each connection, as both are on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.comparison.measures.steady import keep
from benchmarks.comparison.measures.watch import Watch
from benchmarks.comparison.record import Finding

from longwave.load import Scenario, run

if TYPE_CHECKING:
    from benchmarks.comparison.stand import Stand

    from longwave.load.accounting import Account

ONE_EVENT = 0.001  # events a second: the first is due at once, the next after any run


@dataclass(frozen=True, slots=True)
class Idle:
    """So many subscribers who are idle for so many seconds, after a warm-up in which everybody gets the one event."""

    subscribers: int
    seconds: float
    warmup: float = 2.0

    def take(self, stand: Stand) -> Finding:
        """Measure a peer."""
        stand.start()
        load = Scenario(
            subscribers=self.subscribers, rate=ONE_EVENT, duration=self.seconds, warmup=self.warmup, publishers=1
        )
        before, memory, watch = stand.account(), stand.memory(), Watch(stand)
        result = run(stand.pace(load), stand.target, name=stand.name, server_pids=stand.pids, observe=watch)
        figures = {"connects": result.rates.connects, "subscribe_p99": result.subscribe.p99}
        if result.server is not None:
            figures |= self._memory(watch.memory - memory, result.server.at_end.since(before))
            figures["idle_cpu"] = result.server.used.cpu_time / 1000 / self.subscribers / self.seconds
        if watch.subscribed is not None:
            figures |= self._opening(watch.subscribed.since(before))
        return Finding(result.verdict, result.reasons, figures, keep(result))

    def _memory(self, user: int, grown: Account) -> dict[str, float]:
        return {
            "subscribers": float(self.subscribers),
            "user_total": float(user),
            "user": user / self.subscribers,
            "kernel": (grown.slab + grown.tcp_memory) / self.subscribers,
        }

    def _opening(self, taken: Account) -> dict[str, float]:
        cost = taken.cpu_time / 1000 / self.subscribers
        return {"connect_cpu": cost, "connects_per_core": 1_000_000 / cost if cost else 0.0}
