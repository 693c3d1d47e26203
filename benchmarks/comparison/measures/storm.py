"""A storm: the server is killed under load and started again, and all subscribers come back with Last-Event-ID.

Not here: returning when the server does nothing else (comeback.py).
Rules that always hold: publishing goes on by its schedule all the while; every event that was acknowledged, before or
after the kill, is to reach every subscriber once and in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.comparison.measures.steady import keep
from benchmarks.comparison.record import Finding

from longwave.load import Scenario, run

if TYPE_CHECKING:
    from benchmarks.comparison.stand import Stand

    from longwave.load import State


@dataclass(frozen=True, slots=True)
class Storm:
    """A load whose subscribers come back; the kill is at the begin of its measured window."""

    load: Scenario

    def take(self, stand: Stand) -> Finding:
        """Measure a peer."""
        stand.start(durable=stand.is_durable)
        killer = _Killer(stand)
        result = run(stand.pace(self.load), stand.target, name=stand.name, observe=killer)
        faults, counts = result.faults, result.counts
        figures = {
            "away_p50": result.outage.p50,
            "away_p99": result.outage.p99,
            "away_max": result.outage.max,
            "back": float(counts.reconnects),
            "lost": float(faults.gaps),
            "twice": float(faults.duplicates),
            "memory_peak": float(killer.peak_memory),
            "cpu_total": killer.cpu / 1e9,
        }
        return Finding(result.verdict, result.reasons, figures, keep(result))


class _Killer:
    """Kills and starts the server once, then watches it. cpu: nanoseconds since it was back."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._from: int | None = None
        self.peak_memory = self.cpu = 0

    def __call__(self, state: State) -> None:
        if state.phase not in ("measuring", "settling"):
            return
        if self._from is None:
            self._stand.kill_and_start()
            self._from = self._stand.account().cpu_time
        self.cpu = self._stand.account().cpu_time - self._from
        self.peak_memory = max(self.peak_memory, self._stand.memory())
