"""Histograms hold what was recorded, alone or merged."""

from __future__ import annotations

import pytest

from longwave.load.latency import LONGEST, Latencies, Summary


def histogram(*microseconds):
    latencies = Latencies()
    for value in microseconds:
        latencies.record(value)
    return latencies


def test_percentiles_are_in_milliseconds():
    summary = histogram(*(n * 1000 for n in range(1, 1001))).summary()

    assert summary.count == 1000
    assert summary.p50 == pytest.approx(500, rel=0.001)
    assert summary.p99 == pytest.approx(990, rel=0.001)
    assert summary.max == pytest.approx(1000, rel=0.001)
    assert summary.mean == pytest.approx(500.5, rel=0.001)


def test_merged_histogram_is_that_of_all_values():
    values = [10, 200, 3000, 40_000, 500_000]
    merged = Latencies.merge([histogram(*values[:2]).encode(), histogram(*values[2:]).encode()])

    assert merged.summary() == histogram(*values).summary()


def test_bulk_counts_as_many_values():
    latencies = Latencies()
    latencies.record_counts({100: 99, 5000: 1})

    assert latencies.summary() == histogram(*[100] * 99, 5000).summary()


def test_values_beyond_the_range_count_as_its_end():
    summary = histogram(-5, 2 * LONGEST).summary()

    assert summary.count == 2
    assert summary.max == pytest.approx(LONGEST / 1000, rel=0.001)


def test_empty_histogram_is_all_zero():
    assert Latencies().summary() == Latencies.merge([]).summary() == Summary(0, 0, 0, 0, 0, 0, 0, 0)
    assert Latencies().percentile(99.0) == 0.0


def test_figures_are_found_by_their_usual_names():
    summary = Summary(1, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)

    assert [summary.at(name) for name in ("p50", "p90", "p99", "p99.9", "p99.99", "max")] == [2, 3, 4, 5, 6, 7]
