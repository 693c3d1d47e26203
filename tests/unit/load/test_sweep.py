"""Rates rise until a run fails; the best is the fastest that is valid and good enough."""

from __future__ import annotations

import pytest

from longwave.errors import InvalidValue
from longwave.load.objective import Objective
from longwave.load.scenario import Scenario
from longwave.load.sweep import MAX_RUNS, find_best, parse_rates, sweep
from longwave.load.verdict import Verdict
from unit.load.examples import result


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("100", (100,)),
        ("100,200,400", (100, 200, 400)),
        ("100:2:800", (100, 200, 400, 800)),
        ("100:1.5:300", (100, 150, 225)),
        ("1:1.1:1.3", (1, 1.1, 1.21)),
    ],
)
def test_rates_are_read(text, rates):
    assert parse_rates(text) == rates


@pytest.mark.parametrize(
    "text", ["", "x", "0", "-1", "200,100", "100,100", "1:1:5", "1:2", "5:2:1", "0:2:9", "1:2:inf", "nan", "1:2:3:4"]
)
def test_other_text_is_refused(text):
    with pytest.raises(InvalidValue, match="sweep: expected rates that rise"):
        parse_rates(text)


@pytest.mark.parametrize("text", ["1:1.01:1000000", ",".join(map(str, range(1, MAX_RUNS + 2)))])
def test_too_many_rates_are_refused(text):
    with pytest.raises(InvalidValue, match=f"at most {MAX_RUNS}"):
        parse_rates(text)


def test_sweep_ends_after_a_run_that_failed():
    verdicts = {1: Verdict.VALID, 2: Verdict.GENERATOR_BOUND, 3: Verdict.FAILED, 4: Verdict.VALID}

    def carry_out(scenario):
        return result(scenario.rate, verdict=verdicts[scenario.rate])

    assert [one.scenario.rate for one in sweep(Scenario(), [1, 2, 3, 4], carry_out)] == [1, 2, 3]


def test_best_is_the_highest_valid_rate_that_meets_the_objective():
    results = [result(1, 5.0), result(2, 6.0), result(3, 7.0, verdict=Verdict.GENERATOR_BOUND), result(4, 60.0)]

    assert find_best(results, Objective("p99", 50.0)) is results[1]


def test_there_may_be_no_best():
    assert find_best([result(1, 60.0)], Objective("p99", 50.0)) is None
