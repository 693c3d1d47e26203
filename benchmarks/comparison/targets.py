"""The targets: what Longwave is to reach in the comparison, and whether it did.

Not here: how the figures come about (measures/, ../micro), the page (report.py).
Rules that always hold: each target is judged on medians of one run; what was not measured is neither met nor missed; a
figure for which the generator was too busy is a lower bound, and can only meet a target, not miss it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.comparison.scenarios import BARE, BARE_REPLAY, LONGWAVE, NCHAN

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.comparison.summary import Summary

KIB = 1024
IDLE_SIZES = (1000, 5000, 10_000, 18_000)
BUSY = "other work held the processor, see ‡"
MOST_GROWTH = 1.25  # of a cost that is said not to depend on something


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was measured. met: None if nothing can be said. remark: what the reader has to know, "" for nothing."""

    measured: str
    met: bool | None
    remark: str = ""


NOT_MEASURED = Judgement("not measured", None)


@dataclass(frozen=True, slots=True)
class Target:
    """One target in one sentence, and what judges it.

    cost_of: the scenario whose processor time it judges, as a profile shows where that goes; "" else.
    """

    sentence: str
    judge: Callable[[Summary], Judgement]
    cost_of: str = ""


def at_most(value: float | None, limit: float, unit: str, *, digits: int = 2, remark: str = "") -> Judgement:
    """Judge a figure that is to be small."""
    if value is None:
        return NOT_MEASURED
    return Judgement(f"{value:,.{digits}f} {unit}".strip(), value <= limit, remark)


def at_least(value: float | None, limit: float, unit: str, *, digits: int = 0, bound: bool = False) -> Judgement:
    """Judge a figure that is to be large. bound: whether it is only a lower bound."""
    if value is None:
        return NOT_MEASURED
    shown = f"{'at least ' if bound else ''}{value:,.{digits}f} {unit}".strip()
    met = True if value >= limit else (None if bound else False)
    return Judgement(shown, met, "the generator was the limit" if bound else "")


def is_disturbed(summary: Summary, scenario: str) -> bool:
    """Return whether other work of the machine held Longwave's processor."""
    row = summary.row(scenario, LONGWAVE)
    return row is not None and row.disturbed


def judge_cost(scenario: str, over: str, limit: float) -> Callable[[Summary], Judgement]:
    """Return what compares the processor time of a delivery with that of another peer."""

    def judge(summary: Summary) -> Judgement:
        found = at_most(summary.ratio(scenario, "cpu", over, peer=LONGWAVE), limit, f"x {over}")
        floor = summary.ratio(scenario, "cpu", over, peer=BARE)
        if found.met is not False or floor is None or over == BARE:
            return found
        return replace(found, remark=f"the bare loop itself takes {floor:.2f} x {over}")

    return judge


def _cost(scenario: str, title: str, over: str, limit: float) -> Target:
    other = "the bare loop" if over == BARE else over
    sentence = f"{title}: CPU a delivery at most {limit} x {other}"
    return Target(sentence, judge_cost(scenario, over, limit), cost_of=scenario)


def judge_saturation(summary: Summary) -> Judgement:
    """Compare the most deliveries a second of a broadcast to 1,000."""
    row = summary.row("broadcast-1k", LONGWAVE)
    ratio = summary.ratio("broadcast-1k", "most", NCHAN, peer=LONGWAVE)
    found = at_least(ratio, 2.0, "x nchan", digits=2, bound=row is not None and row.bound)
    most = row.median("most") if row else None
    if ratio is None or most is None:
        return found
    return replace(found, remark="; ".join(filter(None, [f"{most:,.0f} deliveries/s", found.remark])))


def judge_shared_writes(summary: Summary) -> Judgement:
    """Look at deliveries for each second of the server's processor when ten events come together.

    What the machine can do at that time is seen by the bare loop, which writes each event for itself.
    """
    found = at_least(summary.median("burst-10", LONGWAVE, "per_core"), 1_000_000, "deliveries/s a core")
    times = summary.ratio("burst-10", "per_core", BARE, peer=LONGWAVE)
    remark = f"{times:.1f} x the bare loop, which writes each event for itself" if times else ""
    return replace(found, remark=remark)


def judge_half_knee(summary: Summary) -> Judgement:
    """Compare the p99 at the highest common rate that is not above half of nchan's knee."""
    knee = summary.median("broadcast-1k", NCHAN, "knee")
    ours = {step.rate: step for step in summary.steps("broadcast-1k", LONGWAVE) if step.lossless}
    theirs = {step.rate: step for step in summary.steps("broadcast-1k", NCHAN) if step.lossless}
    common = [rate for rate in ours if knee and rate in theirs and rate <= knee / 2]
    if not common:
        return NOT_MEASURED
    rate = max(common)
    one, other = ours[rate].figures["p99"].median, theirs[rate].figures["p99"].median
    remark = BUSY if is_disturbed(summary, "broadcast-1k") else ""
    return Judgement(f"{one:.1f} ms, nchan {other:.1f} ms at {rate:g} events/s", one <= other, remark)


