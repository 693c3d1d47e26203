"""A ladder of rates: the same load at rising rates, up to past the knee.

Not here: one rate (steady.py).
Rules that always hold: all peers climb the same ladder; it ends at the first rate that failed, or at which the
latency is beyond use; the knee is the highest rate that was carried without loss within the objective.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.comparison.measures.steady import keep, read_figures
from benchmarks.comparison.record import Finding

from longwave.load import Result, Scenario, Verdict, run, sweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.comparison.stand import Stand

OBJECTIVE = 50.0  # milliseconds, p99 of all deliveries
BEYOND_USE = 1000.0  # milliseconds


@dataclass(frozen=True, slots=True)
class Ladder:
    """A load, and the rates at which it is put on."""

    load: Scenario
    rates: tuple[float, ...]

    def take(self, stand: Stand) -> Finding:
        """Measure a peer."""
        stand.start()
        results = []
        for result in sweep(self.load, self.rates, lambda load: _carry_out(load, stand)):
            results.append(result)
            if result.delivery.p99 > BEYOND_USE:
                break
        return summarise(results)


def _carry_out(load: Scenario, stand: Stand) -> Result:
    return run(stand.pace(load), stand.target, name=stand.name, server_pids=stand.pids)


def summarise(results: Sequence[Result]) -> Finding:
    """Return the knee, if there is one, and the most that was carried without loss; failed if nothing was."""
    steps = [make_step(result) for result in results]
    carried = [step for step in steps if step["verdict"] != Verdict.FAILED.value]
    if not carried:
        return Finding(Verdict.FAILED, results[0].reasons, {}, {"steps": steps})
    most = max(carried, key=lambda step: step["deliveries"])
    figures = {"most": most["deliveries"], "most_per_core": max(step.get("per_core", 0.0) for step in carried)}
    figures["waiting"] = max(step.get("waiting", 0.0) for step in carried)
    within = [step for step in carried if step["p99"] <= OBJECTIVE]
    if within:
        figures |= {"knee": within[-1]["rate"], "knee_p99": within[-1]["p99"]}
    bound = most["verdict"] == Verdict.GENERATOR_BOUND.value
    verdict = Verdict.GENERATOR_BOUND if bound else Verdict.VALID
    reasons = tuple(most["reasons"]) if bound else ()
    return Finding(verdict, reasons, figures, {"steps": steps})


def make_step(result: Result) -> dict[str, Any]:
    """Return one rate of the ladder as it is kept: its figures, and how it ended."""
    figures = read_figures(result) | {"rate": result.scenario.rate}
    counts = keep(result)["counts"]
    return figures | {"verdict": result.verdict.value, "reasons": list(result.reasons), "counts": counts}
