"""Calls are timed once, and those that nobody listens to are forgotten."""

from __future__ import annotations

import pytest

from longwave.core.first_writes import MAX_WAITING, FirstWrites
from longwave.core.histogram import Histogram


@pytest.fixture
def histogram():
    return Histogram((1.0, 2.0))


def test_a_call_counts_when_its_first_update_begins_to_be_sent(histogram):
    writes = FirstWrites(histogram)
    writes.appended(5, began=10.0)
    writes.sent([2, 3], 10.5)
    assert histogram.counts == [0, 0, 0]

    writes.sent([3, 4, 5], 11.5)
    assert histogram.counts == [0, 1, 0]
    assert histogram.sum == 1.5
    assert not writes.waiting


def test_a_call_counts_once_however_many_feeds_it_goes_to(histogram):
    writes = FirstWrites(histogram)
    writes.appended(1, began=0.0)
    writes.sent([0], 0.5)
    writes.sent([0], 1.5)

    assert histogram.counts == [1, 0, 0]


def test_the_oldest_is_forgotten_when_too_many_wait(histogram):
    writes = FirstWrites(histogram)
    for position in range(1, MAX_WAITING + 2):
        writes.appended(position, began=0.0)

    assert len(writes.waiting) == MAX_WAITING
    writes.sent([0, 1], 0.5)
    assert sum(histogram.counts) == 1
