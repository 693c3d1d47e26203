"""Buckets hold what is not above their bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.core.histogram import LATENCY_BOUNDS, Histogram


@pytest.mark.parametrize(("value", "bucket"), [(0.0, 0), (0.9, 0), (1.0, 0), (1.1, 1), (2.0, 1), (2.1, 2), (1e9, 2)])
def test_a_measurement_is_in_the_first_bucket_whose_bound_is_not_below_it(value, bucket):
    histogram = Histogram((1.0, 2.0))
    histogram.observe(value)

    assert [place for place, count in enumerate(histogram.counts) if count] == [bucket]
    assert histogram.sum == value


@given(st.lists(st.floats(0, 100)))
def test_cumulative_counts_say_how_many_are_not_above_each_bound(values):
    histogram = Histogram()
    for value in values:
        histogram.observe(value)

    *below, total = histogram.cumulative()
    assert below == [sum(value <= bound for value in values) for bound in LATENCY_BOUNDS]
    assert total == len(values)
    assert histogram.sum == pytest.approx(sum(values))


def test_latency_bounds_rise_from_a_tenth_of_a_millisecond_to_ten_seconds():
    assert list(LATENCY_BOUNDS) == sorted(set(LATENCY_BOUNDS))
    assert (LATENCY_BOUNDS[0], LATENCY_BOUNDS[-1]) == (0.0001, 10.0)
