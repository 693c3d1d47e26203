"""The plot of a sweep: percentiles of latency over the rate of publishing.

Not here: the figures (result.py).
Rules that always hold: matplotlib is imported only when a plot is asked for, and needs no screen; runs that are not
valid are marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.load.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longwave.load.objective import Objective
    from longwave.load.result import Result

SIZE = (8.0, 5.0)  # inches
DOTS = 120  # an inch
LINES = (("p50", "median"), ("p90", "90 %"), ("p99", "99 %"), ("p99.9", "99.9 %"), ("max", "maximum"))
LEAST = 0.001  # milliseconds; a logarithmic axis has no 0


def draw(results: Sequence[Result], path: Path, objective: Objective | None = None) -> None:
    """Write a picture of these runs; its format is that of the file's suffix. Raises OSError, ValueError."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DOTS, layout="constrained")
    axes = figure.subplots()
    rates = [result.rates.intended for result in results]
    for name, label in LINES:
        axes.plot(rates, [max(result.delivery.at(name), LEAST) for result in results], marker="o", label=label)
    last = [max(result.last_subscriber.p99, LEAST) for result in results]
    axes.plot(rates, last, marker="x", linestyle="--", label="last subscriber, 99 %")
    doubtful = [result.rates.intended for result in results if result.verdict is not Verdict.VALID]
    for number, rate in enumerate(doubtful):
        axes.axvline(rate, color="red", alpha=0.3, label=None if number else "not valid")
    if objective is not None:
        axes.axhline(objective.bound, color="gray", linestyle=":", label=str(objective))
    axes.set(xscale="log", yscale="log", xlabel="events a second", ylabel="milliseconds from the intended publish")
    scenario = results[0].scenario
    axes.set_title(f"{results[0].target}: {scenario.subscribers:,} subscribers, {scenario.distribution.value}")
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend(fontsize="small")
    figure.savefig(path)
