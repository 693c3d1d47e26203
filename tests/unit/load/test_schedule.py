"""Events are due at fixed or random moments, whatever the server does."""

from __future__ import annotations

import itertools

import pytest

from longwave.errors import InvalidValue
from longwave.load.scenario import Scenario
from longwave.load.schedule import NANOSECONDS, count_before, due_times


def test_fixed_schedule_has_equal_distances():
    times = due_times(Scenario(rate=100, warmup=1, duration=2))

    assert len(times) == 300
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {NANOSECONDS // 100}


def test_events_of_a_burst_are_due_together_and_the_rate_stays():
    times = due_times(Scenario(rate=100, burst=10, warmup=0, duration=1))

    assert len(times) == 100
    assert list(times) == sorted([number * NANOSECONDS // 10 for number in range(10)] * 10)


def test_random_schedule_keeps_the_rate_and_repeats_with_its_seed():
    scenario = Scenario(rate=1000, poisson=True, warmup=0, duration=10, seed=5)
    times = due_times(scenario)

    assert 9500 < len(times) < 10_500
    assert list(times) == sorted(times) == list(due_times(scenario))
    assert times[-1] < 10 * NANOSECONDS


def test_run_has_at_least_one_event():
    assert len(due_times(Scenario(rate=0.1, warmup=0, duration=1))) == 1
    assert len(due_times(Scenario(rate=0.001, poisson=True, warmup=0, duration=1))) == 1


def test_too_many_events_are_refused():
    with pytest.raises(InvalidValue, match="expected at most 2,000,000 events in a run, got 12,000,000"):
        due_times(Scenario(rate=1_000_000))


def test_events_of_the_warm_up_are_counted():
    times = due_times(Scenario(rate=100, warmup=1, duration=2))

    assert count_before(times, 1) == 100
    assert count_before(times, 0) == 0
