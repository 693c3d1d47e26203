"""Objectives name a figure, a bound and a unit."""

from __future__ import annotations

import pytest

from longwave.errors import InvalidValue
from longwave.load.objective import Objective
from unit.load.examples import NO_TIMES, times


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("p99<50ms", Objective("p99", 50.0)),
        (" P99.9 < 1.5s ", Objective("p99.9", 1500.0)),
        ("max<250us", Objective("max", 0.25)),
        ("last-p99<80ms", Objective("p99", 80.0, last=True)),
    ],
)
def test_objective_is_read(text, objective):
    assert Objective.parse(text) == objective


@pytest.mark.parametrize("text", ["", "p99", "p98<1ms", "p99>1ms", "p99<1", "p99<-1ms", "mean<1ms"])
def test_other_text_is_refused(text):
    with pytest.raises(InvalidValue, match="slo: expected an objective such as p99<50ms"):
        Objective.parse(text)


def test_objective_reads_back_as_it_is_written():
    assert str(Objective.parse("last-p99.9<0.5s")) == "last-p99.9<500ms"


def test_objective_is_met_below_its_bound():
    objective = Objective("p99", 50.0)

    assert objective.is_met(times(49.9), times(99.0))
    assert not objective.is_met(times(50.0), times(1.0))


def test_objective_of_the_last_subscriber_looks_at_no_other():
    assert not Objective("p99", 50.0, last=True).is_met(times(1.0), times(60.0))


def test_nothing_measured_meets_nothing():
    assert not Objective("p99", 50.0).is_met(NO_TIMES, NO_TIMES)
