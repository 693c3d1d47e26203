"""What `longwave bench` prints: a table of the runs, details of each, and the highest rate that meets the objective.

Not here: the figures (load/result.py).
Rule that always holds: a run that is not valid is never shown without its reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from longwave.load import Verdict, find_best

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longwave.load import Objective, Result

WIDTH = 140  # columns, where there is no terminal

COLUMNS = ("events/s", "deliveries/s", "p50", "p90", "p99", "p99.9", "p99.99", "max", "last p99", "last max", "ack p99")
STYLES = {Verdict.VALID: "green", Verdict.FAILED: "bold red", Verdict.GENERATOR_BOUND: "yellow"}
MEBIBYTE = 2**20
LONG = 100.0  # milliseconds; from there on fractions are noise


def show(results: Sequence[Result], objective: Objective | None, console: Console | None = None) -> None:
    """Print the results of one or more runs of the same scenario."""
    console = console or make_console()
    console.print(make_table(results))
    for result in results:
        console.print(f"[bold]{result.rates.intended:,g} events/s[/bold]", highlight=False)
        for line in detail_lines(result):
            console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
    if objective is not None:
        console.print(objective_line(results, objective), markup=False, soft_wrap=True)


def make_console() -> Console:
    """Return the console of standard output: wide, where it is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def make_table(results: Sequence[Result]) -> Table:
    """Return one row for each run; latencies in milliseconds."""
    first = results[0].scenario
    title = f"{results[0].target}: {first.subscribers:,} subscribers, {first.distribution.value}, {first.payload} bytes"
    table = Table(title=f"{title} (milliseconds from the intended publish)")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    table.add_column("verdict", no_wrap=True)
    for result in results:
        verdict = f"[{STYLES[result.verdict]}]{result.verdict.value}[/]"
        table.add_row(*cells(result), verdict)
    return table


def cells(result: Result) -> tuple[str, ...]:
    """Return the figures of COLUMNS."""
    delivery, last = result.delivery, result.last_subscriber
    times = (delivery.p50, delivery.p90, delivery.p99, delivery.p999, delivery.p9999, delivery.max)
    others = (last.p99, last.max, result.acknowledgement.p99)
    rates = (f"{result.rates.intended:,g}", f"{result.rates.deliveries:,.0f}")
    return (*rates, *map(format_time, times + others))


def format_time(milliseconds: float) -> str:
    """Return milliseconds with as many digits as mean something."""
    return f"{milliseconds:,.0f}" if milliseconds >= LONG else f"{milliseconds:.2f}"


def detail_lines(result: Result) -> Iterator[str]:
    """Yield what the table has no room for."""
    counts, rates = result.counts, result.rates
    yield from (f"{result.verdict.value}: {reason}" for reason in result.reasons)
    yield f"delivered {counts.delivered:,} of {counts.expected:,}; {counts.published:,} events acknowledged"
    yield f"subscribed at {rates.connects:,.0f}/s, p99 {result.subscribe.p99:,.1f} ms to the response"
    yield from _special_lines(result)
    shares = ", ".join(f"{one.name} {one.share:.0%} (waiting {one.waiting:.0%})" for one in result.generators)
    yield f"generator: {shares}; {rates.deliveries_per_core:,.0f} deliveries/s per core of the receivers"
    late, turn = result.publisher_lag.p99, result.receiver_pass.p99
    yield f"publisher late by p99 {late:.2f} ms; a pass of the receivers p99 {turn:.2f} ms"
    if result.server is not None:
        server = result.server
        memory = f"RSS {server.at_end.rss / MEBIBYTE:,.1f} MiB, PSS {server.at_end.pss / MEBIBYTE:,.1f} MiB"
        yield f"server: {server.cpu_per_delivery:.2f} us CPU a delivery, {server.share:.0%} of a processor, {memory}"


def _special_lines(result: Result) -> Iterator[str]:
    counts, scenario = result.counts, result.scenario
    if scenario.stalled:
        yield f"stalled subscribers: the server ended {counts.evicted:,}"
    if scenario.churn:
        yield f"passing subscribers: {counts.churned:,}, p99 {result.churn.p99:,.1f} ms to the response"
    if counts.disconnects or counts.reconnects:
        outage = f"away for p99 {result.outage.p99:,.0f} ms, at most {result.outage.max:,.0f} ms"
        yield f"lost {counts.disconnects:,} streams, {counts.reconnects:,} came back; {outage}"


def objective_line(results: Sequence[Result], objective: Objective) -> str:
    """Return whether, and up to which rate, the objective is met."""
    best = find_best(results, objective)
    if best is None:
        return f"no valid run meets {objective}"
    return f"{objective} is met up to {best.rates.intended:,g} events/s ({best.rates.deliveries:,.0f} deliveries/s)"
