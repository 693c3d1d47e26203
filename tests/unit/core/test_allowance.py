"""What is done is bounded in any time, also where a single thing costs more than all that may be done at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.core.allowance import Allowance

COSTS = st.lists(st.tuples(st.floats(0.0, 5.0), st.integers(1, 40)), max_size=60)


def test_burst_is_allowed_at_once_and_then_the_rate():
    allowance = Allowance(rate=10, burst=20)
    allowance.spend(20, 0.0)
    assert allowance.allows(0.0)
    allowance.spend(10, 0.0)

    assert not allowance.allows(0.99)
    assert allowance.allows(1.0)


def test_rest_gives_no_more_than_the_burst_back():
    allowance = Allowance(rate=10, burst=20)
    allowance.spend(20, 0.0)
    allowance.spend(21, 1000.0)

    assert not allowance.allows(1000.0)


@given(COSTS)
def test_never_more_than_burst_and_rate_and_one_thing_more(steps):
    allowance, now, done, largest = Allowance(rate=3, burst=10), 0.0, 0.0, 0
    for wait, cost in steps:
        now += wait
        if allowance.allows(now):
            allowance.spend(cost, now)
            done += cost
            largest = max(largest, cost)

    assert done <= 10 + 3 * now + largest + 1e-6


@pytest.mark.parametrize("cost", [1, 30])
def test_rate_is_reached_in_the_long_run(cost):
    """What one thing costs above the allowance delays the next, and no more than that."""
    allowance, done = Allowance(rate=10, burst=20), 0
    for tenth in range(1000):
        while allowance.allows(tenth / 10):
            allowance.spend(cost, tenth / 10)
            done += cost

    assert done == pytest.approx(1000, rel=0.06)
