"""Inside the hub: what no load from outside can show, measured in one process by the scripts of benchmarks/micro.

Not here: the measuring itself (../../micro/topics.py, ../../micro/fairness.py).
Rule that always holds: Longwave only; no server is started, so nothing here is compared with another peer.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.comparison.record import Finding
from benchmarks.micro import fairness, topics

from longwave.load import Verdict
from longwave.load.accounting import run_times

if TYPE_CHECKING:
    from benchmarks.comparison.stand import Stand

REPEATS = 3


@dataclass(frozen=True, slots=True)
class TopicCost:
    """The cost of a publish beside few and beside many topics, and beside few and many templates."""

    topics: tuple[int, int] = (100, 100_000)
    templates: tuple[int, int] = (10, 1000)

    def take(self, stand: Stand) -> Finding:
        """Measure Longwave."""
        few, many = (asyncio.run(topics.measure_topics(count, REPEATS)) for count in self.topics)
        (_, some), (_, lots) = (asyncio.run(topics.measure_templates(count, REPEATS)) for count in self.templates)
        figures = {"few": few, "many": many, "templates_few": some, "templates_many": lots}
        return Finding(Verdict.VALID, (), figures | {"growth": max(many / few, lots / some)})


@dataclass(frozen=True, slots=True)
class Fairness:
    """How long one publish to so many subscribers holds up another topic."""

    subscribers: int

    def take(self, stand: Stand) -> Finding:
        """Measure Longwave."""
        sinks = [fairness.BusySink() for _ in range(self.subscribers)]
        begun, (_, waited) = time.monotonic_ns(), run_times(os.getpid())
        rounds = [asyncio.run(fairness.measure(sinks)) for _ in range(REPEATS)]
        waited = run_times(os.getpid())[1] - waited
        figures = {
            "worst": statistics.median(max(one.delays) for one in rounds) * 1000,
            "delay": statistics.median(delay for one in rounds for delay in one.delays) * 1000,
            "waiting": waited / (time.monotonic_ns() - begun),
            "whole": statistics.median(one.whole for one in rounds) * 1000,
        }
        return Finding(Verdict.VALID, (), figures)
