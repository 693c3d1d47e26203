"""What `longwave bench` makes of its options, and when it succeeds."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from longwave.cli.bench import check_installed, command, describe, find_rates, is_success, make_scenario
from longwave.cli.bench_report import cells, detail_lines, format_time, make_console, objective_line, show
from longwave.load import Distribution, Objective, Scenario, State, Verdict
from unit.load.examples import result

OBJECTIVE = Objective("p99", 50.0)


def test_options_become_a_scenario():
    with command.make_context(
        "bench", ["http://h", "--distribution", "spread", "--topics", "5", "--payload", "1KiB", "--stalled", "0.1"]
    ) as ctx:
        options = {name: value for name, value in ctx.params.items() if name != "url"}

    assert make_scenario(options) == Scenario(
        distribution=Distribution.SPREAD, topics=5, payload=1024, stalled=0.1, subscribers=1000, duration=10, warmup=2
    )


def test_defaults_of_the_command_are_those_of_a_scenario():
    with command.make_context("bench", ["http://h"]) as ctx:
        options = {name: value for name, value in ctx.params.items() if name != "url"}

    assert make_scenario(options) == Scenario()


@pytest.mark.parametrize(
    ("rate", "sweep", "rates"), [(None, None, [100.0]), (7.0, None, [7.0]), (None, "1,2", (1.0, 2.0))]
)
def test_rates(rate, sweep, rates):
    assert find_rates(rate, sweep) == rates


def test_rate_and_sweep_exclude_each_other():
    with pytest.raises(click.UsageError, match="expected --rate or --sweep, got both"):
        find_rates(1.0, "1,2")


@pytest.mark.parametrize(
    ("results", "objective", "success"),
    [
        ([result(1)], None, True),
        ([result(1, verdict=Verdict.FAILED)], None, False),
        ([result(1), result(2, verdict=Verdict.FAILED)], None, False),
        ([result(1, verdict=Verdict.GENERATOR_BOUND)], None, False),
        ([result(1), result(2, verdict=Verdict.GENERATOR_BOUND)], None, True),
        ([result(1, 60.0)], OBJECTIVE, False),
        ([result(1, 40.0), result(2, 60.0)], OBJECTIVE, True),
    ],
)
def test_success_is_a_valid_run_that_is_good_enough_and_none_that_failed(results, objective, success):
    assert is_success(results, objective) is success


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(
        click.ClickException, match=r"got no hdrh and no matplotlib: install them with pip install '\.\[bench\]'"
    ):
        check_installed(plot=True)


@pytest.mark.parametrize(
    ("phase", "text"),
    [
        ("subscribing", "subscribing: 5 of 1,000"),
        ("measuring", "measuring at 100 events/s: 6 events published, 7,000 deliveries"),
    ],
)
def test_progress_is_one_line(phase, text):
    assert describe(State(phase, 5, 6, 7000), Scenario()) == text


def test_table_shows_every_run_and_its_verdict(capsys):
    results = [result(100, 1.5), result(200, 61.0, verdict=Verdict.FAILED, reasons=["3 gaps"])]
    show(results, OBJECTIVE, make_console())
    shown = capsys.readouterr().out

    assert "100,000" in shown
    assert "61.00" in shown
    assert "failed: 3 gaps" in shown
    assert "p99<50ms is met up to 100 events/s (100,000 deliveries/s)" in shown


def test_figures_of_a_row():
    assert cells(result(100, 1.5, last=2.5))[:4] == ("100", "100,000", "1.50", "1.50")
    assert cells(result(100, 1.5, last=2.5))[-3:] == ("2.50", "2.50", "0.50")


@pytest.mark.parametrize(("time", "text"), [(0.0, "0.00"), (99.994, "99.99"), (100.4, "100"), (2345.6, "2,346")])
def test_times_have_as_many_digits_as_mean_something(time, text):
    assert format_time(time) == text


def test_details_tell_of_the_server_and_the_generator():
    text = "\n".join(detail_lines(result(100, stalled=0.1, churn=5.0)))

    assert "server: 4.00 us CPU a delivery, 40% of a processor, RSS 1.0 MiB, PSS 0.5 MiB" in text
    assert "receiver 1 50% (waiting 10%)" in text
    assert "stalled subscribers: the server ended 0" in text
    assert "passing subscribers: 0" in text


def test_objective_that_is_not_met_is_told():
    assert objective_line([result(1, 60.0)], OBJECTIVE) == "no valid run meets p99<50ms"


@pytest.mark.parametrize("option", [["--rate", "0"], ["--slo", "x"], ["--sweep", "2,1"], ["--payload", "1"]])
def test_bad_options_are_refused_before_anything_starts(option):
    done = CliRunner().invoke(command, ["http://127.0.0.1:1", *option])

    assert done.exit_code != 0
    assert "expected" in str(done.exception)
