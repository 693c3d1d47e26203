"""The plots of a report: latency over rate, processor time and memory as bars; SVG.

Not here: the figures (summary.py), the page that shows them (report.py).
Rules that always hold: one peer has one colour in all plots; the same figures give the same bytes; no screen is needed;
what there are no figures for is not drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from benchmarks.comparison.scenarios import FLOORS, LONGWAVE
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.comparison.scenarios import Scenario
    from benchmarks.comparison.summary import Step, Summary
    from matplotlib.axes import Axes


WIDTH, HEIGHT = 8.0, 4.5  # inches
BAR = 0.35  # inches of height for each bar
COLOURS = ("#0b6e4f", "#c1440e", "#2f5d9b", "#8a5a9e", "#b8860b", "#4f8a8b", "#7a4b3a", "#a23b72")
GREY = "#888888"
LEAST = 0.1  # milliseconds; a logarithmic axis has no 0
METADATA = {"Date": None, "Creator": None}


def colour(peer: str, peers: Sequence[str]) -> str:
    """Return a peer's colour: grey for what is no hub."""
    hubs = [name for name in peers if name not in FLOORS]
    return GREY if peer in FLOORS else COLOURS[hubs.index(peer) % len(COLOURS)]


def draw_ladder(summary: Summary, scenario: Scenario, peers: Sequence[str], path: Path) -> bool:
    """Draw p50 and p99 over the rate of a ladder; return whether there was anything to draw."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots()
    drawn = [peer for peer in peers if _draw_steps(axes, summary.steps(scenario.name, peer), peer, peers)]
    if not drawn:
        return False
    axes.set(xscale="log", yscale="log", xlabel="events a second", ylabel="ms from the intended publish")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xticks([step.rate for step in summary.steps(scenario.name, drawn[0])])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_title(f"{scenario.title}: p99 (solid) and p50 (dotted)")
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend(fontsize="small")
    _save(figure, path)
    return True


def _draw_steps(axes: Axes, steps: Sequence[Step], peer: str, peers: Sequence[str]) -> bool:
    measured = [step for step in steps if "p99" in step.figures]
    if not measured:
        return False
    rates = [step.rate for step in measured]
    shade = colour(peer, peers)
    for name, style, label in (("p99", "-", peer), ("p50", ":", None)):
        values = [max(step.figures[name].median, LEAST) for step in measured]
        axes.plot(rates, values, linestyle=style, marker=".", color=shade, label=label)
    lost = [step for step in measured if not step.lossless]
    heights = [max(step.figures["p99"].median, LEAST) for step in lost]
    axes.scatter([step.rate for step in lost], heights, marker="x", color="red", zorder=3)
    bound = [step for step in measured if step.bound and step.lossless]
    heights = [max(step.figures["p99"].median, LEAST) for step in bound]
    axes.scatter([step.rate for step in bound], heights, facecolors="white", edgecolors=shade, zorder=3)
    return True


def draw_bars(
    summary: Summary, scenarios: Sequence[Scenario], peers: Sequence[str], path: Path, *, figure: str, label: str
) -> bool:
    """Draw one figure of several scenarios as bars with their ranges; return whether there was anything to draw."""
    shown = [scenario for scenario in scenarios if summary.median(scenario.name, LONGWAVE, figure) is not None]
    if not shown:
        return False
    rows = [[peer for peer in peers if summary.median(one.name, peer, figure) is not None] for one in shown]
    heights = [BAR * len(row) + 0.7 for row in rows]
    canvas = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    panels = canvas.subplots(len(shown), 1, squeeze=False, height_ratios=heights)
    for axes, scenario, row in zip(panels[:, 0], shown, rows, strict=True):
        _draw_row(axes, summary, scenario, row, colours=[colour(peer, peers) for peer in row], figure=figure)
        axes.set_xlabel(label)
    _save(canvas, path)
    return True


def _draw_row(
    axes: Axes, summary: Summary, scenario: Scenario, row: Sequence[str], *, colours: Sequence[str], figure: str
) -> None:
    column = next(column for column in scenario.columns if column.figure == figure)
    spreads = [found.figures[figure] for peer in row if (found := summary.row(scenario.name, peer))]
    medians = [spread.median * column.factor for spread in spreads]
    ranges = [
        [(spread.median - spread.least) * column.factor for spread in spreads],
        [(spread.most - spread.median) * column.factor for spread in spreads],
    ]
    bars = axes.barh(list(row), medians, xerr=ranges, color=colours, error_kw={"alpha": 0.5})
    axes.bar_label(bars, labels=[f"{median:,.2f}" for median in medians], padding=6, fontsize="small")
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_title(scenario.title, fontsize="medium", loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "longwave", "svg.fonttype": "none"}):
        figure.savefig(path, metadata=METADATA)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