def judge_idle_memory(summary: Summary) -> Judgement:
    """Look at the growth of memory from the smallest to the largest number of idle subscribers."""
    totals = {
        size: total
        for size in IDLE_SIZES
        if (total := summary.median(f"idle-{size // 1000}k", LONGWAVE, "user_total")) is not None
    }
    if len(totals) < 2:
        return NOT_MEASURED
    least, most = min(totals), max(totals)
    slope = (totals[most] - totals[least]) / (most - least) / KIB
    return at_most(slope, 0.6, "KiB", remark=f"the growth from {least:,} to {most:,} subscribers")


def judge_stalled(summary: Summary) -> Judgement:
    """Look at what a stalled client takes beyond the same load without any: the hub's memory and the kernel's."""
    names = ("memory_peak", "buffers_peak")
    with_stalled = [summary.median("stalled-10", LONGWAVE, name) for name in names]
    without = [summary.median("stalled-0", LONGWAVE, name) for name in names]
    count = summary.median("stalled-10", LONGWAVE, "stalled")
    if not count or None in with_stalled or None in without:
        return NOT_MEASURED
    more = sum(filter(None, with_stalled)) - sum(filter(None, without))
    remark = "less than the same load without any varies by" if more <= 0 else ""
    return at_most(max(more, 0) / count / KIB, 64, "KiB", digits=1, remark=remark)


def judge_connects(summary: Summary) -> Judgement:
    """Look at subscriptions for each second of the server's processor."""
    return at_least(summary.median("idle-10k", LONGWAVE, "connects_per_core"), 15_000, "/s a core")


def judge_comeback(summary: Summary) -> Judgement:
    """Compare a comeback after a kill with a bare loop that accepts and sends the same."""
    row = summary.row("comeback-10k", LONGWAVE)
    if row is not None and row.failed:
        return Judgement(f"{row.failed} of {row.rounds} rounds failed: {row.reasons[0]}", False)
    ratio = summary.ratio("comeback-10k", "seconds", BARE_REPLAY, peer=LONGWAVE)
    cpu = summary.ratio("comeback-10k", "cpu_total", BARE_REPLAY, peer=LONGWAVE)
    connect = summary.median("idle-10k", LONGWAVE, "connect_cpu")
    each = summary.median("comeback-10k", LONGWAVE, "cpu_each")
    remarks = [f"{cpu:.2f} x its CPU" if cpu else "", "nobody lost an event" if ratio is not None else ""]
    if ratio is not None and connect and each:
        remarks.append(f"{connect:.0f} of {each:.0f} µs each are for accepting and reading the request")
    return at_most(ratio, 1.5, "x the bare loop's time", remark="; ".join(filter(None, remarks)))


def judge_publishing(scenario: str, limit: float) -> Callable[[Summary], Judgement]:
    """Return what looks at updates a second."""

    def judge(summary: Summary) -> Judgement:
        row = summary.row(scenario, LONGWAVE)
        found = at_least(row.median("updates") if row else None, limit, "/s", bound=row is not None and row.bound)
        cost = row.median("cpu") if row else None
        remarks = [found.remark, f"{cost:.1f} µs of processor time each" if cost else ""]
        remarks.append(BUSY if is_disturbed(summary, scenario) else "")
        return replace(found, remark="; ".join(filter(None, remarks)))

    return judge


def judge_many_topics(summary: Summary) -> Judgement:
    """Compare the cost of a publish beside many topics, or templates, with that beside few."""
    return at_most(summary.median("many-topics", LONGWAVE, "growth"), MOST_GROWTH, "x the cost with few")


def judge_fairness(summary: Summary) -> Judgement:
    """Look at the longest delay of another topic."""
    remark = BUSY if is_disturbed(summary, "fairness") else ""
    return at_most(summary.median("fairness", LONGWAVE, "worst"), 5, "ms", remark=remark)


TARGETS: tuple[Target, ...] = (
    _cost("single-1k", "Single events to 1,000", NCHAN, 0.75),
    _cost("single-8k", "Single events to 8,000", NCHAN, 0.75),
    _cost("single-1k", "Single events to 1,000", BARE, 1.25),
    _cost("single-8k", "Single events to 8,000", BARE, 1.25),
    Target("Saturated broadcast to 1,000: at least 2 x nchan's deliveries/s", judge_saturation),
    Target("Ten events share a write: at least 1,000,000 deliveries/s a core", judge_shared_writes, cost_of="burst-10"),
    Target("p99 at half of nchan's knee: at most nchan's", judge_half_knee),
    Target("User memory of an idle subscriber: at most 0.6 KiB", judge_idle_memory),
    Target("A stalled client: at most 64 KiB, the kernel's memory included", judge_stalled),
    Target("Connect and subscribe: at least 15,000/s a core", judge_connects),
    Target(
        "10,000 back after kill -9, each 100 behind: at most 1.5 x a bare loop, none lost",
        judge_comeback,
        cost_of="comeback-10k",
    ),
    Target("Publish, 32 connections, durable: at least 10,000/s", judge_publishing("publish-32-durable", 10_000)),
    Target("Publish, 32 connections, in memory: at least 25,000/s", judge_publishing("publish-32", 25_000)),
    Target("Publish NDJSON of 1,000, durable: at least 100,000 updates/s", judge_publishing("publish-batch", 100_000)),
    Target("100,000 topics and 1,000 templates: the cost does not depend on them (1.25 x)", judge_many_topics),
    Target("One publish to 50,000 delays other topics by at most 5 ms", judge_fairness),
)
