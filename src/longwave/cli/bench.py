"""`longwave bench`: put a server under load and measure what comes through.

Not here: the load itself (load/), how results are shown (bench_report.py).
Rules that always hold: results go to standard output, progress to standard error; the status is 1 if a run failed, or
if none is valid and meets the objective that was given.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longwave.cli.notice import notify
from longwave.cli.quantity import DURATION, NUMBER, SIZE, Count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from longwave.load import Objective, Result, Scenario, State

FAILED = 1
BETWEEN_LINES = 8  # states that are passed over where there is no terminal: one line in two seconds

HELP = """Put the hub at URL under load, and measure what comes through.

Events are published on a fixed schedule, whatever the hub does; latencies count from the moment an event was due. Every
subscriber checks that it gets every event once and in order: a run with a fault has failed, however fast. A run in
which this generator itself was too busy is not valid.

\b
Examples:
  longwave bench http://127.0.0.1:8080
  longwave bench http://127.0.0.1:8080 --subscribers 5000 --sweep 10:2:640 --slo 'p99<50ms' --plot curve.png
  longwave bench http://127.0.0.1:8080 --distribution unicast --subscribers 2000 --rate 1000 --json run.json
"""


@click.command("bench", help=HELP)
@click.argument("url")
@click.option("--subscribers", metavar="N", type=Count(1), default=1000, show_default=True, help="Streams to open.")
@click.option("--topics", metavar="N", type=Count(1), default=1, show_default=True, help="Topics to publish to.")
@click.option(
    "--distribution",
    type=click.Choice(["broadcast", "spread", "unicast"]),
    default="broadcast",
    show_default=True,
    help="Every subscriber has all topics, one topic, or a topic of its own.",
)
@click.option(
    "--zipf",
    metavar="S",
    type=NUMBER,
    default=0.0,
    show_default=True,
    help="Skew of the topics' rates; 0: they take turns.",
)
@click.option("--rate", metavar="R", type=NUMBER, help="Events a second; 100 by default.")
@click.option("--sweep", metavar="RATES", help="Several rates: 100,200,400 or START:FACTOR:END.")
@click.option("--poisson", is_flag=True, help="Random distances between events instead of equal ones.")
@click.option("--burst", metavar="K", type=Count(1), default=1, help="Events that are due together; the rate stays.")
@click.option("--duration", type=DURATION, default="10s", show_default=True, help="Time that is measured.")
@click.option("--warmup", type=DURATION, default="2s", show_default=True, help="Time of publishing before it.")
@click.option("--patience", type=DURATION, default="10s", show_default=True, help="Longest wait for what is missing.")
@click.option("--payload", type=SIZE, default="200B", show_default=True, help="Size of an event's data.")
@click.option("--publishers", metavar="N", type=Count(1), default=8, show_default=True, help="Connections to publish.")
@click.option("--processes", metavar="N", type=Count(0), default=0, help="That receive; one per 10,000 by default.")
@click.option("--connect-rate", metavar="R", type=NUMBER, default=0.0, help="New connections a second; any by default.")
@click.option("--stalled", metavar="SHARE", type=NUMBER, default=0.0, help="Share of subscribers that stop reading.")
@click.option("--churn", metavar="R", type=NUMBER, default=0.0, help="More subscribers a second that come and go.")
@click.option("--reconnect", is_flag=True, help="Come back with Last-Event-ID when a connection ends.")
@click.option("--seed", metavar="N", type=Count(0), default=1, show_default=True, help="Of what is random.")
@click.option("--header", "headers", metavar="LINE", multiple=True, help="More header of each request: 'Name: value'.")
@click.option("--server-pid", "pids", metavar="PID", type=Count(1), multiple=True, help="Measure this process too.")
@click.option("--slo", metavar="BOUND", help="Objective: 'p99<50ms', or 'last-p99<80ms' for the last subscriber.")
@click.option("--json", "json_file", metavar="FILE", type=click.Path(path_type=Path), help="Write all figures here.")
@click.option("--plot", metavar="FILE.png", type=click.Path(path_type=Path), help="Draw latency over rate.")
@click.pass_context
def command(ctx: click.Context, /, url: str, **options: Any) -> None:  # noqa: ANN401 - click's own
    """Put a hub under load, and measure what comes through."""
    check_installed(plot=options["plot"] is not None)
    from longwave.load import LongwaveTarget, Objective, run, sweep

    target = LongwaveTarget.parse(url, options["headers"])
    objective = Objective.parse(options["slo"]) if options["slo"] else None
    rates = find_rates(options["rate"], options["sweep"])
    scenario = make_scenario(options)

    def carry_out(one: Scenario) -> Result:
        with _progress(one) as observe:
            return run(one, target, name=url, server_pids=options["pids"], observe=observe)

    results = []
    for result in sweep(scenario, rates, carry_out):
        results.append(result)
        _write_json(options["json_file"], results)  # after each, so that an interrupted sweep is not lost
    _show(results, objective, options["plot"])
    if not is_success(results, objective):
        ctx.exit(FAILED)


def check_installed(*, plot: bool) -> None:
    """Fail with one sentence where the packages of the extra `bench` are not installed."""
    from importlib.util import find_spec

    needed = ["hdrh", "matplotlib"] if plot else ["hdrh"]
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise click.ClickException(
            f"expected the packages of the extra bench, got no {' and no '.join(missing)}: "
            "install them with pip install '.[bench]' in Longwave's own folder"
        )


def find_rates(rate: float | None, rates: str | None) -> Sequence[float]:
    """Return the rates to run at, lowest first. Raises UsageError, InvalidValue."""
    from longwave.load import parse_rates

    if rate is not None and rates is not None:
        raise click.UsageError("expected --rate or --sweep, got both")
    if rates is not None:
        return parse_rates(rates)
    return [100.0 if rate is None else rate]


def make_scenario(options: dict[str, Any]) -> Scenario:
    """Return the scenario that these options describe, without its rate. Raises InvalidValue."""
    from dataclasses import fields

    from longwave.load import Distribution, Scenario

    known = {field.name for field in fields(Scenario)} - {"rate"}
    values = {name: value for name, value in options.items() if name in known}
    return Scenario(**values | {"distribution": Distribution(options["distribution"])})


def is_success(results: Sequence[Result], objective: Objective | None) -> bool:
    """Return whether no run failed, and one is valid and meets the objective if there is one."""
    from longwave.load import Verdict, find_best

    verdicts = {result.verdict for result in results}
    if Verdict.FAILED in verdicts or Verdict.VALID not in verdicts:
        return False
    return objective is None or find_best(results, objective) is not None


def describe(state: State, scenario: Scenario) -> str:
    """Return one line that says how far a run is."""
    if state.phase == "subscribing":
        return f"{state.phase}: {state.subscribed:,} of {scenario.subscribers:,}"
    events = f"{state.published:,} events published, {state.delivered:,} deliveries"
    return f"{state.phase} at {scenario.rate:,g} events/s: {events}"


@contextmanager
def _progress(scenario: Scenario) -> Iterator[Callable[[State], None]]:
    """Give a function that shows how far a run is: in place on a terminal, else in a line now and then."""
    if not sys.stderr.isatty():
        yield _line_now_and_then(scenario)
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield lambda state: status.update(describe(state, scenario))


def _line_now_and_then(scenario: Scenario) -> Callable[[State], None]:
    seen = -1

    def observe(state: State) -> None:
        nonlocal seen
        seen += 1
        if seen % BETWEEN_LINES == 0:
            notify(describe(state, scenario))

    return observe


def _write_json(path: Path | None, results: Sequence[Result]) -> None:
    if path is None:
        return
    try:
        path.write_text(json.dumps([result.to_json() for result in results], indent=1) + "\n")
    except OSError as error:
        raise click.ClickException(f"--json: {path} cannot be written: {error.strerror}") from None


def _show(results: Sequence[Result], objective: Objective | None, plot: Path | None) -> None:
    from longwave.cli.bench_report import show

    show(results, objective)
    if plot is None:
        return
    from longwave.load.plot import draw

    try:
        draw(results, plot, objective)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"--plot: {plot} cannot be written: {error}") from None
